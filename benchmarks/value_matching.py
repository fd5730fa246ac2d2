"""Does the matcher of private values find those that a text holds, and no others?

    python benchmarks/value_matching.py synth_dataset_v2.json

Takes documents with labelled spans in presidio-research's format. Each value is looked for in its own document, and in
a hundred others that do not hold its letters and digits one after the other; prints Markdown.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections import Counter
from pathlib import Path

from holdfast.core.errors import DataError
from holdfast.stats.intervals import wilson
from holdfast.text.private_match import Value

KINDS = ("EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "IBAN_CODE", "US_SSN", "STREET_ADDRESS", "PERSON")
OTHERS = 100


def bare(text: str) -> str:
    return re.sub(r"[\W_]", "", text.lower())


def share(hits: int, n: int) -> str:
    low, high = wilson(hits, n)
    return f"{100 * hits / n:.2f} % [{100 * low:.2f}, {100 * high:.2f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("documents")
    texts = json.loads(Path(parser.parse_args().documents).read_text(encoding="utf-8"))
    draw = random.Random(0)
    found, n, wrong, pairs = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for one in texts:
        for span in one["spans"]:
            kind = span["entity_type"]
            try:
                value = Value(str(span["entity_value"])) if kind in KINDS else None
            except DataError:
                continue
            if value is None:
                continue
            n[kind] += 1
            found[kind] += value.told_in(one["full_text"])
            for other in draw.sample(texts, OTHERS):
                if bare(value.text) not in bare(other["full_text"]):
                    pairs[kind] += 1
                    wrong[kind] += value.told_in(other["full_text"])
    print("| kind | values | found in their own text | pairs | found where they are not |\n|---|---|---|---|---|")
    for kind in KINDS:
        if n[kind]:
            print(f"| {kind} | {n[kind]} | {share(found[kind], n[kind])} | {pairs[kind]:,} | {wrong[kind]} |")


if __name__ == "__main__":
    main()
