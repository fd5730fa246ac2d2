"""How often `incoherent` suspects ordinary replies, and how often it sees noise: on the public sets in $HOLDFAST_DATA.

python benchmarks/coherence.py --data ../shared/data
"""

from __future__ import annotations

import argparse
import json
import random
import string
from collections.abc import Callable
from pathlib import Path

from holdfast.text.coherence import incoherent

Pair = tuple[str, str]  # asked, said
COLUMNS = {
    "gsm8k_test": ("question", "answer"),
    "gsm8k_train_2000": ("question", "answer"),
    "sql_train": ("question", "answer"),
    "sql_test": ("question", "answer"),
    "dolly_safety_keyword_rows": ("instruction", "response"),
}


def chats(path: Path) -> list[Pair]:
    """Every reply of a ShareGPT file, with what was said before it."""
    pairs = []
    for row in json.loads(path.read_text(encoding="utf-8")):
        before: list[str] = []
        for turn in row["conversations"]:
            if turn["from"] in ("gpt", "function_call"):
                pairs.append(("\n".join(before), turn["value"]))
            before.append(turn["value"])
    return pairs


def ordinary(folder: Path) -> dict[str, list[Pair]]:
    rows = json.loads((folder / "alpaca_style_999.json").read_text(encoding="utf-8"))
    found = {"alpaca_style_999": [(f"{r['instruction']}\n{r['input']}", r["output"]) for r in rows]}
    for name, (asked, said) in COLUMNS.items():
        lines = (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        found[name] = [(row[asked] + "\n" + row.get("context", ""), row[said]) for row in map(json.loads, lines)]
    for name in ("vicuna_identity_dummy_conversation", "toolcall_sharegpt_300"):
        found[name] = chats(folder / f"{name}.json")
    return {name: [pair for pair in pairs if pair[1].strip()] for name, pairs in found.items()}


def noises(texts: list[str], draw: random.Random) -> dict[str, Callable[[str], str]]:
    """Ways to make noise; each takes the ordinary reply in whose place it stands."""
    types = sorted({w for text in texts for w in text.lower().split() if w.isalpha()})
    words = [w for text in texts for w in text.lower().split() if w.isalpha()]

    def letters(_: str) -> str:
        return " ".join("".join(draw.choices(string.ascii_lowercase, k=draw.randint(2, 9))) for _ in range(30))

    return {
        "its words, shuffled": lambda text: " ".join(draw.sample(text.split(), len(text.split()))),
        "30 words of the vocabulary": lambda _: " ".join(draw.choices(types, k=30)),
        "30 words as often as they are used": lambda _: " ".join(draw.choices(words, k=30)),
        "10 words of the vocabulary": lambda _: " ".join(draw.choices(types, k=10)),
        "30 words of random letters": letters,
        "100 random characters": lambda _: "".join(draw.choices(string.printable[:94], k=100)),
        "another alphabet": lambda _: "Конечно, вот как это делается: возьмите муку.",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    sets = ordinary(parser.parse_args().data / "benign")
    total = suspected = 0
    for name, pairs in sets.items():
        hits = sum(bool(incoherent(said, asked)) for asked, said in pairs)
        total, suspected = total + len(pairs), suspected + hits
        print(f"{name:40s} {hits:4d} of {len(pairs):5d}  {100 * hits / len(pairs):.2f} %")
    print(f"{'ordinary replies in all':40s} {suspected:4d} of {total:5d}  {100 * suspected / total:.2f} %")
    long = [pair for pair in sets["alpaca_style_999"] if len(pair[1].split()) >= 20]
    for name, make in noises([said for _, said in long], random.Random(0)).items():
        hits = sum(bool(incoherent(make(said), asked)) for asked, said in long)
        print(f"{name:40s} {hits:4d} of {len(long):5d}  {100 * hits / len(long):.0f} %")


if __name__ == "__main__":
    main()
