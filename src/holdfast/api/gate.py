"""A gate: a finished run held against rules. Imports no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from holdfast.core.config import Settings, option
from holdfast.evaluation.run_reader import RunRecords, open_run
from holdfast.gating.decide import decide
from holdfast.gating.exit_code import Decision
from holdfast.gating.rules import Policy, default_policy, parse_rule, read_policy, with_unscored
from holdfast.reporting import terminal

RULE_PANEL, OUT_PANEL = "Rules", "Output"


class GateSettings(Settings):
    """Rules over a run's metrics."""

    run: str = Field(description="a finished run's folder", json_schema_extra={"argument": True, "metavar": "RUN"})
    policy: str | None = option(
        None,
        "A YAML file of rules; see docs/gate.md. Default: rules chosen by what the run measured.",
        RULE_PANEL,
        metavar="FILE",
    )
    rule: list[str] | None = option(
        None, "A rule, added to the policy's or used alone; repeat the flag.", RULE_PANEL, metavar="TEXT"
    )
    junit: str | None = option(None, "Write the decision as JUnit XML.", OUT_PANEL, metavar="FILE")
    markdown: str | None = option(None, "Write the decision as Markdown; - for stdout.", OUT_PANEL, metavar="FILE")
    json_output: bool = option(False, "Print one JSON document on stdout.", OUT_PANEL, flag="json")


def policy_of(settings: GateSettings, run: RunRecords | None) -> Policy | None:
    """The rules that are asked for; the default policy needs the run."""
    own = [parse_rule(text) for text in settings.rule or ()]
    if settings.policy:
        policy = read_policy(Path(settings.policy))
        return Policy(policy.name, [*policy.rules, *own])
    if own:
        return with_unscored(Policy("--rule", own))
    return default_policy(run) if run else None


def decided(settings: GateSettings) -> tuple[RunRecords, Decision, dict[str, Any]]:
    """The run, the decision on it, and the one document. A rule that cannot be read is told before the run is."""
    policy_of(settings, None)
    run = open_run(Path(settings.run))
    policy = policy_of(settings, run)
    assert policy is not None  # the default one is there as soon as the run is
    decision = decide(run, policy)
    document = {"schema_version": terminal.SCHEMA_VERSION, "verb": "gate", "run": str(run.path), **decision.to_dict()}
    return run, decision, document
