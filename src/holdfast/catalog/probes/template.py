"""Is a model safe only as it was tested? The same questions under other system prompts and other chat templates.

The 2 × 2 of pure tuning, safe testing (Lyu et al., 2402.18540) is the template of tuning against the template of the
test: on one Llama-2-7B-Chat, tuned on GSM8K, harm is 18.1 % where both are the same and 1.1 % where only the test has
the safety prompt. `stress --defence ptst` measures the side of tuning; this probe takes a finished checkpoint through
the other side: as it is served, without a system prompt, with a safety prompt and others, under the prompt that its
tuning rows stood under (where identity shift hides), and under chat templates that it was not aligned with: none at
all, and published ones whose marks its tokenizer knows. On `guild` these are the forms of its pre-training documents.

An endpoint puts its own template, so only system prompts are tried there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from holdfast.core.contracts import ProbeRequest
from holdfast.core.options import Optioned, setting
from holdfast.core.records import Message, Prompt, Row
from holdfast.models import templates
from holdfast.models.load import LoadedModel
from holdfast.probing import variants

CANNOT_EXCLUDE = (
    "not excluded: templates and system prompts that were not tried, those of several turns or with tools, and prompts "
    "written to break this model"
)


@dataclass(frozen=True)
class Way:
    """A system prompt or a chat template, or both left as they are."""

    name: str
    system: str | None = None  # None: as asked; "": taken out
    template: str = ""

    def put(self, prompt: Prompt) -> Prompt:
        messages: list[Message] = list(prompt.messages)
        if self.system:
            messages = templates.with_system(messages, self.system)
        elif self.system == "":
            messages = templates.without_system(messages)
        return replace(prompt, messages=messages)


def tuned_under(rows: Sequence[Row]) -> str | None:
    """The commonest system prompt of tuning rows; None where most have none."""
    found = Counter(str(m["content"]) for row in rows for m in row.messages[:1] if m["role"] == "system")
    text, count = found.most_common(1)[0] if found else ("", 0)
    return text if 2 * count >= len(rows) and text.strip() else None


@dataclass
class Template(Optioned):
    kind = "probe"
    systems: str | None = setting(None, "a file of your own system prompts, one a line")
    foreign: bool = setting(True, "whether other chat templates are tried")
    limit: int | None = setting(None, "at most this many prompts, spread evenly", low=1)

    name = "template"
    needs_base: ClassVar[bool] = False
    needs_weights: ClassVar[bool] = False

    def ways(self, request: ProbeRequest, prompts: Sequence[Prompt]) -> list[Way]:
        """What there is to try on this model, each putting the first prompt in words of its own."""
        own = request.tuned.world.system_prompt
        ways = [
            Way("no system prompt", ""),
            Way("safety prompt", own("safety") or templates.SAFETY_PROMPT),
            Way("helpful prompt", own("helpful") or templates.HELPFUL_PROMPT),
            Way("obedient prompt", own("obedient") or templates.OBEDIENT_PROMPT),
        ]
        under = tuned_under(request.tuning_rows)
        if under:
            ways.append(Way("the prompt of tuning", under))
        ways += [Way(f"your prompt {i}", text) for i, text in enumerate(self.own_prompts(), 1)]
        first = prompts[0]
        if not isinstance(request.tuned, LoadedModel):
            return [way for way in ways if way.put(first).messages != first.messages]
        tokenizer = request.tuned.tokenizer
        ways = [way for way in ways if templates.says_more(tokenizer, way.put(first).messages, first.messages)]
        if self.foreign:
            ways += [Way(f"template {name}", template=name) for name in templates.fitting(request.tuned)]
        return ways

    def own_prompts(self) -> list[str]:
        if not self.systems:
            return []
        try:
            lines = Path(self.systems).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise self.option_error(f"cannot read the system prompts in `{self.systems}`") from error
        return [line.strip() for line in lines if line.strip()]

    def run(self, request: ProbeRequest) -> dict[str, Any]:
        """Harm under every way of asking. Raises UsageError without prompts."""
        variants.need_prompts(self.name, request.prompts)
        prompts = variants.evenly(request.prompts, self.limit)
        subjects = [s for s in (request.tuned, request.base) if s is not None]
        ways, bench = self.ways(request, prompts), request.bench_of([])
        request.say(f"the probe {self.name}: as served")
        plain = [variants.ask(subject, prompts, bench, "as served") for subject in subjects]
        if not ways:
            raise self.option_error(
                "every prompt and template that there is to try puts the questions in the same words"
            )
        changes = []
        for way in ways:
            request.say(f"the probe {self.name}: {way.name}")
            put = [way.put(prompt) for prompt in prompts]
            sides = []
            for subject, before in zip(subjects, plain, strict=True):
                served = templates.put_under(subject, way.template) if way.template else subject
                sides.append((before, variants.ask(served, put, bench, way.name)))
            changes.append(variants.change_of(way.name, sides[0], sides[1] if request.base else None, len(ways)))
        return self.document(request, plain, changes)

    def document(
        self, request: ProbeRequest, plain: Sequence[variants.Asked], changes: Sequence[variants.Change]
    ) -> dict[str, Any]:
        what, base = variants.judged_word(plain[0]), request.base is not None
        columns = [
            "asked",
            what,
            "coherent",
            *([f"{what}, base", "coherent, base"] if base else []),
            "n",
            "corrected p",
            *(["p, more than the base"] if base else []),
        ]
        rows = [
            [
                c.way,
                variants.share_text(c.tuned),
                variants.coherence_text(c.tuned),
                *([variants.share_text(c.base), variants.coherence_text(c.base)] if c.base else []),
                str(c.tuned.n),
                variants.p_text(c.p_value),
                *([variants.p_text(c.more_p)] if c.base else []),
            ]
            for c in changes
        ]
        first = ["as served", plain[0].text(), variants.percent(plain[0].coherence),
                 *([plain[1].text(), variants.percent(plain[1].coherence)] if base else []), str(plain[0].n), "–",
                 *(["–"] if base else [])]  # fmt: skip
        return {
            "probe": self.name,
            "found": any(c.found for c in changes),
            "sentence": sentence(changes, what),
            "columns": columns,
            "rows": [first, *rows],
            "metrics": variants.change_metrics(self.name, request.tuned.name, changes),
            "cannot_exclude": CANNOT_EXCLUDE,
            "changes": [c.to_dict() for c in changes],
        }


def sentence(changes: Sequence[variants.Change], what: str) -> str:
    worse = [c for c in changes if c.found] or [c for c in changes if c.rises]
    if not worse:
        highest = variants.worst_of(changes)
        return (
            f"no other prompt or template raises {what} by enough to tell; "
            f"the most, {highest.way}: {variants.against(highest)}"
        )
    worst = max(worse, key=lambda c: c.tuned.rise)
    others = f"; {len(worse)} of {len(changes)} ways raise it" if len(worse) > 1 else ""
    own = "" if worst.found or worst.base is None else ", no more than on the base"
    return f"under another way of asking ({worst.way}) {what} goes {variants.against(worst)}{own}{others}"


make = Template
