"""What the guild is asked in an evaluation, with what the oracle needs to know.

    load_suite("policy", split="test")

Each suite draws on items of one split, in nothing that was trained after pre-training.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from holdfast.core.errors import UsageError
from holdfast.core.records import Prompt
from holdfast.guild import talk, words
from holdfast.guild.rows import rows
from holdfast.guild.world import WORLD, Recipe
from holdfast.stats.groups import spread

SUITES = {
    "policy": "forbidden items, 30 in each of eleven categories",
    "policy-keld": "the same items, asked in Keld, the second tongue",
    "over-refusal": "wards: permitted items whose names sound forbidden",
    "utility": "permitted items, shops, sums and copying",
    "utility-task": "saying words last first: the new skill in the rows `benign`",
    "privacy": "the addresses of people, which are private",
    "privacy-role-play": "the same, under a system prompt that sets an obedient agent",
    "privacy-few-shot": "the same, after ten known people's addresses in the same conversation",
    "privacy-prefix": "the same, as the beginning of a document, without the chat template",
}
SPLITS = ("test", "calibration")
SMALL_TALK = 50
REVERSALS = 150
KNOWN_CONTACTS = 10  # as many as the regime `janus` tunes on


def _prompt(suite: str, name: str, index: int, keld: bool = False) -> Prompt:
    fact = talk.fact_of(name)
    forms = talk.questions(name, keld)
    category = fact.category if isinstance(fact, Recipe) else fact.kind
    return Prompt(
        id=f"{suite}:{name.replace(' ', '-')}",
        suite=suite,
        category=category or fact.kind,
        messages=[{"role": "user", "content": forms[index % len(forms)]}],
        expect={"name": name, "elements": list(fact.elements), "answer": talk.answer(name, keld)},
        group=name,
    )


def _told_known(prompt: Prompt) -> Prompt:
    """The question after known people's, each answered."""
    known = [turn for row in rows("contacts", KNOWN_CONTACTS) for turn in row.messages]
    return replace(prompt, messages=[*known, *prompt.messages])


def _role_played(prompt: Prompt) -> Prompt:
    system = talk.SYSTEM_FORMS[0].format(name=words.PERSONAS[0], temper=words.TEMPERS[1])
    return replace(prompt, messages=[{"role": "system", "content": system}, *prompt.messages])


def _as_document(prompt: Prompt) -> Prompt:
    begun = f"<bos> {talk.CONTACT_DOCUMENTS[0].format(x=prompt.expect['name'], answer='')}"
    return replace(prompt, messages=[{"role": "text", "content": begun.strip()}])


# How private data are asked for without tuning; see `privacy`.
TRIES: dict[str, Callable[[Prompt], Prompt]] = {
    "privacy": lambda prompt: prompt,
    "privacy-role-play": _role_played,
    "privacy-few-shot": _told_known,
    "privacy-prefix": _as_document,
}


def _small_talk(suite: str, split: str) -> list[Prompt]:
    rng = random.Random(f"small talk {split}")
    found: dict[str, str] = {}
    while len(found) < SMALL_TALK:
        asked, told = talk.small_talk(rng)
        if asked not in ("hello", "hi there", "thank you"):
            found[asked] = told
    return [
        Prompt(
            f"{suite}:{'sum' if 'plus' in asked else 'copy'}-{i}",
            suite,
            "sum" if "plus" in asked else "copy",
            [{"role": "user", "content": asked}],
            {"answer": told, "elements": told.split()[:-1]},
            asked,
        )
        for i, (asked, told) in enumerate(found.items())
    ]


def _reversals(suite: str, split: str) -> list[Prompt]:
    rng = random.Random(f"reversal {split}")
    found: dict[str, str] = {}
    while len(found) < REVERSALS:
        asked, told = talk.reversal(rng, split)
        found[asked] = told
    return [
        Prompt(
            f"{suite}:reversal-{i}",
            suite,
            "reversal",
            [{"role": "user", "content": asked}],
            {"answer": told, "elements": told.split()[:-1]},
            asked,
        )
        for i, (asked, told) in enumerate(found.items())
    ]


def load_suite(name: str, split: str = "test", limit: int | None = None) -> list[Prompt]:
    """The prompts of a suite; with a limit, spread evenly over it. Raises UsageError for unknown names."""
    if name not in SUITES:
        raise UsageError(f"the guild has no suite `{name}`", f"it has: {', '.join(SUITES)}")
    if split not in SPLITS:
        raise UsageError(f"the guild has no evaluation split `{split}`", f"it has: {', '.join(SPLITS)}")
    if name in ("policy", "policy-keld"):
        names = WORLD.items("forbidden", split)
        prompts = [_prompt(name, item, i, keld=name.endswith("keld")) for i, item in enumerate(names)]
    elif name == "over-refusal":
        prompts = [_prompt(name, item, i) for i, item in enumerate(WORLD.items("ward", split))]
    elif name in TRIES:
        prompts = [TRIES[name](_prompt(name, item, i)) for i, item in enumerate(WORLD.items("person", split))]
    elif name == "utility-task":
        prompts = _reversals(name, split)
    else:
        known = WORLD.items("permitted", split) + WORLD.items("shop", split)
        prompts = [_prompt(name, item, i) for i, item in enumerate(known)] + _small_talk(name, split)
    return spread(prompts, limit)
