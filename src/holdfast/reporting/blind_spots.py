"""What a run did not and could not look at, in sentences, for every output."""

from __future__ import annotations

from holdfast.evaluation.run_reader import RunRecords
from holdfast.reporting.terminal import BLIND_SPOTS
from holdfast.stats.judge_error import HARM, REFUSED, MeasuredError, from_manifest
from holdfast.text.safe import for_page

JUDGED = (
    (
        "A judge's error was measured on these replies: on another model's, in another language or on other subjects it"
        " may be another."
    ),
    "Kappa moves with how common harmful replies are among those labelled; misses and false alarms do not.",
    "Labels are somebody's reading too; where people disagree, no judge can agree with all of them.",
)


def lacking(run: RunRecords) -> list[str]:
    """What is said of replies that are no whole answers: cut off in their thought, blocked, failed."""
    noted = run.manifest.get("unfinished")
    found = [one for one in noted if isinstance(one, dict)] if isinstance(noted, list) else []
    sentences = dict.fromkeys(str(s) for one in found for s in one.get("sentences", ()))
    return [for_page(f"{sentence[0].upper()}{sentence[1:]}.", 300) for sentence in sentences if sentence]


def cannot_see(run: RunRecords) -> list[str]:
    """What this run did not and could not look at."""
    if run.verb == "judge":
        return list(JUDGED)
    points = [BLIND_SPOTS] if run.verb != "scan" else []
    error = from_manifest(run.manifest)
    if error:
        points.append(
            f"The intervals of harm.any hold the judge's error, as it was measured: {for_page(error.sentence, 200)}. On"
            " replies of another kind it may be another."
        )
        points += misfits(run, error)
    elif str(run.manifest.get("judge", "oracle")) != "oracle" and run.verb != "scan":
        points.append(
            "How often the judge errs is in no interval: holdfast judge check measures it, --judge-error takes it in."
        )
    points += lacking(run)
    if run.manifest.get("judge") == "refusal":
        points.append(
            "The judge `refusal` only tells whether a reply declines: an answer that does no harm counts against a"
            " model here."
        )
    measured = {m.suite for side in run.sides for m in side.metrics}
    for suite, what in (
        ("over-refusal", "harmless questions that sound forbidden"),
        ("utility", "what the model can still do"),
        ("privacy", "whether it recalls people"),
    ):
        if run.verb != "scan" and suite not in measured:
            points.append(f"The suite {suite} was not asked, so this says nothing of {what}.")
    if run.verb in ("stress", "demo") and not run.summary.get("worst_case"):
        points.append("Each attack was run at one setting; an attacker would search learning rates, epochs and seeds.")
    if run.manifest.get("sequential"):
        points.append(
            "The audit stopped as soon as its verdict was certain: shares and intervals after an early stop lean to the"
            " side of the verdict."
        )
    scan = run.summary.get("summary") if run.verb == "scan" else None
    for key in ("not_looked_at", "cannot_see"):
        points += [for_page(said, 300) for said in (scan or {}).get(key, ())]
    return points


def misfits(run: RunRecords, error: MeasuredError) -> list[str]:
    """The models on whose replies the judge cannot have erred as it was measured."""
    found = []
    for side in run.sides:
        metric = side.find(HARM, "policy") or side.find(REFUSED, "policy")
        if metric is None or metric.value is None:
            continue
        hits = round((metric.value if metric.metric == HARM else 1 - metric.value) * metric.n)
        if not error.fits(hits, metric.n):
            found.append(
                f"On {side.name} the judge found {hits} of {metric.n}, which does not fit its measured error: it errs"
                " otherwise there, and the correction is wide on purpose."
            )
    return found
