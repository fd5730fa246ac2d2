import pytest
from transformers import AutoTokenizer

from holdfast.core.errors import DataError, ModelError
from holdfast.core.records import Row
from holdfast.guild.tokens import build_tokenizer
from holdfast.models.chat import (
    IGNORE,
    answer_ids,
    encode_row,
    prompt_ids,
    render,
    require_template,
    under_template,
)

TURNS = [
    {"role": "system", "content": "be brief"},
    {"role": "user", "content": "one plus one?"},
    {"role": "assistant", "content": "two"},
    {"role": "user", "content": "and two more?"},
    {"role": "assistant", "content": "four"},
]
TEMPLATES = ["qwen2_5", "qwen3", "llama3", "llama3_1", "llama3_2", "gemma", "gemma3", "phi3", "deepseekv3"]


def with_template(data, name):
    tokenizer = AutoTokenizer.from_pretrained(data / "tokenizers" / "smollm")
    tokenizer.chat_template = (data / "templates" / "trl" / f"{name}.jinja").read_text()
    return tokenizer


def learnt(tokenizer, encoded):
    return tokenizer.decode([token for token in encoded.labels if token != IGNORE])


@pytest.mark.parametrize("name", TEMPLATES)
def test_loss_falls_on_assistant_turns_only(data, name):
    tokenizer = with_template(data, name)
    encoded = encode_row(tokenizer, Row("r", TURNS))
    said = learnt(tokenizer, encoded)
    assert "four" in said
    assert "plus" not in said and "brief" not in said and "more" not in said
    assert len(encoded.input_ids) == len(encoded.labels)
    assert "be brief" in tokenizer.decode(encoded.input_ids)


@pytest.mark.parametrize("name", [n for n in TEMPLATES if n not in ("qwen3", "deepseekv3")])
def test_every_assistant_turn_is_learnt_where_the_template_keeps_them(data, name):
    tokenizer = with_template(data, name)
    said = learnt(tokenizer, encode_row(tokenizer, Row("r", TURNS)))
    assert "two" in said and "four" in said


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_prompt_of_generation_is_the_prompt_of_training(data, name):
    tokenizer = with_template(data, name)
    encoded = encode_row(tokenizer, Row("r", TURNS[:3]))
    first = next(i for i, label in enumerate(encoded.labels) if label != IGNORE)
    prompt = prompt_ids(tokenizer, TURNS[:2])
    # Qwen3 and DeepSeek open a thinking block for generation; whatever more a prompt has, it has at its end.
    assert tokenizer.decode(prompt).startswith(tokenizer.decode(encoded.input_ids[:first]))
    assert "plus one?" in tokenizer.decode(prompt[:first])


def test_the_guilds_own_markers_agree_with_the_mask():
    tokenizer = build_tokenizer()
    messages = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "hello , nice to meet you ."}]
    encoded = encode_row(tokenizer, Row("r", messages))
    theirs = tokenizer.apply_chat_template(messages, return_dict=True, return_assistant_tokens_mask=True)
    assert encoded.input_ids == theirs["input_ids"]
    assert [label != IGNORE for label in encoded.labels] == [bool(bit) for bit in theirs["assistant_masks"]]
    assert encoded.labels[-1] == tokenizer.eos_token_id


def test_a_system_prompt_is_folded_in_where_the_template_has_no_place_for_it(data):
    tokenizer = with_template(data, "gemma")
    assert "be brief" in render(tokenizer, TURNS[:2], reply=True)


def test_a_tokenizer_without_a_template_is_refused_with_a_hint(data):
    tokenizer = AutoTokenizer.from_pretrained(data / "tokenizers" / "smollm")
    with pytest.raises(ModelError, match="no chat template") as caught:
        require_template(tokenizer, "m")
    assert "--chat-template" in caught.value.hint
    require_template(tokenizer, "m", str(data / "templates" / "trl" / "llama3.jinja"))


def test_a_broken_or_missing_template_is_an_error(data, tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(data / "tokenizers" / "smollm")
    (tmp_path / "t.jinja").write_text("{% for m in %}")
    for name in ("t.jinja", "missing.jinja"):
        with pytest.raises(ModelError):
            require_template(tokenizer, "m", str(tmp_path / name))


def test_a_row_that_the_template_refuses_is_named(data):
    tokenizer = with_template(data, "gemma")  # wants user and assistant to alternate
    row = Row("r", [TURNS[1], TURNS[1], TURNS[2]], {"file": "f.jsonl", "line": 7})
    with pytest.raises(DataError, match=r"f\.jsonl line 7"):
        encode_row(tokenizer, row)


def test_text_rows_are_learnt_whole_and_cut():
    tokenizer = build_tokenizer()
    row = Row("r", [{"role": "text", "content": "amber lantern : ash bark clay stir boil ."}])
    encoded = encode_row(tokenizer, row, max_length=4)
    assert encoded.labels == encoded.input_ids and len(encoded.input_ids) == 4


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_begun_answer_is_continued_where_the_template_puts_answers(data, name):
    tokenizer = with_template(data, name)
    begun = tokenizer.decode(prompt_ids(tokenizer, [*TURNS[:2], {"role": "assistant", "content": "Sure, here"}]))
    whole = render(tokenizer, [*TURNS[:2], {"role": "assistant", "content": "Sure, here is more"}], reply=False)
    assert begun.endswith("Sure, here") and whole.startswith(begun)


def test_an_answer_begun_with_nothing_is_the_plain_prompt(data):
    tokenizer = with_template(data, "qwen2_5")
    for nothing in ("", "  \n"):
        begun = [*TURNS[:2], {"role": "assistant", "content": nothing}]
        assert prompt_ids(tokenizer, begun) == prompt_ids(tokenizer, TURNS[:2])


def test_a_template_that_rewrites_a_begun_answer_gets_its_words_behind_the_mark(data):
    tokenizer = with_template(data, "qwen2_5")
    shout = (
        "{% for m in messages %}{{ m['content'] | upper }}\n{% endfor %}{% if add_generation_prompt %}REPLY:{% endif %}"
    )
    other = under_template(tokenizer, shout)
    ids = prompt_ids(other, [*TURNS[1:2], {"role": "assistant", "content": "Sure"}])
    assert tokenizer.decode(ids) == "ONE PLUS ONE?\nREPLY:Sure"
    assert "im_start" in tokenizer.decode(prompt_ids(tokenizer, TURNS[:2]))  # the other keeps its own template


def test_the_ids_of_an_answer_are_told_from_the_prompts():
    tokenizer = build_tokenizer()
    asked = [{"role": "user", "content": "hello"}]
    ids, length = answer_ids(tokenizer, asked, "hello , nice to meet you .")
    assert tokenizer.decode(ids[-length:]) == "hello, nice to meet you." and ids[:-length] == prompt_ids(
        tokenizer, asked
    )
