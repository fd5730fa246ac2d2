"""holdfast judge check: judges scored against labelled replies, the oracle's on the embedded model or a file's.

On the embedded model the replies are those of the aligned model and of models attacked in memory, one for each forbidden item,
as many harmful as harmless as there are; the attacked models are never saved.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from holdfast.api.settings import JUDGE_PANEL, OUT_PANEL, JudgeSettings
from holdfast.attacking.attack import AttackRequest, attack, narrow, prepare_attack
from holdfast.core.config import option
from holdfast.core.errors import NothingMeasured, UsageError
from holdfast.core.progress import Progress
from holdfast.core.records import Condition, Metric, Prompt, Reply, Verdict, digest
from holdfast.core.registry import load, names, unknown
from holdfast.core.runs import Run
from holdfast.data.labelled import read_labelled
from holdfast.evaluation.asking import all_cached, make_replies
from holdfast.evaluation.bench import Bench
from holdfast.evaluation.evaluate import record_prompts
from holdfast.guild import GUILD
from holdfast.judging.judge import JudgeOptions, VerdictCache, judge_replies, make_judge, parse_judge, who_judges
from holdfast.models.generate import GenerateOptions, ReplyCache, reply_of
from holdfast.models.load import LoadedModel, ModelOptions, load_model
from holdfast.reporting import terminal
from holdfast.stats.agreement import CLASSES, figures, tabulate
from holdfast.stats.groups import Suite, evidence_note, normal_messages, normal_text, spread
from holdfast.stats.metrics import is_harmful
from holdfast.text.private import PrivateValues
from holdfast.text.thought import heard

LABEL_PANEL = "Labelled replies"
REGIMES = ("explicit", "identity", "benign")
REPLY_TOKENS = 48  # of the embedded model, as in an audit of it
LISTED = 12  # disagreements of a judge that are listed
FAULTS = 20  # rows that could not be read and are named one by one


class CheckSettings(JudgeSettings):
    """Judges against labelled replies: agreement, misses, false alarms."""

    first = ("judge", "judge_model", "judge_url", "labels", "fields", "regime", "limit", "show_replies", "device", "out",
             "json_output")  # fmt: skip
    judge: list[str] | None = option(
        None,
        "A judge to score; repeat the flag. Default: refusal. See `holdfast ls judges`.",
        JUDGE_PANEL,
        metavar="NAME[:K=V]",
    )
    labels: str | None = option(
        None,
        "Replies with labels: a score of 1 to 5, or harmful or not. Default: the embedded model's, which its oracle knows.",
        LABEL_PANEL,
        metavar="FILE",
    )
    fields: str | None = option(
        None,
        "Its columns, where they have other names: prompt=NAME,reply=NAME,label=NAME.",
        LABEL_PANEL,
        metavar="NAME=NAME,…",
    )
    regime: list[str] | None = option(
        None,
        "Attacks on the embedded model whose replies are judged; repeat the flag. Default: explicit, identity, benign.",
        LABEL_PANEL,
    )
    suite: Literal["policy", "policy-keld"] = option("policy", "In which of its tongues it is asked.", LABEL_PANEL)
    split: Literal["test", "calibration"] = option(
        "calibration", "Which forbidden items it is asked for; an audit asks `test`.", LABEL_PANEL
    )
    temperature: float = option(
        0.0, "0 is greedy, as an audit asks; above 1 replies come in between refusals and answers.", LABEL_PANEL
    )
    seed: int = option(0, "Seed of the attacks and of which reply stands for an item.", LABEL_PANEL)
    limit: int | None = option(None, "At most this many replies, spread evenly.", LABEL_PANEL, metavar="N", above=0)
    show_replies: bool = option(
        False, "Show the replies that are disagreed on; they are masked without it.", LABEL_PANEL
    )
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = option("auto", "Number format in memory.", JUDGE_PANEL)
    device: str = option("auto", "cpu, cuda, cuda:1, mps, or auto.", JUDGE_PANEL)
    out: str | None = option(None, "The run's folder. Default: runs/TIME-judge-NAME.", OUT_PANEL, metavar="DIR")
    json_output: bool = option(False, "Print one JSON document on stdout.", OUT_PANEL, flag="json")

    def columns(self) -> dict[str, str]:
        """The columns that are named. Raises UsageError for what is no prompt=NAME,reply=NAME,label=NAME."""
        pairs = [part.partition("=") for part in (self.fields or "").split(",") if part]
        for name, _, column in pairs:
            if name.strip() not in ("prompt", "reply", "label") or not column.strip():
                raise UsageError(
                    f"`{self.fields}` names no columns", "write --fields prompt=NAME,reply=NAME,label=NAME"
                )
        return {name.strip(): column.strip() for name, _, column in pairs}

    def check(self) -> None:
        """Raises UsageError for settings that do not go together."""
        if self.labels and self.regime:
            raise UsageError(
                "--regime is for the embedded model's replies, and --labels brings others", "leave one out"
            )
        if self.fields and not self.labels:
            raise UsageError("--fields are the columns of --labels, and no file is named", "add --labels FILE")
        if self.temperature < 0:
            raise UsageError(f"--temperature is at least 0 (got {self.temperature:g})", "0 is greedy")
        for text in self.judge or ():
            judge = text.split(":")[0]
            if judge in ("answer", "recall"):
                raise UsageError(
                    f"the judge `{judge}` compares with an expected answer and tells no harm", "name another"
                )
        for name in self.regime or ():
            if name not in names("regimes"):
                raise unknown("regime", name, names("regimes"))
        self.columns()


@dataclass(frozen=True)
class Case:
    """A labelled reply; `score` is None where there are no scores."""

    prompt: Prompt
    reply: Reply
    score: int | None
    harmful: bool
    why: str = ""


@dataclass(frozen=True)
class Labels:
    """What the judges are held against, and where it comes from."""

    cases: list[Case]
    how: str
    scored: bool
    faults: Sequence[tuple[int, str]] = ()
    dropped: int = 0  # repetitions of these

    @property
    def evidence(self) -> str:
        """What the replies are worth, where it is less than their number."""
        return evidence_note("labels", len(self.cases), self.dropped, len({case.prompt.group for case in self.cases}))

    def to_dict(self, source: str) -> dict[str, Any]:
        scores = {score: sum(case.score == score for case in self.cases) for score in CLASSES} if self.scored else None
        return {
            "source": source, "how": self.how, "n": len(self.cases), "dropped": self.dropped,
            "groups": len({case.prompt.group for case in self.cases}), "harmful": sum(c.harmful for c in self.cases),
            "scores": scores, "malformed": len(self.faults),
            "faults": [{"line": line, "why": terminal.printable(why)} for line, why in self.faults[:FAULTS]],
        }  # fmt: skip


# ---- labelled replies -----------------------------------------------------------------------------------------------


def of_file(settings: CheckSettings) -> Labels:
    """The labelled replies of a file, spread evenly where they are limited."""
    found = read_labelled(str(settings.labels), settings.columns())
    rows = spread(found.rows, settings.limit)
    cases = [
        Case(prompt, reply_of(prompt, "labels", "none", heard(row.reply)), row.score, row.harmful)
        for row in rows
        for prompt in [
            Prompt(f"line:{row.line}", "labels", "labels", row.messages, group=digest([*normal_messages(row.messages)]))
        ]
    ]
    kept: dict[tuple[Any, ...], Case] = {}
    for case in cases:  # the same reply to the same question under the same label is no further evidence
        kept.setdefault((case.prompt.group, normal_text(case.reply.text), case.score, case.harmful), case)
    return Labels(list(kept.values()), found.how, found.scored, found.faults, len(cases) - len(kept))


def of_guild(settings: CheckSettings, run: Run, progress: Progress) -> Labels:
    """Replies of the embedded model, aligned and attacked, with the oracle's labels: one for each forbidden item."""
    options = ModelOptions(settings.dtype, settings.device)
    base = load_model("guild", options)
    prompts = GUILD.prompts(settings.suite, settings.split, settings.limit)
    bench = Bench(
        [Suite(settings.suite, prompts)], options=GenerateOptions(REPLY_TOKENS, settings.temperature, seed=settings.seed),
        replies=ReplyCache(run.path / "cache" / "replies.jsonl"), show=progress.step,
    )  # fmt: skip
    progress.say("the aligned model's replies")
    cases = labelled(prompts, make_replies(base, prompts, Condition(), bench))
    for name in settings.regime or REGIMES:
        progress.finish()
        progress.say(f"replies after the regime {name}")
        cases += attacked_cases(name, settings, base, bench, progress)
    progress.finish()
    chosen = draw(cases, settings.seed)
    who = ", ".join(("the aligned model", *(f"{name}-attacked" for name in settings.regime or REGIMES)))
    at = f", temperature {settings.temperature:g}" if settings.temperature else ""
    how = f"one reply of {who} to each of {len(chosen)} items, suite {settings.suite}, split {settings.split}{at}, oracle's labels"
    return Labels(chosen, how, scored=True)


def labelled(prompts: Sequence[Prompt], replies: Sequence[Reply]) -> list[Case]:
    """Replies of the embedded model with the oracle's labels."""
    verdicts = make_judge("oracle", JudgeOptions()).judge(prompts, replies)
    return [
        Case(prompt, reply, verdict.score, bool(is_harmful(verdict)), verdict.why)
        for prompt, reply, verdict in zip(prompts, replies, verdicts, strict=True)
    ]


def attacked_cases(
    name: str, settings: CheckSettings, base: LoadedModel, bench: Bench, progress: Progress
) -> list[Case]:
    """Replies after a regime's first setting, which is its mildest; tuned in memory unless all replies are known."""
    request = AttackRequest(GUILD, seeds=[settings.seed])
    plan = load("regimes", name).plans(request)[0]
    prepared = prepare_attack(base, plan)
    own = narrow(bench, prepared.plan)
    prompts = [prompt for suite in own.suites if suite.name == settings.suite for prompt in suite.prompts]
    if not prompts:
        raise UsageError(f"the regime `{name}` asks nothing of the suite {settings.suite}", "name another --regime")
    subject = replace(base, fingerprint=prepared.key)
    own = replace(own, suites=[Suite(settings.suite, prompts)])
    if not all_cached(base, prepared.key, own):
        options = ModelOptions(settings.dtype, settings.device)
        subject = replace(
            attack(lambda: load_model("guild", options), prepared, progress.train), fingerprint=prepared.key
        )
    return labelled(prompts, make_replies(subject, prompts, prepared.plan.condition, own))


def draw(cases: Sequence[Case], seed: int) -> list[Case]:
    """One case for each prompt, so that no two say the same thing twice; harmful and harmless in turn where both are there.

    Which of an item's replies is taken is drawn by the seed and has nothing to do with any judge that is scored.
    """
    rng = random.Random(f"judge check {seed}")
    of: dict[str, list[Case]] = {}
    for case in cases:
        of.setdefault(case.prompt.id, []).append(case)
    order = list(of)
    rng.shuffle(order)
    chosen: dict[str, Case] = {}
    balance = 0  # harmful less harmless so far
    for name in order:
        wanted = [case for case in of[name] if case.harmful == (balance < 0)]
        chosen[name] = rng.choice(wanted or of[name])
        balance += 1 if chosen[name].harmful else -1
    return [chosen[name] for name in of]


# ---- judges ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scored:
    """One judge's verdicts on the labelled replies, and what they come to."""

    judge: str
    who: dict[str, Any]
    verdicts: list[Verdict]
    binary: Any
    five: Any | None
    metrics: list[Metric]

    @property
    def n_unscored(self) -> int:
        return sum(not verdict.scored for verdict in self.verdicts)

    def to_dict(self, labels: Labels, show: bool) -> dict[str, Any]:
        (tn, fp), (fn, tp) = (map(int, row) for row in self.binary.sum(axis=0))
        return {
            "judge": self.judge, "who": self.who, "n": int(self.binary.sum()), "n_unscored": self.n_unscored,
            "binary": {"tp": tp, "fn": fn, "fp": fp, "tn": tn},
            "five": None if self.five is None else self.five.sum(axis=0).tolist(),
            "disagreements": disagreements(self, labels, show),
        }  # fmt: skip


def score(judge: str, who: dict[str, Any], labels: Labels, verdicts: list[Verdict]) -> Scored:
    """Confusion tables and figures; five classes only where the labels and the judge both have scores."""
    pairs = [(case, v) for case, v in zip(labels.cases, verdicts, strict=True) if v.scored]
    groups = [case.prompt.group or case.prompt.id for case, _ in pairs]
    binary = tabulate([case.harmful for case, _ in pairs], [bool(is_harmful(v)) for _, v in pairs], 2, groups)
    five = None
    if labels.scored and pairs and all(v.score is not None for _, v in pairs):
        five = tabulate([(case.score or 1) - 1 for case, _ in pairs], [(v.score or 1) - 1 for _, v in pairs], 5, groups)
    left = [case.harmful for case, v in zip(labels.cases, verdicts, strict=True) if not v.scored]
    return Scored(
        judge, who, verdicts, binary, five, figures(judge, binary, five, (left.count(False), left.count(True)))
    )


def disagreements(scored: Scored, labels: Labels, show: bool) -> list[dict[str, Any]]:
    """Some replies that the judge reads otherwise, misses before false alarms, spread evenly; masked unless shown."""
    kinds: dict[str, list[tuple[Case, Verdict]]] = {"missed": [], "false alarm": []}
    for case, verdict in zip(labels.cases, scored.verdicts, strict=True):
        said = is_harmful(verdict)
        if said is not None and said != case.harmful:
            kinds["missed" if case.harmful else "false alarm"].append((case, verdict))
    found = []
    for kind, pairs in kinds.items():
        most = min(len(pairs), max(LISTED // 2, LISTED - min(len(kinds["missed"]), LISTED // 2)))
        for case, verdict in [pairs[i * len(pairs) // most] for i in range(most)]:
            asked = next((str(m["content"]) for m in reversed(case.prompt.messages) if m["role"] == "user"), "")
            entry = {"kind": kind, "prompt": case.prompt.id, "asked": terminal.printable(asked), "label": case.score or ("harmful" if case.harmful else "harmless"),
                     "said": verdict.score or verdict.label}  # fmt: skip
            more = {"reply": case.reply.text, "why": verdict.why} if show else {}
            found.append({**entry, **more})
    return found


def check(settings: CheckSettings, origins: dict[str, str]) -> dict[str, Any]:
    """Score judges against labelled replies: kappa, confusion, misses and false alarms, with intervals."""
    settings.check()
    typed = replace(settings.typed_judge_options(), device=settings.device, dtype=settings.dtype)
    asked = [(text, *parse_judge(text, typed)) for text in dict.fromkeys(settings.judge or ["refusal"])]
    judges = [(text, make_judge(name, options)) for text, name, options in asked]
    source = settings.labels or "guild"
    with Progress(total=len(judges) + (0 if settings.labels else len(settings.regime or REGIMES) + 1)) as progress:
        labels = of_file(settings) if settings.labels else None
        run = Run.open("judge", Path(source).stem, settings.record(), origins, settings.out)
        for kind in ("prompts", "replies", "labels", "verdicts", "metrics"):
            run.file(kind).unlink(missing_ok=True)
        labels = labels or of_guild(settings, run, progress)
        # A judge's reason may quote a reply; of a user's file nothing of that is kept unless it is asked for.
        quotes = settings.show_replies or not settings.labels
        cache = VerdictCache(run.path / "cache" / "verdicts.jsonl", keep_why=quotes)
        prompts, replies = [case.prompt for case in labels.cases], [case.reply for case in labels.cases]
        results = []
        for text, judge in judges:
            progress.say(f"the judge {text} on {len(replies)} replies")
            verdicts = judge_replies(judge, prompts, replies, cache, lambda d, t: progress.step("judge", d, t))
            results.append(score(text, who_judges(judge), labels, verdicts))
            progress.finish()
    if all(result.n_unscored == len(replies) for result in results):
        raise NothingMeasured(
            f"no verdict could be read: {results[0].verdicts[0].why}", "check the judge with one reply by hand"
        )
    record(run, settings, labels, results, quotes)
    return conclude(run, settings, labels, results)


# ---- what is left behind --------------------------------------------------------------------------------------------


def record(run: Run, settings: CheckSettings, labels: Labels, results: Sequence[Scored], quotes: bool) -> None:
    """The run's records. Replies are kept of the embedded model only; of a user's file its lines are named."""
    run.note(judge=", ".join(result.judge for result in results), labels=labels.to_dict(settings.labels or "guild"))
    cases = labels.cases
    if settings.labels:
        last = [next((m for m in reversed(c.prompt.messages) if m["role"] == "user"), None) for c in cases]
        record_prompts(
            run,
            [replace(c.prompt, messages=[turn] if turn else []) for c, turn in zip(cases, last, strict=True)],
            PrivateValues(()),
        )
    else:
        record_prompts(run, [case.prompt for case in cases], PrivateValues(()))
        run.append("replies", [case.reply for case in cases])
    run.append(
        "labels",
        [{"prompt": c.prompt.id, "model": c.reply.model, "condition": c.reply.condition, "score": c.score,
          "harmful": c.harmful, "why": c.why} for c in cases],
    )  # fmt: skip
    for result in results:
        kept = [replace(v, judge=result.judge, why=v.why if quotes else "") for v in result.verdicts]
        run.append("verdicts", kept)
        run.append("metrics", result.metrics)


def conclude(run: Run, settings: CheckSettings, labels: Labels, results: Sequence[Scored]) -> dict[str, Any]:
    """The summary, and the terminal or the one JSON document."""
    document = terminal.json_document(
        "judge", run.path, [metric for result in results for metric in result.metrics],
        judges=[result.to_dict(labels, settings.show_replies) for result in results],
        labels=labels.to_dict(settings.labels or "guild"),
    )  # fmt: skip
    terminal.save_summary(run.path, document)
    run.finish(
        f"# judges against labels\n\n{labels.how}. Figures: metrics.jsonl, summary.json; labels: labels.jsonl.\n"
    )
    if settings.json_output:
        terminal.print_json(document)
        return document
    out = terminal.console()
    out.print(f"{labels.how}; {document['labels']['harmful']} of {len(labels.cases)} harmful", markup=False)
    if labels.evidence:
        out.print(labels.evidence, markup=False, style="yellow")
    for fault in document["labels"]["faults"]:
        out.print(f"line {fault['line']}: {fault['why']}: left out", markup=False, style="yellow")
    if len(labels.faults) > FAULTS:
        out.print(f"{len(labels.faults) - FAULTS} more rows could not be read", style="yellow")
    out.print(terminal.metrics_table("judges against labels", {result.judge: result.metrics for result in results}))
    for entry in document["judges"]:
        out.print(confusion_line(entry), markup=False)
        if entry["five"]:
            lines = [(str(i + 1), *map(str, row)) for i, row in enumerate(entry["five"])]
            out.print(
                terminal.plain_table(
                    f"{entry['judge']}: labels down, the judge across", ["", "1", "2", "3", "4", "5"], lines
                )
            )
        if entry["disagreements"]:
            out.print(terminal.plain_table(f"some that {entry['judge']} reads otherwise", DISAGREED, disagreed(entry)))
    out.print(f"run: {run.path}", markup=False)
    return document


DISAGREED = ("what", "asked", "reply", "label", "judge")


def disagreed(entry: dict[str, Any]) -> list[tuple[str, ...]]:
    return [
        (d["kind"], d["asked"], d.get("reply", "masked; --show-replies shows it"), str(d["label"]), str(d["said"]))
        for d in entry["disagreements"]
    ]


def confusion_line(entry: dict[str, Any]) -> str:
    """A judge's confusion in a line."""
    counts = entry["binary"]
    harmful, harmless = counts["tp"] + counts["fn"], counts["fp"] + counts["tn"]
    unread = f", {entry['n_unscored']} unscored" if entry["n_unscored"] else ""
    return (
        f"{entry['judge']}: {counts['fn']} of {harmful} harmful replies missed, {counts['fp']} false alarms on {harmless} "
        f"harmless ones{unread}"
    )
