"""A run, or several, as one self-contained HTML page that asks nothing of any network.

    text = page([open_run(path)], PageOptions())
    pictures(run, Names())            every picture of a run, for files

The page names the hashes of its own style and script in a policy that forbids everything else, so that even a reply
that escaped its escaping could neither run nor load anything.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined, select_autoescape
from markupsafe import Markup

from holdfast import __version__
from holdfast.core.records import Metric
from holdfast.evaluation.run_reader import RunRecords, Side
from holdfast.gating.decide import decide
from holdfast.gating.exit_code import Decision
from holdfast.gating.rules import Policy, default_policy
from holdfast.reporting import svg
from holdfast.reporting.blind_spots import cannot_see
from holdfast.reporting.plots import Spot, short
from holdfast.reporting.probes import probe_pictures, probe_tables
from holdfast.reporting.provenance import (
    cost_table,
    gate_tables,
    judge_tables,
    provenance_tables,
    scan_tables,
    seconds_of,
    span,
)
from holdfast.reporting.replies import Sample, choose_replies, shown_sides
from holdfast.reporting.tables import (
    FLIPS_HEAD,
    Cell,
    Names,
    Picture,
    Table,
    bars_picture,
    chosen_sides,
    comparisons,
    curve_pictures,
    flips_rows,
    flips_table,
    many_table,
    pareto_picture,
    pareto_spots,
    radar_picture,
    totals_table,
    words,
)
from holdfast.reporting.verdict import harm_metric, unsafe_share, verdict_of
from holdfast.stats.figures import interval_text, percent, value_text
from holdfast.text.safe import for_page

TEMPLATES = files("holdfast.reporting") / "templates"


@dataclass(frozen=True)
class PageOptions:
    """What a page is made with: `policy` None is the default policy of each run."""

    show_replies: bool = False
    policy: Policy | None = None
    names: Names = field(default_factory=Names)


@dataclass(frozen=True)
class Section:
    """A part of a page."""

    name: str
    title: str
    intro: str = ""
    pictures: Sequence[Picture] = ()
    tables: Sequence[Table] = ()
    folded: Sequence[Table] = ()
    sample: Sample | None = None
    points: Sequence[str] = ()

    @property
    def empty(self) -> bool:
        return not (self.pictures or self.tables or self.folded or self.points or (self.sample and self.sample.rows))


def present(*items: Any) -> list[Any]:
    return [item for item in items if item is not None]


# ---- one run --------------------------------------------------------------------------------------------------------


def pictures(run: RunRecords, names: Names) -> list[Picture]:
    """Every picture that a run has figures for."""
    sides = chosen_sides(run)
    spots, kept = pareto_spots(run)
    return [
        *present(radar_picture(sides, names), bars_picture(sides, names)),
        *curve_pictures(run.summary),
        *present(pareto_picture(spots, kept)),
    ]


def decision_of(run: RunRecords, policy: Policy | None) -> Decision:
    return decide(run, policy or default_policy(run))


def cards(run: RunRecords) -> list[dict[str, str]]:
    """The few figures that stand beside the verdict."""
    found = []
    sides = chosen_sides(run)
    if run.verb == "judge":
        kappas = [(side.find("judge.kappa", "labels"), side) for side in sides]
        return [
            card(metric, "κ, harmful or not", side) for metric, side in kappas if metric and metric.value is not None
        ]
    for side in sides if len(sides) <= 4 else _extremes(sides):
        metric = side.find(harm_metric(side), "policy")
        if metric and metric.value is not None:
            what = "harm.any" if metric.metric == "harm.any" else "refusal.rate"
            found.append(card(metric, what, side))
    final = next(iter(run.candidates), None)
    for metric_name, suite in (
        ("utility.exact", "utility"),
        ("utility.exact", "utility-task"),
        ("over_refusal.rate", "over-refusal"),
    ):
        metric = final.find(metric_name, suite) if final and len(sides) <= 4 else None
        if final and metric and metric.value is not None:
            found.append(card(metric, f"{metric_name} on {suite}", final))
    return found


def _extremes(sides: Sequence[Side]) -> list[Side]:
    """Of many: the untouched model, the one with the most harm, and the best repair."""
    worst = max(sides, key=lambda side: unsafe_share(side) or 0.0)
    repaired = [side for side in sides if side.role == "repaired" and side is not worst]
    return [sides[0], worst, *([min(repaired, key=lambda side: unsafe_share(side) or 0.0)] if repaired else [])]


def card(metric: Metric, what: str, side: Side) -> dict[str, str]:
    return {
        "value": value_text(metric),
        "interval": interval_text(metric),
        "what": f"{what}, n {metric.n}",
        "who": short(side.name, 60),
    }


def sections_of(run: RunRecords, options: PageOptions, decision: Decision) -> list[Section]:
    sides = chosen_sides(run)
    drawn = {picture.name: picture for picture in pictures(run, options.names)} if run.verb != "scan" else {}
    curves = [picture for name, picture in drawn.items() if name.startswith("curve")]
    many = many_table(run)
    sample = choose_replies(run, shown_sides(run), options.show_replies) if run.has("verdicts") else None
    flips = flips_table(run)
    cells = [cell for cell in run.records("cells") if "error" in cell]
    cutoff = "Drawn are the untouched model, the worst of each regime and the best repair." if many else ""
    found = [
        Section("gate-section", "The gate", tables=gate_tables(decision)[:1], folded=gate_tables(decision)[1:]),
        Section(
            "figures",
            "Figures",
            "Intervals are at 95 %, and hold where prompts come in groups.",
            tables=present(many or (totals_table(sides) if run.verb != "scan" else None)),
            folded=[totals_table(sides)] if many else [],
        ),
        Section("categories", "By category", cutoff, [drawn[name] for name in ("radar", "bars") if name in drawn]),
        Section(
            "strength",
            "The strength",
            "Measured on a calibration split; what was chosen there is reported on a test split that the choice never"
            " saw.",
            curves[:1],
            folded=[p.table for p in curves[1:]],
        ),
        Section(
            "pareto-section",
            "What is kept, and what harm is left",
            "",
            present(drawn.get("pareto")),
            points=[f"{for_page(c['regime'])}, {for_page(c['arm'])}: {for_page(c['error'], 200)}" for c in cells],
        ),
        Section("flips-section", "Paired flips", "", tables=present(flips)),
        Section("replies", "Replies", sample=sample),
        Section("judges-section", "Judge by judge", tables=judge_tables(run, options.show_replies)),
        Section("probes-section", "Probes", pictures=probe_pictures(run), tables=probe_tables(run)),
        Section("scan", "The dataset", tables=scan_tables(run)),
        Section("cost-section", "Cost", tables=[cost_table(run)] if run.verb != "scan" else []),
        Section(
            "provenance",
            "Provenance",
            "The records were held against these hashes before this page was made.",
            folded=provenance_tables(run),
        ),
        Section("blind", "What this cannot see", points=cannot_see(run)),
    ]
    return [section for section in found if not section.empty]


def one_page(run: RunRecords, options: PageOptions) -> dict[str, Any]:
    decision = decision_of(run, options.policy)
    return {
        "title": for_page(run_title(run), 160),
        "verdicts": [verdict_entry(run, decision)],
        "cards": cards(run),
        "sections": sections_of(run, options, decision),
        "paths": [for_page(run.path, 200)],
    }


def run_title(run: RunRecords) -> str:
    return f"{run.verb}: {run.title}"


def verdict_entry(run: RunRecords, decision: Decision) -> dict[str, Any]:
    return {
        "name": for_page(run_title(run), 120),
        "told": verdict_of(run, decision),
        "gate": f"{decision.sentence} Policy: {for_page(decision.policy, 80)}.",
        "passed": decision.passed,
        "exit_code": decision.exit_code,
    }


# ---- several runs ---------------------------------------------------------------------------------------------------


def leading(run: RunRecords) -> Side | None:
    """The side that stands for a run: what it would ship, and of several the one with the most harm."""
    return max(run.candidates, key=lambda side: unsafe_share(side) or 0.0, default=None)


def many_pages(runs: Sequence[RunRecords], options: PageOptions) -> dict[str, Any]:
    decisions = [decision_of(run, options.policy) for run in runs]
    rows = []
    for run, decision in zip(runs, decisions, strict=True):
        side = leading(run)
        rows.append(
            [
                *words(run.title, run.verb),
                Cell("open" if decision.passed else "closed", decision.exit_code, "good" if decision.passed else "bad"),
                Cell(percent(unsafe_share(side)) if side else "–", unsafe_share(side) if side else None),
                Cell(span(seconds_of(run.manifest)), seconds_of(run.manifest)),
            ]
        )
    overview = Table("runs", "The runs", ["run", "verb", "gate", "harm of what would be shipped", "time"], rows, 2)
    leads = [(run, side) for run in runs if (side := leading(run)) is not None and run.verb != "scan"]
    named = [
        Side(side.role, f"{run.title}: {side.name}", side.model, side.condition, side.metrics) for run, side in leads
    ]
    spots = [
        Spot(f"{run.title}: {spot.name}", spot.kept, spot.harm, spot.series)
        for run in runs
        if run.verb != "scan"
        for spot in pareto_spots(run)[0]
        if not spot.faint
    ]
    sections = [
        Section("overview", "Side by side", tables=[overview]),
        Section("figures", "Figures of what each would ship", tables=[totals_table(named)] if named else []),
        Section(
            "categories",
            "By category",
            pictures=present(radar_picture(named, options.names), bars_picture(named[:6], options.names)),
        ),
        Section(
            "pareto-section",
            "What is kept, and what harm is left",
            pictures=present(pareto_picture(spots, "utility, lenient")),
        ),
        Section("flips-section", "Paired with the first run", differences(runs), tables=present(cross_table(leads))),
        Section(
            "provenance",
            "Provenance",
            folded=[_prefixed(run, table) for run in runs for table in provenance_tables(run)[:2]],
        ),
        Section(
            "blind",
            "What this cannot see",
            points=list(dict.fromkeys(point for run in runs for point in cannot_see(run))),
        ),
    ]
    return {
        "title": f"{len(runs)} runs side by side",
        "verdicts": [verdict_entry(run, decision) for run, decision in zip(runs, decisions, strict=True)],
        "cards": [],
        "sections": [section for section in sections if not section.empty],
        "paths": [for_page(run.path, 200) for run in runs],
    }


def _prefixed(run: RunRecords, table: Table) -> Table:
    slug = hashlib.sha256(str(run.path).encode("utf-8", "replace")).hexdigest()[:8]
    return Table(
        f"{table.name}-{slug}", f"{for_page(run.title, 80)}: {table.caption}", table.head, table.rows, table.words
    )


def differences(runs: Sequence[RunRecords]) -> str:
    """What differs between runs that a comparison takes for equal."""
    said = []
    if len({str(run.manifest.get("judge")) for run in runs}) > 1:
        said.append("The runs had different judges, so their figures are not of one kind.")
    asked = [frozenset(run.prompts) for run in runs if run.prompts]
    if len(set(asked)) > 1:
        said.append("The runs did not ask the same prompts; what is paired are those that both asked.")
    return " ".join(said)


def cross_table(leads: Sequence[tuple[RunRecords, Side]]) -> Table | None:
    """What each run would ship, against what the first would, on the prompts that both were scored on."""
    if len(leads) < 2:
        return None
    (first, before), rest = leads[0], leads[1:]
    rows = []
    for run, side in rest:
        rows += flips_rows(f"{first.title} → {run.title}", comparisons(first, before, side, run))
    return (
        Table("flips", "Prompt by prompt between runs", FLIPS_HEAD, rows, 3, filters=len(rows) > 12) if rows else None
    )


# ---- the template ---------------------------------------------------------------------------------------------------


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _style() -> str:
    light = svg.rules(svg.LIGHT, "var(--ink)", "var(--faint)", "var(--grid)", "transparent")
    dark = "".join(f".l{i}{{stroke:{c}}}.f{i}{{fill:{c}}}" for i, c in enumerate(svg.DARK))
    return (TEMPLATES / "page.css").read_text("utf-8") + light + f"@media (prefers-color-scheme:dark){{{dark}}}"


def harmless(value: Any) -> Any:
    """The last look at what goes into the page: nothing invisible, whoever forgot to clean it before."""
    return for_page(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def page(runs: Sequence[RunRecords], options: PageOptions) -> str:
    """The page of one run, or the comparison of several."""
    environment = Environment(
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        finalize=harmless,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.from_string((TEMPLATES / "page.html.jinja").read_text("utf-8"))
    style, script = _style(), (TEMPLATES / "page.js").read_text("utf-8")
    context = one_page(runs[0], options) if len(runs) == 1 else many_pages(runs, options)
    return template.render(
        **context,
        version=__version__,
        style=Markup(style),
        style_hash=_hash(style),
        script=Markup(script),
        script_hash=_hash(script),
        svg=lambda picture, name: Markup(svg.svg(picture, name)),
    )
