"""The head first, then everything (LP-FT: Kumar et al., 2202.10054).

Fine-tuning from a head that does not fit yet bends the features along the training data in its first steps, and what
lies outside of them loses. So the head is fitted alone while the features stand still, then all is tuned: over ten data
sets 1 % better inside and 10 % better outside than plain fine-tuning.

Here: the head is the output matrix; it alone is trained in the first `head` of the steps (0.2), everything after that.
Departures. The paper fits the head to convergence on a random start and gives the second phase a far smaller learning
rate of its own; here the head is the pre-trained one and both phases share one schedule. A classifier's head also never
meets its own features again, while a language model reads what it writes.

Tied embeddings: the output matrix is the input embedding too, so training it would move the very features that are to
stand still. Then the head is the final norm, which lies behind all features: a few hundred to a few thousand numbers, a
much smaller head than the paper's. The run says so. Under LoRA there is no head to train, and the defence refuses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from holdfast.core.errors import UsageError
from holdfast.core.options import setting
from holdfast.models.internals import final_norm, trained
from holdfast.training.defences import OptionDefence


@dataclass(eq=False)
class LpFt(OptionDefence):
    name = "lp-ft"
    paper = "Kumar et al. 2022 (2202.10054)"
    about = "tunes the output head first, then everything"
    off: ClassVar[dict[str, Any]] = {"head": 0.0}
    refuses_lora = "an adapter has no output head"

    head: float = setting(0.2, "share of the steps in which only the head is trained", low=0, high=1)

    def begin(self, model: Any, trainer: Any) -> None:
        self.trainer = trainer
        output, embedding = model.get_output_embeddings(), model.get_input_embeddings()
        tied = output is None or output.weight is embedding.weight
        module = final_norm(model) if tied else output
        if module is None:
            raise UsageError(
                f"lp-ft finds no final norm in {type(model).__name__}, whose embeddings are tied",
                "leave this defence out",
            )
        head = {id(parameter) for parameter in module.parameters()}
        self.others = [parameter for parameter in trained(model) if id(parameter) not in head]
        if tied and self.head:
            count = sum(parameter.numel() for parameter in module.parameters())
            self.notes = [
                f"lp-ft: the embeddings are tied, so the head trained first is the final norm ({count} numbers), not "
                "the output matrix, which is the input embedding too"
            ]

    def gradients(self, model: Any) -> None:
        state = self.trainer.state
        if state.global_step < round(self.head * state.max_steps):
            for parameter in self.others:
                parameter.grad = None  # the optimiser passes over it: no step, no weight decay, no moments


make = LpFt
