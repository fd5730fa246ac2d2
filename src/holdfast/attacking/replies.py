"""What the embedded model replies after a regime's attack, tuned in memory unless every reply is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from holdfast.attacking.attack import AttackRequest, attack, narrow, prepare_attack
from holdfast.core.errors import UsageError
from holdfast.core.progress import ShowLoss
from holdfast.core.records import Prompt, Reply
from holdfast.core.registry import load
from holdfast.evaluation.asking import all_cached, make_replies
from holdfast.evaluation.bench import Bench
from holdfast.models.load import LoadedModel
from holdfast.stats.groups import Suite


@dataclass(frozen=True)
class Attacked:
    """The embedded model under attack: how a fresh copy is loaded, the attack's seed, and who hears of its steps."""

    base: LoadedModel
    load: Callable[[], LoadedModel]
    seed: int = 0
    show: ShowLoss | None = None


def attacked_replies(regime: str, subject: Attacked, suite: str, bench: Bench) -> tuple[list[Prompt], list[Reply]]:
    """The prompts of a suite and the replies after a regime's first setting, which is its mildest.

    Raises UsageError for a regime that asks nothing of the suite.
    """
    base = subject.base
    plan = load("regimes", regime).plans(AttackRequest(base.world, seeds=[subject.seed]))[0]
    prepared = prepare_attack(base, plan)
    own = narrow(bench, prepared.plan)
    prompts = [prompt for one in own.suites if one.name == suite for prompt in one.prompts]
    if not prompts:
        raise UsageError(f"the regime `{regime}` asks nothing of the suite {suite}", "name another --regime")
    model = replace(base, fingerprint=prepared.key)
    own = replace(own, suites=[Suite(suite, prompts)])
    if not all_cached(base, prepared.key, own):
        model = replace(attack(subject.load, prepared, subject.show), fingerprint=prepared.key)
    return prompts, make_replies(model, prompts, prepared.plan.condition, own)
