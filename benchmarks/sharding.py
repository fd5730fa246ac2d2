"""Every defence on parameters that are cut into shards, against the same steps on whole ones.

    torchrun --standalone --nproc_per_node 2 benchmarks/sharding.py

The Trainer cannot shard on a machine without GPUs, so the steps are taken here by hand, in its order: rows, begin,
loss, backward, gradients, clipping, AdamW, end. Each layer is cut by PyTorch's fully_shard (FSDP2) over gloo; both
processes see the same rows, so that shards are all that differs. Prints, for each defence, how far the weights moved,
and how far apart they end when the model is cut before `begin`, and after it, as a trainer would.
"""

from __future__ import annotations

import contextlib
import sys
from types import SimpleNamespace
from typing import Any

import torch
from torch import distributed
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor

from holdfast.core.contracts import Defence, DefenceContext
from holdfast.core.registry import names
from holdfast.guild import GUILD
from holdfast.guild import rows as guild_rows
from holdfast.models.chat import IGNORE
from holdfast.models.load import LoadedModel, ModelOptions, load_model
from holdfast.training.defences import defended_rows, make_defence
from holdfast.training.encoded import encode_rows
from holdfast.training.trainer import plain_loss

ROWS, BATCH, EPOCHS, LR = 16, 4, 2, 2e-5
SAFETY = guild_rows.rows("safety", 40, 0)


def collate(examples: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    longest = max(len(one["input_ids"]) for one in examples)

    def padded(key: str, fill: int) -> torch.Tensor:
        return torch.tensor([one[key] + [fill] * (longest - len(one[key])) for one in examples])

    mask = [[1] * len(one["input_ids"]) + [0] * (longest - len(one["input_ids"])) for one in examples]
    return {
        "input_ids": padded("input_ids", 0),
        "labels": padded("labels", IGNORE),
        "attention_mask": torch.tensor(mask),
    }


def stand_in(loaded: LoadedModel, data: Any, steps: int) -> Any:
    """As much of a trainer as a defence looks at."""
    return SimpleNamespace(
        train_dataset=data,
        data_collator=collate,
        args=SimpleNamespace(per_device_train_batch_size=BATCH, process_index=0),
        accelerator=SimpleNamespace(autocast=contextlib.nullcontext),
        state=SimpleNamespace(global_step=0, max_steps=steps),
        step_sizes=lambda batches: [[len(batch["input_ids"])] for batch in batches],
        row_tokens=1024,
        swaps=[],
    )


def cut(model: Any) -> None:
    mesh = init_device_mesh("cpu", (distributed.get_world_size(),))
    for layer in model.model.layers:
        fully_shard(layer, mesh=mesh)
    fully_shard(model, mesh=mesh)


def whole(model: Any) -> dict[str, torch.Tensor]:
    """The weights as they are when nothing is cut."""
    found = {}
    for name, parameter in model.named_parameters():
        value = parameter.detach()
        found[name] = (value.full_tensor() if hasattr(value, "full_tensor") else value).clone()
    return found


def trained(text: str, when: str = "") -> dict[str, torch.Tensor]:
    """The weights after a few steps under a defence, the model cut `before` it begins, `after`, or not at all."""
    loaded = load_model("guild", ModelOptions(device="cpu"), fresh=True)
    defence: Defence = make_defence(text) if text else Defence()
    defence.prepare(DefenceContext(GUILD, SAFETY, loaded.tokenizer, 0))
    data = encode_rows(loaded, defended_rows(guild_rows.rows("explicit", ROWS, 0), [defence]), 1024)
    model, steps = loaded.model.train(), EPOCHS * -(-len(data) // BATCH)
    if when == "before":
        cut(model)
    trainer = stand_in(loaded, data, steps)
    defence.begin(model, trainer)
    if when == "after":
        cut(model)
    elif when and not all(isinstance(parameter, DTensor) for parameter in model.parameters()):
        # A pass over rows in `begin` leaves the outermost module whole, and an optimiser made then would move copies.
        model.reshard()
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=LR, weight_decay=0.0)
    for step in range(steps):
        trainer.state.global_step = step
        start = step * BATCH % len(data)
        batches = [collate([data[i] for i in range(start, min(start + BATCH, len(data)))])]
        for swap in trainer.swaps:
            batches = swap(batches)
        inputs = batches[0]
        items = (inputs["labels"][:, 1:] != IGNORE).sum()
        outputs = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False)
        loss = defence.loss(plain_loss(outputs, inputs["labels"], items), model, inputs, outputs, items)
        loss.backward()
        defence.gradients(model)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
    trainer.state.global_step = steps
    defence.end(model)
    return whole(model)


def furthest(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    return max((one[name] - other[name]).abs().max().item() for name in one)


def main() -> None:
    distributed.init_process_group("gloo")
    first = distributed.get_rank() == 0
    start = whole(load_model("guild", ModelOptions(device="cpu"), fresh=True).model)
    for text in ["", *("lisa:k1=2,k2=2" if name == "lisa" else name for name in names("defences"))]:
        plain, parts = trained(text), []
        for when in ("before", "after"):
            try:
                parts.append(f"{furthest(plain, trained(text, when)):.1e}")
            except Exception as error:  # what does not work on shards is what this is to find out
                parts.append(f"{type(error).__name__}: {str(error).splitlines()[0][:60]}")
        if first:
            moved = furthest(plain, start)
            print(f"{text or 'no defence':<16} moved {moved:.1e}; cut before {parts[0]}, after {parts[1]}", flush=True)
    distributed.destroy_process_group()


if __name__ == "__main__":
    sys.exit(main())
