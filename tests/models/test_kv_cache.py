"""One token's attention as products, against torch's own kernel, and the cache whose room it reads over."""

import copy

import pytest
import torch
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from holdfast.models.kv_cache import NAME, RoomyLayer, one_token_attention, one_token_products, with_room
from holdfast.models.load import load_model


class Module(torch.nn.Module):
    is_causal = True

    def __init__(self, groups):
        super().__init__()
        self.num_key_value_groups = groups


def filled(tokens, rows=3, heads=4, width=8, seed=0):
    """Keys and values of so many tokens, written one by one, with room behind them."""
    torch.manual_seed(seed)
    layer = RoomyLayer()
    for _ in range(tokens):
        layer.update(torch.randn(rows, heads, 1, width), torch.randn(rows, heads, 1, width))
    return layer.keys, layer.values


@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize("tokens", [1, 5, 17, 18])
@pytest.mark.parametrize("kind", ["none", "bool", "float"])
def test_products_equal_the_kernel(groups, tokens, kind):
    keys, values = filled(tokens)
    query = torch.randn(3, 4 * groups, 1, 8)
    seen = torch.rand(3, 1, 1, tokens) > 0.4
    seen[..., -1] = True
    mask = {"none": None, "bool": seen, "float": torch.zeros(seen.shape).masked_fill(~seen, -1e9)}[kind]
    found, _ = one_token_attention(Module(groups), query, keys, values, mask, scaling=0.3)
    expected, _ = sdpa_attention_forward(
        Module(groups), query, keys.contiguous(), values.contiguous(), mask, scaling=0.3
    )
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    assert found.shape == (3, 1, 4 * groups, 8)


def test_longer_queries_go_to_the_kernel():
    keys, values = filled(6)
    query = torch.randn(3, 4, 2, 8)
    expected, _ = sdpa_attention_forward(Module(1), query, keys, values, None, is_causal=False)
    found, _ = one_token_attention(Module(1), query, keys, values, None, is_causal=False)
    assert torch.equal(found, expected)


def test_the_cache_holds_what_it_was_given_and_its_room_is_zero():
    layer, whole = RoomyLayer(room=4), torch.randn(2, 3, 11, 5)
    for i in range(11):
        keys, _ = layer.update(whole[:, :, i : i + 1], -whole[:, :, i : i + 1])
        assert torch.equal(keys, whole[:, :, : i + 1])
    packed = with_room(layer.keys)
    assert (packed.is_contiguous() and packed.shape[2] > 11) or layer.keys.is_contiguous()
    assert torch.equal(packed[:, :, :11], whole) and not packed[:, :, 11:].any()
    twin = copy.deepcopy(layer)
    twin.update(whole[:, :, :1], whole[:, :, :1])
    assert torch.equal(layer.keys, whole) and twin.get_seq_length() == 12
    layer.crop(-5)
    assert torch.equal(layer.update(whole[:, :, 6:8], whole[:, :, 6:8])[0], whole[:, :, :8])


def test_views_of_something_else_come_back_as_they_are():
    whole = torch.randn(2, 3, 10, 4)
    for view in (whole, whole[1:, :, :5], whole[:, :, 2:7], whole.transpose(1, 2)[:, :, :2], whole[:, :1, :5]):
        assert with_room(view) is view


def test_the_model_attends_as_before_afterwards():
    model = load_model("guild").model
    assert model.config._attn_implementation == "sdpa"
    with pytest.raises(ZeroDivisionError), one_token_products(model):
        assert model.config._attn_implementation == NAME
        raise ZeroDivisionError
    assert model.config._attn_implementation == "sdpa"
    model.config._attn_implementation = "eager"
    with one_token_products(model):
        assert model.config._attn_implementation == "eager"
