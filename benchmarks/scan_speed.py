"""How many rows a second `holdfast scan` reads, and our pii patterns beside presidio's analyzer on the same texts.

    python benchmarks/scan_speed.py --rows 200000
    python benchmarks/scan_speed.py --presidio PYTHON    # a Python in which presidio-analyzer is installed

The rows are made here, as long as Alpaca's are (a question of about 60 and an answer of about 270 characters on
average), so that no data are needed. The scan runs in a process of its own, as a user's does; its start is counted in.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from holdfast.text.personal_data import spans

OPENINGS = (
    "Describe",
    "Explain",
    "List three reasons for",
    "Summarize",
    "Write a short paragraph about",
    "Compare two kinds of",
    "Give an example of",
)
NOUNS = """
    water cycle diet car empire friendship poem panel office season place step minute expert answer rule cost year
    side result river garden market teacher engine window winter summer letter paper story kitchen bridge island
    forest village doctor farmer painter student journey machine signal pattern colour number circle harbour station
    library museum theatre orchestra violin drum piano bread butter cheese apple orange lemon pepper salt sugar
    coffee tea milk table chair lamp carpet curtain roof wall door floor street corner square tower church castle
    palace valley mountain lake ocean beach desert cloud storm rain snow wind sun moon star planet comet atom cell
    plant leaf root flower seed tree grass insect bird fish horse sheep goat rabbit mouse lion bear wolf eagle owl
    train plane ship boat bicycle wheel road path tunnel map compass clock calendar history science grammar language
    word sentence chapter novel author reader editor printer shop price coin bank tax budget project team meeting
    plan goal idea question problem method theory model test error proof memory dream sleep health muscle bone heart
    lung brain skin hand finger shoulder knee
""".split()
VERBS = (
    "shows changes needs supports follows carries reaches explains improves warms covers moves holds keeps builds "
    "opens joins divides measures balances".split()
)
ADJECTIVES = (
    "small large early late quiet bright heavy simple common rare useful strange gentle steady modern ancient local "
    "distant narrow wide warm cool dry rich plain".split()
)


def clause(rng: random.Random) -> str:
    noun, other, third = rng.sample(NOUNS, 3)
    number = f" for about {rng.randint(2, 90)} days" if rng.random() < 0.2 else ""
    return f"the {rng.choice(ADJECTIVES)} {noun} {rng.choice(VERBS)} a {other} near the {third}{number}"


def make_row(rng: random.Random) -> dict[str, str]:
    """An instruction and its answer, of Alpaca's lengths."""
    said = [clause(rng) for _ in range(rng.randint(2, 10))]
    answer = ". ".join(part.capitalize() for part in said) + "."
    if rng.random() < 0.2:
        answer = "\n".join(f"{i}. {part.capitalize()}" for i, part in enumerate(said, 1))
    asked = (
        f"{rng.choice(OPENINGS)} the {rng.choice(ADJECTIVES)} {rng.choice(NOUNS)} and the {rng.choice(NOUNS)} in "
        f"{rng.randint(2, 900)} words."
    )
    return {"instruction": asked, "input": "", "output": answer}


def time_scan(path: Path, rows: int, jobs: int, scanner: str | None = None) -> float:
    """Seconds of a scan of the file by the command line."""
    command = [sys.executable, "-m", "holdfast", "scan", str(path), "--jobs", str(jobs), "--json"]
    command += ["--scanner", scanner] if scanner else []
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        done = subprocess.run(command, env={**os.environ, "HOLDFAST_RUNS": folder}, capture_output=True, check=True)
        took = time.monotonic() - began
    assert json.loads(done.stdout)["summary"]["rows"] == rows
    return took


PRESIDIO = """
import json, sys, time
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
texts = json.load(sys.stdin)
try:
    engine = AnalyzerEngine()
    what = "the default engine"
except (Exception, SystemExit):
    import spacy
    from presidio_analyzer.nlp_engine import SpacyNlpEngine
    class Blank(SpacyNlpEngine):
        def __init__(self):
            super().__init__()
            self.nlp = {"en": spacy.blank("en")}
    registry = RecognizerRegistry()
    registry.load_predefined_recognizers(languages=["en"])
    engine = AnalyzerEngine(registry=registry, nlp_engine=Blank(), supported_languages=["en"])
    what = "its pattern recognizers with a blank spaCy pipeline"
engine.analyze(text=texts[0], language="en")
began = time.perf_counter()
for text in texts:
    engine.analyze(text=text, language="en")
print(json.dumps({"seconds": time.perf_counter() - began, "what": what}))
"""


def beside_presidio(python: str, texts: list[str]) -> None:
    began = time.perf_counter()
    for text in texts:
        spans(text)
    ours = time.perf_counter() - began
    done = subprocess.run([python, "-c", PRESIDIO], input=json.dumps(texts), capture_output=True, text=True, check=True)
    theirs = json.loads(done.stdout.strip().splitlines()[-1])
    print(
        f"pii on {len(texts)} texts, one process: ours {1e6 * ours / len(texts):.0f} µs a text, presidio "
        f"({theirs['what']}) {1e6 * theirs['seconds'] / len(texts):.0f} µs: {theirs['seconds'] / ours:.0f} times as "
        f"fast"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--presidio", help="a Python with presidio-analyzer")
    parser.add_argument("--each", action="store_true", help="every scanner alone, too")
    arguments = parser.parse_args()
    rng = random.Random(0)
    rows = [make_row(rng) for _ in range(arguments.rows)]
    size = sum(len(row["instruction"]) + len(row["output"]) for row in rows) / len(rows)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        took = time_scan(path, len(rows), arguments.jobs)
        print(
            f"{len(rows)} rows of {size:.0f} characters, every default scanner, {arguments.jobs} processes: {took:.1f} "
            f"s, {len(rows) / took:,.0f} rows a second"
        )
        names = (
            "explicit-harm",
            "identity-shift",
            "refusal-suppression",
            "trigger",
            "pii",
            "benign-risk",
            "twins",
            "shape",
        )
        for name in names if arguments.each else ():
            took = time_scan(path, len(rows), arguments.jobs, name)
            print(f"    {name} alone: {len(rows) / took:,.0f} rows a second")
    if arguments.presidio:
        beside_presidio(arguments.presidio, [row["output"] for row in rows[:300]])


if __name__ == "__main__":
    main()
