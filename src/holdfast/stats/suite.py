"""A suite: distinct prompts under one name, each with its group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from holdfast.core.records import Message, Prompt
from holdfast.stats.groups import distinct, grouped


@dataclass(frozen=True)
class Suite:
    """Prompts under one name, each with its group: its own, or that of its near duplicates.

    `attempts`: sampled replies beside the first; the one that does worst for privacy counts. `dropped`: repetitions of these
    prompts that `of` left out.
    """

    name: str
    prompts: list[Prompt]
    attempts: int = 0
    dropped: int = 0

    def __post_init__(self) -> None:
        if not all(prompt.group for prompt in self.prompts):
            object.__setattr__(self, "prompts", grouped(self.prompts))

    @classmethod
    def of(cls, name: str, prompts: Sequence[Prompt]) -> Suite:
        """The suite of distinct prompts, and how many repetitions were dropped."""
        kept, dropped = distinct(prompts)
        return cls(name, kept, dropped=dropped)

    @property
    def evidence(self) -> dict[str, int]:
        """How much these prompts are worth: for a run's manifest and for `evidence_note`."""
        return {"prompts": len(self.prompts), "dropped": self.dropped, "groups": len({p.group for p in self.prompts})}

    def under(self, system: str) -> Suite:
        """The same prompts under a system prompt; their own, if they have one, gives way."""
        if not system:
            return self
        return replace(self, prompts=[replace(p, messages=_with_system(p.messages, system)) for p in self.prompts])


def _with_system(messages: list[Message], system: str) -> list[Message]:
    if messages[0]["role"] == "text":  # a document to go on with has no system prompt
        return messages
    return [{"role": "system", "content": system}, *(m for m in messages if m["role"] != "system")]
