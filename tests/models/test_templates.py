"""Chat templates of other models, and system prompts."""

from dataclasses import replace

import pytest

from holdfast.models.chat import prompt_ids
from holdfast.models.load import load_model
from holdfast.models.templates import fitting, put_under, templates_for, with_system, without_system

ASKED = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "one plus one?"}]


@pytest.fixture(scope="module")
def loaded(tiny_llama):
    return load_model(str(tiny_llama))


def text(loaded, messages):
    return loaded.tokenizer.decode(prompt_ids(loaded.tokenizer, messages))


def test_only_templates_whose_marks_are_tokens_fit_and_not_the_models_own(loaded):
    names = fitting(loaded)
    assert {"plain", "alpaca", "vicuna"} <= set(names)
    assert not {"gemma", "llama-3"} & set(names)  # it has no such tokens
    other = replace(loaded, tokenizer=put_under(loaded, "alpaca").tokenizer)
    assert "chatml" in fitting(other) and "alpaca" not in fitting(other)


def test_a_model_put_under_a_template_asks_with_it_and_keeps_its_own(loaded):
    own = text(loaded, ASKED)
    for name in templates_for(loaded):
        assert "one plus one?" in text(put_under(loaded, name), ASKED) and "be brief" in text(
            put_under(loaded, name), ASKED
        )
    assert text(put_under(loaded, "vicuna"), ASKED).endswith("be brief USER: one plus one? ASSISTANT:")
    assert text(put_under(loaded, "alpaca"), ASKED).endswith("### Instruction:\none plus one?\n\n### Response:\n")
    begun = [*ASKED, {"role": "assistant", "content": "Sure"}]
    assert text(put_under(loaded, "plain"), begun).endswith("be brief\n\none plus one?\n\nSure")
    assert text(loaded, ASKED) == own and "im_start" in own


def test_the_guild_has_templates_of_its_documents():
    guild = load_model("guild")
    assert fitting(guild) == ["plain", "question-answer", "roles"]
    assert text(put_under(guild, "question-answer"), ASKED[1:]) == "<bos> q: one plus one? a:"


def test_a_system_prompt_takes_the_place_of_another():
    assert with_system(ASKED, "new") == [{"role": "system", "content": "new"}, ASKED[1]]
    assert without_system(ASKED) == ASKED[1:] == without_system(ASKED[1:])
