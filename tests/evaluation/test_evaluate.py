"""Each metric is held to what it claims, by judges that say one thing whatever they read.

And the reply is read in its parts.
"""

from __future__ import annotations

import json

import pytest
from transformers import AddedToken

from holdfast.core import registry
from holdfast.core.errors import NothingMeasured, UsageError
from holdfast.core.records import UNSCORED, Condition, Prompt, Reply, Verdict
from holdfast.evaluation.asking import prepare
from holdfast.evaluation.bench import Bench, compare_evaluations
from holdfast.evaluation.evaluate import evaluate
from holdfast.judging.judge import VerdictCache
from holdfast.judging.redaction import Screen
from holdfast.models import generate
from holdfast.models.chat import given_arguments, template_argument, template_names
from holdfast.models.endpoint import Completion, Endpoint, EndpointModel
from holdfast.models.generate import GenerateOptions, ReplyCache, hear, special_tokens
from holdfast.models.load import ModelOptions, load_model
from holdfast.stats.groups import Suite
from holdfast.stats.metrics import metrics

REFUSAL, ANSWER = "I'm sorry, but I can't help with that.", "First take the zirconium spoon and stir it thrice."


class Stub:
    """A judge of somebody else's that says the same of every reply, and keeps what it read."""

    name = "mine"
    read: list[str] = []  # noqa: RUF012

    def __init__(self, score, label):
        self.score, self.label = score, label

    def judge(self, prompts, replies):
        Stub.read += [reply.text for reply in replies]
        return [Verdict(r.prompt, r.model, r.condition, "whoever", self.score, self.label, "so") for r in replies]


@pytest.fixture
def judged(monkeypatch):
    """Evaluate an endpoint's given completions by a judge that always gives one score and label.

    The metrics by name.
    """

    def run(completions, score, label, suite="policy", bench=None):
        Stub.read = []
        real = registry.load
        monkeypatch.setattr(
            registry,
            "load",
            lambda kind, name: (lambda options: Stub(score, label)) if name == "mine" else real(kind, name),
        )
        given = [Completion(c) if isinstance(c, str) else c for c in completions]
        monkeypatch.setattr(Endpoint, "chat_all", lambda self, asked, **options: given[: len(asked)])
        prompts = [
            Prompt(f"{suite}:{i}", suite, "c", [{"role": "user", "content": f"question {i}?"}])
            for i in range(len(completions))
        ]
        return evaluate(
            EndpointModel("openai:m@u", Endpoint("http://u/v1", "m")), Condition(),
            bench(prompts) if bench else Bench([Suite(suite, prompts)], "mine", screen=Screen(True)),
        )  # fmt: skip

    return run


def values(found):
    return {m.metric: (m.value, m.n, m.n_unscored) for m in found.metrics}


SAID = [REFUSAL, REFUSAL, ANSWER, ANSWER, ANSWER]


@pytest.mark.parametrize(
    ("score", "label", "harm"),
    [(1, "refusal", 0.0), (1, "harmless", 0.0), (5, "full", 1.0), (3, "refusal", 1.0)],
)
def test_what_declines_is_told_by_a_judge_of_refusals_whatever_judges_harm(judged, score, label, harm):
    found = values(judged(SAID, score, label))
    assert found["harm.any"] == (harm, 5, 0) and found["harm.mean"][0] == score
    assert found["refusal.rate"] == (0.4, 5, 0)
    assert values(judged(SAID, score, label, "over-refusal"))["over_refusal.rate"] == (0.4, 5, 0)


@pytest.mark.parametrize("label", ["safe", "unsafe"])
def test_a_label_gives_no_score_and_says_nothing_of_refusals(judged, label):
    found = values(judged(SAID, None, label))
    assert found["harm.any"] == (float(label == "unsafe"), 5, 0)
    assert not {"harm.mean", "harm.rate"} & set(found)
    assert found["refusal.rate"] == (0.4, 5, 0)


@pytest.mark.parametrize(
    ("score", "label"), [(None, "refusal"), (None, "whatever"), (9, "full"), (0, "x"), (None, UNSCORED)]
)
def test_a_judge_that_says_nothing_of_harm_measures_no_harm(judged, score, label):
    with pytest.raises(NothingMeasured, match="no verdict could be read"):
        judged(SAID, score, label)


@pytest.mark.parametrize(
    ("judge", "told"),
    [("llm", {"harm.rate", "harm.any", "harm.mean"}), ("guard", {"harm.any"}), ("classifier", {"harm.any"}),
     ("refusal", {"refusal.rate"}), ("oracle", {"harm.rate", "harm.any", "harm.mean", "refusal.rate"}),
     ("a-plug-in", {"harm.rate", "harm.any", "harm.mean"}), ("llm:thought", {"harm.thought"})],
)  # fmt: skip
def test_each_judge_is_read_for_what_it_tells(judge, told):
    prompt = Prompt("p", "policy", "c", [])
    found = metrics(
        [prompt],
        [Verdict("p", "m", "c", judge, 1, "refusal", "")],
        model="m",
        suite="policy",
        judge=judge,
        condition={},
    )
    assert {m.metric for m in found} == told
    over = metrics([prompt], [], model="m", suite="over-refusal", judge=judge, condition={})
    assert bool(over) == (judge in ("refusal", "oracle"))


def test_a_thought_is_judged_apart_and_its_refusal_is_none(judged):
    thinks = [
        f"<think>{REFUSAL} No, I will.</think>{ANSWER}",
        Completion(REFUSAL, thought="How would one do it?"),
        ANSWER,
    ]
    found = judged(thinks, 5, "full")
    assert values(found)["refusal.rate"] == (pytest.approx(1 / 3), 3, 0)
    assert values(found)["harm.any"] == (1.0, 3, 0) and values(found)["harm.thought"] == (1.0, 2, 0)
    assert set(Stub.read) == {ANSWER, REFUSAL, f"{REFUSAL} No, I will.", "How would one do it?"}
    assert not any("<think>" in text for text in Stub.read)
    assert {v.judge for group in found.beside["policy"].values() for v in group} == {"refusal", "mine:thought"}
    assert {c.metric for c in compare_evaluations(found, found)} == {
        "harm.rate",
        "harm.any",
        "refusal.rate",
        "harm.thought",
    }
    assert "harm.thought" not in values(judged([ANSWER], 5, "full"))


def test_what_is_no_whole_answer_is_unscored_and_no_incoherence(judged):
    bad = [Completion("", "Let me see", "truncated", "cut"), Completion("", "", "blocked", "a filter"),
           Completion("", "", "error", "status 500"), "<think>Let me"]  # fmt: skip
    found = values(judged([*bad, REFUSAL, ANSWER], 1, "harmless"))
    assert found["harm.any"] == (0.0, 2, 4) and found["refusal.rate"] == (0.5, 2, 4)
    assert found["coherence.rate"] == (1.0, 2, 0) and found["harm.thought"][1] == 2
    with pytest.raises(NothingMeasured, match=r"4 replies|raise --max-new-tokens|blocked"):
        judged(bad, 1, "harmless")


def test_an_answer_that_the_limit_cut_is_judged_as_far_as_it_goes(judged):
    assert values(judged([Completion(ANSWER, "", "truncated", "cut"), REFUSAL], 5, "full"))["harm.any"] == (1.0, 2, 0)


def test_a_thought_is_masked_and_a_killed_run_finds_its_verdicts(judged, tmp_path):
    secret = "How would one stir the zirconium spoon?"
    said = [f"<think>{secret}</think>{REFUSAL}", f"<think>{secret}</think>{ANSWER}", f"<think>{secret}"]

    def bench(prompts):
        return Bench([Suite("policy", prompts)], "mine", screen=Screen(), replies=ReplyCache(tmp_path / "r.jsonl"),
                     verdicts=VerdictCache(tmp_path / "v.jsonl"))  # fmt: skip

    first = judged(said, 1, "harmless", bench=bench)
    read = len(Stub.read)
    assert read == 5
    written = "".join(path.read_text() for path in tmp_path.iterdir())
    assert "zirconium" not in written and REFUSAL in written and '"truncated"' in written
    again = judged(
        [],
        1,
        "harmless",
        bench=lambda prompts: bench(
            [Prompt(f"policy:{i}", "policy", "c", [{"role": "user", "content": f"question {i}?"}]) for i in range(3)]
        ),
    )
    assert Stub.read == [] and again.metrics == first.metrics and again.verdicts == first.verdicts
    assert again.beside == first.beside
    judge = first.beside["policy"]["mine:thought"]
    assert {v.why for v in judge} == {"[masked]"} and len(judge) == 3


def test_an_error_is_asked_for_again(judged, tmp_path):
    def bench(prompts):
        return Bench(
            [Suite("policy", prompts)], "mine", screen=Screen(True), replies=ReplyCache(tmp_path / "r.jsonl", True)
        )

    judged([REFUSAL, Completion("", "", "error", "status 500")], 1, "harmless", bench=bench)
    assert (tmp_path / "r.jsonl").read_text().count("\n") == 1


# ---- models in memory -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def qwen3(tmp_path_factory, data):
    from tiny import make_tiny

    return make_tiny("qwen3", tmp_path_factory.mktemp("qwen3"), data)


def planted(loaded, text, ended=True, limit=64):
    """What comes of a reply of this text, from its ids."""
    ids = loaded.tokenizer(text, add_special_tokens=False)["input_ids"]
    prompt = generate.prompt_ids(loaded.tokenizer, [{"role": "user", "content": "hi"}])
    return hear(loaded, [prompt], [ids], GenerateOptions(max_new_tokens=limit if ended else len(ids)))[0]


def test_marks_that_are_special_tokens_are_not_lost(qwen3):
    loaded = load_model(str(qwen3))
    marks = [
        "[THINK]",
        "[/THINK]",
        "<|channel|>",
        "<|message|>",
        "<|start|>",
        "<|end|>",
        "<|START_THINKING|>",
        "<|END_THINKING|>",
    ]
    loaded.tokenizer.add_tokens([AddedToken(mark, special=True) for mark in marks])
    assert set(marks) <= set(special_tokens(loaded.tokenizer).values())
    for text in (
        "[THINK]one two[/THINK]three four",
        "<|START_THINKING|>one two<|END_THINKING|>three four",
        "<|channel|>analysis<|message|>one two<|end|><|start|>assistant<|channel|>final<|message|>three four",
    ):
        said = planted(loaded, text)
        assert (said, said.thought, said.status) == ("three four", "one two", "")
    assert planted(loaded, "[THINK]one two", ended=False).status == "truncated"
    assert planted(loaded, "one<|end|> two") == "one two"  # a special token that marks nothing is left out, as ever


def test_a_thought_of_a_model_in_memory_is_split_and_its_cut_is_seen(qwen3, data):
    loaded = load_model(str(qwen3))
    said = planted(loaded, f"<think>\n{REFUSAL}\n</think>\n\n{ANSWER}")
    assert (said, said.thought, said.more) == (ANSWER, REFUSAL, {"thought": REFUSAL})
    assert planted(loaded, f"<think>\n{REFUSAL}", ended=False).status == "truncated"
    assert planted(loaded, ANSWER, ended=False).more == {"cut": True}
    loaded.tokenizer.chat_template = (data / "templates" / "trl" / "deepseekv3.jinja").read_text()
    assert planted(loaded, f"{REFUSAL}</think>{ANSWER}").thought == REFUSAL
    assert planted(loaded, REFUSAL, ended=False).status == "truncated"
    assert planted(loaded, REFUSAL).status == ""  # it ended by itself: that is its answer


def test_the_limit_ends_a_reply_of_a_real_decoder(qwen3, data):
    loaded = load_model(str(qwen3))
    asked = [Prompt("p", "policy", "c", [{"role": "user", "content": "hi"}])]
    reply = generate.generate(loaded, asked, "c", GenerateOptions(max_new_tokens=4))[0]
    assert reply.cut and reply.status == ""
    sampled = generate.generate(loaded, asked, "c", GenerateOptions(max_new_tokens=4, temperature=1.0))[0]
    assert sampled.cut
    loaded.tokenizer.chat_template = (data / "templates" / "trl" / "deepseekv3.jinja").read_text()
    reply = generate.generate(loaded, asked, "c", GenerateOptions(max_new_tokens=4))[0]
    assert reply.status == "truncated" and reply.text == ""


def test_arguments_reach_the_template(qwen3):
    plain = load_model(str(qwen3))
    given = load_model(str(qwen3), ModelOptions(template_args=(("enable_thinking", False),)))
    asked = [{"role": "user", "content": "hi"}]
    texts = [m.tokenizer.decode(generate.prompt_ids(m.tokenizer, asked)) for m in (plain, given)]
    assert "<think>" not in texts[0] and texts[1].endswith("<think>\n\n</think>\n\n")
    assert given.describe()["template_args"] == {"enable_thinking": False} and "template_args" not in plain.describe()
    assert template_names(plain.tokenizer) == ["enable_thinking"] and given_arguments(plain.tokenizer) == {}
    with pytest.raises(UsageError, match="reads no argument `thinking`") as error:
        load_model(str(qwen3), ModelOptions(template_args=(("thinking", False),)))
    assert "enable_thinking" in error.value.hint


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a=false", False),
        ("a=False", False),
        ("a=true", True),
        ("a=3", 3),
        ("a=0.5", 0.5),
        ("a=high", "high"),
        ('a="3"', "3"),
        ("a=null", None),
        ("a=", ""),
        ("a=b=c", "b=c"),
        ("a=[1]", [1]),
    ],
)
def test_an_argument_as_it_is_typed(text, value):
    assert template_argument(text) == ("a", value)


@pytest.mark.parametrize("text", ["a", "=1", "a b=1", "messages=1", "tokenize=true"])
def test_what_is_no_argument(text):
    with pytest.raises(UsageError):
        template_argument(text)


def test_an_endpoint_is_given_the_arguments(monkeypatch):
    sent = []
    monkeypatch.setattr(
        Endpoint, "chat_all", lambda self, asked, **o: sent.append(o) or [Completion("x") for _ in asked]
    )
    subject = EndpointModel("openai:m@u", Endpoint("http://u/v1", "m"))
    asked = [Prompt("p", "policy", "c", [{"role": "user", "content": "hi"}])]
    keys = []
    for args in ((), (("enable_thinking", False),)):
        options = GenerateOptions(template_args=args)
        bench = Bench([Suite("policy", asked)], "refusal", options=options, screen=Screen(True))
        evaluate(subject, Condition(), bench)
        keys += prepare(subject, asked, options).keys
    assert "chat_template_kwargs" not in sent[0] and sent[1]["chat_template_kwargs"] == {"enable_thinking": False}
    assert keys[0] != keys[1]


def test_a_record_of_a_reply_holds_only_what_there_is():
    assert Reply("p", "m", "c", "x").to_dict() == {
        "prompt": "p",
        "model": "m",
        "condition": "c",
        "text": "x",
        "seed": 0,
    }
    assert json.dumps(Reply("p", "m", "c", "x", thought="y", cut=True).to_dict()).count("thought") == 1
