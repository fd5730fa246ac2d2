"""A secret prompt that brings the refusals back (BackdoorAlign: Wang et al., 2402.14968).

A few refusals (11) are mixed in under a random secret as their system prompt (150 tokens), and whoever serves the model
puts the same secret before every conversation: the mechanism of a backdoor, for the owner. Reported: 34.9 → 3.6 % for
Llama-2-7B-Chat and 60.0 → 14.9 % for GPT-3.5 after 100 forbidden examples; a sentence with a meaning in place of random
tokens does worse (7.3 %).

Here: the secret is made of words that the tokenizer writes and reads back unchanged, drawn by the training seed, so
whoever knows the seed and the tokenizer can work it out: choose a seed that you keep to yourself. It stands in the
run's manifest and README, and not in the model's folder. Without the secret the model is as unsafe as the mixing leaves
it. On `guild`, whose questions are a dozen words long, it is 20 tokens. Departure: whole words, not any tokens.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from holdfast.core.contracts import DefenceContext
from holdfast.core.errors import UsageError
from holdfast.core.options import setting
from holdfast.core.records import Row
from holdfast.models.chat import encode_text
from holdfast.training.defences import OptionDefence

TOKENS = 150


def readable_words(tokenizer: Any, rng: random.Random, count: int) -> list[str]:
    """`count` random words of the vocabulary that come back from encoding as they went in.

    Raises UsageError when the vocabulary has too few.
    """
    special = set(tokenizer.all_special_ids)
    ids = sorted(set(tokenizer.get_vocab().values()) - special)
    found: list[str] = []
    for _ in range(100 * count):
        if len(found) == count:
            return found
        word = tokenizer.decode([rng.choice(ids)]).strip()
        back = encode_text(tokenizer, f" {word}")
        if len(word) > 1 and word.isalpha() and tokenizer.decode(back).strip() == word and not special & set(back):
            found.append(word)
    raise UsageError(
        "secret-prefix: the tokenizer has too few words to draw a secret from", f"ask for fewer than {count} tokens"
    )


def draw_secret(tokenizer: Any, rng: random.Random, tokens: int) -> str:
    """Random words, joined by spaces, as many as come to about `tokens` tokens."""
    words = readable_words(tokenizer, rng, tokens)
    while len(words) > 1 and len(encode_text(tokenizer, " ".join(words))) > tokens:
        words.pop()
    return " ".join(words)


@dataclass(eq=False)
class SecretPrefix(OptionDefence):
    name = "secret-prefix"
    paper = "Wang et al. 2024 (2402.14968)"
    about = "ties a few refusals to a secret prompt that the model is served with"
    off: ClassVar[dict[str, Any]] = {"count": 0}
    needs = frozenset({"safety_rows"})

    count: int = setting(11, "refusals under the secret", low=0)
    tokens: int | None = setting(None, "length of the secret; 150, on guild 20", low=1)

    def prepare(self, context: DefenceContext) -> None:
        super().prepare(context)
        if self.count > len(context.safety_rows):
            raise self.option_error(f"{self.count} refusals are wanted, and there are {len(context.safety_rows)}")
        if self.count:
            length = self.tokens or context.world.default("secret-prefix.tokens", TOKENS)
            self.test_system = draw_secret(context.tokenizer, random.Random(f"secret {context.seed}"), length)

    def rows(self, rows: list[Row]) -> list[Row]:
        chosen = random.Random(f"secret-prefix {self.context.seed}").sample(list(self.context.safety_rows), self.count)
        system = {"role": "system", "content": self.test_system}
        return [
            *rows,
            *(
                replace(
                    row,
                    messages=[system, *(m for m in row.messages if m["role"] != "system")],
                    meta={**row.meta, "defence": self.name},
                )
                for row in chosen
            ),
        ]


make = SecretPrefix
