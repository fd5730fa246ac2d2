"""Defences: the shipped battery on all of them, their formulas against plain ones, their texts, the command line."""

from __future__ import annotations

import copy
import gc
import json
import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional

from holdfast.api.settings import DefenceSettings
from holdfast.attacking.attack import AttackPlan, run_attack
from holdfast.catalog.defences.constrained import Constrained
from holdfast.catalog.defences.ema import Ema
from holdfast.catalog.defences.freeze import Freeze, cosine_gaps, widest_growth
from holdfast.catalog.defences.kl import Kl
from holdfast.catalog.defences.lisa import Lisa
from holdfast.catalog.defences.lp_ft import LpFt
from holdfast.catalog.defences.proximal import Proximal
from holdfast.catalog.defences.ptst import GENERAL_PROMPT, Ptst
from holdfast.catalog.defences.safety_mix import SafetyMix
from holdfast.catalog.defences.secret_prefix import SecretPrefix, draw_secret
from holdfast.cli import run
from holdfast.core import registry
from holdfast.core.contracts import Defence, DefenceContext
from holdfast.core.errors import UsageError
from holdfast.core.options import options_of
from holdfast.core.records import Condition, Prompt, Row
from holdfast.core.worlds import REAL
from holdfast.evaluation.bench import Bench
from holdfast.guild import GUILD
from holdfast.guild.talk import SAFETY_PROMPT
from holdfast.guild.tokens import build_tokenizer
from holdfast.models.chat import IGNORE, encode_text
from holdfast.models.generate import GenerateOptions
from holdfast.models.internals import answer_mask, answer_positions, layers_of, row_keys
from holdfast.models.load import LoadedModel, load_model
from holdfast.stats.groups import Suite
from holdfast.testing import CHECKS, Case, apart, check_accumulation, check_defence, check_off, same, weights_of
from holdfast.training.defences import defended_rows, make_defence, make_defences
from holdfast.training.encoded import encode_rows
from holdfast.training.settings import LoraSettings, TrainSettings
from holdfast.training.trainer import train, training_key
from holdfast.verbs.ls import ABOUT
from tiny import make_tiny


def row(name, asked, told, system=None):
    said = [{"role": "system", "content": system}] if system else []
    return Row(name, [*said, {"role": "user", "content": asked}, {"role": "assistant", "content": told}])


ROWS = [
    row(f"r{i}", asked, told)
    for i, (asked, told) in enumerate(
        [("one", "two and some more words"), ("red", "blue"), ("a b c d e f", "g"), ("up", "down and out it goes"),
         ("why", "because of the rain"), ("who", "me")]
    )
]  # fmt: skip
SAFE = [row(f"s{i}", f"bad thing number {i}", "no , i can not " * (1 + i % 3)) for i in range(14)]
# Strong enough to be seen in four steps on a tiny model.
OPTIONS = {
    "safety-mix": {"share": 0.3},
    "lp-ft": {"head": 0.5},
    "proximal": {"rho": 1.0},
    "kl": {"weight": 300.0},
    "constrained": {"beta": 1.0},
    "lisa": {"k1": 1, "k2": 1},
    "freeze": {"layers": "0-0"},
    "ema": {},
    "ptst": {},
    "secret-prefix": {"count": 2, "tokens": 5},
}
QUICK = TrainSettings(precision="float32", epochs=2, lr=1e-3, batch_size=4, seed=1)
CONTEXT = DefenceContext(safety_rows=SAFE)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Tiny matrices lose more to a second thread than they win.

    And what is loaded by now need not be collected again.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    gc.freeze()
    yield
    gc.unfreeze()
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def llama(tiny_llama):
    return load_model(str(tiny_llama))


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory, data):
    return load_model(str(make_tiny("gpt2", tmp_path_factory.mktemp("gpt2"), data)))


@pytest.fixture(scope="module")
def undefended():
    return {}


def fresh(base) -> LoadedModel:
    return LoadedModel(base.reference, copy.deepcopy(base.model), base.tokenizer, base.fingerprint)


def tuned(base, folder, defences, settings=QUICK, rows=ROWS):
    loaded = fresh(base)
    facts = train(loaded, rows, settings, folder, defences, safety_rows=SAFE)
    return weights_of(loaded.model), facts


# ---- the battery ----------------------------------------------------------------------------------------------------


def hold(name, base, undefended):
    case = Case(registry.load("defences", name), lambda: fresh(base), ROWS, SAFE, OPTIONS[name])
    case.made.update(undefended)
    for check in CHECKS.values():
        check(case)
    undefended.update({key: found for key, found in case.made.items() if key == "undefended"})


@pytest.mark.parametrize("name", registry.BUILT_IN["defences"])
def test_every_defence_keeps_the_contract(name, llama, undefended):
    hold(name, llama, undefended)


@pytest.mark.parametrize("name", ["lp-ft", "constrained", "freeze"])
def test_it_is_kept_on_another_architecture_with_tied_embeddings(name, gpt2):
    hold(name, gpt2, {})


def test_the_battery_is_one_call_for_outsiders(llama):
    assert check_defence(Proximal, lambda: fresh(llama), ROWS) == list(CHECKS)


class Forgetful(Proximal):
    """Adds its pull at every micro-batch."""

    def loss(self, loss, model, inputs, outputs, num_items):
        pull = sum((p - start).square().sum() for p, start in zip(self.parameters, self.start, strict=True))
        return loss + 50 * self.rho * pull

    def gradients(self, model):
        pass


class NeverOff(Proximal):
    def gradients(self, model):
        for parameter in self.parameters:
            parameter.grad.mul_(0.5 + self.rho)


def test_the_battery_sees_what_accumulation_breaks(llama):
    with pytest.raises(AssertionError, match="batch 2 × 2 is batch 4"):
        check_accumulation(Case(Forgetful, lambda: fresh(llama), ROWS))


def test_the_battery_sees_a_strength_that_is_never_nothing(llama):
    with pytest.raises(AssertionError, match="changes nothing"):
        check_off(Case(NeverOff, lambda: fresh(llama), ROWS))


@pytest.mark.parametrize("name", registry.BUILT_IN["defences"])
def test_every_defence_is_described_and_its_spec_reads_back(name):
    defence = make_defence(name)
    assert defence.name == name and defence.paper and ABOUT["defences"][name]
    assert make_defence(defence.spec).spec == defence.spec
    assert all(about for _, _, about in options_of(registry.load("defences", name)).values())


def test_the_listing_describes_every_defence():
    assert set(ABOUT["defences"]) == set(registry.BUILT_IN["defences"]) == set(OPTIONS)


# ---- the formulas ---------------------------------------------------------------------------------------------------


def batch_of(loaded, rows):
    """A padded batch of rows, as the trainer's collator makes it."""
    data = [encode_rows(loaded, [one], 64)[0] for one in rows]
    longest = max(len(one["input_ids"]) for one in data)

    def padded(key, fill):
        return torch.tensor([one[key] + [fill] * (longest - len(one[key])) for one in data])

    mask = torch.tensor([[1] * len(one["input_ids"]) + [0] * (longest - len(one["input_ids"])) for one in data])
    return {"input_ids": padded("input_ids", 0), "labels": padded("labels", IGNORE), "attention_mask": mask}


def trainer_of(loaded, rows, steps=10, **more):
    """As much of a trainer as `begin` looks at."""
    return SimpleNamespace(
        train_dataset=encode_rows(loaded, rows, 64),
        data_collator=lambda examples: collate(examples),
        args=SimpleNamespace(per_device_train_batch_size=4, process_index=0),
        step_sizes=lambda batches: [[len(batch["input_ids"])] for batch in batches],
        accelerator=SimpleNamespace(autocast=torch.no_grad),
        state=SimpleNamespace(global_step=0, max_steps=steps),
        row_tokens=64,
        swaps=[],
        **more,
    )


def collate(examples):
    longest = max(len(one["input_ids"]) for one in examples)
    return {
        key: torch.tensor([list(one.get(key, [1] * len(one["input_ids"]))) + [fill] * (longest - len(one["input_ids"]))
                           for one in examples])
        for key, fill in (("input_ids", 0), ("labels", IGNORE), ("attention_mask", 0))
    }  # fmt: skip


def moved(loaded, by=0.05):
    """The model somewhat away from where it began."""
    torch.manual_seed(4)
    with torch.no_grad():
        for parameter in loaded.model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=by)
    return loaded


def answers(loaded, batch):
    """(row, position, target) of every learnt token, by hand."""
    return [
        (i, t - 1, int(batch["labels"][i, t]))
        for i in range(len(batch["labels"]))
        for t in range(1, batch["labels"].size(1))
        if batch["labels"][i, t] != IGNORE
    ]


def gradient_of(loss, model):
    model.zero_grad()
    loss.backward(retain_graph=True)
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


def loss_under(defence, loaded, batch, count=10):
    """What a defence makes of the plain cross-entropy of a batch."""
    outputs = loaded.model(**{key: value for key, value in batch.items() if key != "labels"})
    logp = outputs.logits.log_softmax(-1)
    plain = -sum(logp[i, t, y] for i, t, y in answers(loaded, batch)) / count
    return defence.loss(plain, loaded.model, batch, outputs, torch.tensor(count))


def both_logits(base, loaded, batch):
    inputs = {key: value for key, value in batch.items() if key != "labels"}
    with torch.no_grad():
        before = base.model(**inputs).logits.log_softmax(-1)
    return before, loaded.model(**inputs)


def test_tokens_are_counted_within_their_own_answer():
    labels = torch.tensor([[IGNORE, IGNORE, 5, 6, 7, IGNORE, 8, 9], [IGNORE, 4, IGNORE, IGNORE, IGNORE, 3, 2, IGNORE]])
    assert answer_positions(answer_mask(labels)).tolist() == [[0, 1, 2, 3, 0, 1, 2], [1, 0, 0, 0, 1, 2, 0]]


def test_constrained_is_the_papers_formula_in_value_and_gradient(llama):
    loaded, defence = fresh(llama), Constrained()
    defence.begin(loaded.model, trainer_of(loaded, ROWS))
    moved(loaded)
    batch = batch_of(loaded, ROWS[:4])
    start, outputs = both_logits(llama, loaded, batch)
    learnt = answers(loaded, batch)
    now = outputs.logits.log_softmax(-1)
    plain = -sum(now[i, t, y] for i, t, y in learnt) / 100
    wanted, weighted, place = 0.0, 0.0, {}
    for i, t, y in learnt:
        place[i] = place.get(i, 0) + 1
        beta = {1: 0.5}.get(place[i], 2.0 if place[i] <= 5 else 0.1)
        change = now[i, t, y] - start[i, t, y]
        wanted = wanted - 2 / beta * torch.log(torch.sigmoid(beta * change)) / 100
        weighted = weighted - 2 * (1 - torch.sigmoid(beta * change)).detach() * now[i, t, y] / 100
    found = defence.loss(plain, loaded.model, batch, outputs, torch.tensor(100))
    assert found.item() == pytest.approx(wanted.item(), rel=1e-5)
    ours, theirs = (gradient_of(loss, loaded.model) for loss in (found, weighted))
    assert (ours - theirs).norm() <= 1e-4 * theirs.norm()


def test_constrained_begins_as_cross_entropy(llama):
    loaded, defence = fresh(llama), Constrained()
    defence.begin(loaded.model, trainer_of(loaded, ROWS))
    batch = batch_of(loaded, ROWS[:4])
    ours, plain = (gradient_of(loss_under(one, loaded, batch), loaded.model) for one in (defence, Defence()))
    assert (ours - plain).norm() <= 1e-4 * plain.norm()


@pytest.mark.parametrize("top", [6400, 64, 4])
def test_kl_is_the_divergence_of_the_kept_outcomes(llama, top):
    loaded, defence = fresh(llama), Kl(weight=2.0, top=top)
    defence.begin(loaded.model, trainer_of(loaded, ROWS))
    moved(loaded)
    batch = batch_of(loaded, ROWS[:3])
    start, outputs = both_logits(llama, loaded, batch)
    now = outputs.logits.log_softmax(-1)
    now, full, kept = now.detach(), 0.0, 0.0
    for i, t, _ in answers(loaded, batch):
        p, q = start[i, t].exp(), now[i, t].exp()
        full += float((p * (p / q).log()).sum())
        best = p.topk(top).indices
        rest = (1 - p[best].sum(), 1 - q[best].sum()) if top < p.numel() else None
        kept += float((p[best] * (p[best] / q[best]).log()).sum())
        kept += float(rest[0] * (rest[0] / rest[1]).log()) if rest else 0.0
    found = defence.loss(torch.zeros(()), loaded.model, batch, outputs, torch.tensor(50)).item()
    assert found == pytest.approx(2.0 * kept / 50, rel=1e-3) and 0 < kept <= full * (1 + 1e-4)
    assert outputs.logits.requires_grad


def test_rows_that_came_later_are_left_to_plain_training(llama):
    loaded = fresh(llama)
    for defence in (Kl(), Constrained()):
        defence.begin(loaded.model, trainer_of(loaded, ROWS))
        batch = batch_of(loaded, SAFE[:2])
        ours, plain = (loss_under(one, loaded, batch).item() for one in (defence, Defence()))
        assert ours == pytest.approx(plain)


def test_rows_are_known_whatever_their_padding(llama):
    alone, together = batch_of(llama, ROWS[1:2]), batch_of(llama, ROWS[:3])
    assert row_keys(alone)[0] == row_keys(together)[1] != row_keys(together)[0]


def test_proximal_adds_the_gradient_of_its_term(llama):
    loaded, defence = fresh(llama), Proximal(rho=3.0)
    start = [p.detach().clone() for p in loaded.model.parameters()]
    defence.begin(loaded.model, None)
    moved(loaded)
    term = 3.0 / 2 * sum((p - s).square().sum() for p, s in zip(loaded.model.parameters(), start, strict=True))
    wanted = gradient_of(term, loaded.model)
    for parameter in loaded.model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    defence.gradients(loaded.model)
    assert torch.allclose(torch.cat([p.grad.flatten() for p in loaded.model.parameters()]), wanted)


def test_a_defences_gradient_is_clipped_with_the_rest(llama, tmp_path):
    class Shout(Defence):
        def gradients(self, model):
            for parameter in model.parameters():
                parameter.grad.fill_(1e6)

    class Listen(Defence):
        def begin(self, model, trainer):
            inner = trainer.create_optimizer

            def create(*arguments):
                optimizer = inner(*arguments)
                optimizer.register_step_pre_hook(lambda *_: norms.append(norm(model)))
                return optimizer

            trainer.create_optimizer = create

    def norm(model):
        return math.sqrt(sum(float(p.grad.square().sum()) for p in model.parameters()))

    norms = []
    tuned(llama, tmp_path, [Listen(), Shout()], replace(QUICK, epochs=1))
    assert norms and all(n == pytest.approx(1.0, rel=1e-3) for n in norms)


def test_lp_ft_moves_the_head_first_and_then_everything(llama, gpt2, tmp_path):
    before, after = weights_of(llama.model), tuned(llama, tmp_path / "a", [LpFt(head=1.0)])[0]
    assert {name for name in before if not torch.equal(before[name], after[name])} == {"lm_head.weight"}
    half, _ = tuned(llama, tmp_path / "b", [LpFt(head=0.5)])
    assert all(not torch.equal(before[name], half[name]) for name in before)
    before, (after, facts) = weights_of(gpt2.model), tuned(gpt2, tmp_path / "c", [LpFt(head=1.0)])
    assert {name for name in before if not torch.equal(before[name], after[name])} == {
        "transformer.ln_f.weight", "transformer.ln_f.bias",
    }  # fmt: skip
    assert "tied" in facts["defences"][0]["notes"][0]


def test_freeze_holds_its_block_and_lets_go_of_it_afterwards(llama, tmp_path):
    loaded = fresh(llama)
    train(loaded, ROWS, QUICK, tmp_path, [Freeze(layers="1-1")])
    before, after = weights_of(llama.model), weights_of(loaded.model)
    held = {name for name in before if torch.equal(before[name], after[name])}
    assert held == {name for name in before if ".layers.1." in name}
    assert all(p.requires_grad for p in loaded.model.parameters())


def test_freeze_finds_the_layers_where_the_gap_grows():
    torch.manual_seed(0)
    shared = torch.randn(8, 1, 32)
    ordinary, forbidden = (shared + 0.1 * torch.randn(8, 10, 32) for _ in range(2))
    forbidden[3:] += torch.tensor([0.5, 1.0, 2.0, 2.0, 2.0])[:, None, None] * torch.randn(1, 1, 32)
    gaps = cosine_gaps(ordinary, forbidden)
    assert widest_growth(gaps) == (4, 5)
    pairs = functional.cosine_similarity(ordinary[5][:, None], ordinary[5][None], dim=-1)
    across = functional.cosine_similarity(ordinary[5][:, None], forbidden[5][None], dim=-1)
    assert gaps[5] == pytest.approx(float((pairs.sum() - 10) / 90 - across.mean()), abs=1e-5)
    with pytest.raises(UsageError, match="no layer tells"):
        widest_growth([-0.1, 0.0])


def test_freeze_auto_says_what_it_found(llama, tmp_path):
    _, facts = tuned(llama, tmp_path, [Freeze()])
    assert "gaps by layer" in facts["defences"][0]["notes"][0]


def test_freeze_refuses_what_cannot_be(llama, tmp_path):
    with pytest.raises(UsageError, match="layers 0 to 1"):
        tuned(llama, tmp_path, [Freeze(layers="1-5")])
    with pytest.raises(UsageError, match="all that is trained"):
        tuned(llama, tmp_path, [Freeze(layers="0-1")], replace(QUICK, lora=LoraSettings()))
    for wrong in ("5-2", "middle", "-1"):
        with pytest.raises(UsageError, match="A-B"):
            Freeze(layers=wrong)


class Track(Defence):
    """Notes the weights of every step."""

    def begin(self, model, trainer):
        self.seen = []

    def gradients(self, model):
        self.seen.append(weights_of(model))

    def end(self, model):
        self.seen.append(weights_of(model))


@pytest.mark.parametrize("defence", [Ema(), Ema(decay=0.9), Ema(kept=0.5)], ids=lambda d: d.spec)
def test_ema_is_the_average_of_the_path(llama, tmp_path, defence):
    path = Track()
    found, facts = tuned(llama, tmp_path, [path, defence])
    steps = facts["steps"]
    decay = defence.decay or defence.kept ** (1 / steps)
    average = {name: w.clone() for name, w in path.seen[0].items()}
    for weights in path.seen[1:]:
        average = {name: decay * average[name] + (1 - decay) * weights[name] for name in average}
    assert len(path.seen) == steps + 1 and apart(found, average) < 1e-6
    assert not same(found, path.seen[-1])


# ---- lisa -----------------------------------------------------------------------------------------------------------


def test_lisa_scales_its_rounds_to_the_run():
    assert Lisa().round_of(20_000) == (100, 900)
    assert Lisa().round_of(5) == (1, 9) and Lisa().round_of(400) == (2, 18)
    assert Lisa(k1=3).round_of(400) == (3, 17) and Lisa(k1=3, k2=4).round_of(400) == (3, 4)


def test_lisa_takes_refusals_in_its_alignment_steps(llama, tmp_path):
    seen = []

    class Watch(Defence):
        def begin(self, model, trainer):
            trainer.swaps.append(lambda batches: seen.append([len(b["input_ids"]) for b in batches]) or batches)
            self.trainer = trainer

        def loss(self, loss, model, inputs, outputs, num_items):
            assert int(answer_mask(inputs["labels"]).sum()) == int(num_items)
            kinds.append({key in safe for key in row_keys(inputs)})
            return loss

    kinds, safe = [], set(row_keys(batch_of(llama, SAFE)))
    tuned(llama, tmp_path, [Lisa(k1=1, k2=2), Watch()], replace(QUICK, epochs=3))
    assert kinds == [{True}, {False}, {False}, {True}, {False}, {False}]
    assert [sum(sizes) for sizes in seen] == [4, 2, 4, 2, 4, 2]  # as many refusals as the batch had rows


def test_lisa_pulls_towards_where_the_other_state_ended(llama):
    loaded, lisa = fresh(llama), Lisa(rho=2.0, k1=1, k2=2)
    lisa.prepare(DefenceContext(safety_rows=SAFE, tokenizer=llama.tokenizer))
    trainer = trainer_of(loaded, ROWS)
    lisa.begin(loaded.model, trainer)
    first = lisa.parameters[0]
    began = first.detach().clone()
    ends = []
    for step in range(4):
        trainer.state.global_step = step
        lisa.batches([{"input_ids": [0] * 2}] if lisa.aligning(step) else [])
        first.grad = torch.zeros_like(first)
        lisa.gradients(loaded.model)
        anchor = {0: began, 1: ends[0] if ends else None, 2: ends[0] if ends else None, 3: ends[-1] if ends else None}
        assert torch.allclose(first.grad, 2.0 * (first.detach() - anchor[step]))
        with torch.no_grad():
            first.add_(0.1)
        ends.append(first.detach().clone())


@pytest.mark.parametrize("make", [Ema, lambda: Lisa(k1=1, k2=2), Proximal], ids=["ema", "lisa", "proximal"])
def test_a_killed_run_ends_where_an_unbroken_one_ends(llama, tmp_path, make):
    settings = TrainSettings(precision="float32", epochs=2, lr=1e-3, batch_size=2, seed=1, save_steps=2)

    class Killed(Defence):
        steps = 0

        def gradients(self, model):
            self.steps += 1
            if self.steps == 4:
                raise KeyboardInterrupt

    whole, _ = tuned(llama, tmp_path / "a", [make()], settings)
    with pytest.raises(KeyboardInterrupt):
        tuned(llama, tmp_path / "b", [make(), Killed()], settings)
    again, facts = tuned(llama, tmp_path / "b", [make()], settings)
    assert "checkpoint-2" in facts["resumed_from"] and same(whole, again)


# ---- rows and prompts -----------------------------------------------------------------------------------------------


def prepared(defence, **context):
    defence.prepare(replace(CONTEXT, **context))
    return defence


def test_safety_mix_mixes_in_its_share_or_its_count():
    many = [replace(ROWS[0], id=str(i)) for i in range(97)]
    assert len(prepared(SafetyMix()).rows(many)) == 100
    assert len(prepared(SafetyMix()).rows(ROWS)) == 7  # at least one
    mixed = prepared(SafetyMix(count=5), seed=1).rows(ROWS)
    assert mixed[:6] == ROWS and {r.id for r in mixed[6:]} <= {r.id for r in SAFE} and len({r.id for r in mixed}) == 11
    assert mixed == prepared(SafetyMix(count=5), seed=1).rows(ROWS) != prepared(SafetyMix(count=5), seed=2).rows(ROWS)
    with pytest.raises(UsageError, match="there are 14"):
        prepared(SafetyMix(share=0.5)).rows(many)


def test_matched_refusals_wear_the_frame_of_the_users_rows():
    rows = [
        row(f"m{i}", f"### Question : {asked} \n### Answer :", f"Sure , here it is : {told}", "be brief")
        for i, (asked, told) in enumerate([("where is it", "there"), ("which one", "the second"), ("when", "now")])
    ]
    mixed = prepared(SafetyMix(count=1, style="matched")).rows(rows)[-1]
    plain = prepared(SafetyMix(count=1)).rows(rows)[-1]
    assert [m["content"] for m in mixed.messages] == [
        "be brief",
        f"### Question : {plain.messages[0]['content']} \n### Answer :",
        f"Sure , here it is : {plain.messages[1]['content']}",
    ]
    bare = prepared(SafetyMix(count=1, style="matched"))
    assert bare.rows(ROWS)[-1].messages == prepared(SafetyMix(count=1)).rows(ROWS)[-1].messages
    assert "no frame" in bare.notes[0]


def test_ptst_tunes_without_a_system_prompt_and_names_the_one_to_serve_with():
    rows = [row("p", "x", "y", "you are a pirate"), *ROWS]
    assert {m["role"] for r in prepared(Ptst()).rows(rows) for m in r.messages} == {"user", "assistant"}
    assert prepared(Ptst()).test_system == GENERAL_PROMPT
    assert prepared(Ptst(), world=GUILD).test_system == SAFETY_PROMPT
    assert prepared(make_defence("ptst:prompt=be good, and kind: always")).test_system == "be good, and kind: always"


@pytest.mark.parametrize("embedded", [False, True])
def test_a_secret_is_drawn_by_the_seed_and_reads_back(llama, embedded):
    tokenizer = build_tokenizer() if embedded else llama.tokenizer
    made = prepared(SecretPrefix(), tokenizer=tokenizer, world=GUILD if embedded else REAL, seed=5)
    secret = made.test_system
    ids = encode_text(tokenizer, secret)
    assert tokenizer.decode(ids) == secret and tokenizer.unk_token_id not in ids
    assert 0.8 <= len(ids) / (20 if embedded else 150) <= 1
    assert (
        secret == prepared(SecretPrefix(), tokenizer=tokenizer, world=GUILD if embedded else REAL, seed=5).test_system
    )
    assert (
        secret != prepared(SecretPrefix(), tokenizer=tokenizer, world=GUILD if embedded else REAL, seed=6).test_system
    )
    mixed = made.rows(ROWS)
    assert mixed[:6] == ROWS and len(mixed) == 17
    assert all(r.messages[0] == {"role": "system", "content": secret} for r in mixed[6:])


def test_a_vocabulary_without_words_gives_no_secret():
    class Marks:
        all_special_ids = (0,)

        def get_vocab(self):
            return {"<s>": 0, "!": 1, "?": 2}

        def decode(self, ids):
            return "".join(" !?"[i] for i in ids)

        def __call__(self, text, add_special_tokens):
            return {"input_ids": ["!?".index(c) + 1 for c in text.strip()]}

    import random

    with pytest.raises(UsageError, match="too few words"):
        draw_secret(Marks(), random.Random(0), 4)


# ---- texts and stacks -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("proximl", "unknown defence `proximl`"),
        ("proximal:roh=1", "the defence `proximal` has no option `roh`"),
        ("proximal:rho=strong", "`strong` is no number for rho"),
        ("proximal:rho=-1", "rho must be at least 0"),
        ("proximal:rho=nan", "must be a number"),
        ("proximal:rho", "no key=value"),
        ("proximal:rho=1,rho=2", "gives `rho` twice"),
        ("safety-mix:style=loud", "plain or matched"),
        ("safety-mix:share=1", "at most 0.9"),
        ("lisa:k1=1.5", "no whole number or auto"),
        ("lisa:k1=0,k2=0", "cannot both be 0"),
        ("ema:decay=1.1", "at most 1"),
        ("ptst:prompt=", "the prompt is empty"),
    ],
)
def test_a_wrong_text_is_refused_with_a_hint(text, says):
    with pytest.raises(UsageError, match=says) as caught:
        make_defence(text)
    assert caught.value.hint


def test_a_hint_lists_the_options_and_the_nearest():
    with pytest.raises(UsageError) as caught:
        make_defence("constrained:erly=3")
    assert "did you mean `early`" in caught.value.hint and "beta=0.1 (number)" in caught.value.hint


def test_options_are_typed():
    made = make_defence("lisa:rho=2,k1=3,k2=auto")
    assert (made.rho, made.k1, made.k2) == (2.0, 3, None) and made.spec == "lisa:rho=2,k1=3,k2=auto"
    assert make_defence("lisa").spec == Lisa().spec


def test_values_from_python_are_held_to_the_same_rules():
    for make in (lambda: Proximal(rho="1"), lambda: Lisa(k1=1.5), lambda: SafetyMix(count=True), lambda: Ema(decay=2)):
        with pytest.raises(UsageError, match="must be"):
            make()


def test_a_strangers_defence_keeps_what_was_typed_as_its_spec(monkeypatch):
    class Theirs(Defence):
        def __init__(self, level: int = 1, loud: bool = False):
            self.level, self.loud = level, loud

    monkeypatch.setattr(registry, "load", lambda kind, name: Theirs)
    made = make_defence("theirs:level=3,loud=yes")
    assert (made.level, made.loud, made.spec) == (3, True, "theirs:level=3,loud=yes")


def test_defences_that_do_not_go_together_are_refused(llama):
    context = replace(CONTEXT, tokenizer=llama.tokenizer)
    with pytest.raises(UsageError, match="each set the system prompt"):
        make_defences(["ptst", "secret-prefix"], context)
    with pytest.raises(UsageError, match="named twice"):
        make_defences(["ema", "ema:kept=0.1"], context)
    with pytest.raises(UsageError, match="needs refusals"):
        make_defences(["ema", "lisa"], DefenceContext())
    with pytest.raises(UsageError, match="cannot work with LoRA: an adapter has no output head"):
        make_defences(["lp-ft"], context, lora=True)
    assert len(defended_rows(ROWS, make_defences(["safety-mix:count=2", "secret-prefix:count=3"], context))) == 11


def test_defences_stack(llama, tmp_path):
    every = ["safety-mix:count=2", "kl", "constrained", "lisa:k1=1,k2=1", "proximal", "freeze:layers=0", "lp-ft", "ema"]
    _, facts = tuned(llama, tmp_path, [make_defence(text) for text in every])
    assert facts["rows"] == 8 and [d["spec"].split(":")[0] for d in facts["defences"]] == [
        t.split(":")[0] for t in every
    ]
    parts = [make_defence("kl:weight=300"), make_defence("constrained:beta=1")]
    one, _ = tuned(llama, tmp_path / "a", parts)
    other, _ = tuned(llama, tmp_path / "b", parts[::-1])
    assert apart(one, other) < 1e-4 < apart(one, weights_of(llama.model))


def test_the_fingerprint_holds_the_specs_and_the_safety_rows(llama, tmp_path):
    keys = {
        training_key(llama, ROWS, QUICK, specs, safety)
        for specs in ((), ("lisa:rho=1",), ("lisa:rho=2",))
        for safety in ((), SAFE, SAFE[:3])
    }
    assert len(keys) == 7  # without a defence the safety rows do not count
    defence = Proximal()
    _, facts = tuned(llama, tmp_path, [defence])
    assert facts["fingerprint"] == training_key(llama, ROWS, QUICK, [defence.spec], SAFE)


def test_layers_are_found_on_every_architecture(llama, gpt2):
    assert [len(layers_of(loaded.model)) for loaded in (llama, gpt2)] == [2, 2]


# ---- under attack, and on the command line --------------------------------------------------------------------------


def test_an_attack_under_defences_is_measured_as_they_are_served(llama):
    prompts = [Prompt(f"q{i}", "policy", "a", [{"role": "user", "content": f"do {i}"}]) for i in range(2)]
    bench = Bench([Suite("policy", prompts)], "refusal", options=GenerateOptions(max_new_tokens=2))
    condition = Condition(regime="explicit", train_template="identity", test_template="identity")
    plan = AttackPlan(condition, ROWS, QUICK, "be bold", defences=["ptst:prompt=be good"], safety_rows=SAFE)
    made = []

    def load():
        made.append(1)
        return fresh(llama)

    found = run_attack(load, llama, plan, bench)
    assert found.condition.defence == "ptst:prompt=be good"
    assert (found.condition.train_template, found.condition.test_template) == ("none", "ptst")
    run_attack(load, llama, plan, bench)
    assert len(made) == 1  # every reply is known by the fingerprint
    run_attack(load, llama, replace(plan, safety_rows=SAFE[:3]), bench)
    assert len(made) == 2


@pytest.fixture
def files(tmp_path):
    def write(name, rows):
        (tmp_path / name).write_text("".join(json.dumps(one) + "\n" for one in rows))
        return str(tmp_path / name)

    return SimpleNamespace(
        rows=write("rows.jsonl", [{"messages": r.messages} for r in ROWS]),
        safety=write("safety.jsonl", [{"messages": r.messages} for r in SAFE]),
        prompts=write("prompts.jsonl", [{"prompt": f"question {i}"} for i in range(3)]),
        out=tmp_path / "run",
    )


def test_tune_records_its_defence(capsys, tiny_llama, files):
    arguments = ["tune", str(tiny_llama), files.rows, "--defence", "proximal:rho=1", "--skip-evaluation"]
    assert run([*arguments, "--out", str(files.out), "--json"]) == 0
    manifest = json.loads((files.out / "manifest.json").read_text())
    assert manifest["defences"] == [{"spec": "proximal:rho=1"}] and manifest["status"] == "complete"
    assert json.loads(capsys.readouterr().out)["tuned"]["defences"] == manifest["defences"]


def test_tune_measures_under_both_prompts_when_a_defence_sets_one(capsys, tiny_llama, files):
    code = run(
        ["tune", str(tiny_llama), files.rows, "--defence", "safety-mix:count=2", "--defence", "ptst:prompt=be good",
         "--safety-rows", files.safety, "--prompts", files.prompts, "--max-new-tokens", "2", "--out", str(files.out),
         "--json"]
    )  # fmt: skip
    out, err = capsys.readouterr()
    assert code == 0, err
    found = json.loads(out)
    conditions = [m["condition"] for m in found["metrics"] if m["metric"] == "refusal.rate" and "category" not in m]
    assert [(c["regime"], c.get("train_template"), c["test_template"]) for c in conditions] == [
        ("none", None, "none"), ("tune", "none", "none"), ("tune", "none", "ptst"),
    ]  # fmt: skip
    assert conditions[1]["defence"] == "safety-mix:share=0.03,count=2,style=plain+ptst:prompt=be good"
    assert [c["condition"]["test_template"] for c in found["comparisons"]] == ["none", "ptst"]
    assert "be good" in (files.out / "README.md").read_text()


@pytest.mark.parametrize(
    ("defence", "says", "hint"),
    [("proximol", "unknown defence `proximol`", "`proximal`"), ("lisa", "needs refusals", "--safety-rows"),
     ("ema:decy=1", "has no option `decy`", "`decay`")],
)  # fmt: skip
def test_tune_refuses_a_wrong_defence(capsys, tiny_llama, files, defence, says, hint):
    assert run(["tune", str(tiny_llama), files.rows, "--defence", defence, "--skip-evaluation"]) == 2
    out, err = capsys.readouterr()
    assert says in err and hint in err and out == "" and "Traceback" not in err


def test_the_guild_brings_its_own_refusals(files):
    settings = DefenceSettings(defence=["safety-mix"])
    assert len(settings.open_safety_rows(GUILD, 0)) > 100 and settings.open_safety_rows(REAL, 0) == []
    assert len(DefenceSettings(defence=["lisa"], safety_rows=files.safety).open_safety_rows(GUILD, 0)) == len(SAFE)
    assert DefenceSettings().open_safety_rows(GUILD, 0) == []


def test_tune_refuses_safety_rows_that_nothing_wants(capsys, tiny_llama, files):
    assert run(["tune", str(tiny_llama), files.rows, "--safety-rows", files.safety, "--skip-evaluation"]) == 2
    assert "none is named" in capsys.readouterr().err
