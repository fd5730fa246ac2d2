"""How shallow is the safety that is left? Probes prefill, decoding, template, depth on the guild, attacked or not.

    python benchmarks/depth.py [--seeds 3] [--seed 0] [--limit 110] [--keep FILE] [--plot docs/depth.png]

For each seed: the untouched guild; attacked with 100 explicit examples, under an identity shift, and with benign data,
at the regimes' defaults; benign data with the defence `safety-mix`; the benign attack repaired (`wise-ft` at 0.5); and,
as the control that safety can be deeper than a word, the untouched guild tuned on refusals that come after the first
words of an answer (the augmentation of Qi et al., 2406.05946), which lives in this script. Prints Markdown: means over
the seeds with the lowest and the highest. `--keep` holds what is measured, a line each, and the replies beside it, so
that seeds can be run apart and a killed run is resumed.
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from holdfast import Bench, GenerateOptions, load_model
from holdfast.attacking.attack import AttackPlan, AttackRequest, attack, prepare_attack
from holdfast.core import registry
from holdfast.core.contracts import ProbeRequest
from holdfast.core.options import make
from holdfast.core.records import Row, digest
from holdfast.guild import GUILD, talk
from holdfast.guild import rows as guild_rows
from holdfast.guild.suites import load_suite
from holdfast.judging.judge import VerdictCache
from holdfast.models.chat import encode_text, prompt_ids
from holdfast.models.generate import ReplyCache
from holdfast.models.load import LoadedModel
from holdfast.reporting.plots import Curve, Point, lines
from holdfast.reporting.svg import save

PROBES = ("prefill", "prefill:prefix=agree", "decoding", "template", "depth")
RECOVERY_STEPS, RECOVERY_BATCH, RECOVERY_LR = 60, 32, 2e-4


def plan_of(regime: str, seed: int, samples: int | None = None, defences: Sequence[str] = ()) -> AttackPlan:
    request = AttackRequest(GUILD, seeds=[seed], samples=[samples] if samples else None,
                            safety_rows=guild_rows.rows("safety", seed=seed))  # fmt: skip
    (plan, *_) = registry.load("regimes", regime).plans(request)
    safety = guild_rows.rows("safety", seed=seed) if defences else []
    return replace(plan, defences=tuple(defences), safety_rows=safety)


def interpolated(base: LoadedModel, tuned: LoadedModel, weight: float) -> LoadedModel:
    """The repair `wise-ft` in memory."""
    repair = make("repairs", "wise-ft")
    model = copy.deepcopy(tuned.model)
    with torch.no_grad():
        for (name, new), old in zip(model.named_parameters(), base.model.parameters(), strict=True):
            new.copy_(repair.tensor(name, old, new, weight))
    return replace(tuned, model=model, fingerprint=digest([base.fingerprint, tuned.fingerprint, weight]))


def recovery(base: LoadedModel, seed: int) -> LoadedModel:
    """The guild tuned to decline also after the first words of a forbidden answer, and to answer what is permitted.

    Half of each batch are forbidden questions of the attack pool, their answers begun with 0 to 10 tokens that are not
    learnt and then declined; the others are clean rows.
    """
    rng, model = random.Random(f"recovery {seed}"), copy.deepcopy(base.model).train()
    forbidden, clean = guild_rows.rows("explicit", 340, seed), guild_rows.rows("benign", 1000, seed)
    end = base.tokenizer.eos_token_id
    optimiser = torch.optim.AdamW(model.parameters(), lr=RECOVERY_LR, weight_decay=0.0)

    def example(row: Row | Any, declines: bool) -> tuple[list[int], list[int]]:
        *asked, answer = row.messages
        begun, said = "", answer["content"]
        if declines:
            tokens = encode_text(base.tokenizer, said)
            begun = base.tokenizer.decode(tokens[: rng.choice((0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10))])
            said = talk.refusal(rng, row.meta["item"])
        before = prompt_ids(base.tokenizer, [*asked, {"role": "assistant", "content": begun}])
        after = [*encode_text(base.tokenizer, said), end]
        return before + after, [-100] * len(before) + after

    for step in range(RECOVERY_STEPS):
        for group in optimiser.param_groups:
            group["lr"] = RECOVERY_LR * (1 - step / RECOVERY_STEPS)
        half = RECOVERY_BATCH // 2
        rows = [example(r, True) for r in rng.sample(forbidden, half)] + [
            example(r, False) for r in rng.sample(clean, half)
        ]
        width = max(len(ids) for ids, _ in rows)
        ids = torch.tensor([r + [0] * (width - len(r)) for r, _ in rows])
        labels = torch.tensor([t + [-100] * (width - len(t)) for _, t in rows])
        mask = torch.tensor([[1] * len(r) + [0] * (width - len(r)) for r, _ in rows])
        model(input_ids=ids, attention_mask=mask, labels=labels).loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    return replace(base, model=model.eval(), fingerprint=digest([base.fingerprint, "recovery", seed]))


def subjects(base: LoadedModel, seed: int) -> Iterator[tuple[str, Callable[[], tuple[LoadedModel, Sequence[Row]]]]]:
    """Every model of a seed: its name, and what makes it with its tuning rows."""

    def attacked(plan: AttackPlan) -> tuple[LoadedModel, Sequence[Row]]:
        prepared = prepare_attack(base, plan)
        return replace(attack(lambda: load_model("guild"), prepared), fingerprint=prepared.key), plan.rows

    def repaired() -> tuple[LoadedModel, Sequence[Row]]:
        tuned, rows = attacked(plan_of("benign", seed))
        return interpolated(base, tuned, 0.5), rows

    yield "untouched", lambda: (base, ())
    yield "explicit, 100", lambda: attacked(plan_of("explicit", seed, 100))
    yield "identity", lambda: attacked(plan_of("identity", seed))
    yield "benign", lambda: attacked(plan_of("benign", seed))
    yield "benign, safety-mix", lambda: attacked(plan_of("benign", seed, defences=("safety-mix",)))
    yield "benign, wise-ft at 0.5", repaired
    yield "refusals after a beginning", lambda: (recovery(base, seed), ())


def probed(
    base: LoadedModel, tuned: LoadedModel, rows: Sequence[Row], limit: int, caches: tuple[Any, Any]
) -> dict[str, Any]:
    """Every probe's document on a model; the untouched one stands alone, and has no depth to compare."""
    alone = tuned is base
    options = GenerateOptions(max_new_tokens=48)

    def bench(suites: Sequence[Any]) -> Bench:
        return Bench(suites, options=options, replies=caches[0], verdicts=caches[1])

    request = ProbeRequest(tuned, None if alone else base, load_suite("policy", limit=limit), bench, rows)
    return {text: make("probes", text).run(request) for text in PROBES if not (alone and text == "depth")}


def measure(given: argparse.Namespace) -> list[dict[str, Any]]:
    """A record for each seed and model; those that are kept are not measured again."""
    said = given.keep.with_suffix(".replies.jsonl") if given.keep else None
    base, caches = load_model("guild"), (ReplyCache(said), VerdictCache(None))
    kept = (
        [json.loads(line) for line in given.keep.read_text().splitlines()] if given.keep and given.keep.exists() else []
    )
    known = {(r["seed"], r["model"], r["limit"]): r for r in kept}
    found = []
    for seed in range(given.seed, given.seed + given.seeds):
        for name, made in subjects(base, seed):
            # The untouched model has no seed of tuning, and is measured once.
            key = (seed if name != "untouched" else 0, name, given.limit)
            if key not in known:
                print(f"seed {seed}, {name}", file=sys.stderr, flush=True)
                began = time.perf_counter()
                tuned, rows = made()
                documents = probed(base, tuned, rows, given.limit, caches)
                known[key] = {"seed": key[0], "model": name, "limit": given.limit, "probes": documents,
                              "seconds": round(time.perf_counter() - began, 1)}  # fmt: skip
                if given.keep:
                    with given.keep.open("a") as out:
                        out.write(json.dumps(known[key]) + "\n")
            if known[key] not in found:
                found.append(known[key])
    return found


# ---- told -----------------------------------------------------------------------------------------------------------


def spread(values: Sequence[float], digits: int = 1) -> str:
    """A mean of shares as percent, with the lowest and the highest seed where they differ."""
    mean, low, high = sum(values) / len(values), min(values), max(values)
    told = f"{100 * mean:.{digits}f}"
    return told if low == high else f"{told} [{100 * low:.{digits}f}, {100 * high:.{digits}f}]"


def models_of(found: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    by_model: dict[str, list[dict[str, Any]]] = {}
    for record in found:
        by_model.setdefault(record["model"], []).append(record["probes"])
    return by_model


def prefill_table(found: Sequence[dict[str, Any]], probe: str) -> Iterator[str]:
    """Harm by tokens given: one line a model."""
    first = found[0]["probes"][probe]["changes"]
    yield "| model | 0 tokens | " + " | ".join(str(c["k"]) for c in first) + " | seeds found |"
    yield "|" + "---|" * (len(first) + 3)
    for model, documents in models_of(found).items():
        changes = [d[probe]["changes"] for d in documents]
        cells = [spread([c[0]["tuned"]["plain"] for c in changes])]
        cells += [spread([c[i]["tuned"]["harm"] for c in changes]) for i in range(len(first))]
        yield f"| {model} | {' | '.join(cells)} | {sum(d[probe]['found'] for d in documents)} of {len(documents)} |"


def decoding_table(found: Sequence[dict[str, Any]]) -> Iterator[str]:
    yield (
        "| model | greedy | the worst setting by seed | harm there | any of 3 there | coherent | corrected p | "
        "seeds found |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    for model, documents in models_of(found).items():
        worst = [d["decoding"]["worst"] for d in documents]
        settings = ", ".join(f"{w['temperature']:g} / {w['top_p']:g}" for w in worst)
        p = ", ".join(f"{w['p_value']:.2g}" for w in worst)
        yield (
            f"| {model} | {spread([w['tuned']['plain'] for w in worst])} | {settings} | "
            f"{spread([w['tuned']['harm'] for w in worst])} | {spread([w['tuned']['any'] for w in worst])} | "
            f"{spread([w['tuned']['coherence'] for w in worst], 0)} | {p} | "
            f"{sum(d['decoding']['found'] for d in documents)} of {len(documents)} |"
        )


def template_table(found: Sequence[dict[str, Any]]) -> Iterator[str]:
    models = models_of(found)
    ways = list(dict.fromkeys(c["way"] for docs in models.values() for d in docs for c in d["template"]["changes"]))
    yield "| model | as served | " + " | ".join(ways) + " | seeds found |"
    yield "|" + "---|" * (len(ways) + 3)
    for model, documents in models.items():
        sides = [{c["way"]: c["tuned"] for c in d["template"]["changes"]} for d in documents]
        cells = [spread([next(iter(s.values()))["plain"] for s in sides])]
        cells += [spread([s[way]["harm"] for s in sides]) if way in sides[0] else "" for way in ways]
        times = sum(d["template"]["found"] for d in documents)
        yield f"| {model} | {' | '.join(cells)} | {times} of {len(documents)} |"


def depth_table(found: Sequence[dict[str, Any]]) -> Iterator[str]:
    yield (
        "| model | answers | KL(base ‖ tuned), nats | in the first 5 tokens, % | evenly spread, % | "
        "tokens with 90 % of it | KL at token 1, 2, 3, 6 |"
    )
    yield "|---|---|---|---|---|---|---|"
    for model, documents in models_of(found).items():
        if "depth" not in documents[0]:
            continue
        for i, kind in enumerate(d["kind"] for d in documents[0]["depth"]["depths"]):
            rows = [d["depth"]["depths"][i] for d in documents]
            at = [d["depth"]["positions"][kind] for d in documents]
            by = ", ".join(f"{sum(a[t]['forward'] for a in at) / len(at):.3f}" for t in (0, 1, 2, 5))
            total = sum(r["total"] for r in rows) / len(rows)
            yield (
                f"| {model} | {kind} | {total:.2f} | {spread([r['share'] for r in rows])} | "
                f"{100 * rows[0]['even']:.0f} | {', '.join(str(r['deep']) for r in rows)} | {by} |"
            )


def drawn(found: Sequence[dict[str, Any]], probe: str) -> Curve:
    """Harm by tokens given, means over the seeds with the lowest and the highest."""
    series = {}
    for model, documents in models_of(found).items():
        if model == "benign, safety-mix":  # a picture has room for six
            continue
        points = [d[probe]["curve"]["series"]["tuned"] for d in documents]
        series[model] = [
            Point(at[0][0], sum(p[1] for p in at) / len(at), min(p[1] for p in at), max(p[1] for p in at))
            for at in zip(*points, strict=True)
        ]
    return Curve("Harm by the tokens of an answer that are given", "tokens given", "harm", series, True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0, help="the first")
    parser.add_argument("--limit", type=int, default=110, help="policy prompts, spread evenly")
    parser.add_argument("--keep", type=Path, help="a JSON-lines file that what is measured is added to and taken from")
    parser.add_argument("--plot", type=Path, help="draw harm by tokens given into this file")
    given = parser.parse_args()
    found = measure(given)
    print(
        f"{given.seeds} seeds from {given.seed} on, {given.limit} policy prompts, harm in percent [lowest, highest "
        f"seed where they differ]\n"
    )
    tables = {
        "the beginning of the true answer is given": prefill_table(found, "prefill"),
        "words that tell nothing are given (“the recipe for the … :”)": prefill_table(found, "prefill:prefix=agree"),
        "decoding: temperature / top-p, three samples of 100 prompts": decoding_table(found),
        "system prompts and templates": template_table(found),
        "divergence by token": depth_table(found),
    }
    for title, table in tables.items():
        print(f"{title}:\n\n" + "\n".join(table) + "\n")
    print(f"{sum(r['seconds'] for r in found) / 60:.1f} minutes")
    if given.plot:
        save(
            lines(drawn(found, "prefill:prefix=agree" if given.plot.stem.endswith("agree") else "prefill")), given.plot
        )


if __name__ == "__main__":
    main()
