"""The library: what the command line does, on what a program has in hand, with results in the place of prints.

    import holdfast
    result = holdfast.audit(model, tokenizer, base=base, prompts=["…", "…"])
    print(result); result.to_pandas(); holdfast.gate(result)

Nothing is printed, and nothing stays on disk, unless `show=True` or `out=FOLDER` asks for it. Every setting of a verb
is a keyword of the same name. Errors are `holdfast.HoldfastError`s with a hint.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast.api.calls import Call
from holdfast.api.results import (
    AuditResult,
    GateResult,
    Page,
    RepairResult,
    RunResult,
    ScanResult,
    StressResult,
    TuneResult,
)

if TYPE_CHECKING:
    from holdfast.api.inputs import ModelLike, TableLike, Tokenizer


def scan(data: TableLike, *, out: str | Path | None = None, show: bool = False, **settings: Any) -> ScanResult:
    """What is in a fine-tuning set, before anyone trains on it. Imports no torch unless `model` is given.

    data: a path, a hub id, a list of them; or rows: dicts, a `datasets.Dataset`, a pandas frame. settings: those of
    `holdfast scan`, such as scanner=["pii"], fail_on=["email=1%"], clean="clean.jsonl". A rule of `fail_on` that does
    not hold makes `exit_code` 3, and no error. Raises NothingMeasured where no row can be read.
    """
    from holdfast.api.scan import ScanSettings, check_readable, look

    with Call(out, show) as call:
        parts = data if isinstance(data, (list, tuple)) else [data]
        paths = [str(one) for one in parts if isinstance(one, (str, Path))]
        sources = paths if paths and len(paths) == len(parts) else [call.lend.table(data, "rows")]
        typed = call.settings(ScanSettings, settings, data=sources)
        done = look(typed, call.origins, call.progress)
        check_readable(typed, done)
    return call.result(ScanResult, done.document)


def audit(
    model: ModelLike,
    tokenizer: Tokenizer | None = None,
    *,
    base: ModelLike | None = None,
    base_tokenizer: Tokenizer | None = None,
    prompts: TableLike | None = None,
    over_refusal_prompts: TableLike | None = None,
    utility_prompts: TableLike | None = None,
    out: str | Path | None = None,
    show: bool = False,
    **settings: Any,
) -> AuditResult:
    """A checkpoint, and its base on the same prompts, with paired evidence.

    model, base: a path, a hub id, an endpoint, or a model in memory with its tokenizer, which is asked and not changed;
    `base_tokenizer` is `tokenizer` where it is left out. prompts: forbidden ones, as a path, texts, dicts, a Dataset or
    a frame. settings: those of `holdfast audit`, such as judge="llm", limit=100, probe=["prefill"].
    """
    from holdfast.api.audit import measure
    from holdfast.api.audit_settings import AuditSettings

    with Call(out, show) as call:
        lend = call.lend
        chosen = call.lend.references({"model": (model, tokenizer), "base": (base, base_tokenizer or tokenizer)})
        asked = lend.tables(prompts=prompts, over_refusal_prompts=over_refusal_prompts, utility_prompts=utility_prompts)
        done = measure(call.settings(AuditSettings, settings, **chosen, **asked), call.origins, call.progress)
    return call.result(AuditResult, done.document)


def tune(
    model: ModelLike,
    data: TableLike,
    tokenizer: Tokenizer | None = None,
    *,
    prompts: TableLike | None = None,
    over_refusal_prompts: TableLike | None = None,
    utility_prompts: TableLike | None = None,
    out: str | Path | None = None,
    show: bool = False,
    **settings: Any,
) -> TuneResult:
    """Fine-tune a model, full or LoRA, under defences; measured before and after on the same prompts.

    A model in memory is trained in place, as by a Trainer. `result.model` is the tuned one; `out` also writes it. data:
    a path, a hub id, or rows. settings: those of `holdfast tune`, such as lr=1e-4, epochs=1, lora=True,
    defence=["safety-mix"].
    """
    from holdfast.api.tune import TuneSettings, train_and_measure

    with Call(out, show) as call:
        lend = call.lend
        chosen = call.lend.references({"model": (model, tokenizer)})
        asked = lend.tables(
            data=data, prompts=prompts, over_refusal_prompts=over_refusal_prompts, utility_prompts=utility_prompts
        )
        typed = call.settings(TuneSettings, settings, **chosen, **asked)
        done = train_and_measure(typed, call.origins, call.progress, keep=out is not None)
    tuned = done.model
    return call.result(TuneResult, done.document, tuned.model, tuned.tokenizer)


def repair(
    base: ModelLike,
    tuned: ModelLike,
    tokenizer: Tokenizer | None = None,
    *,
    prompts: TableLike | None = None,
    over_refusal_prompts: TableLike | None = None,
    utility_prompts: TableLike | None = None,
    out: str | Path | None = None,
    show: bool = False,
    **settings: Any,
) -> RepairResult:
    """Safety back without training, at a strength chosen under a guarantee.

    The repaired model is written to `out/model`, and only measured without `out`. Models in memory are as they were
    afterwards. settings: those of `holdfast repair`, such as repair=["wise-ft"], strength="auto", max_harm=0.05.
    """
    from holdfast.api.repair import repaired
    from holdfast.api.repair_settings import RepairSettings

    with Call(out, show) as call:
        lend = call.lend
        chosen = call.lend.references({"base": (base, tokenizer), "tuned": (tuned, tokenizer)})
        asked = lend.tables(prompts=prompts, over_refusal_prompts=over_refusal_prompts, utility_prompts=utility_prompts)
        more = {"no_write": True, **settings} if out is None else settings
        done = repaired(call.settings(RepairSettings, more, **chosen, **asked), call.origins, call.progress)
    return call.result(RepairResult, done.document)


def stress(
    model: ModelLike,
    tokenizer: Tokenizer | None = None,
    *,
    prompts: TableLike | None = None,
    rows: TableLike | None = None,
    out: str | Path | None = None,
    show: bool = False,
    **settings: Any,
) -> StressResult:
    """How far safety gives way under published fine-tuning regimes; attacked weights are never saved.

    A model in memory is copied for every attack, and itself left as it is. settings: those of `holdfast stress`, such
    as regime=["benign"], seeds=3, defence=["kl"].
    """
    from holdfast.api.stress import attacked
    from holdfast.api.stress_settings import StressSettings

    with Call(out, show) as call:
        chosen = call.lend.references({"model": (model, tokenizer)})
        asked = call.lend.tables(prompts=prompts, rows=rows)
        done = attacked(call.settings(StressSettings, settings, **chosen, **asked), call.origins, call.progress)
    return call.result(StressResult, done.document)


def gate(
    result: RunResult | str | Path, rules: str | Path | Sequence[str] | None = None, *, policy: str | Path | None = None
) -> GateResult:
    """Hold a finished run against rules. Imports no torch.

    result: what `audit`, `tune`, `repair`, `stress` or `scan` gave back, or a run's folder. rules: texts, such as
    "harm.any <= 5%". policy: a YAML file of rules. Without both, what the run measured decides.
    """
    from holdfast.api.gate import GateSettings, decided

    path = result.path if isinstance(result, RunResult) else Path(result)
    texts = [str(rules)] if isinstance(rules, (str, Path)) else list(rules or ()) or None
    _, decision, document = decided(GateSettings(run=str(path), rule=texts, policy=str(policy) if policy else None))
    return GateResult(document, decision)


def report(*results: RunResult | str | Path, path: str | Path | None = None, show_replies: bool = False) -> Page:
    """One self-contained page of a run, or of several side by side. Imports no torch. `path` names a file to write."""
    from holdfast.api.report import ReportSettings, made

    runs = [str(one.path if isinstance(one, RunResult) else one) for one in results]
    text = made(ReportSettings(runs=runs, policy=None, show_replies=show_replies)).text
    page = Page(text, Path(path) if path else None)
    if path:
        page.save(path)
    return page
