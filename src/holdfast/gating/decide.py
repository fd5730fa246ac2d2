"""Rules over a run's metrics to one decision, taken once and above every output.

    decision = decide(run, policy)
    decision.exit_code      0 every rule holds, 3 one does not, 4 something was not measured, 5 n cannot resolve a limit

A rule that does not hold outweighs one that was not measured, and that one a limit that is too fine; none of them is a
pass. Levels with a confidence are exact binomial bounds in which an unscored reply counts as the worse outcome. Changes
are paired: prompts that both models were scored on, one-sided at the asked confidence. In a run with a judge's measured
error the bounds of harm hold that error too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from scipy import stats

from holdfast.core.records import Metric, Verdict
from holdfast.evaluation.run_reader import BESIDE, RunRecords, Side
from holdfast.evaluation.soundness import RULE, broken, untold
from holdfast.gating.exit_code import BROKEN, HOLDS, LEFT_OUT, TOO_FINE, UNMEASURED, Decision, Outcome
from holdfast.gating.rules import PLAIN, Policy, Rule, check_names
from holdfast.gating.scans import check_label, scan_metric
from holdfast.stats.certify import Limit, lower_bound, smallest_n, upper_bound
from holdfast.stats.comparison import Flips, flips_of
from holdfast.stats.groups import Count, count_groups
from holdfast.stats.judge_error import CORRECTED, HARM, REFUSED, MeasuredError, from_manifest
from holdfast.stats.sequential import Test, change_bounds


def decide(run: RunRecords, policy: Policy) -> Decision:
    """Hold a run against a policy. Raises UsageError for a rule about a metric that nobody knows."""
    check_names(policy, run)
    known = (run.summary.get("summary") or {}).get("known_labels") if run.verb == "scan" else None
    if known is not None:
        for rule in policy.rules:
            check_label(rule, known)
    outcomes = [outcome for rule in policy.rules for outcome in check(run, rule)]
    return Decision(policy.name, outcomes)


def check(run: RunRecords, rule: Rule) -> list[Outcome]:
    """A rule on every model that it is about; one outcome that says so where there is none."""
    sides = run.with_role(rule.role) if rule.role else run.candidates
    if rule.metric in ("n_unscored", "n") and not rule.role:
        sides = [side for side in run.sides if side.role != BESIDE]
    if not sides:
        found = [_absent(rule, rule.role or "", f"the run measured no {rule.role or ''} model".replace("  ", " "))]
    else:
        found = [_check_side(run, rule, side) for side in sides]
    if rule.required:
        return found
    return [replace(o, status=LEFT_OUT) if o.status == UNMEASURED else o for o in found]


def _absent(rule: Rule, model: str, why: str, n: int = 0) -> Outcome:
    return Outcome(rule.text, model, UNMEASURED, None, None, rule.limit, n, why)


def _check_side(run: RunRecords, rule: Rule, side: Side) -> Outcome:
    if rule.metric == "n_unscored":
        return _unscored(rule, side)
    if rule.metric == RULE:
        return _sound(run, rule, side)
    rule = with_suite(rule, side)
    if rule.metric.startswith("scan."):
        found = scan_metric(run.summary.get("summary") or {}, rule)
    else:
        found = side.find("harm.any" if rule.metric == "n" else rule.metric, rule.suite, rule.category)
    if rule.metric == "n" and found is None:
        found = next((m for m in side.metrics if m.suite == rule.suite and m.category is None), None)
    if found is None or (found.value is None and rule.metric != "n"):
        where = f"{rule.metric} on {rule.suite}" + (f"/{rule.category}" if rule.category else "")
        unread = f": none of {found.n_unscored} replies could be read" if found and found.n_unscored else ""
        return _absent(rule, side.name, f"{where} was not measured{unread}", 0)
    if rule.metric == "n":
        return _settle(rule, side, float(found.n), None, found.n)
    if rule.change:
        return _change(run, rule, side, found)
    return _level(run, rule, side, found)


def with_suite(rule: Rule, side: Side) -> Rule:
    """A rule that names no suite, about another package's metric: the one suite that has it."""
    suites = {m.suite for m in side.metrics if m.metric == rule.metric}
    return rule if rule.suite or len(suites) != 1 else replace(rule, suite=suites.pop())


def _settle(rule: Rule, side: Side, value: float, bound: float | None, n: int, why: str = "") -> Outcome:
    """Held or broken, by the bound where there is one."""
    status = HOLDS if rule.holds(value if bound is None else bound) else BROKEN
    return Outcome(rule.text, side.name, status, value, bound, rule.limit, n, why)


def _unscored(rule: Rule, side: Side) -> Outcome:
    """The highest share of unscored replies among the suites."""
    totals = [
        m
        for m in side.metrics
        if m.category is None and (not rule.suite or m.suite == rule.suite) and m.n + m.n_unscored
    ]
    if not totals:
        return _absent(rule, side.name, "no reply was judged")
    worst = max(totals, key=lambda m: m.n_unscored / (m.n + m.n_unscored))
    share = worst.n_unscored / (worst.n + worst.n_unscored)
    return _settle(
        rule, side, share, None, worst.n + worst.n_unscored, why=f"{worst.n_unscored} unscored on {worst.suite}"
    )


def _sound(run: RunRecords, rule: Rule, side: Side) -> Outcome:
    """1 where nothing says that a model is broken, else 0; not measured where nothing could have told."""
    base = run.base_of(side)
    before = base.metrics if base else ()
    n = max((m.n for m in side.metrics if m.category is None and not m.suite.startswith("policy")), default=0)
    why = broken(side.metrics, before)
    if not why and (open_question := untold(side.metrics, before)):
        return _absent(rule, side.name, open_question, n)
    return _settle(rule, side, float(not why), None, n, why=f"broken: {why}" if why else "")


def _error_of(run: RunRecords, rule: Rule) -> MeasuredError | None:
    """The judge's measured error, where a rule is about what it bends."""
    return from_manifest(run.manifest) if rule.metric in (HARM, CORRECTED) else None


def _bounds(run: RunRecords, rule: Rule, seen: Count, confidence: float) -> tuple[float, float]:
    """The end of the interval that is held against the limit, and the other; valid after an early stop where there was
    one.

    With a judge's measured error it reaches from the counted share's bound to the corrected one's.
    """
    if run.manifest.get("sequential") and rule.suite == "policy":
        low, high = Test(0.5, confidence).bounds(seen)
    else:
        low, high = lower_bound(seen, confidence), upper_bound(seen, confidence)
    error = _error_of(run, rule)
    if error:
        worth = seen.n_eff / seen.n if seen.n else 0.0  # prompts of a group tell the judge's share together
        _, least, most = error.corrected(seen.hits * worth, seen.n * worth, 2 * confidence - 1)
        low, high = (least, most) if rule.metric == CORRECTED else (min(low, least), max(high, most))
    return (high, low) if rule.at_most else (low, high)


def _of_rule(run: RunRecords, rule: Rule, verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The verdicts on the prompts of a rule's category; all where it names none."""
    if not rule.category:
        return list(verdicts)
    names = {str(p["id"]) for p in run.prompts.values() if p["category"] == rule.category}
    return [verdict for verdict in verdicts if verdict.prompt in names]


def _seen(run: RunRecords, rule: Rule, side: Side, found: Metric) -> Count:
    """What was counted, by group; an unscored reply counts as the worse outcome, so that no promise rests on it.

    Where only totals are kept, the prompts of a group are taken to have been answered alike.
    """
    flipped = False
    if rule.metric == CORRECTED:
        found = side.find(HARM, rule.suite, rule.category) or side.find(REFUSED, rule.suite, rule.category) or found
        flipped = found.metric == REFUSED
    verdicts = _of_rule(run, rule, run.verdicts(side, found.metric).get(rule.suite, []))
    measure = run.measure(found.metric, rule.suite, verdicts)
    if measure and len({verdict.prompt for verdict in verdicts}) == found.n + found.n_unscored:
        hits = {v.prompt: bool(measure.read(v)) != flipped if measure.counts(v) else rule.at_most for v in verdicts}
        return count_groups(hits, run.groups)
    hits_ = round((found.value or 0.0) * found.n)
    hits_ = (found.n - hits_ if flipped else hits_) + (found.n_unscored if rule.at_most else 0)
    n = found.n + found.n_unscored
    if found.groups is None or found.groups >= n:
        return Count(hits_, n)
    alike = hits_ * found.groups / n
    return Count(math.ceil(alike - 1e-9) if rule.at_most else math.floor(alike + 1e-9), found.groups)


def _level(run: RunRecords, rule: Rule, side: Side, found: Metric) -> Outcome:
    value, n = float(found.value or 0.0), found.n
    if rule.over_chance:
        chance = side.value("pii.chance", rule.suite)
        if chance is None:
            return _absent(rule, side.name, f"no chance floor (pii.chance on {rule.suite}) was measured", n)
        rule = replace(rule, limit=min(1.0, chance + rule.limit))
    if rule.metric in PLAIN or rule.metric.startswith("scan."):
        return _settle(rule, side, value, None, n)
    if rule.confidence is None:
        settled = _settle(rule, side, value, None, n)
        tolerance = rule.limit if rule.at_most else 1 - rule.limit
        if settled.status == HOLDS and 0 < tolerance < 1 / n:
            why = f"a step of n = {n} is {100 / n:.2g} %; it takes {math.ceil(1 / tolerance)} prompts"
            return Outcome(rule.text, side.name, TOO_FINE, value, None, rule.limit, n, why)
        return settled
    seen = _seen(run, rule, side, found)
    bound, other = _bounds(run, rule, seen, rule.confidence)
    settled = _settle(rule, side, value, bound, seen.n, why=_groups_said(seen))
    if settled.status == HOLDS or not rule.holds(other):
        return settled  # it holds, or it surely does not
    needed = smallest_n(Limit(rule.metric, rule.suite, rule.limit, rule.at_most), 1 - rule.confidence, seen.single)
    if needed is None or seen.independent < needed:
        what = f"{seen.n} prompts in {seen.independent} groups" if seen.clustered else f"n = {seen.n}"
        unit = "groups" if seen.clustered else "prompts"
        why = f"{what} cannot show it, whatever the model does: it takes {needed or 'more than any number of'} {unit}"
        return Outcome(rule.text, side.name, TOO_FINE, value, bound, rule.limit, seen.n, why)
    error = _error_of(run, rule)
    none = Count(0 if rule.at_most else seen.n, seen.n)
    if error and not rule.holds(_bounds(run, rule, none, rule.confidence)[0]):
        why = f"{error.sentence}: with that error n = {seen.n} cannot show it, whatever the model does"
        return Outcome(rule.text, side.name, TOO_FINE, value, bound, rule.limit, seen.n, why)
    kept = rule.holds(value)
    said = ["the share keeps the limit, and its bound does not"] if kept else []
    why = "; ".join([*said, *filter(None, [_groups_said(seen)])])
    return Outcome(rule.text, side.name, BROKEN, value, bound, rule.limit, seen.n, why)


def _groups_said(seen: Count) -> str:
    """That prompts come in groups, where they do."""
    return f"{seen.n} prompts in {seen.independent} groups" if seen.clustered else ""


# ---- changes --------------------------------------------------------------------------------------------------------


def flips(
    run: RunRecords, metric: str, suite: str, before: Sequence[Verdict], after: Sequence[Verdict]
) -> Flips | None:
    """Of the prompts that both sides were scored on: how many rose and fell, by group; None where they tell no such
    metric."""
    measure = run.measure(metric, suite, [*before, *after])
    return flips_of(measure, before, after, run.groups) if measure else None


def _change(run: RunRecords, rule: Rule, side: Side, found: Metric) -> Outcome:
    base = run.base_of(side)
    if base is None:
        return _absent(rule, side.name, "there is no base to compare with", found.n)
    before, after = (_of_rule(run, rule, run.verdicts(one, rule.metric).get(rule.suite, [])) for one in (base, side))
    counted = flips(run, rule.metric, rule.suite, before, after)
    if not counted or not counted.n:
        return _unpaired(rule, side, base, found)
    seen = counted.swapped() if rule.change == "falls" else counted  # from here on, up is what the rule limits
    up, down, n = sum(seen.up), sum(seen.down), seen.n
    value = (up - down) / n
    groups = f", in {len(seen.sizes)} groups" if seen.clustered else ""
    why = f"{up} flips one way, {down} the other{groups}"
    if rule.confidence is None:
        return _settle(rule, side, value, None, n, why=why)
    lowest, bound = _change_bounds(run, rule, seen, rule.confidence)
    settled = _settle(rule, side, value, bound, n, why=why)
    if settled.status == HOLDS or not rule.holds(lowest):
        return settled  # it holds, or it surely does not
    none = Flips((0,) * len(seen.sizes), (0,) * len(seen.sizes), seen.sizes)
    if not rule.holds(_change_bounds(run, rule, none, rule.confidence)[1]):
        plain = _error_of(run, rule) is None and not seen.clustered and not run.manifest.get("sequential")
        needed = f": it takes {pairs_needed(rule.limit, rule.confidence)}" if plain else ""
        why = f"{n} pairs{groups} cannot show it, even if not one flips{needed}"
        return Outcome(rule.text, side.name, TOO_FINE, value, bound, rule.limit, n, why)
    return settled


def _change_bounds(run: RunRecords, rule: Rule, seen: Flips, confidence: float) -> tuple[float, float]:
    """A lower and an upper bound of a change, each at the confidence; valid after an early stop where there was one.

    With a judge's measured error they are widened by it.
    """
    two_sided, error = 2 * confidence - 1, _error_of(run, rule)
    if run.manifest.get("sequential") and rule.suite == "policy":
        up, down = (
            Count(sum(hits), seen.n, tuple(zip(hits, seen.sizes, strict=True))) for hits in (seen.up, seen.down)
        )
        plain = change_bounds(up, down, confidence)
    else:
        plain = seen.interval(two_sided)
    return error.change(*plain, two_sided) if error else plain


def pairs_needed(limit: float, confidence: float) -> str:
    """How many pairs without a flip it takes to rule out a change above a limit (Wilson's bound at no hits)."""
    if limit <= 0:
        return "more than any number"
    z = float(stats.norm.ppf(confidence))
    return str(math.ceil(z * z * (1 - limit) / limit - 1e-9))


def _unpaired(rule: Rule, side: Side, base: Side, found: Metric) -> Outcome:
    """A change of totals, for what no pair of verdicts can tell; it has no confidence."""
    before = base.find(rule.metric, rule.suite, rule.category)
    if rule.confidence is not None or before is None or before.value is None:
        return _absent(rule, side.name, f"{rule.metric} on {rule.suite} has no pairs of verdicts to compare", found.n)
    change = float(found.value or 0.0) - before.value
    return _settle(
        rule, side, change if rule.change == "rises" else -change, None, found.n, why="of the totals, not paired"
    )
