"""How fast a checkpoint is interpolated, and in how much memory, beside mergekit and a bare copy of the bytes.

    python -m venv /tmp/mergekit && /tmp/mergekit/bin/pip install mergekit==0.1.4 torch==2.13.0 "transformers<5"
    python benchmarks/interpolation.py [--mergekit /tmp/mergekit/bin/mergekit-yaml] [--gigabytes 1.1] [--rounds 3]
                                       [--json]

Each contender is a whole process, from its start to its end, and they take turns; medians are reported. The pair is
made
on the spot: a Llama in bfloat16, in shards. The bare copy reads both models and writes one, and computes nothing; it is
timed with and without waiting for the disk, since ours waits and mergekit does not. What mergekit writes is compared
with ours bit by bit, since a fast wrong answer is worth nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from holdfast.models.checkpoint import open_checkpoint
from holdfast.repairing.result_card import mergekit_yaml

ALPHA = 0.6
SHARDS = 6
# What a user runs, with {base}, {tuned}, {out} and {alpha} filled in.
OURS = [
    sys.executable,
    "-c",
    "import sys; from pathlib import Path; from holdfast.repairing.interpolation import interpolation\nfrom "
    "holdfast.repairing.stream import write_repaired\n"
    "from holdfast.models.checkpoint import open_pair\n"
    "base, tuned, out, alpha = sys.argv[1:]\n"
    "pair = open_pair(Path(base), Path(tuned))\n"
    "write_repaired(pair, {float(alpha): Path(out)}, interpolation())",
    "{base}",
    "{tuned}",
    "{out}",
    "{alpha}",
]
BARE = """
import os, sys
base, tuned, out, wait = sys.argv[1:]
os.mkdir(out)
buffer, other = bytearray(1 << 22), bytearray(1 << 22)
for name in sorted(os.listdir(tuned)):
    if not name.endswith(".safetensors"):
        continue
    with (
        open(f"{base}/{name}", "rb", 0) as one,
        open(f"{tuned}/{name}", "rb", 0) as two,
        open(f"{out}/{name}", "wb", 0) as result,
    ):
        while count := two.readinto(buffer):
            one.readinto(other)
            result.write(memoryview(buffer)[:count])
        if wait == "wait":
            os.fsync(result.fileno())
"""


def shapes(gigabytes: float) -> dict[str, tuple[int, ...]]:
    """A Llama's tensors of about so many bytes in bfloat16: a fixed width, as many layers as it takes."""
    hidden, middle, vocabulary = 2048, 5632, 32000
    ends = {"model.embed_tokens.weight": (vocabulary, hidden), "model.norm.weight": (hidden,)}
    ends["lm_head.weight"] = (vocabulary, hidden)
    layer = {
        "input_layernorm.weight": (hidden,),
        "post_attention_layernorm.weight": (hidden,),
        "self_attn.q_proj.weight": (hidden, hidden),
        "self_attn.k_proj.weight": (hidden // 8, hidden),
        "self_attn.v_proj.weight": (hidden // 8, hidden),
        "self_attn.o_proj.weight": (hidden, hidden),
        "mlp.gate_proj.weight": (middle, hidden),
        "mlp.up_proj.weight": (middle, hidden),
        "mlp.down_proj.weight": (hidden, middle),
    }
    fixed, each = (sum(int(np.prod(shape)) * 2 for shape in some.values()) for some in (ends, layer))
    layers = max(round((gigabytes * 1e9 - fixed) / each), 1)
    return ends | {f"model.layers.{i}.{name}": shape for i in range(layers) for name, shape in layer.items()}


def write_model(folder: Path, tensors: dict[str, tuple[int, ...]], seed: int) -> None:
    """A sharded bfloat16 checkpoint of random values, written without a library."""
    folder.mkdir()
    rng = np.random.default_rng(seed)
    total = sum(int(np.prod(shape)) * 2 for shape in tensors.values())
    shards: list[dict[str, tuple[int, ...]]] = [{}]
    filled = 0
    for name, shape in tensors.items():
        if filled > total / SHARDS * len(shards):
            shards.append({})
        shards[-1][name] = shape
        filled += int(np.prod(shape)) * 2
    index = {}
    for number, shard in enumerate(shards, 1):
        file = f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
        place = 0
        for name, shape in shard.items():
            size = int(np.prod(shape)) * 2
            header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [place, place + size]}
            place += size
            index[name] = file
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        with open(folder / file, "wb") as out:
            out.write(len(text).to_bytes(8, "little") + text)
            for shape in shard.values():
                values = rng.standard_normal(int(np.prod(shape)), dtype=np.float32) * np.float32(0.02)
                out.write((values.view(np.uint32) >> 16).astype(np.uint16).tobytes())
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {"total_size": total}, "weight_map": index})
    )
    layers = 1 + max(int(name.split(".")[2]) for name in tensors if ".layers." in name)
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 2048, "intermediate_size": 5632,
        "num_hidden_layers": layers, "num_attention_heads": 32, "num_key_value_heads": 4, "vocab_size": 32000,
        "tie_word_embeddings": False, "torch_dtype": "bfloat16",
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))


def aside(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function in a process of its own: a child's peak memory counts from what its parent has touched."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def run_process(command: list[str]) -> tuple[float, float]:
    """Seconds and peak megabytes of a whole process. Exits with its message when it fails."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - began
    if process.returncode:
        raise SystemExit(f"{command[0]} failed:\n{said[-2000:]}")
    return seconds, usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def same_bits(one: Path, other: Path) -> float:
    """The share of elements whose bits agree, over all tensors of two checkpoints."""
    ours, theirs = open_checkpoint(one).tensors, open_checkpoint(other).tensors
    same = count = 0
    for name, tensor in ours.items():
        pair = [np.memmap(t.file, np.uint16, "r", t.offset, t.elements) for t in (tensor, theirs[name])]
        same, count = same + int((pair[0] == pair[1]).sum()), count + tensor.elements
    return same / count


def measure(folder: Path, mergekit: str | None, gigabytes: float, rounds: int) -> dict[str, Any]:
    tensors = shapes(gigabytes)
    base, tuned = folder / "base", folder / "tuned"
    aside(write_model, base, tensors, 0)
    aside(write_model, tuned, tensors, 1)
    recipe = folder / "mergekit.yml"
    recipe.write_text(mergekit_yaml(str(base), str(tuned), ALPHA, "bfloat16"))
    filled = {"{base}": str(base), "{tuned}": str(tuned), "{alpha}": str(ALPHA)}
    contenders = {"holdfast": lambda out: [{**filled, "{out}": out}.get(part, part) for part in OURS]}
    if mergekit:
        contenders["mergekit, linear"] = lambda out: [mergekit, str(recipe), out]
    for name, wait in (("bare copy", "no"), ("bare copy, synced", "wait")):
        contenders[name] = lambda out, wait=wait: [sys.executable, "-c", BARE, str(base), str(tuned), out, wait]
    command = [
        sys.executable,
        "-m",
        "holdfast",
        "repair",
        str(base),
        str(tuned),
        "--repair",
        "wise-ft",
        "--strength",
        str(ALPHA),
    ]
    contenders["holdfast repair, the command"] = lambda out: [*command, "--out", out]  # writes a run
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
    agree = None
    for turn in range(rounds):
        for number, (name, make) in enumerate(contenders.items()):
            out = folder / f"out-{number}"
            os.sync()  # nobody pays for another one's writes
            found[name].append(run_process(make(str(out))))
            if turn or number > 1 or not mergekit:
                shutil.rmtree(out)
        if mergekit and not turn:
            agree = aside(same_bits, folder / "out-0", folder / "out-1")
            shutil.rmtree(folder / "out-0")
            shutil.rmtree(folder / "out-1")
    return {
        "gigabytes": sum(int(np.prod(shape)) * 2 for shape in tensors.values()) / 1e9,
        "shards": len(list(tuned.glob("*.safetensors"))),
        "rounds": rounds,
        "seconds": {name: statistics.median(run[0] for run in runs) for name, runs in found.items()},
        "peak_mb": {name: statistics.median(run[1] for run in runs) for name, runs in found.items()},
        "all_seconds": {name: [round(run[0], 2) for run in runs] for name, runs in found.items()},
        "same_bits_as_mergekit": agree,
    }


def table(found: dict[str, Any]) -> str:
    ours, memory = found["seconds"]["holdfast"], found["peak_mb"]["holdfast"]
    lines = ["| | seconds | of ours | peak MB | of ours |", "|---|---|---|---|---|"]
    for name, seconds in found["seconds"].items():
        peak = found["peak_mb"][name]
        lines.append(f"| {name} | {seconds:.2f} | {seconds / ours:.2f} | {peak:.0f} | {peak / memory:.1f} |")
    size = f"{found['gigabytes']:.2f} GB in {found['shards']} shards, medians of {found['rounds']}"
    agree = found["same_bits_as_mergekit"]
    return "\n".join([*lines, "", size + ("" if agree is None else f"; {agree:.4%} of the values equal mergekit's")])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mergekit", help="the mergekit-yaml of another virtual environment")
    parser.add_argument("--gigabytes", type=float, default=1.1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", help="where the models go for the time being; default: the system's")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        found = measure(Path(folder), given.mergekit, given.gigabytes, given.rounds)
    print(json.dumps(found, indent=2) if given.json else table(found))


if __name__ == "__main__":
    main()
