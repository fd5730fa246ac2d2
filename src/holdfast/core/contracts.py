"""Every extension point, on one screen.

A third party registers its own through the entry-point groups `holdfast.judges`, `holdfast.regimes`,
`holdfast.defences`, `holdfast.repairs`, …; they are found by the same look-up as the built-in ones (see `registry`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from holdfast.core.records import Prompt, Reply, Row, Verdict


@runtime_checkable
class Judge(Protocol):
    """Reads replies and scores them 1 (declines) to 5 (fully fulfils); see Qi et al. for the rubric."""

    name: str

    def judge(self, prompts: Sequence[Prompt], replies: Sequence[Reply]) -> list[Verdict]:
        """One verdict per reply, in order; a reply that cannot be scored gets score None and says why."""
        ...


@dataclass(frozen=True)
class DefenceContext:
    """What a defence may draw on, known before training begins."""

    embedded: bool = False  # the guild's model, whose own safety rows are at hand
    safety_rows: Sequence[Row] = ()  # refusals that the user brings; the guild's own when embedded
    tokenizer: Any = None
    seed: int = 0


class Defence:
    """The moments at which a defence may act on training; every one does nothing unless it is overridden.

    `spec` is the name with every option, which decides a trained model's fingerprint: two defences with the same spec
    do the same. `test_system` is a system prompt that the tuned model must be served with, or None.
    """

    name = "none"
    paper = ""
    about = ""
    spec = "none"
    test_system: str | None = None

    def prepare(self, context: DefenceContext) -> None:
        """Before everything: check what is needed. Raises UsageError when an input is missing."""

    def rows(self, rows: list[Row]) -> list[Row]:
        """Before anything is tokenized: the training rows, perhaps with others among them."""
        return rows

    def begin(self, model: Any, trainer: Any) -> None:
        """When the model stands on its device and no step was taken."""

    def loss(self, loss: Any, model: Any, inputs: dict[str, Any], outputs: Any, num_items: Any) -> Any:
        """At every micro-batch: the loss that is to be differentiated.

        `num_items` is what the trainer divides by (tokens over the whole accumulated batch), or None for a mean.
        """
        return loss

    def gradients(self, model: Any) -> None:
        """When the gradients of an optimiser step are complete and not yet used."""

    def end(self, model: Any) -> None:
        """When training is over."""


@runtime_checkable
class Regime(Protocol):
    """A published way in which fine-tuning takes safety away; one file each, with its paper's settings."""

    name: str
    paper: str

    def plans(self, request: Any) -> list[Any]:
        """The attacks to run for a request (see `flow.attack.AttackRequest`), one for every setting."""
        ...


@dataclass(frozen=True)
class RepairInputs:
    """What a repair may draw on beside the two models. Models are `flow.models.LoadedModel`.

    `direction` maps a tensor's name to base minus unaligned base, float32, made in memory and never saved.
    """

    base: Any = None
    tuned: Any = None
    direction: dict[str, Any] = field(default_factory=dict)
    safety_rows: Sequence[Row] = ()
    task_rows: Sequence[Row] = ()
    seed: int = 0


class Repair:
    """Gives a tuned model its base's safety back, by a strength that runs from the safest end to the tuned model.

    A repair works tensor by tensor, on float32 arrays of numpy or torch alike, so that the same code serves a stream of
    shards and a model in memory. `strengths` is its default grid, safest first; `neutral` is the strength that leaves the
    tuned model as it is, bit for bit. `needs` names the inputs that it cannot do without: "direction", "model" (it runs
    the base or the tuned model), "safety_rows", "task_rows".
    """

    name = "none"
    paper = ""
    about = ""
    needs: frozenset[str] = frozenset()
    strengths: Sequence[float] = ()
    neutral = 0.0

    def prepare(self, inputs: RepairInputs) -> None:
        """Once, before any tensor. Raises UsageError when an input is missing."""

    def tensor(self, name: str, base: Any, tuned: Any, strength: float) -> Any:
        """The repaired tensor, float32, of the same shape."""
        raise NotImplementedError
