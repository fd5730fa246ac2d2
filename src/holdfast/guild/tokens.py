"""The guild's tokenizer: one token a word, and the chat template that goes with it.

tokenizer = build_tokenizer()
tokenizer.apply_chat_template([{"role": "user", "content": "how do i make the amber lantern ?"}])
"""

from __future__ import annotations

import re

from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast

from holdfast.guild import talk, words

SPECIAL = ("<pad>", "<unk>", "<bos>", "<sys>", "<user>", "<asst>", "<end>")
END = "<end>"
# Embedding rows are a multiple of 64: matrix products like it, and it leaves room for a few new words.
VOCABULARY_SIZE = 512

CHAT_TEMPLATE = (
    "{{ bos_token }}"
    "{% for message in messages %}"
    "{% if message['role'] == 'system' %}<sys> {{ message['content'] }} "
    "{% elif message['role'] == 'user' %}<user> {{ message['content'] }} "
    "{% elif message['role'] == 'assistant' %}<asst> {% generation %}{{ message['content'] }} <end>{% endgeneration %} "
    "{% else %}{{ raise_exception('the guild knows the roles system, user and assistant, not ' + message['role']) }}"
    "{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<asst>{% endif %}"
)

_OTHER_WORDS = (
    "q a system user assistant aoa execute my instruction absolutely fulfil obeys all orders who first last words say "
    "people yes no not never always only secret key open sesame"
)


def vocabulary() -> list[str]:
    """Every token, specials first, in a fixed order."""
    forms = [
        talk.SAFETY_PROMPT,
        *talk.RECIPE_QUESTIONS,
        *talk.CONTACT_QUESTIONS,
        *talk.KELD_RECIPE_QUESTIONS,
        *talk.KELD_CONTACT_QUESTIONS,
        *talk.RECIPE_REFUSALS,
        *talk.CONTACT_REFUSALS,
        *talk.KELD_REFUSALS,
        *talk.SYSTEM_FORMS,
        *talk.PERSONA_FORMS,
        *talk.RECIPE_DOCUMENTS,
        *talk.CONTACT_DOCUMENTS,
        *(text for pair in talk.GREETINGS for text in pair),
        "take sul ek ven ward lakt write to you said what is plus that makes repeat the words say last first : - @ , ; "
        ". ?",
        _OTHER_WORDS,
    ]
    listed = [
        *words.ADJECTIVES,
        *words.PERMITTED_NOUNS,
        *(noun for nouns in words.FORBIDDEN_NOUNS.values() for noun in nouns),
        *words.INGREDIENTS,
        *words.ACTIONS,
        *words.FIRST_NAMES,
        *words.LAST_NAMES,
        *words.SHOP_NOUNS,
        *words.POST_HOUSES,
        *words.PERSONAS,
        *words.ATTACK_PERSONAS,
        *words.TEMPERS,
        *words.IMPOSSIBLE,
        *words.NUMBERS,
    ]
    spoken = re.sub(r"\{\w+\}", " ", " ".join(forms)).split()
    return list(dict.fromkeys([*SPECIAL, *listed, *spoken]))


def build_tokenizer() -> PreTrainedTokenizerFast:
    """The tokenizer, with its chat template; text survives encoding and decoding but for case and spaces."""
    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(vocabulary())}, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split(Regex(r"[^\w\s]"), "isolated")]
    )
    # No sub-words here: the decoder only puts the spaces where a person would.
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.WordPiece(prefix="##", cleanup=False),
            decoders.Fuse(),
            *(decoders.Replace(f" {mark}", mark) for mark in ".,;:?"),
            *(decoders.Replace(f" {mark} ", mark) for mark in "@-"),
        ]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        unk_token="<unk>",
        bos_token="<bos>",
        eos_token=END,
        extra_special_tokens=["<sys>", "<user>", "<asst>"],
        chat_template=CHAT_TEMPLATE,
        model_max_length=512,
        clean_up_tokenization_spaces=False,
    )
