"""Safe Delta (Lu et al., 2505.12038).

Keep the changes that cost little safety, undo the rest, and make up for what is kept.

For a linear layer with inputs X of safe conversations and H = 2·X·Xᵀ, a changed weight m of a row costs
δ_m²/(2·[H⁻¹]_mm) of safety and brings δ_m² of utility. Changes are kept in the order of utility over cost, 2·[H⁻¹]_mm,
until their cost exceeds ε = s·mean_m 1/(2·[H⁻¹]_mm), over the whole matrix. What is undone goes to the base, plus the
compensation of optimal brain surgery for what is kept: Σ δ_m/[H⁻¹]_mm·H⁻¹_{:,m}. The strength is s: 0 undoes
everything, and above every cost the tuned model stays. The paper takes s = 0.11 for Llama-2-7B.

Here X are the base's inputs over its own safe conversations (`samples` of the refusals that are at hand). Norms and
embeddings that no linear layer shares keep their tuning, as in the paper, where LoRA leaves them alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from holdfast.core.contracts import RepairInputs
from holdfast.core.options import setting
from holdfast.models.chat import encode_row
from holdfast.models.internals import untouched
from holdfast.repairing.projection import transposed_weights
from holdfast.repairing.spec import OptionRepair


def input_products(loaded: Any, rows: Any, max_length: int = 1024) -> dict[str, torch.Tensor]:
    """X·Xᵀ of every linear layer's inputs over conversations, by the name of its weight; (in, in), float32."""
    names = {id(parameter): name for name, parameter in loaded.model.named_parameters()}
    found: dict[str, torch.Tensor] = {}
    hooks = []

    def watch(name: str) -> Any:
        def hook(module: Any, inputs: tuple[Any, ...], output: Any) -> None:
            x = inputs[0].detach().float().flatten(0, -2)
            found[name] = found[name].addmm_(x.T, x) if name in found else x.T @ x

        return hook

    for module in loaded.model.modules():
        weight = getattr(module, "weight", None)
        if isinstance(module, torch.nn.Linear) or type(module).__name__ == "Conv1D":
            hooks.append(module.register_forward_hook(watch(names[id(weight)])))
    try:
        with untouched(loaded.model):
            for row in rows:
                ids = torch.tensor([encode_row(loaded.tokenizer, row, max_length).input_ids], device=loaded.device)
                loaded.model(input_ids=ids, use_cache=False)
    finally:
        for hook in hooks:
            hook.remove()
    return found


def inverse(product: torch.Tensor, damp: float) -> torch.Tensor:
    """H⁻¹ for H = 2·X·Xᵀ + damp·mean(diag)·I."""
    hessian = 2 * product.double()
    level = damp * hessian.diagonal().mean().clamp(min=1e-8)
    hessian = hessian + level * torch.eye(len(hessian), dtype=hessian.dtype, device=hessian.device)
    return torch.cholesky_inverse(torch.linalg.cholesky(hessian)).float()


def kept_changes(change: torch.Tensor, diagonal: torch.Tensor, strength: float) -> torch.Tensor:
    """Which changes (out, in) are kept: a mask.

    Columns in the order of utility over cost, row by row within a column.
    """
    cost = change.double().square() / (2 * diagonal.double())
    order = diagonal.argsort(descending=True, stable=True)
    spent = cost[:, order].T.flatten().cumsum(0)
    limit = strength * float((1 / (2 * diagonal.double())).mean())
    mask = torch.empty_like(change, dtype=torch.bool)
    mask[:, order] = (spent <= limit).view(len(order), -1).T
    return mask


@dataclass(eq=False)
class SafeDelta(OptionRepair):
    name = "safe-delta"
    paper = "Lu et al. 2025 (2505.12038)"
    about = "keeps the changes that cost little safety and makes up for them"
    needs = frozenset({"models", "safety_rows"})
    strengths = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 1e9)
    neutral = 1e9

    samples: int = setting(128, "safe conversations that H is taken from", low=1)
    damp: float = setting(0.01, "share of H's mean diagonal that is added to it", low=1e-6)

    def prepare(self, inputs: RepairInputs) -> None:
        products = input_products(inputs.base, list(inputs.safety_rows)[: self.samples])
        self.inverses = {name: inverse(product, self.damp) for name, product in products.items()}
        self.transposed = transposed_weights(inputs.base.model)

    def tensor(self, name: str, base: Any, tuned: Any, strength: float) -> Any:
        if strength >= self.neutral or name not in self.inverses:
            return tuned
        turn = name in self.transposed
        change = (tuned - base).T if turn else tuned - base
        inverse_h = self.inverses[name].to(tuned.device)
        diagonal = inverse_h.diagonal()
        kept = kept_changes(change, diagonal, strength)
        makes_up = (change * kept / diagonal) @ inverse_h
        result = torch.where(kept, change, makes_up)
        return base + (result.T if turn else result)


make = SafeDelta
