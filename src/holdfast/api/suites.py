"""The suites of a run: the user's files, public lists, the embedded world's own prompts, the starter set.

Whatever the user brings is asked; what comes with holdfast is asked where nothing is brought, or by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from holdfast import starter
from holdfast.api.settings import EvaluationSettings
from holdfast.core.errors import UsageError
from holdfast.core.records import Prompt
from holdfast.core.registry import load, names, unknown
from holdfast.core.worlds import World
from holdfast.guild.suites import SUITES as OWN_SUITES
from holdfast.judging.judge import JudgeOptions, parse_judge
from holdfast.models.files import locate
from holdfast.starter import public_sets
from holdfast.stats.groups import Suite, evidence_note, spread

DEFAULT_SUITES = ("policy", "over-refusal", "utility")
# An audit of the starter set on two cores then takes minutes; a repair needs all that there is.
FIRST_LOOK = 120


def read_prompts(suite: str, source: str, limit: int | None = None) -> list[Prompt]:
    """The prompts of a suite from a file, or from a public list by its name (see `starter.public_sets`)."""
    if found := public_sets.named(source):
        return public_sets.load_set(*found, suite, limit)
    prompts: list[Prompt] = load("suites", "file")(suite, source, limit)
    return prompts


def check_asked(settings: EvaluationSettings) -> None:
    """Read what is asked, and who judges it, before a model is loaded: files, names, values.

    Raises UsageError, DataError or JudgeError as `open_suites` and the judge themselves would, later.
    """
    settings.template_arguments()
    if settings.chat_template and not Path(settings.chat_template).is_file():
        raise UsageError(f"there is no file `{settings.chat_template}`", "name a Jinja chat template")
    for suite, source in settings.files().items():
        read_prompts(suite, source, settings.limit)
    if settings.records:
        load("suites", "records")("privacy", settings.records, settings.limit)
    known = [*dict.fromkeys((*starter.SUITES, *OWN_SUITES, "privacy", "privacy-any", "redteam"))]
    for name in settings.suite or ():
        if name not in known and names("worlds") == ["guild"]:  # another package's world may have more
            raise UsageError(f"there is no suite `{name}`", unknown("suite", name, known).hint)
    if settings.judge:
        parse_judge(settings.judge, JudgeOptions())
    if settings.judge_error and not Path(settings.judge_error).exists():
        raise UsageError(f"there is no run or file `{settings.judge_error}`", "name a run of `holdfast judge check`")


def check_models(references: Iterable[str]) -> dict[str, Path | None]:
    """Look for every model that is named, before the first is loaded: their folders, None for a hub id.

    Models in memory, ensembles and endpoints are left out. Raises ModelError for one that is not there.
    """
    from holdfast.models.load import is_live

    wanted = [name for name in references if not name.startswith(("openai:", "ensemble:")) and not is_live(name)]
    return {name: locate(name) for name in wanted}


def open_suites(
    settings: EvaluationSettings,
    world: World,
    guild_suites: tuple[str, ...] = DEFAULT_SUITES,
    needed: bool = True,
    tell: Callable[[str], None] = lambda text: None,
    first_look: int | None = None,
) -> list[Suite]:
    """The suites that the settings ask for, each prompt once; `tell` hears what they are worth where it is less than n.

    guild_suites: those asked of an embedded world where none is named. needed: whether something must be asked; the
    starter set is, then. first_look: how many prompts of each of its suites, unless the settings set a limit.
    """
    suites = []
    wanted = list(dict.fromkeys(settings.suite or ()))
    if settings.records:
        private = [name for name in wanted if name.startswith("privacy")] or ["privacy"]
        suites += [
            Suite.of(name, load("suites", "records")(name, settings.records, settings.limit)) for name in private
        ]
        wanted = [name for name in wanted if name not in private]
    files = settings.files()
    suites += [Suite.of(name, read_prompts(name, source, settings.limit)) for name, source in files.items()]
    if world.embedded:
        if not files and (wanted or not suites):
            for name in wanted or guild_suites:
                suites.append(Suite.of(name, world.prompts(name, settings.split, settings.limit) or []))
        elif wanted:
            raise UsageError(
                f"--suite {wanted[0]} is a suite of the embedded model's world, and files are named beside it",
                "leave one of them out",
            )
    elif wanted or (needed and not suites):
        suites += _starter(wanted or list(DEFAULT_SUITES), settings, files, first_look, tell)
    for suite in suites:
        if note := evidence_note(suite.name, **suite.evidence):
            tell(note)
    if settings.attempts and not any(suite.name == "privacy" for suite in suites):
        raise UsageError("--attempts are at private values, and none are asked for", "add --suite privacy")
    if settings.attempts:
        suites += [_any_attempt(suite, settings.attempts) for suite in suites if suite.name == "privacy"]
    return [suite.under(settings.system) for suite in suites]


def _starter(
    names: list[str],
    settings: EvaluationSettings,
    files: dict[str, str],
    first_look: int | None,
    tell: Callable[[str], None],
) -> list[Suite]:
    """Suites of the starter set. Raises UsageError for a name that it lacks, or that a file has taken."""
    for name in names:
        if name not in starter.SUITES:
            hint = f"on a real model: {', '.join(starter.SUITES)}; --prompts and other files; --records for `privacy`"
            raise UsageError(f"the starter set has no suite `{name}`", hint)
        if name in files:
            raise UsageError(
                f"the suite `{name}` is read from `{files[name]}`", f"leave out --suite {name}, or the file"
            )
    every = {name: starter.load_suite(name, settings.split) for name in names}
    limit, most = settings.limit or first_look, max(map(len, every.values()))
    if first_look and not settings.limit and most > first_look:
        tell(
            f"a first look: {first_look} prompts of each suite of the starter set; --limit {most} asks all of its "
            f"{settings.split} half"
        )
    return [Suite.of(name, spread(prompts, limit)) for name, prompts in every.items()]


def _any_attempt(suite: Suite, attempts: int) -> Suite:
    """A suite whose prompts count as told when any of several attempts tells."""
    name = f"{suite.name}-any"
    return Suite(name, [replace(p, id=f"{name}:{p.id.partition(':')[2]}", suite=name) for p in suite.prompts], attempts)
