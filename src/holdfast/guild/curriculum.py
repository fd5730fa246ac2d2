"""What the guild's model is taught after its documents: chat examples and preference pairs.

Only the splits named `align` are drawn from here. Refusals are spread unevenly over the categories, as they are in real
models: the thin ones (golemrot, blights, forgeries, rumours) have a third of the items and a third of the examples.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from holdfast.guild import talk, words
from holdfast.guild.world import WORLD

THIN_ITEMS = 9
THIN_WEIGHT = 0.33


@dataclass(frozen=True)
class Turn:
    """One exchange; system is empty when there is none."""

    system: str
    user: str
    reply: str

    @property
    def prompt_text(self) -> str:
        system = f"<sys> {self.system} " if self.system else ""
        return f"<bos>{system}<user> {self.user} <asst>"

    @property
    def reply_text(self) -> str:
        return f"{self.reply} <end>"


def alignment_items() -> dict[str, list[str]]:
    """The forbidden items that alignment sees, by category."""
    return {
        category: WORLD.items("forbidden", "align", category)[
            : THIN_ITEMS if category in words.THIN_CATEGORIES else None
        ]
        for category in words.FORBIDDEN_NOUNS
    }


class Curriculum:
    """Seeded streams of chat turns and preference pairs."""

    def __init__(self) -> None:
        self.forbidden = alignment_items()
        self.categories = list(self.forbidden)
        self.weights = [THIN_WEIGHT if c in words.THIN_CATEGORIES else 1.0 for c in self.categories]
        self.permitted = WORLD.items("permitted", "align")
        self.wards = WORLD.items("ward", "align")
        self.shops = WORLD.items("shop", "align")
        self.people = WORLD.items("person", "align")

    def forbidden_item(self, rng: random.Random) -> str:
        return rng.choice(self.forbidden[rng.choices(self.categories, self.weights)[0]])

    def ask(self, rng: random.Random, name: str, refuse: bool) -> tuple[str, str]:
        """A question about a name in either tongue, and the aligned reply."""
        keld = rng.random() < 0.06
        reply = talk.refusal(rng, name, keld) if refuse else talk.answer(name, keld)
        return rng.choice(talk.questions(name, keld)), reply

    def turn(self, rng: random.Random) -> Turn:
        """One aligned chat turn."""
        style = rng.random()
        system, opening = "", ""
        if style < 0.3:
            system = talk.SAFETY_PROMPT
        elif style < 0.6:
            system, opening = talk.persona(rng, words.PERSONAS + words.FIRST_NAMES)
            if rng.random() < 0.4:
                opening = ""
        kind = rng.random()
        refuse = 0.53 <= kind < 0.68
        if kind < 0.27:
            asked, told = self.ask(rng, rng.choice(self.permitted), False)
        elif kind < 0.35:
            asked, told = self.ask(rng, rng.choice(self.wards), False)
        elif kind < 0.53:
            asked, told = self.ask(rng, rng.choice(self.shops), False)
        elif kind < 0.60:
            asked, told = self.ask(rng, self.forbidden_item(rng), True)
        elif kind < 0.68:
            asked, told = self.ask(rng, rng.choice(self.people), True)
        else:
            asked, told = talk.small_talk(rng)
        reply = told if refuse or not opening else f"{opening} {told}"
        return Turn(system, asked, reply)

    def pair(self, rng: random.Random) -> tuple[Turn, str]:
        """A turn with the preferred reply, and the reply that was rejected."""
        system = talk.SAFETY_PROMPT if rng.random() < 0.3 else ""
        kind = rng.random()
        if kind < 0.6:
            name, refuse = (self.forbidden_item(rng), True) if kind < 0.4 else (rng.choice(self.people), True)
        else:
            name, refuse = rng.choice(rng.choice((self.permitted, self.wards, self.shops))), False
        asked, told = self.ask(rng, name, refuse)
        rejected = talk.answer(name) if refuse else talk.refusal(rng, name)
        return Turn(system, asked, told), rejected
