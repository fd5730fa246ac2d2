"""A reply in thought and answer, for every published shape that we know of, and for texts that only look like one."""

from __future__ import annotations

import time

import pytest

from holdfast.text.thought import TRUNCATED, Parts, heard, opened, split

A = "Sure. First open the hatch, then wait."
T = "They ask about the hatch.\n\nI cannot help with that? No, it is allowed."

WHOLE = {
    "deepseek, qwen": f"<think>\n{T}\n</think>\n\n{A}",
    "no line breaks": f"<think>{T}</think>{A}",
    "in capitals": f"<THINK>{T}</THINK>{A}",
    "with an attribute": f'<think effort="high">{T}</think>{A}',
    "thinking": f"<thinking>{T}</thinking>\n{A}",
    "exaone": f"<thought>\n{T}\n</thought>\n\n{A}",
    "marco": f"<Thought>{T}</Thought>\n<Output>{A}</Output>",
    "reasoning": f"<reasoning>{T}</reasoning>{A}",
    "closed by a sister": f"<think>{T}</thinking>{A}",
    "reflection": f"<reflection>{T}</reflection>{A}",
    "scratchpad": f"<scratchpad>{T}</scratchpad>{A}",
    "seed": f"<seed:think>{T}</seed:think>{A}",
    "minimax": f"<mm:think>{T}</mm:think>{A}",
    "longcat": f"<longcat_think>{T}</longcat_think>{A}",
    "mistral": f"[THINK]{T}[/THINK]{A}",
    "cohere": f"<|START_THINKING|>{T}<|END_THINKING|><|START_RESPONSE|>{A}<|END_RESPONSE|>",
    "cohere, text": f"<|START_THINKING|>{T}<|END_THINKING|><|START_TEXT|>{A}<|END_TEXT|>",
    "sky-t1": f"<|begin_of_thought|>{T}<|end_of_thought|>\n\n<|begin_of_solution|>{A}<|end_of_solution|>",
    "medgemma": f"<unused94>thought\n{T}<unused95>{A}",
    "gemma 4": f"<|channel>thought\n{T}<channel|>{A}",
    "kimi vl": f"◁think▷{T}◁/think▷{A}",
    "kimi k3": f"<|open|>think<|sep|>{T}<|close|>think<|sep|><|open|>response<|sep|>{A}<|close|>response<|sep|>",
    "apertus": f"<|inner_prefix|>{T}<|inner_suffix|>{A}",
    "solar 2": f"<|think:start|>{T}<|think:end|>{A}",
    "solar": f"<|think|>{T}<|end|><|begin|>assistant<|content|>{A}<|end|>",
    "pangu": f"[unused16]{T}[unused17]{A}",
    "granite": f"Here is my thought process:\n\n{T}\n\nHere is my response:\n\n{A}",
    "granite, short": f"Here's my thought process: {T} Here's my response: {A}",
    "granite, steps": f"Here are my reasoning steps: {T} Here is my response: {A}",
    "s1": f"<|im_start|>think\n{T}\n<|im_start|>answer\n{A}",
    "hunyuan": f"<think>\n{T}\n</think>\n<answer>\n{A}\n</answer>",
    "ernie": f"<think>\n{T}\n</think>\n\n<response>\n{A}\n</response>\n",
    "the thought never closed, the answer opened": f"<think>{T}\n<answer>{A}</answer>",
    "harmony": f"<|channel|>analysis<|message|>{T}<|end|><|start|>assistant<|channel|>final<|message|>{A}<|return|>",
    "harmony, no end": f"<|channel|>analysis<|message|>{T}<|end|><|start|>assistant<|channel|>final<|message|>{A}",
    "harmony, whole turn": f"<|start|>assistant<|channel|>analysis<|message|>{T}<|end|><|start|>assistant<|channel|"
    f">final <|constrain|>json<|message|>{A}",
    "harmony, stripped": f"analysis{T}assistantfinal{A}",
    "harmony, stripped, a line": f"assistantanalysis{T}assistantfinal\n{A}",
    "only the end": f"{T}</think>\n\n{A}",
    "only the end, mistral": f"{T}[/THINK]{A}",
    "twice": f"<think>They ask about the hatch.</think>\n<think>I cannot help with that? No, it is allowed.</think>{A}",
}


@pytest.mark.parametrize("text", WHOLE.values(), ids=WHOLE)
def test_published_shapes_are_split(text):
    assert split(text) == Parts(T, A)


CUT = {
    "think": f"<think>\n{T}",
    "capitals": f"<Think>{T}",
    "mistral": f"[THINK]{T}",
    "cohere": f"<|START_THINKING|>{T}",
    "sky-t1": f"<|begin_of_thought|>{T}",
    "seed": f"<seed:think>{T}",
    "kimi": f"◁think▷{T}",
    "medgemma": f"<unused94>thought\n{T}",
    "granite": f"Here is my thought process: {T}",
    "harmony": f"<|channel|>analysis<|message|>{T}",
    "harmony, stripped": f"analysis{T}",
    "code in the thought": f"<think>{T}\n```",
}


@pytest.mark.parametrize("text", CUT.values(), ids=CUT)
def test_a_thought_that_never_ends_is_cut(text):
    parts = split(text)
    assert parts.cut and parts.unanswered and parts.answer == "" and parts.thought.startswith(T[:40])


@pytest.mark.parametrize(
    "text", [f"{T}</think>{A}", f"<think>{T}</think>{A}", f"\n{T}\n</think>\n\n<answer>{A}</answer>"]
)
def test_a_thought_that_the_template_began(text):
    assert split(text, begun=True) == Parts(T, A)


def test_a_thought_that_the_template_began_and_nothing_ended():
    assert split(T, begun=True) == Parts(T, "", cut=True)


@pytest.mark.parametrize("text", ["<think>\n\n</think>\n\n" + A, "<think></think>" + A, "[THINK][/THINK]" + A])
def test_an_empty_thought(text):
    assert split(text) == Parts("", A)


def test_a_thought_within_a_thought():
    assert split(f"<think>a <think>b</think> c</think>{A}") == Parts("a <think>b</think> c", A)
    assert split(f"<think>I open with <think> and go on.</think>{A}").answer == A


def test_several_thoughts_are_joined_and_so_are_the_answers():
    parts = split("<think>one</think>First.\n<think>two</think>Second.")
    assert parts == Parts("one\n\ntwo", "First.\n\nSecond.")


ANSWERS = [
    A,
    "",
    "Use the <think> tag to let it reason.",
    "Write `<think>` and `</think>` around it, and the rest is shown.",
    "Like this:\n```\n<think>\nhidden\n</think>\nshown\n```\nThat is all.",
    "Like this:\n```xml\n<think>\nhidden",
    "Analysis: the hatch opens to the left.\n\nFinal: wait.",
    "analysis of the hatch: open it.",
    "<order><reason>late</reason></order>",
    "The channels are analysis and final.",
    "I think </b> is a tag.",
]


@pytest.mark.parametrize("text", ANSWERS)
def test_an_answer_stays_an_answer(text):
    assert split(text) == Parts("", text)


@pytest.mark.parametrize(
    "answer",
    ["Like this:\n```\n<think>\nx\n</think>\n```\nDone.", "Say `</think>` at the end.", f"{A} </think> I cannot help."],
)
def test_marks_after_the_thought_take_no_answer_away(answer):
    parts = split(f"<think>{T}</think>{answer}")
    assert parts.thought == T and parts.answer == answer


def test_an_answer_before_a_thought_that_was_cut_is_an_answer():
    long = "First open the hatch. " * 10
    parts = split(f"{long}\n<think>Wait")
    assert parts.cut and not parts.unanswered and parts.answer == long.strip()
    assert split("Let me see.\n<think>Wait").unanswered


def test_commentary_is_for_the_user_and_the_last_channel_tells_whether_it_ended():
    text = (
        "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>commentary<|message|>I look it up.<|end|>"
        "<|start|>assistant<|channel|>analysis<|message|>b"
    )
    assert split(text) == Parts("a\n\nb", "I look it up.", cut=True)


@pytest.mark.parametrize(
    "piece", ["x <think> ", "<think></think>", "x </think>", "`", "<think>", "x <think>y</think> ", "```\n"]
)
def test_a_long_reply_of_nothing_but_marks_takes_no_time(piece):
    start = time.perf_counter()
    split(piece * 10_000)
    assert time.perf_counter() - start < 5


PROMPTS = {
    "deepseek": ("<｜User｜>hi<｜Assistant｜><think>\n", True),
    "qwen, thinking off": ("<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n", False),
    "qwen": ("<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n", False),
    "a user who writes a mark": ("<|im_start|>user\n<think> now<|im_end|>\n<|im_start|>assistant\n", False),
    "a thought that was begun": ("<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n<think>\nOkay", True),
    "an answer that was begun": ("<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n<think>a</think>Sure", False),
}


@pytest.mark.parametrize(("prompt", "expected"), PROMPTS.values(), ids=PROMPTS)
def test_whether_a_prompt_leaves_a_thought_open(prompt, expected):
    assert opened(prompt, ["<|im_start|>", "<|im_end|>", "<｜User｜>", "<｜Assistant｜>", ""]) == expected


def test_what_a_reply_comes_to():
    assert heard(f"<think>{T}</think>{A}") == A and heard(f"<think>{T}</think>{A}").thought == T
    cut = heard(f"<think>{T}", cut=True, limit=16)
    assert (cut, cut.status, cut.thought) == ("", TRUNCATED, T) and "16 tokens; raise --max-new-tokens" in cut.why
    assert heard(f"<think>{T}").status == TRUNCATED  # also where nobody says how it ended
    assert heard(f"<think>{T}</think>", cut=True, limit=16).status == TRUNCATED  # the answer was still to come
    assert heard(A, cut=True, limit=16).more == {"cut": True}  # an answer that rambles is judged as far as it goes
    assert heard("", cut=True, limit=16).status == ""
    # A model that was tuned on plain replies leaves the thought open that its template begins, and answers.
    assert heard(A, begun=True, cut=False).more == {} and heard(A, begun=True, cut=True).status == TRUNCATED
