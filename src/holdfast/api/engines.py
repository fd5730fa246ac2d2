"""Settings of who makes a model's replies: transformers in this process, vLLM in its own, or an endpoint."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from holdfast.api.settings import MODEL_PANEL
from holdfast.core.config import Settings, option
from holdfast.core.errors import UsageError
from holdfast.models.vllm_server import find_vllm, importable

if TYPE_CHECKING:  # torch is imported by what loads a model, and not by settings
    from holdfast.models.load import ModelOptions

ENDPOINT = "openai:"


class EngineSettings(Settings):
    """Which engine generates, for the verbs that ask models as they are on disk."""

    engine: Literal["auto", "hf", "vllm", "endpoint"] = option(
        "auto",
        "Who generates: hf (transformers), vllm (one server for a base, its adapters and their strengths), endpoint. "
        "auto: vllm where it is installed beside a GPU, else hf.",
        MODEL_PANEL,
    )
    engine_python: str | None = option(
        None, "A Python that has vLLM. Default: this one, or what HOLDFAST_VLLM names.", MODEL_PANEL, metavar="FILE"
    )
    engine_args: str = option(
        "", "More arguments of `vllm serve`, such as '--tensor-parallel-size 2'.", MODEL_PANEL, metavar="TEXT"
    )
    noise_floor: bool = option(
        False,
        "Ask the base a second time, in other batches, and show how many verdicts change by that alone. Always done "
        "under vllm.",
        MODEL_PANEL,
    )

    def check_engine(self, references: Sequence[str]) -> None:
        """Raise UsageError for an engine that does not fit what is named."""
        endpoints = [name for name in references if name.startswith(ENDPOINT)]
        if self.engine == "endpoint" and len(endpoints) < len(references):
            other = next(name for name in references if name not in endpoints)
            raise UsageError(
                f"`{other}` is no endpoint", "write openai:NAME@http://HOST:PORT/v1, or leave --engine out"
            )
        if self.engine in ("hf", "vllm") and endpoints:
            raise UsageError(f"`{endpoints[0]}` is an endpoint, which has an engine of its own", "leave --engine out")
        if self.engine in ("hf", "endpoint") and (self.engine_args or self.engine_python):
            raise UsageError("--engine-args and --engine-python are vLLM's", "add --engine vllm")

    def engine_for(
        self,
        options: ModelOptions,
        references: Sequence[str],
        needs_weights: Callable[[], str],
        tell: Callable[[str], None],
    ) -> ModelOptions:
        """How models are loaded, with the engine that makes their replies.

        needs_weights: tells what is asked for that an engine cannot do, in words, if anything is. Then, and for a model
        that vLLM does not serve, transformers generates, and one line says so. Raises ModelError where vLLM is asked
        for and not there.
        """
        import torch

        from holdfast.models.served import only_hf

        if not (self.engine == "vllm" or (self.engine == "auto" and importable() and torch.cuda.is_available())):
            return options
        engine = find_vllm(self.engine_args, self.engine_python)
        why = needs_weights() or next((why for name in references if (why := only_hf(name))), "")
        if why:
            tell(f"transformers (hf) generates, not vLLM: {why}")
            return options
        return replace(options, engine=engine)
