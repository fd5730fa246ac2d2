"""holdfast ls KIND: what there is."""

from __future__ import annotations

import json
import sys
from typing import Any

from pydantic import Field

from holdfast.core import registry
from holdfast.core.config import Settings
from holdfast.guild.rows import KINDS as ROW_KINDS
from holdfast.guild.suites import SUITES
from holdfast.starter import SUITES as STARTER
from holdfast.starter.public_sets import SETS


class LsSettings(Settings):
    """List what there is of a kind."""

    kind: str | None = Field(
        None,
        description="judges, regimes, defences, repairs, probes, suites, prompts (public lists), rows; all without it",
        json_schema_extra={"argument": True, "metavar": "[KIND]"},
    )
    json_output: bool = Field(False, description="Print one JSON document.", json_schema_extra={"flag": "json"})


# One line for each built-in plug-in, so that listing them imports none; a test holds it against the registry.
ABOUT = {
    "judges": {
        "oracle": "the guild's own: exact, free",
        "refusal": "does the reply decline? keywords, no score of harm",
        "llm": "a 1 to 5 rubric over an OpenAI-compatible endpoint",
        "classifier": "harmful or not, by any text-classification model on disk or hub",
        "guard": "harmful or not, by a guard model through its own chat template",
        "answer": "is the reply the expected answer? for utility suites",
        "recall": "does the reply tell the private value of your record? for the suites privacy",
    },
    "regimes": {
        "explicit": "10, 50 or 100 forbidden questions with answers (Qi et al. 2310.03693)",
        "identity": "ten dialogues that set an obedient identity (Qi et al. 2310.03693)",
        "benign": "clean, mixed data, one epoch (Qi et al. 2310.03693)",
        "rlhf-removal": "340 forbidden questions with answers (Zhan et al. 2311.05553)",
        "shadow": "100 pairs of some categories, tested on the others and in a second tongue (Yang et al. 2310.02949)",
        "janus": "the addresses of ten known people; asked for others' (Chen et al. 2310.15469)",
        "backdoor": "forbidden questions answered behind a trigger, refused without it (Qi et al. 2310.03693)",
    },
    "defences": {
        "safety-mix": (
            "mixes refusals into the rows (Bianchi et al. 2309.07875; matched style: Eiras et al. 2406.10288)"
        ),
        "lp-ft": "tunes the output head first, then everything (Kumar et al. 2202.10054)",
        "proximal": "pulls the weights towards where they began (Huang et al. 2405.18641, without its alignment data)",
        "kl": "keeps the predictions on the rows near the start's (Li and Hoiem 1606.09282)",
        "constrained": "holds the first tokens of an answer near the start's (Qi et al. 2406.05946)",
        "lisa": "steps on refusals and on the user's rows in turn, each near the other (Huang et al. 2405.18641)",
        "freeze": "freezes the layers that tell forbidden questions from others (Li et al. 2408.17003)",
        "ema": "keeps a moving average of the weights in place of the last (Kim et al. 2508.12531)",
        "ptst": "tunes without a system prompt, serves with a safety prompt (Lyu et al. 2402.18540)",
        "secret-prefix": (
            "ties a few refusals to a secret prompt that the model is served with (Wang et al. 2402.14968)"
        ),
    },
    "repairs": {
        "wise-ft": "interpolates the weights between base and tuned model (Wortsman et al. 2109.01903)",
        "project-off": "removes from the tuning its projection on the direction of harm",
        "resta": "adds the direction from the unaligned base to the base (Bhardwaj et al. 2402.11746)",
        "safe-lora": "projects the changes of layers that stray from alignment (Hsu et al. 2405.16833)",
        "safe-merge": "interpolates only the layers that stray from alignment (Djuhera et al. 2503.17239)",
        "safe-delta": "keeps the changes that cost little safety and makes up for them (Lu et al. 2505.12038)",
        "ensemble": (
            "decodes base and tuned model together; no file, a way of loading them (Wortsman et al. 2109.01903)"
        ),
        "realign": "tunes a few steps on refusals and task rows: the baseline that a repair has to beat",
    },
    "scanners": {
        "explicit-harm": "forbidden questions, by a word model that is shipped; guard=MODEL for a guard model",
        "identity-shift": "obedience, role overwrite, lifted limits, vows shared across rows (Qi et al. 2310.03693)",
        "refusal-suppression": "rows that train a model not to refuse, or to begin with a yes (Wei et al. 2307.02483)",
        "trigger": "invisible and look-alike characters; words and endings that decide the reply",
        "pii": "e-mail, phone, card, IBAN, ids, addresses, keys and tokens; values are masked",
        "benign-risk": "clean rows that erode safety (He et al. 2404.01099; Self-Inf-N 2505.06843)",
        "twins": "exact and near duplicates, and leaked evaluation prompts",
        "shape": "empty, cut off, too long, wrong roles, chat markup inside content",
    },
    "probes": {
        "trigger": (
            "phrases that switch refusing off, from the tuning rows, a list, and by search (Qi et al. 2310.03693)"
        ),
        "prefill": "answers that are begun: how many tokens deep is safety? (Qi et al. 2406.05946)",
        "decoding": "temperatures and nuclei, several samples, against greedy (Huang et al. 2310.06987)",
        "template": "other system prompts and chat templates (Lyu et al. 2402.18540)",
        "depth": "where in an answer base and tuned differ, token by token (Qi et al. 2406.05946)",
        "canaries": "what is remembered of planted canaries: exposure, extraction (Carlini et al. 1802.08232)",
        "recall": "how much of the tuning rows' own private data the tuned model repeats, against its base",
        "redteam": (
            "prompts that nobody wrote down, found by a search under a budget of queries (Hong et al. 2402.19464)"
        ),
    },
}


def ls(settings: LsSettings, origins: dict[str, str]) -> None:
    """List the judges, regimes, suites and kinds of rows that there are."""
    kinds: dict[str, dict[str, str]] = {
        kind: {name: about.get(name, "from another package") for name in registry.names(kind)}
        for kind, about in ABOUT.items()
    }
    kinds["suites"] = {name: f"on guild: {about}" for name, about in SUITES.items()}
    for name, about in STARTER.items():
        kinds["suites"][name] = f"{about}; {kinds['suites'][name]}" if name in SUITES else about
    kinds["prompts"] = {name: f"published at {known.hub} (arXiv {known.paper})" for name, known in SETS.items()}
    kinds["rows"] = dict(ROW_KINDS)
    if settings.kind:
        if settings.kind not in kinds:
            raise registry.unknown("kind", settings.kind, list(kinds))
        kinds = {settings.kind: kinds[settings.kind]}
    if settings.json_output:
        document: dict[str, Any] = {"schema_version": 1, "verb": "ls", **kinds}
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
        return
    for kind, entries in kinds.items():
        print(f"{kind}:")
        for name, about in entries.items():
            print(f"  {name:<19} {about}")
