"""Defences of a run: made from their texts, prepared, and seen to go together.

make_defence("proximal:rho=10")
make_defences(["lisa", "ema"], context)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol, runtime_checkable

from holdfast.core.contracts import Defence, DefenceContext
from holdfast.core.errors import UsageError
from holdfast.core.options import Optioned, make, spec_of
from holdfast.core.records import Condition, Row


@dataclass(eq=False)
class OptionDefence(Optioned, Defence):
    """A defence whose dataclass fields are its options; `spec` names every one of them.

    `off` holds the options at which it does nothing; `needs` the inputs that it cannot do without ("safety_rows").
    `notes` is what the user should be told after training. Raises UsageError for a value that cannot be.
    """

    kind = "defence"
    off: ClassVar[dict[str, Any]] = {}
    needs = frozenset[str]()  # without an annotation, so that it is no field and may be set

    def __post_init__(self) -> None:
        super().__post_init__()
        self.spec = spec_of(self)
        self.notes: list[str] = []
        self.context = DefenceContext()

    @property
    def idle(self) -> bool:  # type: ignore[override]
        """Whether the options are those at which it does nothing, so that the trainer may keep its own loss."""
        return bool(self.off) and all(getattr(self, name) == value for name, value in self.off.items())

    def prepare(self, context: DefenceContext) -> None:
        self.context = context
        if "safety_rows" in self.needs and not context.safety_rows:
            raise UsageError(
                f"the defence `{self.name}` needs refusals, and there are none",
                "add --safety-rows FILE: forbidden questions, declined (on `guild` its own are used)",
            )


@runtime_checkable
class Resumable(Protocol):
    """A defence with a state that a killed run must find again: tensors by name."""

    def state(self) -> dict[str, Any]: ...

    def restore(self, state: dict[str, Any]) -> None: ...


def make_defence(text: str) -> Defence:
    """A defence from NAME[:key=value,...].

    Raises UsageError for an unknown name or option, or a value that cannot be.
    """
    defence: Defence = make("defences", text)
    return defence


def make_defences(texts: Sequence[str], context: DefenceContext, lora: bool = False) -> list[Defence]:
    """The defences of a run, in their order, prepared.

    Raises UsageError for what `make_defence` refuses, for a missing input, and for what cannot go together.
    """
    defences = [make_defence(text) for text in texts]
    for i, defence in enumerate(defences):
        if any(defence.name == other.name for other in defences[:i]):
            raise UsageError(f"the defence `{defence.name}` is named twice", "give its options in one --defence")
    prepare_defences(defences, context, lora)
    return defences


def prepare_defences(defences: Sequence[Defence], context: DefenceContext, lora: bool = False) -> None:
    """Prepare each; doing it again changes nothing.

    Raises UsageError for a missing input, for a defence that cannot work on a LoRA adapter when one is tuned, and for
    two that each set the prompt that the model is served with.
    """
    for defence in defences:
        if lora and defence.refuses_lora:
            raise UsageError(
                f"the defence `{defence.name}` cannot work with LoRA: {defence.refuses_lora}", "tune without --lora"
            )
        defence.prepare(context)
    serving = [defence.name for defence in defences if defence.test_system is not None]
    if len(serving) > 1:
        raise UsageError(
            f"the defences {' and '.join(f'`{name}`' for name in serving)} each set the system prompt that the model "
            "is served with",
            "keep one of them",
        )


def served_by(defences: Sequence[Defence]) -> Defence | None:
    """The defence that sets the system prompt which the tuned model must be served with, if any does."""
    return next((defence for defence in defences if defence.test_system is not None), None)


def defended_rows(rows: Sequence[Row], defences: Sequence[Defence]) -> list[Row]:
    """The training rows after every defence in turn."""
    changed = list(rows)
    for defence in defences:
        changed = defence.rows(changed)
    return changed


def defended_condition(condition: Condition, defences: Sequence[Defence]) -> Condition:
    """The condition with its defences in it, and with the training template if one of them changes that."""
    if not defences:
        return condition
    template = next((d.train_template for d in defences if d.train_template is not None), condition.train_template)
    return replace(condition, defence="+".join(defence.spec for defence in defences), train_template=template)
