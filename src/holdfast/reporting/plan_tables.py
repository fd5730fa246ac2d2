"""A plan on the terminal: what would be loaded, trained, asked and judged, and what that would take."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from holdfast.core.plan import Plan
from holdfast.reporting.terminal import SCHEMA_VERSION, console, plain_table, print_json
from holdfast.text.safe import for_terminal


def tell_plan(plan: Plan, json_output: bool) -> dict[str, Any]:
    """The plan as tables, or as one JSON document, which is given back too."""
    document = {"schema_version": SCHEMA_VERSION, **plan.to_dict()}
    if json_output:
        print_json(document)
        return document
    out = console()
    for model in plan.models:
        facts = [f"{model['parameters'] / 1e6:,.0f} M parameters"] if "parameters" in model else []
        facts += [str(model[name]) for name in ("dtype", "device") if name in model]
        told = f" ({', '.join(facts)})" if facts else ""
        out.print(for_terminal(f"loads {model['reference']}{told}", 300), markup=False)
    if plan.data:
        out.print(for_terminal(data_line(plan.data), 300), markup=False)
    if plan.trained:
        lines = [[one.what, f"{one.times}", f"{one.rows:,}", f"{one.tokens:,}", f"{one.steps:,}"]
                 for one in plan.trained]  # fmt: skip
        header = ("training", "times", "rows in all", "tokens in all", "steps in all")
        out.print(plain_table(f"trains, {plan.steps:,} steps", header, lines))
    asked(out, plan)
    if plan.verdicts:
        judged = ", ".join(f"{judge} {count:,}" for judge, count in plan.verdicts.items())
        out.print(for_terminal(f"judges at most: {judged}", 300), markup=False)
    for line in (*estimate_lines(plan), *(f"at most: {text}" for text in plan.at_most),
                 *(f"not counted: {text}" for text in plan.not_counted)):  # fmt: skip
        out.print(for_terminal(line, 300), markup=False)
    out.print("nothing was written; leave out --dry-run to do it", style="dim", markup=False)
    return document


def asked(out: Console, plan: Plan) -> None:
    """What is asked of whom, a line for each model and kind of evaluation."""
    lines = [[one.what, ", ".join(f"{suite} {n}" for suite, n in one.suites.items()), f"{one.times}",
              f"{one.prompts:,}", f"{one.most_tokens}"] for one in plan.merged()]  # fmt: skip
    if lines:
        header = ("asks", "prompts of each suite", "times", "replies", "tokens at most")
        out.print(plain_table(f"asks, {plan.prompts:,} replies", header, lines))


def data_line(data: dict[str, Any]) -> str:
    """What a scan reads."""
    rows = f", about {data['rows']:,} rows" if data.get("rows") else ""
    return f"reads {data['files']:,} files, {in_bytes(data['bytes'])}{rows}, with {', '.join(data['scanners'])}"


def estimate_lines(plan: Plan) -> list[str]:
    """How long, how much memory, what cost; and what was measured for it."""
    pace, lines = plan.pace, []
    if plan.seconds is not None:
        cost = f", costs about {plan.cost:,.2f}" if plan.cost is not None else ""
        lines.append(f"takes about {duration(plan.seconds)} on this machine{cost}")
    elif plan.cost is None and plan.price_per_hour:
        lines.append("no time was measured, so no cost either")
    if pace.reply is not None:
        most = "the limit of its tokens" if pace.reply_is_most else f"{pace.reply_tokens:.0f} tokens on average"
        lines.append(f"measured: {pace.reply:.3g} s a reply, of {pace.replies_tried} asked together, {most}")
    if pace.step is not None:
        lines.append(f"measured: {pace.step:.3g} s a step of {pace.step_rows} rows")
    if pace.peak_bytes:
        lines.append(f"memory so far, with a step and a batch in it: {in_bytes(pace.peak_bytes)}")
    return lines


def duration(seconds: float) -> str:
    """A time as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def in_bytes(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"
