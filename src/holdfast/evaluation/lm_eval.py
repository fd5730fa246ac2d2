"""A utility anchor: lm-eval's tasks on the model that is already in memory.

    asked = LmEval(("arc_easy", "gsm8k"), limit=200)
    evaluation = anchored(evaluation, loaded, asked, run)     with suites `utility:arc_easy`, `utility:gsm8k`

A model may keep quiet about what is forbidden because it can say nothing any more; what it still knows tells. lm-eval
(Gao et al.) gets the instance; nothing is loaded twice. Of each task every figure is kept, and the first that is right
or wrong for each question becomes verdicts too, so that models are compared question by question. What is asked and
said is not kept.
"""

from __future__ import annotations

import copy
import difflib
import hashlib
import importlib
import logging
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from holdfast.core.errors import ModelError, UsageError
from holdfast.core.records import Metric, Verdict, digest
from holdfast.core.runs import Run, append_jsonl, read_jsonl
from holdfast.evaluation.bench import Evaluation
from holdfast.models.chat import given_arguments
from holdfast.models.load import LoadedModel
from holdfast.stats.intervals import mean_interval, wilson

JUDGE = "lm-eval"
FIRST = ("exact_match", "acc", "pass@1", "f1")  # the figure that models are compared by, where a task has it
DRAWS = 100  # for the standard errors of what is no mean over questions


@dataclass(frozen=True)
class LmEval:
    """What is asked of lm-eval.

    `folder` holds tasks of one's own, as YAML; `chat` puts questions into the chat template.
    """

    tasks: tuple[str, ...]
    limit: int | None = None
    folder: str | None = None
    chat: bool = False
    batch_size: int = 16


@dataclass(frozen=True)
class Figure:
    """One figure of a task; `hits` says which questions were right where each is right or wrong."""

    task: str
    name: str  # as lm-eval has it, with the filter where there is one: exact_match.strict_match
    better: str
    value: float
    low: float | None
    high: float | None
    n: int
    hits: dict[str, bool] | None = None

    @property
    def suite(self) -> str:
        return f"utility:{self.task}"


@lru_cache(maxsize=1)
def task_manager(asked: LmEval) -> Any:
    """lm-eval's tasks. Raises UsageError, with a hint, when it is not installed or has no such task."""
    if find_spec("lm_eval") is None:
        raise UsageError("--utility runs tasks of lm-eval, which is not installed", 'pip install "holdfast[lm-eval]"')
    if asked.folder and not Path(asked.folder).is_dir():
        raise UsageError(f"there is no folder of tasks `{asked.folder}`", "name a folder with lm-eval's YAML files")
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    manager = importlib.import_module("lm_eval.tasks").TaskManager
    # Reading lm-eval's own list takes seconds, and is spared where the folder has all that is asked.
    found = manager(include_path=asked.folder, include_defaults=False) if asked.folder else None
    if found is None or not set(asked.tasks) <= set(found.all_tasks):
        found = manager(include_path=asked.folder)
    for name in asked.tasks:
        if name not in found.all_tasks:
            near = difflib.get_close_matches(name, found.all_tasks, n=1)
            raise UsageError(
                f"lm-eval has no task `{name}`",
                f"did you mean `{near[0]}`?"
                if near
                else "`lm-eval ls tasks` lists them; --utility-tasks-dir adds your own",
            )
    return found


def anchored(evaluation: Evaluation, loaded: Any, asked: LmEval | None, run: Run) -> Evaluation:
    """An evaluation with lm-eval's tasks in it, and in the run's records.

    Raises UsageError for a model without weights.
    """
    if asked is None:
        return evaluation
    if not isinstance(loaded, LoadedModel):
        raise UsageError("--utility needs weights, not an endpoint", "name a model folder, or leave --utility out")
    metrics, verdicts, judges = list(evaluation.metrics), dict(evaluation.verdicts), dict(evaluation.judges)
    for figures in figures_of(loaded, asked, run.path / CACHE):
        found = [metric_of(figure, evaluation) for figure in figures]
        metrics += found
        run.append("metrics", found)
        main = main_figure(figures)
        if main is not None and main.hits is not None:
            judges[main.suite] = f"{JUDGE}:{main.name}"
            verdicts[main.suite] = verdicts_of(main, evaluation)
            record_questions(run, main)
            run.append("verdicts", verdicts[main.suite])
    return replace(evaluation, metrics=metrics, verdicts=verdicts, judges=judges)


def metric_of(figure: Figure, evaluation: Evaluation) -> Metric:
    return Metric(f"utility.{figure.name}", figure.value, figure.low, figure.high, figure.n, 0, figure.better,
                  evaluation.model, figure.suite, None, evaluation.condition.to_dict())  # fmt: skip


def main_figure(figures: Sequence[Figure]) -> Figure | None:
    """The figure by which models are compared question by question."""
    fit = [figure for figure in figures if figure.hits is not None and figure.better == "higher"]
    rank = {name: place for place, name in enumerate(FIRST)}
    return min(fit, key=lambda figure: rank.get(figure.name.split(".")[0], len(rank)), default=None)


def verdicts_of(figure: Figure, evaluation: Evaluation) -> list[Verdict]:
    model, condition = evaluation.model, evaluation.condition.key
    return [
        Verdict(
            f"{figure.suite}:{question}",
            model,
            condition,
            f"{JUDGE}:{figure.name}",
            None,
            "exact" if hit else "wrong",
            f"{figure.name} of lm-eval",
        )
        for question, hit in (figure.hits or {}).items()
    ]


def record_questions(run: Run, figure: Figure) -> None:
    """A task's questions by their number; their texts are lm-eval's and stay there."""
    known = {record["id"] for record in run.read("prompts")}
    ids = [f"{figure.suite}:{question}" for question in figure.hits or {}]
    run.append(
        "prompts",
        [{"id": i, "suite": figure.suite, "category": figure.task, "messages": []} for i in ids if i not in known],
    )


# ---- lm-eval --------------------------------------------------------------------------------------------------------


CACHE = Path("cache") / "utility.jsonl"


def figures_known(fingerprint: str, asked: LmEval | None, run: Run) -> bool:
    """Whether every figure of a model with this fingerprint is known, so that it need not be made again."""
    known = {record["key"] for record in read_jsonl(run.path / CACHE)}
    return asked is None or all(task_key(fingerprint, name, asked) in known for name in asked.tasks)


def figures_of(loaded: LoadedModel, asked: LmEval, cache: Path | None) -> list[list[Figure]]:
    """The figures of every task; a task whose figures are cached is not run again."""
    known = {r["key"]: [Figure(**figure) for figure in r["figures"]] for r in (read_jsonl(cache) if cache else ())}
    keys = {name: task_key(loaded.fingerprint, name, asked) for name in asked.tasks}
    if any(key not in known for key in keys.values()):
        huggingface = importlib.import_module("lm_eval.models.huggingface")
        # The tokenizer is lm-eval's own copy, since it sets a padding token; what our template is given, its is given
        # too.
        tokenizer = copy.deepcopy(loaded.tokenizer)
        if given := given_arguments(tokenizer):
            tokenizer.apply_chat_template = partial(tokenizer.apply_chat_template, **given)
        model = huggingface.HFLM(pretrained=loaded.model, tokenizer=tokenizer, batch_size=asked.batch_size)
    for name, key in keys.items():
        if key not in known:
            known[key] = read_results(run_task(model, name, asked), name)
            if cache:
                append_jsonl(cache, [{"key": key, "figures": [vars(figure) for figure in known[key]]}])
    return [known[key] for key in keys.values()]


def task_key(fingerprint: str, name: str, asked: LmEval) -> str:
    """What decides a task's figures: weights, task, limit, template, lm-eval's version and one's own tasks."""
    files = sorted(Path(asked.folder).rglob("*")) if asked.folder else []
    own = {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in files if p.is_file() and p.suffix != ".pyc"}
    return digest(
        {
            "model": fingerprint,
            "task": name,
            "limit": asked.limit,
            "chat": asked.chat,
            "lm_eval": version("lm_eval"),
            "own": own,
        }
    )


def run_task(model: Any, name: str, asked: LmEval) -> Mapping[str, Any]:
    """lm-eval's own document.

    Raises UsageError when the task's data cannot be had, ModelError when it gives nothing.
    """
    try:
        found = importlib.import_module("lm_eval").simple_evaluate(
            model=model,
            tasks=[name],
            limit=asked.limit,
            task_manager=task_manager(asked),
            apply_chat_template=asked.chat,
            bootstrap_iters=DRAWS,
            log_samples=True,
        )
    except (OSError, ValueError) as error:
        raise UsageError(
            f"lm-eval cannot run `{name}`: {type(error).__name__}: "
            f"{str(error).strip().splitlines()[0][:200] if str(error) else ''}",
            "its data must be at hand: run once with a network, or name tasks of your own with --utility-tasks-dir",
        ) from error
    if not found or not found.get("results"):
        raise ModelError(f"lm-eval gave no figure for `{name}`", "run `lm-eval` by hand to see why")
    return dict(found)


def read_results(found: Mapping[str, Any], asked: str) -> list[Figure]:
    """The figures in lm-eval's document: of the task or group, or of its tasks where the group has none."""
    results, every = found["results"], []
    names = [asked] if asked in results and _figures(results[asked]) else [n for n in results if _figures(results[n])]
    for name in names:
        for key, value in _figures(results[name]).items():
            metric, _, picked = key.partition(",")
            values = _values(found, name, metric, picked)
            stderr = results[name].get(f"{metric}_stderr,{picked}")
            low, high = _interval(value, values, stderr)
            better = found.get("higher_is_better", {}).get(name, {}).get(metric, True)
            hits = {q: v == 1 for q, v in values.items()} if values and set(values.values()) <= {0.0, 1.0} else None
            n = len(values) or _count(found, name)
            label = metric if picked in ("", "none") else f"{metric}.{picked}"
            every.append(
                Figure(
                    name,
                    re.sub(r"[^a-z0-9_.]+", "_", label.lower()),
                    "higher" if better else "lower",
                    value,
                    low,
                    high,
                    n,
                    hits,
                )
            )
    return every


def _figures(result: Mapping[str, Any]) -> dict[str, float]:
    return {
        key: float(value)
        for key, value in result.items()
        if "," in key and "_stderr," not in key and isinstance(value, (int, float)) and value == value
    }


def _values(found: Mapping[str, Any], task: str, metric: str, picked: str) -> dict[str, float]:
    """A figure's value for each question, where it is a mean of them."""
    samples = [s for s in found.get("samples", {}).get(task, ()) if s.get("filter", picked) == picked]
    values = {str(s["doc_id"]): s.get(metric) for s in samples}
    if not values or not all(isinstance(value, (int, float)) for value in values.values()):
        return {}
    numbers = {question: float(value) for question, value in values.items() if value is not None}
    mean = sum(numbers.values()) / len(numbers)
    return numbers if abs(mean - float(found["results"][task][f"{metric},{picked}"])) < 1e-6 else {}


def _interval(value: float, values: Mapping[str, float], stderr: Any) -> tuple[float | None, float | None]:
    if values and set(values.values()) <= {0.0, 1.0}:
        return wilson(int(sum(values.values())), len(values))
    if values:
        numbers = list(values.values())
        within = (0.0, 1.0) if 0 <= min(numbers) <= max(numbers) <= 1 else (None, None)  # as lm-eval's scores are
        low, high = mean_interval(numbers, *within)
        return (low, high) if math.isfinite(high - low) else (None, None)
    if isinstance(stderr, (int, float)) and stderr == stderr:
        return value - 1.96 * float(stderr), value + 1.96 * float(stderr)
    return None, None


def _count(found: Mapping[str, Any], name: str) -> int:
    """How many questions a figure rests on; of a group all those of its tasks."""
    counts = found.get("n-samples", {})
    own = [name] if name in counts else found.get("group_subtasks", {}).get(name, ())
    return sum(int(counts[one]["effective"]) for one in own if one in counts)
