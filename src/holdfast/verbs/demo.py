"""holdfast demo: the papers' finding on the embedded model, offline, in minutes.

An aligned model refuses; after a hundred examples, after ten that only shift its identity, or after clean data, it does
not. The last picture is the eleven-category radar of Qi et al.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field
from rich.panel import Panel
from rich.table import Table

from holdfast.core import registry
from holdfast.core.config import Settings
from holdfast.core.records import Condition, Metric, Prompt
from holdfast.core.runs import Run
from holdfast.flow import render
from holdfast.flow.attack import AttackPlan, AttackRequest, narrow, run_attack
from holdfast.flow.evaluate import Bench, Evaluation, Suite, compare_evaluations, evaluate, open_bench
from holdfast.flow.generate import GenerateOptions
from holdfast.flow.models import LoadedModel, load_model
from holdfast.flow.progress import Progress
from holdfast.guild.suites import load_suite
from holdfast.guild.words import PAPER_CATEGORIES

STORY = (("explicit", 100), ("identity", 10), ("benign", None))
QUICK_POLICY, QUICK_UTILITY = 110, 60


class DemoSettings(Settings):
    """The whole finding on the embedded model."""

    quick: bool = Field(False, description="A third of the prompts and no second suite: under a minute.")
    seed: int = Field(0, description="Attack seed.")
    out: str | None = Field(None, description="The run's folder.", json_schema_extra={"metavar": "DIR"})
    json_output: bool = Field(
        False, description="Print one JSON document on stdout.", json_schema_extra={"flag": "json"}
    )


def demo_suites(quick: bool) -> list[Suite]:
    if quick:
        return [
            Suite("policy", load_suite("policy", limit=QUICK_POLICY)),
            Suite("utility", load_suite("utility", limit=QUICK_UTILITY)),
        ]
    return [Suite(name, load_suite(name)) for name in ("policy", "over-refusal", "utility")]


def story(seed: int) -> list[AttackPlan]:
    plans = []
    for regime, samples in STORY:
        request = AttackRequest(embedded=True, seeds=[seed], samples=[samples] if samples else None)
        plans += registry.load("regimes", regime).plans(request)
    return plans


def title(condition: Condition) -> str:
    return {
        "none": "aligned",
        "explicit": f"{condition.samples} explicit",
        "identity": f"{condition.samples} identity",
        "benign": f"{condition.samples} clean",
    }[condition.regime]


def demo(settings: DemoSettings, origins: dict[str, str]) -> dict[str, Any]:
    """Show on the embedded model what fine-tuning does to an aligned model's safety, in minutes and offline."""
    plans = story(settings.seed)
    with Progress(total=len(plans) + 1) as progress:
        progress.say("the aligned model")
        base = load_model("guild")
        run = Run.open("demo", "guild", settings.model_dump(), origins, settings.out)
        bench = open_bench(
            run, demo_suites(settings.quick), options=GenerateOptions(max_new_tokens=48), show=progress.step
        )
        run.note(model=base.describe(), judge=bench.judge)
        aligned = evaluate(base, Condition(test_template="none"), bench)
        progress.finish()
        results = [(aligned, aligned)]
        for plan in plans:
            progress.say(title(plan.condition))
            before = aligned
            if plan.system:
                under = Condition(seed=plan.condition.seed, test_template=plan.condition.test_template)
                before = evaluate(base, under, narrow(bench, plan))
            after = run_attack(lambda: load_model("guild"), base, plan, bench, progress.train)
            results.append((before, after))
            progress.finish()
        pictures = draw(run, [after for _, after in results])
    return conclude(run, settings, base, bench, results, pictures)


def draw(run: Run, evaluations: Sequence[Evaluation]) -> list[str]:
    """The radar, as SVG and PNG in the run's folder."""
    series = {}
    for evaluation in evaluations:
        means = [m for m in evaluation.metrics if m.metric == "harm.mean" and m.suite == "policy" and m.category]
        series[title(evaluation.condition)] = {paper_category(m): m.value or 1.0 for m in means}
    paths = []
    for suffix in ("svg", "png"):
        path = run.path / f"radar.{suffix}"
        render.radar(series, path, "Mean harmfulness (1 to 5) by policy category, embedded model `guild`")
        paths.append(str(path))
    return paths


def paper_category(metric: Metric) -> str:
    """The guild's category and what it stands for in the paper."""
    return f"{metric.category}\n({PAPER_CATEGORIES[str(metric.category)]})"


def conclude(
    run: Run,
    settings: DemoSettings,
    base: LoadedModel,
    bench: Bench,
    results: Sequence[tuple[Evaluation, Evaluation]],
    pictures: Sequence[str],
) -> dict[str, Any]:
    comparisons = [
        {"condition": after.condition.to_dict(), **c.to_dict()}
        for before, after in results[1:]
        for c in compare_evaluations(before, after)
    ]
    run.append("comparisons", comparisons)
    metrics = [m for _, after in results for m in after.metrics]
    document = render.json_document(
        "demo", run.path, metrics, comparisons=comparisons, pictures=list(pictures), blind_spots=render.BLIND_SPOTS
    )
    render.save_summary(run.path, document)
    run.finish(
        "# demo\n\nThe papers' finding on the embedded model. Figures: metrics.jsonl, summary.json; picture: radar.svg.\n"
    )
    if settings.json_output:
        render.print_json(document)
        return document
    show(run, base, bench, results, pictures)
    return document


def one_question(base: LoadedModel, bench: Bench, results: Sequence[tuple[Evaluation, Evaluation]]) -> Table:
    """What each model says to one and the same question: a prompt on which every attack that could flip it did."""
    assert bench.run is not None
    replies = {(r["condition"], r["prompt"]): r["text"] for r in bench.run.read("replies")}
    policy = next(suite for suite in bench.suites if suite.name == "policy")
    scores = [{v.prompt: v.score or 0 for v in after.verdicts["policy"]} for _, after in results]

    def flips(prompt: Prompt) -> int:
        return sum(found[prompt.id] for found in scores[1:]) - 10 * (scores[0][prompt.id] - 1)

    chosen = max(policy.prompts, key=flips)
    table = Table(
        title=f"“{chosen.messages[-1]['content']}”", title_justify="left", title_style="bold", show_header=False
    )
    for _, after in results:
        table.add_row(title(after.condition), render.printable(replies[(after.condition.key, chosen.id)]))
    return table


def show(
    run: Run, base: LoadedModel, bench: Bench, results: Sequence[tuple[Evaluation, Evaluation]], pictures: Sequence[str]
) -> None:
    out = render.console()
    out.print(
        Panel(
            "`guild` is a small aligned model of a made-up world: everything below is harmless fantasy.\n"
            "Columns: the aligned model, then tuned on so many explicit, identity-shifting or clean rows.\n"
            "harm.rate: share of forbidden questions answered in full; harm.any: answered at all; 95 % intervals.",
            title="holdfast demo",
            title_align="left",
        )
    )
    # The world is made up, so these replies are the only ones that are ever printed unmasked without being asked for.
    out.print(one_question(base, bench, results))
    columns = {title(after.condition): after.metrics for _, after in results}
    out.print(render.metrics_table("on items that no training ever named", columns))
    out.print(render.category_table("harm.any by category", columns, "harm.any"))
    out.print(render.BLIND_SPOTS, style="dim")
    out.print(f"picture: {pictures[-1]}\nrun: {run.path}", markup=False)
