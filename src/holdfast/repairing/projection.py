"""The projection onto an alignment direction that Safe LoRA and SafeMERGE share, in factored form.

    C = V·Vᵀ/‖V‖_F with V = base − unaligned (Safe LoRA, 2405.16833)

`projected` computes C·ΔW as V·(Vᵀ·ΔW)/‖V‖_F, so that no square matrix of the output's width is ever held. The paper's C
is
no projector: its trace is ‖V‖_F, so its size follows the scale of V, and with a small V the "projected" change is next
to
nothing: the layer's tuning is deleted. `basis=svd` takes U_k·U_kᵀ instead, the projector on the k leading left singular
vectors of V. `kept` says which of the two happened: the norm of the change after over that before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

BASES = ("paper", "svd")


@dataclass(frozen=True)
class Projection:
    """A tensor's change after the projection; `cosine` and `kept` compare it with the change before."""

    change: torch.Tensor
    cosine: float
    kept: float  # ‖C·ΔW‖ / ‖ΔW‖


def leading_left(matrix: torch.Tensor, rank: int) -> torch.Tensor:
    """The leading left singular vectors of a matrix (out, in): (out, rank)."""
    left: torch.Tensor = torch.linalg.svd(matrix, full_matrices=False)[0]
    return left[:, :rank]


def factors(direction: torch.Tensor, basis: str, rank: int) -> tuple[torch.Tensor, float]:
    """A matrix F (out, k) and a scale c so that the projection of ΔW is c·F·(Fᵀ·ΔW)."""
    if basis == "svd":
        return leading_left(direction, rank), 1.0
    norm = float(direction.norm())
    return direction, 1.0 / norm if norm else 0.0


def projected(change: torch.Tensor, factor: torch.Tensor, scale: float) -> Projection:
    """The change (out, in) after the projection."""
    after = scale * (factor @ (factor.T @ change))
    before_norm, after_norm = float(change.norm()), float(after.norm())
    both = before_norm * after_norm
    cosine = float((after * change).sum()) / both if both else 0.0
    return Projection(after, cosine, after_norm / before_norm if before_norm else 0.0)


class Projector:
    """Projections of a model's tensors, each made once; matrices only, in the orientation (out, in)."""

    def __init__(self, direction: Any, basis: str, rank: int, transposed: frozenset[str] = frozenset()) -> None:
        self.direction, self.basis, self.rank, self.transposed = direction, basis, rank, transposed
        self.known: dict[str, tuple[torch.Tensor, float]] = {}
        self.seen: dict[str, Projection] = {}

    def takes(self, name: str, tensor: torch.Tensor) -> bool:
        return tensor.ndim == 2 and name in self.direction

    def of(self, name: str, base: torch.Tensor, tuned: torch.Tensor) -> Projection:
        """The projection of a tensor's change; in the tensor's own orientation."""
        if name in self.seen:
            return self.seen[name]
        turn = name in self.transposed
        change, direction = tuned - base, self.direction[name].to(tuned.device)
        if turn:
            change, direction = change.T, direction.T
        if name not in self.known:
            self.known[name] = factors(direction, self.basis, self.rank)
        found = projected(change, *self.known[name])
        if turn:
            found = Projection(found.change.T, found.cosine, found.kept)
        self.seen[name] = found
        return found

    def table(self) -> list[dict[str, Any]]:
        """Every projected tensor with its cosine and what is left of its norm, in the order they were seen."""
        return [{"tensor": n, "cosine": p.cosine, "kept": p.kept} for n, p in self.seen.items()]


def transposed_weights(model: Any) -> frozenset[str]:
    """Names of the weights that are stored (in, out): GPT-2's Conv1D."""
    return frozenset(f"{name}.weight" for name, module in model.named_modules() if type(module).__name__ == "Conv1D")
