"""A base and a model tuned from it, on disk and without torch: their headers, checked against each other.

pair = open_pair(Path("base"), Path("tuned"))       # refused unless the tuned model can be repaired with this base
pair.tuned.tensors["lm_head.weight"]                # where a tensor lies; `stored_numbers` reads it
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from holdfast.core.errors import ModelError
from holdfast.models.files import NAMED, SINGLE, Tensor, check_json, listed, read_header, weight_files
from holdfast.models.stored_numbers import ITEM, TORCH_NAME, WHOLE_NUMBERS

# Masks and frequencies that older versions saved and newer ones compute; either side may lack them.
BUFFERS = (".attn.bias", ".attn.masked_bias", ".rotary_emb.inv_freq", ".attention.bias", ".attention.masked_bias")
EMBEDDINGS = ("embed_tokens.weight", "wte.weight", "embed_in.weight", "word_embeddings.weight", "tok_embeddings.weight")
HEADS = ("lm_head.weight", "embed_out.weight")
# What a wrapper of training puts before every name; a checkpoint saved so is taken by no loader.
WRAPPERS = ("_orig_mod.", "module.", "base_model.")
SAME = ("model_type", "architectures", "num_hidden_layers", "hidden_size", "num_attention_heads", "num_key_value_heads")


@dataclass(frozen=True)
class Checkpoint:
    """A model folder with its configuration and where every tensor lies.

    `headers` are each file's bytes before the data.
    """

    folder: Path
    config: dict[str, Any]
    headers: dict[Path, bytes]
    tensors: dict[str, Tensor]

    @property
    def sharded(self) -> bool:
        return all(file.name != SINGLE for file in self.headers)

    @property
    def vocabulary_size(self) -> int | None:
        size = self.config.get("vocab_size", (self.config.get("text_config") or {}).get("vocab_size"))
        return size if isinstance(size, int) else None

    @property
    def tied(self) -> bool:
        """Whether the output layer may be the embedding; transformers takes a missing entry for yes."""
        return bool(self.config.get("tie_word_embeddings", True))


@dataclass(frozen=True)
class Pair:
    """A base and a model tuned from it, checked against each other.

    `sources` maps every tensor of the tuned model to the base's, or to None when it is to be copied as it is.
    """

    base: Checkpoint
    tuned: Checkpoint
    sources: dict[str, Tensor | None]
    notes: list[str] = field(default_factory=list)  # what a reader should know and what stops nothing

    @property
    def size(self) -> int:
        """Bytes of one result."""
        return sum(map(len, self.tuned.headers.values())) + sum(t.size for t in self.tuned.tensors.values())

    @property
    def same_shapes(self) -> bool:
        """Whether no tensor has rows of its own or lacks a source, so that other tools can merge the pair too."""
        return all(s is not None and s.shape == self.tuned.tensors[name].shape for name, s in self.sources.items())

    @property
    def dtype(self) -> str:
        """Torch's name of the number type that most of the tuned model is stored in."""
        sizes: Counter[str] = Counter()
        for tensor in self.tuned.tensors.values():
            if tensor.dtype in ITEM:
                sizes[tensor.dtype] += tensor.size
        return TORCH_NAME[sizes.most_common(1)[0][0]] if sizes else "float32"


# ---- opening and checking -------------------------------------------------------------------------------------------


def open_checkpoint(folder: Path) -> Checkpoint:
    """A model folder's configuration and headers. Raises ModelError for what is no whole, plain safetensors model."""
    if not folder.is_dir():
        raise ModelError(f"there is no model folder `{folder}`", "name a folder that save_pretrained wrote")
    if not (folder / "config.json").exists():
        if (folder / "adapter_config.json").exists():
            raise ModelError(f"`{folder}` is an adapter, not a whole model", "merge it first: merge_and_unload()")
        raise ModelError(f"`{folder}` has no config.json", "name a folder that save_pretrained wrote")
    config = check_json(folder)["config.json"]
    files = weight_files(folder)
    headers: dict[Path, bytes] = {}
    tensors: dict[str, Tensor] = {}
    for file in files:
        headers[file], found = read_header(file)
        twice = tensors.keys() & found.keys()
        if twice:
            raise ModelError(f"`{folder}` holds {listed(twice)} in two files", "save the model again in one go")
        tensors |= found
    return Checkpoint(folder, config, headers, tensors)


def open_pair(base: Path, tuned: Path) -> Pair:
    """Open a base and a model tuned from it; nothing is written.

    The tuned model may have more rows in its embeddings (added tokens, padding): what the base lacks will be copied.
    Where one of the two stores an output layer and the other ties it to the embedding, the tuned model's layout counts.
    Raises ModelError when architecture, vocabulary, tensors, shapes or number types do not fit, naming the tensors.
    """
    first, second = open_checkpoint(base), open_checkpoint(tuned)
    for checkpoint in (first, second):
        if checkpoint.config.get("quantization_config"):
            raise ModelError(f"`{checkpoint.folder}` is quantised", "repair the weights before they are quantised")
    for key in SAME:
        ours, theirs = first.config.get(key), second.config.get(key)
        if ours and theirs and ours != theirs:
            raise ModelError(
                f"different architectures: `{base}` has {key} {ours}, `{tuned}` has {theirs}",
                "name the base that the tuned model was made from",
            )
    _check_vocabularies(first, second)
    sources, notes = _match(first, second)
    notes += _check_shapes(first, second, sources)
    _check_dtypes(second, sources)
    return Pair(first, second, sources, notes)


def _token_ids(folder: Path) -> dict[str, int] | None:
    """The ordinary tokens of a tokenizer, or None when it keeps them where only its own library can read them."""
    try:
        if (path := folder / "tokenizer.json").exists():
            try:
                known = json.loads(path.read_bytes())
            except ValueError as error:
                raise ModelError(f"`{path}` is broken: {error}", "copy or download it again") from error
            words = known["model"]["vocab"]
            words = words if isinstance(words, dict) else {word: i for i, (word, _) in enumerate(words)}
            special = {token["content"] for token in known.get("added_tokens", [])}
            return {word: number for word, number in words.items() if word not in special}
        if (folder / "vocab.json").exists():
            return dict(json.loads((folder / "vocab.json").read_bytes()))
    except (ValueError, KeyError, TypeError):
        return None
    return None


def _check_vocabularies(base: Checkpoint, tuned: Checkpoint) -> None:
    """Refuse a pair in which a token of the base has another id, or none, in the tuned model.

    Special tokens are left out: chat models rename reserved ones, and their rows still correspond.
    """
    ours, theirs = base.vocabulary_size, tuned.vocabulary_size
    if ours is not None and theirs is not None and ours > theirs:
        raise ModelError(
            f"different vocabularies: `{base.folder}` has {ours} tokens, `{tuned.folder}` only {theirs}",
            "a base may have fewer tokens than the tuned model, not more: name the base that it was made from",
        )
    for name in ("tokenizer.json", "vocab.json"):  # reading a large one costs more than all other checks
        one, other = base.folder / name, tuned.folder / name
        if one.exists() and other.exists() and one.read_bytes() == other.read_bytes():
            return
    before, after = _token_ids(base.folder), _token_ids(tuned.folder)
    if before is None or after is None:
        return
    moved = {token for token, number in before.items() if after.get(token) != number}
    if moved:
        raise ModelError(
            f"different vocabularies: {len(moved)} tokens of `{base.folder}` have another id, or none, in "
            f"`{tuned.folder}`: {listed({ascii(token)[1:-1] for token in moved})}",
            "name the base that the tuned model was made from",
        )


def _match(base: Checkpoint, tuned: Checkpoint) -> tuple[dict[str, Tensor | None], list[str]]:
    """For every tensor of the tuned model the base's. Raises ModelError, naming the tensors that one of them lacks."""
    # A bare backbone is saved without the name that a model with a head puts before it (`transformer.`, `model.`).
    bare = {name.partition(".")[2]: tensor for name, tensor in base.tensors.items()}
    sources: dict[str, Tensor | None] = {}
    missing, notes = set(), []
    for name in tuned.tensors:
        found = base.tensors.get(name)
        if found is None and not name.startswith(WRAPPERS):
            found = base.tensors.get(name.partition(".")[2]) or bare.get(name)
        if found is None and name.endswith(HEADS) and base.tied:
            found = next((tensor for other, tensor in base.tensors.items() if other.endswith(EMBEDDINGS)), None)
            if found is not None:
                notes.append(f"the base has no `{name}` of its own: its embedding is taken")
        if found is None and not name.endswith(BUFFERS):
            missing.add(name)
        sources[name] = found
    used = {tensor.name for tensor in sources.values() if tensor is not None}
    extra = {name for name in base.tensors if name not in used and not name.endswith(BUFFERS)}
    for name in [name for name in extra if name.endswith(HEADS) and tuned.tied]:
        extra.remove(name)
        notes.append(f"the tuned model ties `{name}` to its embedding: the base's own is left out")
    for names, has, lacks in ((missing, tuned, base), (extra, base, tuned)):
        if names:
            wrapper = next((text for text in WRAPPERS if all(name.startswith(text) for name in names)), None)
            raise ModelError(
                f"`{has.folder}` has tensors that `{lacks.folder}` lacks: {listed(names)}",
                f"their names begin with `{wrapper}`: save the model without the wrapper that it was trained in"
                if wrapper
                else "name the base that the tuned model was made from, and models that were saved the same way",
            )
    embedded, headed = (any(name.endswith(ends) for name in tuned.tensors) for ends in (EMBEDDINGS, HEADS))
    if base.tied and not tuned.tied and embedded and not headed:
        raise ModelError(
            f"`{tuned.folder}` has no output layer: its config says tie_word_embeddings false, and no tensor is "
            f"{' or '.join(f'`{name}`' for name in HEADS)}",
            "save the model again, or set tie_word_embeddings as its base has it",
        )
    return sources, notes


def _check_shapes(base: Checkpoint, tuned: Checkpoint, sources: dict[str, Tensor | None]) -> list[str]:
    """Raise ModelError for shapes that differ, but for rows that a larger vocabulary added; those make a note."""
    ours, theirs = base.vocabulary_size, tuned.vocabulary_size
    wrong, grown = [], []
    for name, source in sources.items():
        if source is None or source.shape == (shape := tuned.tensors[name].shape):
            continue
        resized = ours is not None and theirs is not None and ours < theirs
        if resized and source.shape[1:] == shape[1:] and (source.shape[:1], shape[:1]) == ((ours,), (theirs,)):
            grown.append(name)
        elif name.endswith(BUFFERS):
            sources[name] = None
        else:
            wrong.append(f"`{name}` {list(source.shape)} and {list(shape)}")
    if wrong:
        more = f" and {len(wrong) - NAMED} more" if len(wrong) > NAMED else ""
        raise ModelError(
            f"`{base.folder}` and `{tuned.folder}` have different shapes: {', '.join(wrong[:NAMED])}{more}",
            "name the base that the tuned model was made from",
        )
    return [f"{listed(grown)}: the rows from {ours} on are the tuned model's own"] if grown else []


def _check_dtypes(tuned: Checkpoint, sources: dict[str, Tensor | None]) -> None:
    """Leave whole numbers to be copied, and raise ModelError for numbers that cannot be computed with."""
    odd = set()
    for name, source in sources.items():
        dtype = tuned.tensors[name].dtype
        if dtype in WHOLE_NUMBERS and (source is None or source.dtype in WHOLE_NUMBERS):
            sources[name] = None
        elif dtype not in ITEM or (source is not None and source.dtype not in ITEM):
            odd.add(f"{name} ({source.dtype if source else 'none'}, {dtype})")
    if odd:
        raise ModelError(
            f"these tensors are stored in number types that cannot be repaired: {listed(odd)}",
            f"save both models in one of {', '.join(TORCH_NAME.values())}",
        )
