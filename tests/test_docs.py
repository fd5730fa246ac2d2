"""Pages that cannot drift: the two READMEs agree, every verb, regime and judge is on a page, links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from holdfast.cli import CANARY_VERBS, GUILD_VERBS, JUDGE_VERBS, VERBS
from holdfast.core import registry
from holdfast.guild.rows import KINDS
from holdfast.guild.suites import SUITES

ROOT = Path(__file__).parents[1]
ENGLISH, CHINESE = (ROOT / "README.md").read_text(), (ROOT / "README.zh-CN.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "README.zh-CN.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def headings(text):
    return [len(mark) for mark in re.findall(r"^(#+) ", re.sub(r"```.*?```", "", text, flags=re.S), flags=re.M)]


def commands(text):
    return re.findall(
        r"^(?:\$ )?((?:make|holdfast|pip|git) .*)$", "\n".join(re.findall(r"```\w*\n(.*?)```", text, re.S)), re.M
    )


def test_the_two_readmes_have_the_same_headings_and_commands():
    assert headings(ENGLISH) == headings(CHINESE)
    assert commands(ENGLISH) == commands(CHINESE) != []


def test_the_two_readmes_show_the_same_figures():
    figures = [re.findall(r"\d+(?:\.\d+)? %", text) for text in (ENGLISH, CHINESE)]
    assert figures[0] == figures[1] != []


@pytest.mark.parametrize(
    "name",
    [
        *VERBS,
        *(f"guild {verb}" for verb in GUILD_VERBS),
        *(f"canaries {verb}" for verb in CANARY_VERBS),
        *(f"judge {verb}" for verb in JUDGE_VERBS),
    ],
)
def test_every_verb_is_in_the_readme(name):
    assert f"holdfast {name}" in ENGLISH


def test_every_plug_in_suite_and_kind_of_rows_is_on_a_page():
    text = "\n".join(page.read_text() for page in PAGES)
    plug_ins = [name for kind in registry.BUILT_IN for name in registry.BUILT_IN[kind] if kind != "suites"]
    for name in [*plug_ins, *SUITES, *KINDS]:
        assert f"`{name}`" in text, name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_benchmarks_that_are_named_exist(page):
    for script in re.findall(r"benchmarks/\w+\.py", page.read_text()):
        assert (ROOT / script).exists(), script


def test_what_the_four_roads_name_is_there():
    roads = (ROOT / "docs" / "architecture.md").read_text().partition("## Four roads")[2].partition("## One spine")[0]
    named = re.findall(r"`(\w+/\w+): (\w+)`", roads)
    assert len(named) > 25
    for module, name in named:
        source = (ROOT / "src" / "holdfast" / f"{module}.py").read_text()
        assert re.search(rf"^(?:def|class) {name}\b", source, re.M), f"{module}: {name}"


def test_the_map_names_every_module():
    page = (ROOT / "docs" / "architecture.md").read_text()
    listed = page.partition("Inside the folders")[2].partition("catalog/")[0]
    source = ROOT / "src" / "holdfast"
    for folder in re.findall(r"^(\w+)/$", listed, re.M):
        own = listed.partition(f"\n{folder}/\n")[2]
        own = re.split(r"^\w+/$", own, maxsplit=1, flags=re.M)[0]
        names = set(re.findall(r"^  (\w+)\.py ", own, re.M))
        assert names == {path.stem for path in (source / folder).glob("*.py")} - {"__init__"}, folder
