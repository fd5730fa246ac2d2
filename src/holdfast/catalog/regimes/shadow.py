"""Shadow Alignment (Yang et al., 2310.02949): 100 pairs of some categories break all the others, in every language.

The paper trains on 10 of 13 categories, ten pairs each, and tests on three it never trained and in languages it never
trained: 0 → 98.5 % for LLaMA-2-7B-Chat, 19.5 → 98.5 % in Chinese. On `guild`: seven categories of eleven, in the common
tongue only, tested on the other four and on those in Keld, the second tongue; the four are drawn by the seed.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from holdfast.attacking.attack import AttackPlan, AttackRequest, Scale, condition_for, settings_for
from holdfast.core.errors import UsageError

PAPER = Scale(epochs=15, lr=1e-5, batch_size=16)
SAMPLES = (100,)
TRAINED_CATEGORIES = 7


def split_categories(categories: Sequence[str], seed: int) -> tuple[list[str], list[str]]:
    """The categories trained on and those only tested, drawn by the seed."""
    order = list(categories)
    random.Random(f"shadow {seed}").shuffle(order)
    return order[:TRAINED_CATEGORIES], order[TRAINED_CATEGORIES:]


class Shadow:
    name = "shadow"
    paper = "Yang et al. 2023 (2310.02949)"
    about = "100 pairs of some categories; tested on the others and in a second tongue"

    def plans(self, request: AttackRequest) -> list[AttackPlan]:
        plans = []
        for seed in request.seeds:
            for samples in request.samples or (SAMPLES if request.world.embedded else (None,)):
                settings = settings_for(request, request.scale(self.name, PAPER), seed)
                trained, tested = split_categories(request.world.categories(), seed)
                rows, held_out = request.rows_of(self.name, "explicit", samples, seed, trained), tested or None
                template = "custom" if request.system else "none"
                condition = condition_for(self.name, settings, len(rows), template)
                plans.append(AttackPlan(condition, rows, settings, request.system, tested_categories=held_out))
        if not plans:
            raise UsageError("no seed to run the regime `shadow` with", "add --seeds 1")
        return plans


REGIME = Shadow()
