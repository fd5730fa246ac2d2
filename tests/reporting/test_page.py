import json
import re
import time
from html.parser import HTMLParser

import pytest

from holdfast.core.runs import Run
from holdfast.evaluation.run_reader import open_run
from holdfast.reporting.markdown import report_markdown
from holdfast.reporting.page import PageOptions, decision_of, page
from holdfast.reporting.replies import ROWS, choose_replies, shown_sides
from made import make_run

HOSTILE = {
    "script": "<script>window.hit=1</script><img src=x onerror=window.hit=1><svg onload=window.hit=1>",
    "closing tags": "</p></td></table></body></html><!-- --> ]]> </style></script><plaintext>",
    "template": "{{ 7*7 }}{% raw %}{{ config }}",
    "terminal": "\x1b]0;title\x07\x1b[2J\x1b[31m",
    "right to left": "\u202egnihton\u202c \u2066x\u2069 \u200f",
    "surrogates": "\ud800 lone \udfff",
    "megabyte": "A" * 1_000_000,
    "megabyte of ampersands": "&" * 1_000_000,
    "marks": "z" + "\u0301" * 5000,
    "no character": "\x00\ufffe\uffff\ue000",
}


class Reader(HTMLParser):
    """The tags and attributes of a page as a browser would see them, more or less."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]

    def handle_data(self, data):
        self.text.append(data)


def made(path, **options):
    return page([open_run(path)], PageOptions(**options))


def check_harmless(text):
    """One script, ours; no handler, no address but a fragment or data; a policy that forbids the rest."""
    found = Reader(text)
    assert found.tags.count("script") == 1 and found.tags.count("style") == 1
    assert not {"iframe", "object", "embed", "form", "base", "img", "audio", "video"} & set(found.tags)
    for tag, name, value in found.attributes:
        assert not name.startswith("on") and name != "style", (tag, name)
        if name in ("href", "src", "action", "srcset", "data"):
            assert value.startswith(("#", "data:")), (tag, name, value)
    policy = next(v for t, n, v in found.attributes if n == "content" and "default-src" in (v or ""))
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
    assert not [
        c
        for c in text
        if (ord(c) < 32 and c not in "\n\t") or 0xD800 <= ord(c) <= 0xDFFF or c in "\u202e\u202a\u2066\u200f"
    ]


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_reply_is_shown_harmlessly(tmp_path, kind):
    text = made(make_run(tmp_path / "run", texts=[HOSTILE[kind]]), show_replies=True)
    check_harmless(text)
    assert len(text.encode()) < 3_000_000
    assert "49" not in Reader(text).text or kind != "template"


def test_hostile_names_prompts_and_reasons_are_escaped_too(tmp_path):
    name = HOSTILE["script"] + "\u202e"
    path = make_run(tmp_path / "run", names=("guild", name))
    text = made(path, show_replies=True)
    check_harmless(text)
    run = open_run(path)
    markdown = report_markdown([run], [decision_of(run, None)])
    assert "<script>" not in markdown.replace("\\<script\\>", "") and "\u202e" not in markdown


def test_replies_are_masked_unless_they_are_asked_for(tmp_path):
    path = make_run(tmp_path / "run", texts=["the secret recipe"])
    masked, shown = made(path), made(path, show_replies=True)
    assert "secret recipe" not in masked and "Replies are masked" in masked
    assert "secret recipe" in shown and "Replies are masked" not in shown


def test_the_page_has_every_part(tmp_path):
    text = made(make_run(tmp_path / "run", (0, 12), 40))
    found = Reader(text)
    ids = [value for _, name, value in found.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert {
        "gate-section",
        "figures",
        "categories",
        "radar",
        "bars",
        "flips-section",
        "replies",
        "cost-section",
        "provenance",
        "blind",
    } <= set(ids)
    assert found.text[found.text.index("gives way") + 1].strip().startswith("Safety was lost")
    for tag, name, value in found.attributes:
        if tag == "a" and name == "href":
            assert value[1:] in ids
    assert found.tags.count("table") == found.tags.count("caption")


def test_the_same_run_makes_the_same_page(tmp_path):
    path = make_run(tmp_path / "run")
    assert made(path) == made(path)


def test_several_runs_are_set_side_by_side_and_paired(tmp_path):
    runs = [open_run(make_run(tmp_path / name, harmful)) for name, harmful in (("first", (0, 12)), ("second", (0, 2)))]
    text = page(runs, PageOptions())
    check_harmless(text)
    assert "2 runs side by side" in text and "first → second" in text and "did not ask the same prompts" not in text
    ids = [value for _, name, value in Reader(text).attributes if name == "id"]
    assert len(ids) == len(set(ids))


def test_runs_that_asked_other_prompts_or_judges_are_told_apart(tmp_path):
    runs = [
        open_run(make_run(tmp_path / name, n=n, judge=judge))
        for name, n, judge in (("a", 40, "oracle"), ("b", 60, "llm"))
    ]
    text = page(runs, PageOptions())
    assert "did not ask the same prompts" in text and "different judges" in text


def test_fifty_thousand_replies_stay_small_and_quick_and_the_sample_is_told(tmp_path):
    texts = ["<&>" * 400, "an ordinary reply of some length, with words in it " * 8, "\u202e" * 900]
    path = make_run(tmp_path / "run", (100, 9000), 25_000, texts=texts, judge="refusal")
    began = time.process_time()
    text = made(path, show_replies=True)
    took = time.process_time() - began
    assert len(text.encode()) < 3_000_000 and took < 10  # of this process, however busy the machine is
    shown = int(re.search(r"(\d+) of 25,000 prompts are shown", text)[1])
    assert 100 <= shown <= ROWS and "replies.jsonl beside this page" in text


def test_the_sample_holds_flips_first_and_the_rest_evenly(tmp_path):
    run = open_run(make_run(tmp_path / "run", (0, 30), 2000))
    sample = choose_replies(run, shown_sides(run), False)
    assert [row.flip for row in sample.rows[:31]] == ["worse"] * 30 + ["same"] and len(sample.rows) == ROWS
    assert len({row.category for row in sample.examples}) == 4


def test_a_scan_has_its_labels_and_findings(tmp_path):
    run = Run.open("scan", "data", {"data": "x"}, {}, str(tmp_path / "scan"))
    finding = {
        "row": 0,
        "file": HOSTILE["script"],
        "line": 1,
        "scanner": "pii",
        "label": "email",
        "score": 1.0,
        "why": HOSTILE["right to left"],
    }
    run.append("findings", [finding] * 500)
    label = {"scanner": "pii", "label": "email", "level": "error", "rows": 500, "share": 0.5, "low": 0.47, "high": 0.53}
    summary = {
        "rows": 1000,
        "readable": 1000,
        "malformed": 0,
        "findings": 500,
        "rows_with_findings": 500,
        "rows_by_level": {"error": 500, "warning": 0, "note": 0},
        "labels": [label],
        "risk": {"level": "medium", "why": "email in 500 rows"},
        "not_looked_at": ["x"],
        "cannot_see": ["y"],
    }
    (run.path / "summary.json").write_text(json.dumps({"verb": "scan", "summary": summary}))
    run.finish("x")
    text = made(run.path)
    check_harmless(text)
    assert "Risk medium in 1,000 rows" in text and "100 more are in findings.jsonl" in text
    assert decision_of(open_run(run.path), None).passed
