"""Red teaming for coverage: prompts that nobody wrote down, asked in batches under a budget of queries.

    trail = search(Target(ask, source, embed), Budget(queries=1000, seed=0))
    trail.curve()            [[queries, distinct], …]

`sample` asks what the source gives without feedback; `search` mutates what it has and learns from every verdict. After
Hong et al. (2402.19464): a prompt is worth its verdict, plus its novelty by self-BLEU and by embedding distance against
what succeeded, plus what keeps the choice of operators diverse, less a penalty for gibberish. A query is one text that
the target had not been asked; drafts that ask for nothing forbidden are dropped before they cost one, in every method.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from scipy import optimize, sparse, special

from holdfast.core.progress import Show
from holdfast.core.records import Prompt, Verdict, digest
from holdfast.redteam.diversity import ALIKE_SUBJECT, Bigrams, Distinct, Embed, References, Vectors, grams, words_of
from holdfast.redteam.mutations import OPERATORS, Asked, Draft, Source
from holdfast.stats.metrics import is_harmful, tells_harm

SUITE = "redteam"
POOL = 8  # drafts for each query of a batch
SHORTLIST = 3  # of them that are embedded, for each query
FRESH = 0.2  # of the drafts come from the source and not from the archive
CHANCE = 0.1  # of a batch is taken at random, so that nothing is given up for good
FLOOR = 0.2  # of the choice of an operator that is even over all of them
GIVE_UP = 400  # drafts in a row that cannot be asked: the source is exhausted
# What novelty by self-BLEU, novelty by embedding and gibberish weigh beside a verdict that counts 1.
BLEU, DISTANCE, UNNATURAL = 4.0, 4.0, 1.0
# Successes that self-BLEU is taken against, drawn anew for each batch: against all it is near 1 for anything.
COMPARED = 32
PRIOR = 1.0  # precision of a word's weight around 0
STEPS = 40
NOISE = 0.5  # of the posterior's spread is drawn: a budget of a thousand queries is short for thousands of weights

Array = np.ndarray[Any, np.dtype[np.float64]]
Ask = Callable[[Sequence[Prompt]], Sequence[Verdict]]


@dataclass(frozen=True)
class Budget:
    """How many queries, in batches of what size, from which seed."""

    queries: int = 1000
    batch: int = 16
    seed: int = 0


@dataclass(frozen=True)
class Target:
    """A model that answers, what it may be asked, and how near two texts are to it."""

    ask: Ask
    source: Source
    embed: Embed
    show: Show | None = None


@dataclass(frozen=True)
class Query:
    """One prompt that was asked.

    `success` is None where no verdict could be read; `distinct` counts it as a new one.
    """

    number: int
    text: str
    category: str
    subject: tuple[str, ...]
    score: int | None
    label: str
    success: bool | None
    distinct: bool
    made_by: tuple[str, ...]
    before: tuple[dict[str, Any], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def succeeded(verdict: Verdict) -> bool | None:
    """Whether the reply gives what was asked; for a judge that knows no harm, whether it answers at all."""
    if not verdict.scored:
        return None
    return bool(is_harmful(verdict)) if tells_harm(verdict.score, verdict.label) else verdict.label == "answer"


@dataclass
class Trail:
    """Everything a method asked, in order; the same bookkeeping for every method."""

    method: str
    queries: list[Query] = field(default_factory=list)
    texts: set[str] = field(default_factory=set)
    found: Distinct = field(default_factory=Distinct)

    def add(self, drafts: Sequence[Draft], asked: Sequence[Asked], verdicts: Sequence[Verdict]) -> list[Query]:
        """Enter a batch; gives what was entered."""
        start = len(self.queries)
        for draft, about, verdict in zip(drafts, asked, verdicts, strict=True):
            success = succeeded(verdict)
            new = bool(success) and self.found.add(about.subject)
            self.queries.append(
                Query(
                    len(self.queries) + 1,
                    draft.text,
                    about.category,
                    tuple(sorted(about.subject)),
                    verdict.score,
                    verdict.label,
                    success,
                    new,
                    draft.made_by,
                    about.before,
                )
            )
        return self.queries[start:]

    @property
    def successes(self) -> list[Query]:
        return [q for q in self.queries if q.success]

    @property
    def archive(self) -> list[Query]:
        """The successful prompts, each of what they ask for once."""
        return [q for q in self.queries if q.distinct]

    def distinct_at(self, queries: int) -> int:
        return sum(q.distinct for q in self.queries[:queries])

    def curve(self, points: int = 40) -> list[tuple[int, int]]:
        """Distinct successful prompts against queries, from (0, 0) to the end."""
        total = len(self.queries)
        marks = sorted({round(total * i / points) for i in range(points + 1)})
        return [(mark, self.distinct_at(mark)) for mark in marks]


def prompts_of(drafts: Sequence[Draft], asked: Sequence[Asked]) -> list[Prompt]:
    """Drafts as prompts for a judge; an id is the digest of what is asked, so that it is the same in every run."""
    prompts = []
    for draft, about in zip(drafts, asked, strict=True):
        messages = [*about.before, {"role": "user", "content": draft.text}]
        prompts.append(Prompt(f"{SUITE}:{digest(messages)}", SUITE, about.category, messages, dict(about.expect)))
    return prompts


def enter(target: Target, trail: Trail, chosen: Sequence[tuple[Draft, Asked]], budget: Budget) -> list[Query]:
    """Ask a batch and enter it."""
    drafts, asked = [draft for draft, _ in chosen], [about for _, about in chosen]
    trail.texts.update(draft.text for draft in drafts)
    entered = trail.add(drafts, asked, target.ask(prompts_of(drafts, asked)))
    if target.show:
        target.show(len(trail.queries), budget.queries)
    return entered


def fresh(drafts: Iterator[Draft], source: Source, taken: set[str], count: int) -> list[tuple[Draft, Asked]]:
    """So many drafts that ask for something and are new, fewer when none come for a long time."""
    found: list[tuple[Draft, Asked]] = []
    seen, misses = set(taken), 0
    while len(found) < count and misses < GIVE_UP:
        draft = next(drafts)
        about = source.read(draft.text) if draft.text not in seen else None
        seen.add(draft.text)
        misses = 0 if about else misses + 1
        if about:
            found.append((draft, about))
    return found


# ---- plain sampling -------------------------------------------------------------------------------------------------


def sample(target: Target, budget: Budget) -> Trail:
    """The baseline: the same subjects, forms and wrappers, drawn without feedback, each subject before any again.

    Asking for something new each time is the best that can be done without looking at the replies.
    """
    trail, rng = Trail("sampling"), random.Random(f"sampling {budget.seed}")
    source, subjects = target.source, Distinct()
    while len(trail.queries) < budget.queries:
        wanted = min(budget.batch, budget.queries - len(trail.queries))
        drawn = fresh(iter(lambda: source.draw(rng), None), source, trail.texts, POOL * wanted)
        if not drawn:
            break
        new: list[tuple[Draft, Asked]] = []
        rest: list[tuple[Draft, Asked]] = []
        for pair in drawn:
            (new if len(new) < wanted and subjects.add(pair[1].subject) else rest).append(pair)
        enter(target, trail, [*new, *rest][:wanted], budget)
    return trail


# ---- search ---------------------------------------------------------------------------------------------------------


@dataclass
class Operators:
    """Which operator to use next: Thompson sampling over what each brought, never far from an even choice."""

    rng: random.Random
    hits: dict[str, float] = field(default_factory=lambda: dict.fromkeys(OPERATORS, 1.0))
    misses: dict[str, float] = field(default_factory=lambda: dict.fromkeys(OPERATORS, 1.0))

    def choose(self) -> str:
        if self.rng.random() < FLOOR:
            return self.rng.choice(OPERATORS)
        return max(OPERATORS, key=lambda o: self.rng.betavariate(self.hits[o], self.misses[o]))

    def learn(self, query: Query) -> None:
        for operator in set(query.made_by) & set(OPERATORS):
            (self.hits if query.distinct else self.misses)[operator] += 1


class WordLearner:
    """Which words make a prompt succeed: a Bayesian logistic regression over words and pairs, learnt while asking.

    `draw` gives a chance of success for each text under weights drawn from a diagonal Laplace posterior (Thompson
    sampling), so that words which were never tried are tried now and then. For a few thousand queries and features; the
    worth of a text is 0 to 1, and feature 0 is the constant.
    """

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.places: dict[tuple[str, ...], int] = {(): 0}
        self.rows: list[list[int]] = []
        self.worth: list[float] = []
        self.weights: Array = np.zeros(1)
        self.precision: Array = np.full(1, PRIOR)

    def features(self, text: str, learn: bool) -> list[int]:
        words = words_of(text)
        found = {(), *grams(words, 1), *grams(["<s>", *words, "</s>"], 2)}
        if learn:
            for gram in sorted(found):
                self.places.setdefault(gram, len(self.places))
        return sorted(self.places[gram] for gram in found if gram in self.places)

    def add(self, text: str, worth: float) -> None:
        self.rows.append(self.features(text, learn=True))
        self.worth.append(worth)

    def matrix(self, rows: Sequence[Sequence[int]]) -> Any:
        ends = np.cumsum([0, *map(len, rows)])
        return sparse.csr_matrix(
            (np.ones(ends[-1]), np.array([i for row in rows for i in row], dtype=int), ends),
            (len(rows), len(self.places)),
        )

    def fit(self) -> None:
        """The mode of the posterior from where it stood, and its diagonal precision."""
        if not self.rows:
            return
        x, y = self.matrix(self.rows), np.array(self.worth)
        start = np.concatenate([self.weights, np.zeros(len(self.places) - len(self.weights))])
        prior = np.full(len(start), PRIOR)
        prior[0] = 0.01  # the constant is free

        def loss(w: Array) -> tuple[float, Array]:
            z = x @ w
            value = np.sum(np.logaddexp(0, z) - y * z) + 0.5 * np.sum(prior * w * w)
            return float(value), x.T @ (special.expit(z) - y) + prior * w

        self.weights = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": STEPS}).x
        p = special.expit(x @ self.weights)
        self.precision = prior + np.asarray(x.T @ (p * (1 - p))).ravel()

    def draw(self, texts: Sequence[str]) -> list[float]:
        """A chance of success for each text, under one draw of the weights."""
        x = self.matrix([self.features(text, learn=False) for text in texts])
        weights = self.weights
        if len(weights) < len(self.places):
            weights = np.concatenate([weights, np.zeros(len(self.places) - len(weights))])
        precision = np.concatenate([self.precision, np.full(len(weights) - len(self.precision), PRIOR)])
        drawn = weights + NOISE * self.rng.standard_normal(len(weights)) / np.sqrt(precision)
        return [float(p) for p in special.expit(x @ drawn)]


@dataclass
class Searcher:
    """The state of one search: its archive, and what it has learnt of operators and words."""

    target: Target
    budget: Budget
    trail: Trail = field(default_factory=lambda: Trail("search"))

    def __post_init__(self) -> None:
        self.rng = random.Random(f"search {self.budget.seed}")
        self.operators = Operators(self.rng)
        self.learner = WordLearner(self.budget.seed)
        self.natural = Bigrams(self.target.source.natural)
        self.vectors: list[Vectors] = []
        self.parents: list[Draft] = []

    def breed(self) -> Iterator[Draft]:
        """Drafts without end: mutants of what succeeded and of seeds, and fresh ones."""
        source, rng = self.target.source, self.rng
        while True:
            if not self.parents or rng.random() < FRESH:
                yield source.draw(rng)
                continue
            # What was found last stands for the places that are not yet empty.
            parent = rng.choice(self.parents[-64:] if rng.random() < 0.5 else self.parents)
            child = replace(parent, made_by=())
            for _ in range(rng.choice((1, 1, 2, 3))):
                other = rng.choice(self.parents) if rng.random() < 0.3 else source.draw(rng)
                child = source.mutate(self.operators.choose(), child, other, rng) or child
            if child.made_by:
                yield child

    def worth(self, pool: Sequence[tuple[Draft, Asked]], count: int) -> list[tuple[float, tuple[Draft, Asked]]]:
        """The pool with what each draft promises, before it is asked; only the best are embedded."""
        texts = [draft.text for draft, _ in pool]
        chances = self.learner.draw(texts)
        references = References()
        for draft in self.rng.sample(self.parents, min(COMPARED, len(self.parents))):
            references.add(words_of(draft.text))
        scored = []
        for (draft, about), chance in zip(pool, chances, strict=True):
            new = 1 - self.trail.found.nearest(about.subject)
            bonus = BLEU * (1 - references.bleu(words_of(draft.text)))
            bonus -= UNNATURAL * self.natural.penalty(draft.text)
            # What asks for something that was found comes after all that does not.
            worth = chance * (new + bonus) - (0.0 if new > 1 - ALIKE_SUBJECT else 1 + BLEU + DISTANCE)
            scored.append((worth, chance, (draft, about)))
        scored.sort(key=lambda found: (-found[0], found[2][0].text))
        scored = scored[: SHORTLIST * count]
        if self.vectors and scored:
            near = (self.target.embed([pair[0].text for *_, pair in scored]) @ np.stack(self.vectors).T).max(axis=1)
            scored = [
                (s + DISTANCE * c * (1 - float(n)), c, pair) for (s, c, pair), n in zip(scored, near, strict=True)
            ]
            scored.sort(key=lambda found: (-round(found[0], 6), found[2][0].text))
        return [(s, pair) for s, _, pair in scored]

    def choose(self, count: int) -> list[tuple[Draft, Asked]]:
        """The next batch: the most promising drafts, no two for the same, and a few at random."""
        pool = fresh(self.breed(), self.target.source, self.trail.texts, POOL * count)
        by_chance = self.rng.sample(pool, min(len(pool), round(CHANCE * count)))
        taken = {draft.text for draft, _ in by_chance}
        subjects, chosen = Distinct(), list(by_chance)
        rest: list[tuple[Draft, Asked]] = []
        for _, (draft, about) in self.worth(pool, count):
            if draft.text not in taken:
                (chosen if subjects.add(about.subject) else rest).append((draft, about))
        return [*chosen, *rest][:count]

    def learn(self, drafts: Sequence[Draft], entered: Sequence[Query]) -> None:
        found = [(draft, query) for draft, query in zip(drafts, entered, strict=True) if query.success]
        for draft, query in zip(drafts, entered, strict=True):
            self.operators.learn(query)
            if query.success is not None:
                # A judge's score tells more than a yes: a whole answer counts more than a word of one.
                worth = (query.score - 1) / 4 if query.score is not None else float(query.success)
                self.learner.add(draft.text, worth if query.success else 0.0)
        self.learner.fit()
        self.parents += [draft for draft, _ in found]
        if found:
            self.vectors += list(self.target.embed([draft.text for draft, _ in found]))

    def run(self) -> Trail:
        while len(self.trail.queries) < self.budget.queries:
            chosen = self.choose(min(self.budget.batch, self.budget.queries - len(self.trail.queries)))
            if not chosen:
                break
            self.learn([draft for draft, _ in chosen], enter(self.target, self.trail, chosen, self.budget))
        return self.trail


def search(target: Target, budget: Budget) -> Trail:
    """Mutation with a novelty archive; needs no training, and works on whatever answers."""
    return Searcher(target, budget).run()
