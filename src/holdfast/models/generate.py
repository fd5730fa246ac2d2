"""A model and prompts to replies: sorted by length, batched, cached by content so that nothing is generated twice.

    replies = generate(loaded, prompts, condition, GenerateOptions())

The order of the batches depends on the prompts alone, so both models of a pair see the same batches, and a run that was
killed makes the batches that were missing just as they would have been made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import torch
from transformers import StoppingCriteriaList

from holdfast.core.errors import ModelError
from holdfast.core.progress import Show
from holdfast.core.records import Prompt, Reply, digest
from holdfast.core.runs import append_jsonl, read_jsonl
from holdfast.models.chat import TemplateArguments, prompt_ids
from holdfast.models.decoding import PROCESSORS, decode_greedily, decodes_greedily, without_wrapper
from holdfast.models.load import LoadedModel
from holdfast.models.vllm_server import PASSED_ON
from holdfast.text.thought import ERROR, Said, as_said, heard, opened

MORE = ("thought", "status", "why", "cut")  # what a record of a reply may hold beside its text


@dataclass(frozen=True)
class GenerateOptions:
    """How replies are made; temperature 0 is greedy, as in the papers."""

    max_new_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    batch_size: int = 128  # halved whenever memory runs out
    max_prompt_tokens: int | None = None
    # What an endpoint passes to its chat template; a tokenizer in memory has its own.
    template_args: TemplateArguments = ()


MASKED = "[masked]"
FORM = 2  # of what a reply's key stands for: replies that were kept whole, thought and all, are made again


@dataclass(frozen=True)
class Mask:
    """What stands in the place of a reply, and whether the reply was language."""

    text: str
    sound: bool


class Cache(Protocol):
    """Replies at hand, and where new ones go.

    A text is the answer, and a `text.thought.Said` where there is more to it.
    """

    known: dict[str, str]

    def add(self, entries: dict[str, str]) -> None: ...


class ReplyCache:
    """Replies by the content that decides them, in a JSONL file; survives being killed.

    in_clear: whether `generate` may write what a real model said. Without it that goes through `judging.redaction`, or
    stays in memory.
    """

    def __init__(self, path: Path | None, in_clear: bool = False) -> None:
        self.path, self.in_clear = path, in_clear
        self.known: dict[str, str] = {}
        self.masks: dict[str, Mask] = {}
        for record in read_jsonl(path) if path else []:
            said = Said(record["text"], **{name: record[name] for name in MORE if name in record})
            if record.get("masked"):
                self.masks[record["key"]] = Mask(said, record["sound"])
            else:
                self.known[record["key"]] = said

    def add(self, entries: dict[str, str]) -> None:
        """Take in replies, and write them; but an error, which the next run may not meet."""
        self.known.update(entries)
        kept = {key: said for key, text in entries.items() if (said := as_said(text)).status != ERROR}
        if self.path and kept:
            append_jsonl(self.path, [{"key": key, "text": str(said), **said.more} for key, said in kept.items()])

    def add_masks(self, entries: dict[str, Mask]) -> None:
        """Replies that are not to be written; what is asked of them later stands in their masks."""
        self.masks.update(entries)
        if self.path and entries:
            records = [
                {"key": k, "text": str(m.text), **as_said(m.text).more, "masked": True, "sound": m.sound}
                for k, m in entries.items()
            ]
            append_jsonl(self.path, records)

    def in_memory(self) -> ReplyCache:
        """The same replies; new ones are not written."""
        cache = ReplyCache(None)
        cache.known = self.known
        return cache


def reply_key(loaded: LoadedModel, ids: Sequence[int], options: GenerateOptions) -> str:
    """What decides a reply: the weights, the engine, the prompt's ids, the decoding; not the batch size.

    What a chat template was given is in the ids.
    """
    decoding = {k: v for k, v in asdict(options).items() if k not in ("batch_size", "template_args")}
    engine = {"engine": loaded.engine.describe()} if loaded.engine else {}
    return digest({"form": FORM, "model": loaded.fingerprint, "ids": list(ids), "decoding": decoding, **engine})


def stop_ids(loaded: LoadedModel) -> list[int]:
    """Every token that ends a reply: the tokenizer's, and those of the model's generation config."""
    configured = getattr(loaded.model.generation_config, "eos_token_id", None)
    found = [*(configured if isinstance(configured, list) else [configured]), loaded.tokenizer.eos_token_id]
    return sorted({token for token in found if token is not None})


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on an accelerator or on the CPU."""
    text = str(error).lower()
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
        isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text)
    )


@torch.inference_mode()
def generate_batch(
    loaded: LoadedModel,
    batch: Sequence[Sequence[int]],
    options: GenerateOptions,
    tell: Callable[[int], None] | None = None,
) -> list[Said]:
    """Replies to one batch of prompts, each a list of ids, padded on the left; each in answer and thought.

    `tell` hears after each token how many there are.
    """
    width = max(len(ids) for ids in batch)
    pad = loaded.tokenizer.pad_token_id
    ids = torch.full((len(batch), width), pad if pad is not None else 0)
    mask = torch.zeros_like(ids)
    for i, row in enumerate(batch):
        ids[i, width - len(row) :] = torch.tensor(row)
        mask[i, width - len(row) :] = 1
    stops = stop_ids(loaded)
    ids, mask = ids.to(loaded.device), mask.to(loaded.device)
    bare = without_wrapper(loaded.model)
    if options.temperature == 0 and decodes_greedily(bare):
        found = decode_greedily(bare, ids, mask, stops, options.max_new_tokens, tell)
        return hear(loaded, batch, found, options)
    sampling: dict[str, Any] = {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
    if options.temperature > 0:
        torch.manual_seed(options.seed)
        sampling = {"do_sample": True, "temperature": options.temperature, "top_p": options.top_p, "top_k": 0}
    out = loaded.model.generate(
        input_ids=ids,
        attention_mask=mask,
        max_new_tokens=options.max_new_tokens,
        pad_token_id=pad if pad is not None else 0,
        eos_token_id=stops or None,
        use_cache=True,
        stopping_criteria=StoppingCriteriaList([_Telling(tell, width)]) if tell else None,
        **sampling,
    )
    return hear(loaded, batch, [up_to(row, stops) for row in out[:, width:].tolist()], options)


class _Telling:
    """A stopping criterion of transformers that stops nothing, and tells how many tokens there are."""

    def __init__(self, tell: Callable[[int], None], width: int) -> None:
        self.tell, self.width = tell, width

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        self.tell(input_ids.shape[1] - self.width)
        return torch.zeros(input_ids.shape[0], dtype=torch.bool, device=input_ids.device)


def up_to(ids: list[int], stops: Sequence[int]) -> list[int]:
    """The ids before the first token that ends a reply."""
    return ids[: next((i for i, token in enumerate(ids) if token in stops), len(ids))]


def hear(
    loaded: LoadedModel, prompts: Sequence[Sequence[int]], replies: Sequence[list[int]], options: GenerateOptions
) -> list[Said]:
    """What was said, from ids: split into thought and answer, and whether the limit of tokens ended it.

    replies: the token that ended each left out, so that one of as many ids as the limit allows did not end.
    """
    special = special_tokens(loaded.tokenizer)
    found = []
    for prompt, ids in zip(prompts, replies, strict=True):
        begun = opened(str(loaded.tokenizer.decode(list(prompt))), special.values())
        cut, limit = len(ids) >= options.max_new_tokens, options.max_new_tokens
        said = heard(decode(loaded, ids), begun, cut, limit)
        # Marks of a thought that are special tokens are lost in plain text.
        if marks := [special[token] for token in dict.fromkeys(ids) if token in special]:
            whole = str(loaded.tokenizer.decode(ids)).strip()
            raw = heard(whole, begun, cut, limit)
            if raw.thought or raw.status or raw != whole:
                said = raw.instead(_bare(raw, marks), _bare(raw.thought, marks))
        found.append(said)
    return found


def _bare(text: str, marks: Sequence[str]) -> str:
    for mark in marks:
        text = text.replace(mark, "")
    return text.strip()


def special_tokens(tokenizer: Any) -> dict[int, str]:
    """The special tokens of a tokenizer: what `skip_special_tokens` leaves out of a text."""
    added = getattr(tokenizer, "added_tokens_decoder", None) or {}
    found = {int(token): str(one.content) for token, one in added.items() if one.special}
    return found | {token: str(tokenizer.convert_ids_to_tokens(token)) for token in tokenizer.all_special_ids}


def decode(loaded: LoadedModel, ids: Sequence[int]) -> str:
    """The text of a reply's ids, special tokens left out."""
    return str(loaded.tokenizer.decode(list(ids), skip_special_tokens=True)).strip()


def _batches(order: Sequence[int], size: int) -> list[list[int]]:
    return [list(order[start : start + size]) for start in range(0, len(order), size)]


def generate(
    loaded: LoadedModel,
    prompts: Sequence[Prompt],
    condition: str,
    options: GenerateOptions,
    cache: Cache | None = None,
    show: Show | None = None,
) -> list[Reply]:
    """A reply for every prompt, in the prompts' order.

    Raises ModelError when memory runs out at a batch size of one, or a prompt is longer than the model can read.
    """
    ids = asked_ids(loaded, prompts, options)
    texts = complete(loaded, ids, options, cache, show)
    return [reply_of(p, loaded.name, condition, said, options.seed) for p, said in zip(prompts, texts, strict=True)]


def reply_of(prompt: Prompt, model: str, condition: str, said: Said, seed: int = 0) -> Reply:
    return Reply(prompt.id, model, condition, str(said), seed, said.thought, said.status, said.why, said.cut)


def asked_ids(loaded: LoadedModel, prompts: Sequence[Prompt], options: GenerateOptions) -> list[list[int]]:
    """The token ids of each prompt. Raises ModelError when one leaves the model no room to answer."""
    ids = [prompt_ids(loaded.tokenizer, prompt.messages) for prompt in prompts]
    check_lengths(loaded, prompts, ids, options)
    return ids


def complete(
    loaded: LoadedModel,
    ids: Sequence[Sequence[int]],
    options: GenerateOptions,
    cache: Cache | None = None,
    show: Show | None = None,
) -> list[Said]:
    """What follows each list of token ids, in order. Raises ModelError when memory runs out at a batch size of one."""
    if cache is None:
        cache = ReplyCache(None)
    elif isinstance(cache, ReplyCache) and not (loaded.world.harmless or cache.in_clear):
        cache = cache.in_memory()
    keys = [reply_key(loaded, row, options) for row in ids]
    # The longest first: memory is at its worst in the first batch, and prompts that are asked twice are made once.
    first_of = {key: i for i, key in reversed(list(enumerate(keys)))}
    order = sorted(first_of.values(), key=lambda i: (-len(ids[i]), i))
    if loaded.served:
        missing = [i for i in order if keys[i] not in cache.known]
        _complete_served(loaded, _Order(ids, keys, cache, show), missing, options)
        return [as_said(cache.known[key]) for key in keys]
    queue, size, done = _batches(order, options.batch_size), options.batch_size, 0
    loaded.model.eval()
    while queue:
        batch = queue.pop(0)
        if any(keys[i] not in cache.known for i in batch):
            try:
                texts = generate_batch(
                    loaded, [ids[i] for i in batch], options, _within(show, done, batch, order, options)
                )
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                if len(batch) == 1:
                    raise ModelError(
                        "out of memory with one prompt at a time", "use a smaller dtype or --max-new-tokens"
                    ) from error
                size = max(1, len(batch) // 2)
                queue = _batches([i for part in (batch, *queue) for i in part], size)
                if torch.cuda.is_available():
                    torch.cuda.empty_cache()
                continue
            said = [text if isinstance(text, Said) else heard(text) for text in texts]
            cache.add({keys[i]: one for i, one in zip(batch, said, strict=True)})
        done += len(batch)
        if show:
            show(done, len(order))
    return [as_said(cache.known[key]) for key in keys]


@dataclass(frozen=True)
class _Order:
    """Questions of an engine: their ids and keys, and where the replies go."""

    ids: Sequence[Sequence[int]]
    keys: Sequence[str]
    cache: Cache
    show: Show | None


def _complete_served(loaded: LoadedModel, order: _Order, missing: Sequence[int], options: GenerateOptions) -> None:
    """Give the cache the replies that are missing, made by an engine, as they come.

    Prompts that leave less room than a reply may take are asked apart, each with the room that it has.
    """
    assert loaded.served is not None
    stops, done = stop_ids(loaded), 0
    by_room: dict[int, list[int]] = {}
    for i in missing:
        by_room.setdefault(min(options.max_new_tokens, room_after(loaded, len(order.ids[i]))), []).append(i)
    for room, places in sorted(by_room.items(), reverse=True):
        own = replace(options, max_new_tokens=room)
        prompts = [order.ids[i] for i in places]
        for some, found in loaded.served.replies(prompts, sampling_of(loaded, own, stops)):
            said = hear(loaded, [prompts[i] for i in some], [up_to(row, stops) for row in found], own)
            order.cache.add({order.keys[places[i]]: one for i, one in zip(some, said, strict=True)})
            done += len(some)
            if order.show:
                order.show(done, len(missing))


def sampling_of(loaded: LoadedModel, options: GenerateOptions, stops: Sequence[int]) -> dict[str, Any]:
    """How vLLM is asked to decode: as `generate_batch` would, in vLLM's words."""
    asked: dict[str, Any] = {
        "temperature": options.temperature, "max_tokens": options.max_new_tokens, "stop_token_ids": list(stops),
    }  # fmt: skip
    if options.temperature > 0:
        asked |= {"top_p": options.top_p, "seed": options.seed}
    for name in PASSED_ON:
        value = getattr(loaded.model.generation_config, name, None)
        if value not in PROCESSORS[name]:
            asked[name] = value
    return asked


def room_after(loaded: LoadedModel, tokens: int) -> int:
    """How many tokens a reply may have after a prompt of so many."""
    return context_of(loaded) - tokens


def context_of(loaded: LoadedModel) -> int:
    """How many tokens a model reads; a large number where its configuration sets no limit."""
    return int(getattr(loaded.model.config.get_text_config(), "max_position_embeddings", None) or 1 << 30)


def _within(
    show: Show | None, done: int, batch: Sequence[int], order: Sequence[int], options: GenerateOptions
) -> Callable[[int], None] | None:
    """Tells of a batch by its tokens: half of them made counts as half of its replies."""
    if show is None:
        return None
    return lambda made: show(done + len(batch) * made // (options.max_new_tokens + 1), len(order))


def check_lengths(
    loaded: LoadedModel, prompts: Sequence[Prompt], ids: list[list[int]], options: GenerateOptions
) -> None:
    """Raise ModelError when a prompt leaves the model no room to answer."""
    if not ids:
        return
    limit = context_of(loaded)
    longest = max(range(len(ids)), key=lambda i: len(ids[i]))
    if len(ids[longest]) + 1 > limit:
        raise ModelError(
            f"prompt `{prompts[longest].id}` has {len(ids[longest])} tokens, and the model reads {limit}",
            "leave that prompt out",
        )
