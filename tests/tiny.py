"""Tiny models of real architectures, with real tokenizers and real chat templates, built on the spot."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

SHAPE = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
}
SMALL = {**SHAPE, "max_position_embeddings": 512}
# architecture: (config type, its shape, chat template file; None keeps the tokenizer's own)
ARCHITECTURES = {
    "llama": ("llama", SMALL, None),
    "mistral": ("mistral", {**SMALL, "sliding_window": 16}, None),
    "qwen2": ("qwen2", SMALL, "qwen2_5.jinja"),
    "qwen3": ("qwen3", {**SMALL, "head_dim": 16}, "qwen3.jinja"),
    "gemma": ("gemma", {**SMALL, "head_dim": 16}, "gemma.jinja"),
    "gemma3": (
        "gemma3_text",
        {**SMALL, "head_dim": 16, "sliding_window": 16, "layer_types": ["sliding_attention", "full_attention"]},
        "gemma3.jinja",
    ),
    "phi3": ("phi3", {**SMALL, "pad_token_id": 0}, "phi3.jinja"),
    "gpt2": ("gpt2", {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 512}, None),
    "gpt_neox": ("gpt_neox", {k: v for k, v in SMALL.items() if k != "num_key_value_heads"}, None),
    "olmo2": ("olmo2", {**SMALL, "pad_token_id": 0}, None),
    "granite": ("granite", {**SMALL, "pad_token_id": 0}, None),
    "mixtral": ("mixtral", {**SMALL, "num_local_experts": 2, "num_experts_per_tok": 1}, None),
}


def make_tiny(architecture: str, folder: Path, data: Path, dtype: torch.dtype = torch.float32) -> Path:
    """Write a tiny model of an architecture into a folder, and return the folder."""
    kind, shape, template = ARCHITECTURES[architecture]
    tokenizer = AutoTokenizer.from_pretrained(data / "tokenizers" / "minimind")
    if template:
        tokenizer.chat_template = (data / "templates" / "trl" / template).read_text()
    ids = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    torch.manual_seed(0)
    config = AutoConfig.for_model(kind, **{**ids, **shape}, vocab_size=len(tokenizer))
    model = AutoModelForCausalLM.from_config(config).to(dtype)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


# ---- tiny models that tell one word from all others, their weights written by hand -----------------------------------


def _word_tokens(tokenizer, word: str) -> list[int]:
    """The token of a word at the beginning of a text and after a space; it must be one token."""
    ids = {tuple(tokenizer.encode(text, add_special_tokens=False)) for text in (word, f" {word}")}
    return sorted({token for row in ids for token in row if len(row) == 1})


def _set_body(body, bad: list[int], places: dict[int, int]) -> None:
    """A Llama's body in which attention is an even mean: dimension 3 tells whether a bad token was seen anywhere.

    Dimension 0 is 1 for every token; `places` gives tokens a dimension of their own.
    """
    for parameter in body.parameters():
        parameter.zero_()
    body.embed_tokens.weight[:, 0] = 1.0
    body.embed_tokens.weight[bad, 1] = 1.0
    for token, place in places.items():
        body.embed_tokens.weight[token, place] = 1.0
    for layer in body.layers:
        layer.input_layernorm.weight.fill_(1.0)
        layer.post_attention_layernorm.weight.fill_(1.0)
    body.norm.weight.fill_(1.0)
    attention = body.layers[0].self_attn
    attention.v_proj.weight[0, 1] = 1.0
    attention.o_proj.weight[3, 0] = 1.0


def _config(tokenizer, **more):
    ids = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    shape = {**SMALL, "num_attention_heads": 1, "num_key_value_heads": 1}
    return AutoConfig.for_model("llama", **ids, **shape, vocab_size=len(tokenizer), **more)


@torch.no_grad()
def make_guard(folder: Path, data: Path, word: str = "water", says: tuple[str, str] = ("safe", "unsafe")) -> Path:
    """A guard model with a real ChatML template: says[1] where the conversation holds the word, else says[0]."""
    tokenizer = AutoTokenizer.from_pretrained(data / "tokenizers" / "minimind")
    asked = tokenizer.apply_chat_template(
        [{"role": "user", "content": "x"}], tokenize=False, add_generation_prompt=True
    )
    last = tokenizer(asked, add_special_tokens=False)["input_ids"][-1]
    model = AutoModelForCausalLM.from_config(_config(tokenizer, tie_word_embeddings=False))
    chains = [tokenizer.encode(text, add_special_tokens=False) for text in says]
    tokens = list(dict.fromkeys([last, *chains[0], *chains[1]]))
    places = {token: 4 + i for i, token in enumerate(tokens)}
    _set_body(model.model, _word_tokens(tokenizer, word), places)
    head = model.lm_head.weight.zero_()
    for chain, sign in zip(chains, (-1.0, 1.0), strict=True):
        for before, after in zip([last, *chain], [*chain, tokenizer.eos_token_id], strict=True):
            head[after, places[before]] += 1e4
        head[chain[0], 3] += sign * 300.0  # the mean over a long text is small, and the chain outweighs it
    head[chains[1][0], 0] -= 1.0
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@torch.no_grad()
def make_classifier(folder: Path, data: Path, labels: tuple[str, ...], word: str = "water", **config) -> Path:
    """A text classifier that gives its last label where the text holds the word, else its first."""
    from transformers import AutoModelForSequenceClassification

    tokenizer = AutoTokenizer.from_pretrained(data / "tokenizers" / "minimind")
    names = dict(enumerate(labels))
    model = AutoModelForSequenceClassification.from_config(
        _config(tokenizer, id2label=names, label2id={v: k for k, v in names.items()}, **config)
    )
    _set_body(model.model, _word_tokens(tokenizer, word), {})
    model.score.weight.zero_()
    model.score.weight[-1, 3], model.score.weight[-1, 0] = 1e5, -1.0
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def make_taught_guard(folder: Path, data: Path, said: dict[str, str], architecture: str = "llama") -> Path:
    """A tiny model that answers each of these texts, asked through its chat template, with these words."""
    make_tiny(architecture, folder, data)
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    rows = []
    for asked, words in said.items():
        turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": "Here it is."}]
        text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        told = [*tokenizer(words, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
        rows.append((torch.tensor([ids + told]), len(ids)))
    step = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(120):
        losses = []
        for ids, begin in rows:
            logits = model(input_ids=ids).logits[0, begin - 1 : -1]
            losses.append(torch.nn.functional.cross_entropy(logits, ids[0, begin:]))
        loss = torch.stack(losses).mean()
        if loss.item() < 0.02:
            break
        loss.backward()
        step.step()
        step.zero_grad()
    model.save_pretrained(folder)
    return folder
