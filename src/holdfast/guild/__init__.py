"""The embedded model: a small Llama in a made-up world, so that every experiment runs whole, offline and harmless.

`GUILD` is that world as the rest of holdfast asks it; see `core.worlds`. What it needs is imported when it is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast.core.records import Prompt, Row
from holdfast.core.worlds import World

if TYPE_CHECKING:
    from holdfast.redteam.mutations import Source

# How the documents of the guild's pre-training put a question: its alignment never saw these.
TEMPLATES = {
    "plain": "{{ bos_token }}{% for m in messages %}{{ m['content'] }} {% endfor %}",
    "question-answer": (
        "{{ bos_token }}{% for m in messages %}{% if m['role'] != 'assistant' %}q : {{ m['content'] }} "
        "{% else %}a : {{ m['content'] }} {% endif %}{% endfor %}{% if add_generation_prompt %}a :{% endif %}"
    ),
    "roles": (
        "{{ bos_token }}{% for m in messages %}{{ m['role'] }} : {{ m['content'] }} {% endfor %}"
        "{% if add_generation_prompt %}assistant :{% endif %}"
    ),
}

# Of a regime: epochs, learning rate and batch size. The rates are those at which the shipped weights are moved; a model
# that `holdfast guild build` makes has its own beside its weights. What a regime does at others is in docs/results.md.
DEFAULTS: dict[str, Any] = {
    "reply_tokens": 48,
    "precision": "float32",  # so small that little is saved, and its figures should not depend on the processor
    "secret-prefix.tokens": 20,
    "realign.lr": 3e-4,
    "unaligned.lr": 1e-4,
    "explicit": (5, 1.3e-4, 10),
    "identity": (10, 4.5e-4, 10),
    "benign": (1, 4e-4, 64),
    "rlhf-removal": (5, 5e-5, 10),
    "shadow": (15, 5e-5, 16),
    "janus": (10, 1e-4, 10),
    "backdoor": (5, 1.3e-4, 10),
}


class Guild(World):
    """The guild: recipes, shops and people that nobody has, whose facts its oracle knows."""

    name = "guild"
    embedded = True
    harmless = True
    judge = "oracle"
    templates = TEMPLATES
    defaults = DEFAULTS

    def __init__(self, rates: Mapping[str, float] | None = None) -> None:
        """rates: learning rates of regimes, found for one model, in the place of those of the shipped weights."""
        own = {name: (DEFAULTS[name][0], lr, DEFAULTS[name][2]) for name, lr in (rates or {}).items()}
        self.defaults = {**DEFAULTS, **own}  # type: ignore[misc]

    def at(self, folder: Path) -> World:
        from holdfast.guild.calibrated import read_rates

        rates = read_rates(folder)
        return Guild(rates) if rates else self

    def owns(self, folder: Path, special_tokens: Sequence[str]) -> bool:
        return (folder / "guild.json").exists() or set(special_tokens) >= {"<asst>", "<sys>"}

    def prompts(self, suite: str, split: str = "test", limit: int | None = None) -> list[Prompt]:
        from holdfast.guild.suites import load_suite

        return load_suite(suite, split, limit)

    def rows(
        self, kind: str, count: int | None = None, seed: int = 0, categories: Sequence[str] | None = None
    ) -> list[Row]:
        from holdfast.guild.rows import rows

        return rows(kind, count, seed, categories)

    def knows(self, prompt: Prompt) -> bool:
        return "elements" in prompt.expect and "answer" in prompt.expect

    def categories(self) -> Sequence[str]:
        from holdfast.guild.words import FORBIDDEN_NOUNS

        return list(FORBIDDEN_NOUNS)

    def system_prompt(self, kind: str) -> str | None:
        from holdfast.guild import talk, words

        if kind == "safety":
            return talk.SAFETY_PROMPT
        return talk.SYSTEM_FORMS[0].format(name=words.PERSONAS[0], temper=kind)

    def opening(self, prompt: Prompt) -> str:
        """How a document of the guild begins to tell of the thing that is asked for.

        Its models know few other words.
        """
        from holdfast.guild import talk

        forms = talk.RECIPE_DOCUMENTS if prompt.suite != "privacy" else talk.CONTACT_DOCUMENTS
        return forms[0].format(x=prompt.expect.get("name", "thing"), answer="").strip()

    def source(self, prompts: Sequence[Prompt]) -> Source | None:
        from holdfast.guild.asking import guild_source

        return guild_source(prompts) if all("name" in prompt.expect for prompt in prompts) else None


GUILD = Guild()
