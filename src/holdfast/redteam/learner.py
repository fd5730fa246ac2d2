"""Which words make a prompt succeed: a Bayesian logistic regression over words and pairs, learnt while asking.

    learner = WordLearner(seed); learner.add(text, 1.0); learner.fit(); learner.draw(texts)

`draw` gives a chance of success for each text under weights drawn from a diagonal Laplace posterior (Thompson
sampling), so that words which were never tried are tried now and then. Small: a few thousand queries, a few thousand
features.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import optimize, sparse, special

from holdfast.redteam.diversity import grams, words_of

Array = np.ndarray[Any, np.dtype[np.float64]]
PRIOR = 1.0  # precision of a weight around 0
STEPS = 40
NOISE = 0.5  # of the posterior's spread is drawn: a budget of a thousand queries is short for thousands of weights


class WordLearner:
    """Texts and what came of them, 0 to 1; feature 0 is the constant."""

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
