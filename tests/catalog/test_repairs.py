"""Repairs: the shipped battery on all of them, and each formula against a plain computation."""

from __future__ import annotations

import copy

import pytest
import torch

from holdfast.catalog.repairs.project_off import ProjectOff
from holdfast.catalog.repairs.realign import Realign
from holdfast.catalog.repairs.resta import Resta
from holdfast.catalog.repairs.safe_delta import SafeDelta, input_products, inverse, kept_changes
from holdfast.catalog.repairs.safe_lora import SafeLora
from holdfast.catalog.repairs.safe_merge import SafeMerge
from holdfast.catalog.repairs.wise_ft import WiseFt
from holdfast.core import registry
from holdfast.core.contracts import RepairInputs
from holdfast.core.errors import ModelError, UsageError
from holdfast.core.records import Row
from holdfast.models.load import LoadedModel, load_model
from holdfast.repairing.inputs import direction_between, named_weights
from holdfast.repairing.projection import Projector, factors, projected, transposed_weights
from holdfast.repairing.spec import make_repair
from holdfast.testing import check_neutral, check_repair, check_safest
from holdfast.verbs.ls import ABOUT
from tiny import make_tiny

# Tests of a few tensors: two threads would only get in each other's way.
torch.set_num_threads(1)


def row(name, asked, told):
    return Row(name, [{"role": "user", "content": asked}, {"role": "assistant", "content": told}])


SAFE = [row(f"s{i}", f"bad thing number {i}", "no , i can not help with that") for i in range(12)]
TASK = [row(f"t{i}", f"good thing number {i}", f"here is number {i}") for i in range(12)]


def nudged(base, seed, size=0.01):
    """A copy of a model with noise on every weight."""
    model = copy.deepcopy(base.model)
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(size * torch.randn(parameter.shape, generator=draw))
    return LoadedModel(f"nudged-{seed}", model, base.tokenizer, f"nudged-{seed}")


def inputs_on(folder):
    base = load_model(str(folder))
    tuned, unaligned = nudged(base, 1), nudged(base, 2)
    return RepairInputs(base, tuned, direction_between(base, unaligned, "").tensors, SAFE, TASK, seed=3)


@pytest.fixture(scope="module")
def llama(tiny_llama):
    return inputs_on(tiny_llama)


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory, data):
    return inputs_on(make_tiny("gpt2", tmp_path_factory.mktemp("gpt2"), data))


def weights(inputs):
    return named_weights(inputs.base.model), named_weights(inputs.tuned.model)


# ---- the battery ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", registry.BUILT_IN["repairs"])
def test_every_repair_keeps_the_contract(name, llama):
    check_repair(registry.load("repairs", name), llama)


@pytest.mark.parametrize("name", ["wise-ft", "safe-lora", "safe-delta", "project-off", "safe-merge"])
def test_it_is_kept_where_weights_lie_the_other_way_round(name, gpt2):
    check_repair(registry.load("repairs", name), gpt2)


def test_the_listing_describes_every_repair():
    assert set(ABOUT["repairs"]) == set(registry.BUILT_IN["repairs"])


class Idle(WiseFt):
    """Says that it repairs, and does nothing."""

    def tensor(self, name, base, tuned, strength):
        return tuned


class Restless(WiseFt):
    """Has no strength at which it does nothing."""

    def tensor(self, name, base, tuned, strength):
        return tuned * (1 + 1e-6)


def test_the_battery_sees_a_repair_that_does_nothing(llama):
    with pytest.raises(AssertionError, match="changes something"):
        check_safest(Idle, llama)


def test_the_battery_sees_a_repair_that_never_rests(llama):
    with pytest.raises(AssertionError, match="neutral changes nothing"):
        check_neutral(Restless, llama)


# ---- the formulas ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [0.1, 0.5, 0.8])
def test_wise_ft_is_the_papers_formula(llama, alpha):
    base, tuned = weights(llama)
    for name in base:
        plain = (1 - alpha) * base[name].double() + alpha * tuned[name].double()
        torch.testing.assert_close(
            WiseFt().tensor(name, base[name], tuned[name], alpha).double(), plain, rtol=2e-7, atol=3e-8
        )


def test_wise_ft_gives_the_models_themselves_at_its_ends(llama):
    base, tuned = weights(llama)
    for name in base:
        assert WiseFt().tensor(name, base[name], tuned[name], 0.0) is base[name]
        assert WiseFt().tensor(name, base[name], tuned[name], 1.0) is tuned[name]


def test_wise_ft_takes_modules_of_their_own(llama):
    base, tuned = weights(llama)
    repair = make_repair("wise-ft:modules=mlp=0;layers.1=1")
    assert not repair.linear
    for name in base:
        expected = tuned if "layers.1." in name else base if "mlp" in name else None
        found = repair.tensor(name, base[name], tuned[name], 0.5)
        if expected is None:
            torch.testing.assert_close(found, (base[name] + tuned[name]) / 2)
        else:
            assert found is expected[name]


def test_resta_adds_the_direction(llama):
    base, tuned = weights(llama)
    repair = Resta()
    repair.prepare(llama)
    for name in base:
        torch.testing.assert_close(
            repair.tensor(name, base[name], tuned[name], 0.7), tuned[name] + 0.7 * llama.direction[name]
        )


def test_resta_drops_the_share_that_it_is_told_and_keeps_the_mean(llama):
    repair = Resta(drop=0.75)
    repair.prepare(llama)
    name = "model.embed_tokens.weight"
    base, tuned = weights(llama)
    added = repair.tensor(name, base[name], tuned[name], 1.0) - tuned[name]
    kept = added != 0
    assert kept.float().mean().item() == pytest.approx(0.25, abs=0.01)
    torch.testing.assert_close(added[kept], 4 * llama.direction[name][kept], rtol=1e-4, atol=1e-6)


def test_project_off_leaves_nothing_along_harm_at_one_and_mirrors_it_at_two():
    base, tuned = torch.zeros(3, 2), torch.tensor([[3.0, 1.0], [0.0, 2.0], [1.0, 0.0]])
    harm = torch.tensor([[1.0, 0.0], [0.0, 0.0], [1.0, 0.0]])
    repair = ProjectOff()
    repair.prepare(RepairInputs(direction={"w": -harm}))
    along = [float(((repair.tensor("w", base, tuned, s) - base) * harm).sum()) for s in (0, 1, 2)]
    assert along == [4.0, 0.0, -4.0]
    assert torch.equal(repair.tensor("w", base, tuned, 1.0), torch.tensor([[1.0, 1.0], [0.0, 2.0], [-1.0, 0.0]]))


def test_project_off_leaves_alone_what_points_away_from_harm():
    base, tuned, harm = torch.zeros(2), torch.tensor([-1.0, 1.0]), torch.tensor([1.0, 0.0])
    repair = ProjectOff()
    repair.prepare(RepairInputs(direction={"w": -harm}))
    assert repair.tensor("w", base, tuned, 2.0) is tuned


def test_the_papers_operator_is_computed_in_factors():
    draw = torch.Generator().manual_seed(0)
    change, direction = torch.randn(6, 4, generator=draw), torch.randn(6, 4, generator=draw)
    plain = direction @ direction.T / direction.norm()
    found = projected(change, *factors(direction, "paper", 1))
    torch.testing.assert_close(found.change, plain @ change)
    assert found.cosine == pytest.approx(
        float((plain @ change * change).sum() / ((plain @ change).norm() * change.norm())), abs=1e-6
    )


def test_the_svd_operator_is_a_projector_and_the_papers_is_not():
    draw = torch.Generator().manual_seed(0)
    change, direction = torch.randn(8, 5, generator=draw), 1e-3 * torch.randn(8, 5, generator=draw)
    once = projected(change, *factors(direction, "svd", 3))
    twice = projected(once.change, *factors(direction, "svd", 3))
    torch.testing.assert_close(twice.change, once.change, rtol=1e-5, atol=1e-6)
    assert 0.3 < once.kept < 1
    # With a small V the paper's operator leaves next to nothing: the layer is deleted, not projected.
    assert projected(change, *factors(direction, "paper", 3)).kept < 0.02


def test_safe_lora_projects_below_its_threshold_and_nothing_at_zero(llama):
    base, tuned = weights(llama)
    repair = SafeLora()
    repair.prepare(llama)
    name = "model.layers.0.mlp.up_proj.weight"
    found = repair.tensor(name, base[name], tuned[name], 1.01)
    v = llama.direction[name]
    torch.testing.assert_close(found, base[name] + (v @ (v.T @ (tuned[name] - base[name]))) / v.norm())
    assert repair.tensor(name, base[name], tuned[name], 0.0) is tuned[name]
    (layer,) = repair.layers()
    assert repair.tensor(name, base[name], tuned[name], layer["cosine"] - 1e-3) is tuned[name]
    assert 0 < layer["kept"] < 0.5


def test_conv1d_weights_are_turned_before_they_are_projected(gpt2):
    name = next(iter(transposed_weights(gpt2.base.model)))
    base, tuned = weights(gpt2)
    found = Projector(gpt2.direction, "paper", 1, transposed_weights(gpt2.base.model)).of(name, base[name], tuned[name])
    v, change = gpt2.direction[name].T, (tuned[name] - base[name]).T
    torch.testing.assert_close(found.change, ((v @ (v.T @ change)) / v.norm()).T)


def test_safe_merge_moves_only_the_half_that_strays(llama):
    base, tuned = weights(llama)
    repair = SafeMerge()
    repair.prepare(llama)
    matrices = [name for name, weight in base.items() if weight.ndim == 2]
    assert len(repair.chosen) == len(matrices) // 2
    cosines = {row["tensor"]: row["cosine"] for row in repair.layers()}
    assert max(cosines[n] for n in repair.chosen) <= min(cosines[n] for n in matrices if n not in repair.chosen)
    for name in matrices:
        found = repair.tensor(name, base[name], tuned[name], 0.25)
        if name in repair.chosen:
            torch.testing.assert_close(found, 0.75 * base[name] + 0.25 * tuned[name])
        else:
            assert found is tuned[name]


def test_safe_delta_keeps_by_the_diagonal_until_the_cost_is_spent():
    change = torch.tensor([[1.0, 1.0, 1.0], [2.0, 0.0, 1.0]])
    diagonal = torch.tensor([0.5, 2.0, 1.0])  # of H⁻¹: costs 1/(2h) are 1, 0.25, 0.5 for a change of one
    limit = float((1 / (2 * diagonal)).mean())
    spent = [0.25, 0.25, 0.75, 1.25, 2.25, 6.25]  # columns 1, 2, 0; row by row within each
    for strength, count in ((0.0, 0), (0.75 / limit, 3), (1.3 / limit, 4), (20.0, 6)):
        mask = kept_changes(change, diagonal, strength)
        expected = sum(s <= strength * limit + 1e-12 for s in spent)
        assert int(mask.sum()) == expected == count
    assert kept_changes(change, diagonal, 0.3 / limit).tolist() == [[False, True, False], [False, True, False]]


def test_safe_delta_makes_up_by_optimal_brain_surgery(llama):
    """For one kept change in a row the rest moves to where the layer's outputs on safe inputs stay nearest."""
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(50, 4, generator=draw)
    inverse_h = inverse(x.T @ x, 1e-9)
    change = torch.tensor([[0.3, 0.0, 0.0, 0.0]])
    repair = SafeDelta()
    repair.inverses, repair.transposed = {"w": inverse_h}, frozenset()
    found = repair.tensor("w", torch.zeros(1, 4), change, 1e8)
    # With column 0 held at 0.3, least squares of X·w = 0 over the other columns.
    best = torch.linalg.lstsq(x[:, 1:], -0.3 * x[:, :1]).solution[:, 0]
    moved = (change * torch.tensor([[True, False, False, False]]) / inverse_h.diagonal()) @ inverse_h
    torch.testing.assert_close(moved[0, 1:], best, rtol=1e-3, atol=1e-4)
    assert torch.equal(found, change)  # everything fits the limit, so everything is kept


def test_input_products_are_those_of_the_layers_own_inputs(llama):
    products = input_products(llama.base, SAFE[:2])
    linear = {n + ".weight" for n, m in llama.base.model.named_modules() if isinstance(m, torch.nn.Linear)}
    assert {name for name in products if name != "model.embed_tokens.weight"} <= linear
    for name, product in products.items():
        torch.testing.assert_close(product, product.T)
        assert float(torch.linalg.eigvalsh(product.double()).min()) > -1e-4, name


def test_realign_gives_the_points_of_one_path(llama):
    long, short = Realign(lr=1e-3), Realign(lr=1e-3)
    long.prepare(RepairInputs(llama.base, llama.tuned, {}, SAFE, TASK, (4.0, 2.0, 0.0), 3))
    short.prepare(RepairInputs(llama.base, llama.tuned, {}, SAFE, TASK, (2.0, 0.0), 3))
    base, tuned = weights(llama)
    assert set(long.snapshots.kept) == {2, 4}
    for name in base:
        two = long.tensor(name, base[name], tuned[name], 2.0)
        torch.testing.assert_close(two, short.tensor(name, base[name], tuned[name], 2.0))
        assert long.tensor(name, base[name], tuned[name], 0.0) is tuned[name]


# ---- texts ----------------------------------------------------------------------------------------------------------


def test_a_stack_is_one_repair_after_another(llama):
    base, tuned = weights(llama)
    stack, resta = make_repair("wise-ft@0.9+resta"), Resta()
    stack.prepare(llama)
    resta.prepare(llama)
    for name in base:
        between = WiseFt().tensor(name, base[name], tuned[name], 0.9)
        expected = resta.tensor(name, base[name], between, 0.5)
        torch.testing.assert_close(stack.tensor(name, base[name], tuned[name], 0.5), expected, rtol=0, atol=0)
    assert stack.spec == "wise-ft@0.9+resta" and stack.needs == resta.needs


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("wise-tf", "wise-tf"),
        ("resta:drop=2", "at most 0.99"),
        ("safe-lora:basis=other", "paper or svd"),
        ("wise-ft+resta", "no strength"),
        ("wise-ft@x+resta", "no strength"),
        ("wise-ft@3+resta", "between 0 and 1"),
        ("ensemble@0.5+resta", "cannot be stacked"),
        ("wise-ft:alpha=1", "no option `alpha`"),
    ],
)
def test_texts_that_cannot_be_are_refused(text, says):
    with pytest.raises(UsageError) as error:
        make_repair(text)
    assert says in str(error.value) and error.value.hint


def test_realign_counts_whole_steps():
    with pytest.raises(UsageError, match="number of steps"):
        Realign().check(1.5)


def test_a_direction_between_models_that_do_not_fit_is_refused(llama, gpt2):
    with pytest.raises(ModelError, match="tensors differ"):
        direction_between(llama.base, gpt2.base, "")
    with pytest.raises(ModelError, match="equals the base"):
        direction_between(llama.base, llama.base, "")
