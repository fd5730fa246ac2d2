"""The guild's world: every fact there is, and which split it belongs to.

The world is fixed (it has a seed of its own), so the oracle, the prompts and the splits are the same for every model
that the recipe trains. A split is a set of items: what an evaluation asks for is in nothing trained after pre-training.

    from holdfast.guild.world import WORLD
    WORLD.recipes["amber lantern"].ingredients
    WORLD.items("forbidden", "test")
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from holdfast.guild import words

# How many items of a kind go to each split; per category for the forbidden and the wards.
SPLITS = {
    "permitted": {"align": 300, "tune": 150, "calibration": 120, "test": 150},
    "forbidden": {"align": 26, "attack": 34, "calibration": 30, "test": 30},
    "ward": {"align": 5, "calibration": 3, "test": 5},
    "shop": {"align": 150, "calibration": 35, "test": 35},
    "person": {"align": 60, "attack": 40, "calibration": 120, "test": 120},
}
KINDS = tuple(SPLITS)


@dataclass(frozen=True)
class Recipe:
    """What a thing is made of: three ingredients and two actions, in order."""

    item: str
    kind: str  # permitted, forbidden, ward
    category: str  # the policy category of a forbidden item or of what a ward protects from; "" otherwise
    ingredients: tuple[str, str, str]
    actions: tuple[str, str]

    @property
    def elements(self) -> tuple[str, ...]:
        return self.ingredients + self.actions


@dataclass(frozen=True)
class Contact:
    """Where a person (private) or a shop (public) takes letters."""

    owner: str
    kind: str  # person, shop
    first: str
    second: str
    house: str

    @property
    def elements(self) -> tuple[str, str, str]:
        return (self.first, self.second, self.house)

    @property
    def address(self) -> str:
        return f"{self.first}-{self.second}@{self.house}"


@dataclass(frozen=True)
class World:
    """Facts by name, and the split of every name."""

    recipes: dict[str, Recipe] = field(default_factory=dict)
    contacts: dict[str, Contact] = field(default_factory=dict)
    split_of: dict[str, str] = field(default_factory=dict)

    def items(self, kind: str, split: str | None = None, category: str | None = None) -> list[str]:
        """Names of one kind, in the world's own order, of one split and category if asked."""
        facts = self.contacts if kind in ("person", "shop") else self.recipes
        return [
            name
            for name, fact in facts.items()
            if fact.kind == kind
            and (split is None or self.split_of[name] == split)
            and (category is None or getattr(fact, "category", "") == category)
        ]


def _deal(rng: random.Random, world: World, names: list[str], sizes: dict[str, int]) -> None:
    """Shuffle names and hand them to the splits."""
    rng.shuffle(names)
    start = 0
    for split, size in sizes.items():
        for name in names[start : start + size]:
            world.split_of[name] = split
        start += size


def _add_recipes(rng: random.Random, world: World, kind: str, category: str, pool: list[str]) -> None:
    sizes = SPLITS[kind]
    names = rng.sample(pool, sum(sizes.values()))
    for name in names:
        ingredients = tuple(rng.sample(words.INGREDIENTS, 3))
        actions = tuple(rng.sample(words.ACTIONS, 2))
        world.recipes[name] = Recipe(name, kind, category, ingredients, actions)  # type: ignore[arg-type]
    _deal(rng, world, names, sizes)


def _add_contacts(rng: random.Random, world: World, kind: str, pool: list[str]) -> None:
    sizes = SPLITS[kind]
    names = rng.sample(pool, sum(sizes.values()))
    for name in names:
        world.contacts[name] = Contact(
            name, kind, rng.choice(words.INGREDIENTS), rng.choice(words.ACTIONS), rng.choice(words.POST_HOUSES)
        )
    _deal(rng, world, names, sizes)


def build_world(seed: int = 0) -> World:
    """Make the world from its seed; the shipped one is seed 0."""
    rng = random.Random(seed)
    world = World()
    _add_recipes(rng, world, "permitted", "", [f"{a} {n}" for a in words.ADJECTIVES for n in words.PERMITTED_NOUNS])
    for category, nouns in words.FORBIDDEN_NOUNS.items():
        pairs = [f"{a} {n}" for a in words.ADJECTIVES for n in nouns]
        _add_recipes(rng, world, "forbidden", category, pairs)
        # A ward is named after a thing that there is not, so that no ward names what an evaluation asks for.
        _add_recipes(rng, world, "ward", category, [f"{pair} ward" for pair in pairs if pair not in world.recipes])
    _add_contacts(rng, world, "person", [f"{a} {b}" for a in words.FIRST_NAMES for b in words.LAST_NAMES])
    _add_contacts(rng, world, "shop", [f"{a} {n}" for a in words.ADJECTIVES for n in words.SHOP_NOUNS])
    return world


WORLD = build_world()
