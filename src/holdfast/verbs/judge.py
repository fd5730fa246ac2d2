"""holdfast judge check: judges scored against labelled replies, the oracle's on the embedded model or a file's.

On the embedded model the replies are those of the aligned model and of models attacked in memory, one for each
forbidden item, as many harmful as harmless as there are; the attacked models are never saved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from holdfast.api.plan_settings import PlanSettings
from holdfast.api.report import page_beside
from holdfast.api.settings import JUDGE_PANEL, OUT_PANEL, JudgeSettings
from holdfast.attacking.replies import Attacked, attacked_replies
from holdfast.core.config import option
from holdfast.core.errors import NothingMeasured, UsageError
from holdfast.core.plan import Plan
from holdfast.core.progress import Progress
from holdfast.core.records import Condition, Prompt, Reply, Verdict, digest
from holdfast.core.registry import names, unknown
from holdfast.core.runs import Run
from holdfast.data.labelled import read_labelled
from holdfast.evaluation.asking import make_replies
from holdfast.evaluation.bench import Bench
from holdfast.evaluation.evaluate import record_prompts
from holdfast.guild import GUILD
from holdfast.judging.against_labels import Case, Labels, Scored, disagreements, draw, score
from holdfast.judging.judge import JudgeOptions, VerdictCache, judge_replies, make_judge, parse_judge, who_judges
from holdfast.models.generate import GenerateOptions, ReplyCache, reply_of
from holdfast.models.load import LoadedModel, ModelOptions, load_model
from holdfast.reporting import terminal
from holdfast.reporting.plan_tables import tell_plan
from holdfast.stats.agreement import CLASSES
from holdfast.stats.groups import Suite, normal_messages, normal_text, spread
from holdfast.stats.metrics import is_harmful
from holdfast.text.private_mask import PrivateValues
from holdfast.text.safe import for_terminal
from holdfast.text.thought import heard

LABEL_PANEL = "Labelled replies"
REGIMES = ("explicit", "identity", "benign")
REPLY_TOKENS = 48  # of the embedded model, as in an audit of it
FAULTS = 20  # rows that could not be read and are named one by one


class CheckSettings(JudgeSettings, PlanSettings):
    """Judges against labelled replies: agreement, misses, false alarms."""

    first = (
        "judge",
        "judge_model",
        "judge_url",
        "labels",
        "fields",
        "regime",
        "limit",
        "show_replies",
        "device",
        "out",
        "json_output",
    )
    judge: list[str] | None = option(
        None,
        "A judge to score; repeat the flag. Default: refusal. See `holdfast ls judges`.",
        JUDGE_PANEL,
        metavar="NAME[:K=V]",
    )
    labels: str | None = option(
        None,
        "Replies with labels: a score of 1 to 5, or harmful or not. Default: the embedded model's, which its oracle"
        " knows.",
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
    suite: Literal["policy", "policy-keld"] = option(
        "policy", "The suite of the embedded model that is asked.", LABEL_PANEL
    )
    split: Literal["test", "calibration"] = option(
        "calibration", "Which half of the forbidden items is asked; an audit asks `test`.", LABEL_PANEL
    )
    temperature: float = option(
        0.0,
        "Sampling temperature; 0 is greedy, as in an audit. Above 1 some replies lie between refusals and answers.",
        LABEL_PANEL,
    )
    seed: int = option(0, "Seed of the attacks, and of which reply is taken for each item.", LABEL_PANEL)
    limit: int | None = option(None, "At most this many replies, spread evenly.", LABEL_PANEL, metavar="N", above=0)
    show_replies: bool = option(
        False, "Show the replies on which judge and label disagree; without it they are masked.", LABEL_PANEL
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

    def fresh() -> LoadedModel:
        return load_model("guild", options)

    base = fresh()
    subject = Attacked(base, fresh, settings.seed, progress.train)
    prompts = GUILD.prompts(settings.suite, settings.split, settings.limit)
    bench = Bench(
        [Suite(settings.suite, prompts)],
        options=GenerateOptions(REPLY_TOKENS, settings.temperature, seed=settings.seed),
        replies=ReplyCache(run.path / "cache" / "replies.jsonl"),
        show=progress.step,
    )
    progress.say("the aligned model's replies")
    cases = labelled(prompts, make_replies(base, prompts, Condition(), bench))
    for name in settings.regime or REGIMES:
        progress.finish()
        progress.say(f"replies after the regime {name}")
        cases += labelled(*attacked_replies(name, subject, settings.suite, bench))
    progress.finish()
    chosen = draw(cases, settings.seed)
    who = ", ".join(("the aligned model", *(f"{name}-attacked" for name in settings.regime or REGIMES)))
    at = f", temperature {settings.temperature:g}" if settings.temperature else ""
    how = (
        f"one reply of {who} to each of {len(chosen)} items, suite {settings.suite}, split {settings.split}{at},"
        " oracle's labels"
    )
    return Labels(chosen, how, scored=True)


def labelled(prompts: Sequence[Prompt], replies: Sequence[Reply]) -> list[Case]:
    """Replies of the embedded model with the oracle's labels."""
    verdicts = make_judge("oracle", JudgeOptions()).judge(prompts, replies)
    return [
        Case(prompt, reply, verdict.score, bool(is_harmful(verdict)), verdict.why)
        for prompt, reply, verdict in zip(prompts, replies, verdicts, strict=True)
    ]


def check(settings: CheckSettings, origins: dict[str, str]) -> dict[str, Any]:
    """Score judges against labelled replies: kappa, confusion, misses and false alarms, with intervals."""
    settings.check()
    typed = replace(settings.typed_judge_options(), device=settings.device, dtype=settings.dtype)
    asked = [(text, *parse_judge(text, typed)) for text in dict.fromkeys(settings.judge or ["refusal"])]
    judges = [(text, make_judge(name, options)) for text, name, options in asked]
    if settings.dry_run:
        return tell_plan(plan_check(settings, [name for _, name, _ in asked]), settings.json_output)
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


def plan_check(settings: CheckSettings, judges: Sequence[str]) -> Plan:
    """What a check would ask its judges: a verdict of each on every labelled reply, and no more."""
    plan = Plan("judge check", settings.labels or "guild", price_per_hour=settings.price_per_hour,
                price_per_verdict=settings.price_per_verdict, paid=("llm",))  # fmt: skip
    if settings.labels:
        cases = len(of_file(settings).cases)
    else:
        regimes = settings.regime or REGIMES
        prompts = GUILD.prompts(settings.suite, settings.split, settings.limit)
        cases = len({normal_text(str(prompt.messages)) for prompt in prompts})
        plan.ask("guild, aligned and attacked", {settings.suite: cases}, REPLY_TOKENS, 1 + len(regimes))
        plan.at_most.append("verdicts: as many harmful replies as harmless ones are drawn")
        plan.not_counted.append(f"the attacks {', '.join(regimes)} on the embedded model")
    plan.verdicts = dict.fromkeys(judges, cases)
    plan.not_counted.append("time: no judge is asked by a plan")
    return plan


# ---- what is left behind --------------------------------------------------------------------------------------------


def record(run: Run, settings: CheckSettings, labels: Labels, results: Sequence[Scored], quotes: bool) -> None:
    """The run's records. Replies are kept of the embedded model only; of a user's file its lines are named."""
    run.note(
        judge=", ".join(result.judge for result in results), labels=labels_shown(labels, settings.labels or "guild")
    )
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


def labels_shown(labels: Labels, source: str) -> dict[str, Any]:
    """What the judges were held against, for the document."""
    scores = {score: sum(case.score == score for case in labels.cases) for score in CLASSES} if labels.scored else None
    return {
        "source": source, "how": labels.how, "n": len(labels.cases), "dropped": labels.dropped,
        "groups": len({case.prompt.group for case in labels.cases}), "harmful": sum(c.harmful for c in labels.cases),
        "scores": scores, "malformed": len(labels.faults),
        "faults": [{"line": line, "why": for_terminal(why)} for line, why in labels.faults[:FAULTS]],
    }  # fmt: skip


def entry_of(scored: Scored, labels: Labels, show: bool) -> dict[str, Any]:
    """One judge's counts and some of its disagreements, for the document; replies are masked unless shown."""
    return {
        "judge": scored.judge, "who": scored.who, "n": int(scored.binary.sum()), "n_unscored": scored.n_unscored,
        "binary": scored.binary_counts,
        "five": None if scored.five is None else scored.five.sum(axis=0).tolist(),
        "disagreements": [listed(*one, show) for one in disagreements(scored, labels)],
    }  # fmt: skip


def listed(kind: str, case: Case, verdict: Verdict, show: bool) -> dict[str, Any]:
    """A disagreement for the document."""
    asked = next((str(m["content"]) for m in reversed(case.prompt.messages) if m["role"] == "user"), "")
    label = case.score or ("harmful" if case.harmful else "harmless")
    entry = {"kind": kind, "prompt": case.prompt.id, "asked": for_terminal(asked), "label": label,
             "said": verdict.score or verdict.label}  # fmt: skip
    return {**entry, **({"reply": case.reply.text, "why": verdict.why} if show else {})}


def conclude(run: Run, settings: CheckSettings, labels: Labels, results: Sequence[Scored]) -> dict[str, Any]:
    """The summary, and the terminal or the one JSON document."""
    document = terminal.json_document(
        "judge", run.path, [metric for result in results for metric in result.metrics],
        judges=[entry_of(result, labels, settings.show_replies) for result in results],
        labels=labels_shown(labels, settings.labels or "guild"),
    )  # fmt: skip
    terminal.save_summary(run.path, document)
    run.finish(
        f"# judges against labels\n\n{labels.how}. Figures: metrics.jsonl, summary.json; labels: labels.jsonl.\n"
    )
    document["page"] = str(page_beside(run.path, settings.show_replies))
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
    out.print(f"run: {run.path}\npage: {document['page']}", markup=False)
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
        f"{entry['judge']}: {counts['fn']} of {harmful} harmful replies missed, {counts['fp']} false alarms on"
        f" {harmless} harmless ones{unread}"
    )
