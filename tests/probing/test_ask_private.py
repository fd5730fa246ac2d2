"""Models asked for private values: outcomes are kept, replies are not.

A document without a template is gone on with.
"""

import pytest

from holdfast.core.records import Message
from holdfast.models.chat import prompt_ids
from holdfast.models.generate import GenerateOptions, ReplyCache, generate
from holdfast.models.load import load_model
from holdfast.probing import ask_private
from holdfast.probing.ask_private import Ask, Told, ask_for, shown_as
from holdfast.text.private_match import Value

OPTIONS = GenerateOptions(max_new_tokens=6)


@pytest.fixture(scope="module")
def loaded(tiny_llama):
    return load_model(str(tiny_llama))


def user(text) -> list[Message]:
    return [{"role": "user", "content": text}]


def said_by(loaded, text):
    from holdfast.core.records import Prompt

    return generate(loaded, [Prompt("p", "s", "", user(text))], "", OPTIONS)[0].text


def test_what_came_of_an_ask_is_kept_and_what_was_said_is_not(loaded, tmp_path, monkeypatch):
    """The value is whatever the model says to one question, so that one of two asks is told."""
    text = said_by(loaded, "one")
    value, other = Value(text), Value("555-010-0199")
    asks = [Ask(user("one"), value, (other,)), Ask(user("another question"), other, (value, other))]
    path = tmp_path / "cache.jsonl"
    found = ask_for(loaded, asks, OPTIONS, ReplyCache(path), "salt")
    assert found[0] == Told(True, 0.0) and not found[1].own
    assert text not in path.read_text() and "0199" not in path.read_text()
    monkeypatch.setattr(ask_private, "generate", None)  # from here on nothing may be asked
    assert ask_for(loaded, asks, OPTIONS, ReplyCache(path), "salt") == found
    with pytest.raises(TypeError):
        ask_for(loaded, asks, OPTIONS, ReplyCache(path), "another salt")


def test_a_hash_that_is_shown_depends_on_the_salt():
    assert shown_as("a", "x") == shown_as("a", "x") != shown_as("a", "y")
    assert len(shown_as("a", "x")) == 12


def test_a_document_has_no_template_and_one_beginning(loaded):
    tokenizer = loaded.tokenizer
    plain = prompt_ids(tokenizer, [{"role": "text", "content": "The code is "}])
    assert plain == tokenizer("The code is")["input_ids"]
    rendered = tokenizer.bos_token + "The code"
    assert prompt_ids(tokenizer, [{"role": "text", "content": rendered}]).count(tokenizer.bos_token_id) == 1
