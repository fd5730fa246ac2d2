"""Every extension point, on one screen.

A third party registers its own through the entry-point groups `holdfast.judges`, `holdfast.regimes`,
`holdfast.defences`, …; they are found by the same look-up as the built-in ones (see `registry`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from holdfast.core.records import Prompt, Reply, Row, Verdict


@runtime_checkable
class Judge(Protocol):
    """Reads replies and scores them 1 (declines) to 5 (fully fulfils); see Qi et al. for the rubric."""

    name: str

    def judge(self, prompts: Sequence[Prompt], replies: Sequence[Reply]) -> list[Verdict]:
        """One verdict per reply, in order; a reply that cannot be scored gets score None and says why."""
        ...


class Defence:
    """The five moments at which a defence may act on training; every one does nothing unless it is overridden."""

    name = "none"

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
