import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from holdfast.models.decoding import decode_greedily, decodes_greedily
from holdfast.models.internals import final_norm, layers_of, lora_targets
from tiny import ARCHITECTURES

VOCABULARY, LENGTH, NEW = 200, 40, 12
# query and value, or the one matrix that holds them
TARGETS = {"phi3": ["qkv_proj"], "gpt2": ["c_attn"], "gpt_neox": ["query_key_value"]}


def random_model(architecture):
    kind, shape, _ = ARCHITECTURES[architecture]
    torch.manual_seed(0)
    config = AutoConfig.for_model(kind, **{"bos_token_id": 1, "eos_token_id": 2, **shape}, vocab_size=VOCABULARY)
    return AutoModelForCausalLM.from_config(config).eval()


def generated(model, ids, mask, ends):
    """transformers' own greedy replies, each up to its end token."""
    rows = model.generate(
        input_ids=ids, attention_mask=mask, max_new_tokens=NEW, do_sample=False, pad_token_id=0, eos_token_id=ends
    )[:, ids.shape[1] :].tolist()
    return [row[: next((i for i, token in enumerate(row) if token in ends), len(row))] for row in rows]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_padded_rows_that_end_apart_are_generates_own(architecture):
    """Prompts of 40, 25 and 10 tokens, padded on the left: two of them are longer than a sliding window of 16."""
    model = random_model(architecture)
    assert decodes_greedily(model)
    ids = torch.randint(3, VOCABULARY, (3, LENGTH), generator=torch.Generator().manual_seed(1))
    mask = torch.ones_like(ids)
    mask[1, :15], mask[2, :30] = 0, 0
    whole = generated(model, ids, mask, [2])
    assert len({tuple(row) for row in whole}) > 1
    firsts = [row[min(4 * i, len(row) - 1)] for i, row in enumerate(whole) if row]
    for ends in ([2], [2, firsts[0]], [2, *firsts[1:]]):
        assert decode_greedily(model, ids, mask, ends, NEW) == generated(model, ids, mask, ends)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_lora_goes_to_query_and_value(architecture):
    model = random_model(architecture)
    assert lora_targets(model) == TARGETS.get(architecture, ["q_proj", "v_proj"])
    assert len(layers_of(model)) == 2 and "norm" in type(final_norm(model)).__name__.lower()
