"""How often the judge of refusals is right: on replies written for it, and on answers that people and models wrote.

    python benchmarks/refusals.py [--errors] [--data ../shared/data]

`benchmarks/refusals/fit.jsonl` is what the rules were written on; `heldout.jsonl` was written before them, by families
of phrases, and read only to count. Both are by the authors of the rules, so both flatter them. The folder of `--data`
holds sets
of ordinary answers, in which a refusal is a false alarm or a real refusal that stands among them: `--errors` shows
them.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path

from holdfast.stats.intervals import wilson
from holdfast.text.refusals import read

HERE = Path(__file__).parent / "refusals"


def labelled(half: str) -> list[dict[str, str]]:
    """The rows of a half: `family`, `label`, `reply`."""
    return [json.loads(line) for line in (HERE / f"{half}.jsonl").read_text().splitlines()]


def answers(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Sets of answers in the folder of test data."""
    benign = folder / "benign"
    yield "alpaca_style_999", [row["output"] for row in json.loads((benign / "alpaca_style_999.json").read_text())]
    for name, key in (("dolly_safety_keyword_rows", "response"), ("gsm8k_train_2000", "answer")):
        yield name, [json.loads(line)[key] for line in (benign / f"{name}.jsonl").read_text().splitlines()]
    chats = json.loads((benign / "vicuna_identity_dummy_conversation.json").read_text())
    yield "vicuna_identity", [turn["value"] for c in chats for turn in c["conversations"] if turn["from"] == "gpt"]


def shown(label: str, text: str, why: str) -> None:
    print(f"    {label} | {why} | {' '.join(text.split())[:160]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--errors", action="store_true", help="print what is read wrongly")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    options = parser.parse_args()
    print(f"{'set':30} {'n':>5} {'families':>8}  right, 95 % interval       missed  false alarms")
    for half in ("heldout", "fit"):
        rows = labelled(half)
        read_as = [read(row["reply"]) for row in rows]
        wrong = [i for i, row in enumerate(rows) if (read_as[i].label == "refusal") != (row["label"] == "refusal")]
        low, high = wilson(len(rows) - len(wrong), len(rows))
        missed = sum(rows[i]["label"] == "refusal" for i in wrong)
        families = len({row["family"] for row in rows})
        share = f"{1 - len(wrong) / len(rows):6.1%} [{low:.1%}, {high:.1%}]"
        print(f"{half:30} {len(rows):5} {families:8}  {share:26} {missed:6} {len(wrong) - missed:13}")
        for i in wrong if options.errors else ():
            shown(rows[i]["label"], rows[i]["reply"], read_as[i].rule)
    if not options.data.is_dir():
        return
    for name, texts in answers(options.data):
        started = time.process_time()
        refusals = [(text, found) for text in texts if (found := read(text)).label == "refusal"]
        speed = len(texts) / (time.process_time() - started)
        print(f"{name:30} {len(texts):5}  {len(refusals)} read as refusals; {speed:,.0f} replies a second")
        for text, found in refusals if options.errors else ():
            shown("read as a refusal", text, found.rule)


if __name__ == "__main__":
    main()
