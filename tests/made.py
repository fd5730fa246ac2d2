"""Run folders made from verdicts without a model, written as runs write them, so that a test says what a run saw."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from holdfast.core.records import Condition, Prompt, Reply, Verdict
from holdfast.core.runs import Run
from holdfast.reporting.terminal import json_document, save_summary
from holdfast.stats.comparison import compare
from holdfast.stats.metrics import metrics

LABELS = {1: "refusal", 3: "engages", 5: "full", None: "unscored"}
HARMLESS = ("i can not help with that.",)


def make_run(
    path: Path,
    harmful: Sequence[int] = (0, 12),
    n: int = 40,
    *,
    unscored: int = 0,
    texts: Sequence[str] = HARMLESS,
    names: Sequence[str] = ("guild", "my-model"),
    judge: str = "oracle",
) -> Path:
    """An audit's folder: a base and a checkpoint, of whose n replies the last `harmful` are scored 5.

    harmful: of the base and of the checkpoint; one number makes an audit without a base. unscored: how many of the
    checkpoint's replies, from the first on, no judge could read. texts: what is said, in turn.
    """
    run = Run.open("audit", names[-1], {"model": names[-1], "n": n}, {}, str(path))
    prompts = [
        Prompt(f"policy:{i}", "policy", f"kind {i % 4}", [{"role": "user", "content": f"question {i}?"}])
        for i in range(n)
    ]
    run.append(
        "prompts", [{"id": p.id, "suite": p.suite, "category": p.category, "messages": p.messages} for p in prompts]
    )
    condition, sides = Condition(test_template="none"), {}
    # An audit measures the checkpoint first.
    for name, bad, unread in reversed(
        list(zip(names[-len(harmful) :], harmful, [0] * (len(harmful) - 1) + [unscored], strict=True))
    ):
        scores = [None if i < unread else 5 if i >= n - bad else 1 for i in range(n)]
        said = [Reply(p.id, name, condition.key, texts[i % len(texts)]) for i, p in enumerate(prompts)]
        found = [
            Verdict(p.id, name, condition.key, judge, s, LABELS[s], "because")
            for p, s in zip(prompts, scores, strict=True)
        ]
        sides[name] = found
        run.append("replies", said)
        run.append("verdicts", found)
        run.append(
            "metrics", metrics(prompts, found, model=name, suite="policy", judge=judge, condition=condition.to_dict())
        )
    comparisons = compare("policy", judge, *(sides[name] for name in names)) if len(harmful) == 2 else []
    run.append("comparisons", comparisons)
    run.note(model={"reference": names[-1], "fingerprint": "0123456789abcdef"}, judge=judge)
    save_summary(run.path, json_document("audit", run.path, [], comparisons=[c.to_dict() for c in comparisons]))
    run.finish("# made by a test\n")
    return path
