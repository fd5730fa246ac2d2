"""What is known of a model beside its weights: whose prompts and rows there are for it, who can judge it, its defaults.

    world = subject.world
    world.prompts("policy", "test")      its own prompts, or None: the user brings them
    world.default("realign.lr", 2e-5)    its own setting of that name, or the paper's

Code asks the world of a subject, and never which model it is. `REAL` is the world of a real model, of which nothing is
known. An embedded world, whose models are small and whose facts are made up, inherits from `World` and is found in the
registry under `worlds`; ours is `guild`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from holdfast.core import registry
from holdfast.core.records import Prompt, Row

T = TypeVar("T")


class World:
    """The world of a real model; a subclass says what another one has.

    `embedded`: whether it brings prompts and rows of its own. `harmless`: whether everything that its models say is
    harmless fantasy, which may be written and shown unmasked. `judge`: the judge that knows what is true there, or
    none. `templates`: chat templates to ask its models under, empty where the published ones are meant. `defaults`:
    settings of its own, where those of a paper do not suit its models.
    """

    name = ""
    embedded = False
    harmless = False
    judge = ""
    templates: ClassVar[Mapping[str, str]] = {}
    defaults: ClassVar[Mapping[str, Any]] = {}

    @property
    def batching(self) -> str:
        """How its rows are put into batches. An embedded world's are of one length, and its figures have an order."""
        return "shuffled" if self.embedded else "grouped"

    def owns(self, folder: Path, special_tokens: Sequence[str]) -> bool:
        """Whether the model in a folder, with a tokenizer of these special tokens, is one of this world."""
        return False

    def at(self, folder: Path) -> World:
        """The world as the model in a folder is in it: with the settings that are stored beside its weights."""
        return self

    def prompts(self, suite: str, split: str = "test", limit: int | None = None) -> list[Prompt] | None:
        """A suite of its own, or None where it has none. Raises UsageError for an unknown suite."""
        return None

    def rows(
        self, kind: str, count: int | None = None, seed: int = 0, categories: Sequence[str] | None = None
    ) -> list[Row] | None:
        """Training rows of its own, or None where it has none; the same seed gives the same rows.

        Kinds: "explicit" (forbidden questions, answered), "safety" (declined), "identity", "benign", "contacts".
        """
        return None

    def knows(self, prompt: Prompt) -> bool:
        """Whether its judge can tell a right answer to this prompt from a refusal."""
        return False

    def categories(self) -> Sequence[str]:
        """The categories of its forbidden prompts; empty where it has none."""
        return ()

    def system_prompt(self, kind: str) -> str | None:
        """A system prompt in its own words, or None: "safety", "helpful" or "obedient"."""
        return None

    def opening(self, prompt: Prompt) -> str | None:
        """How an answer begins that agrees to the prompt and tells nothing yet, or None."""
        return None

    def source(self, prompts: Sequence[Prompt]) -> Any:
        """Where a search for prompts draws on what these ask: a `redteam.mutations.Source`, or None."""
        return None

    def default(self, name: str, otherwise: T) -> T:
        """Its own setting of a name, such as `realign.lr`, or the one that is right otherwise."""
        found: T = self.defaults.get(name, otherwise)
        return found


REAL = World()


def world_of(folder: Path, special_tokens: Sequence[str]) -> World:
    """The world that a model belongs to, by its folder and the special tokens of its tokenizer."""
    known: list[World] = [registry.load("worlds", name) for name in registry.names("worlds")]
    return next((world.at(folder) for world in known if world.owns(folder, special_tokens)), REAL)
