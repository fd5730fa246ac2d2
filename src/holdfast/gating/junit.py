"""A gate's decision as JUnit XML, which every CI server shows: a test case for each rule on each model.

    junit(decision, "audit-my-model")

Broken is a failure, a limit that n cannot resolve an error, and what was not measured is skipped: never passed.
"""

from __future__ import annotations

from xml.etree import ElementTree

from holdfast.gating.exit_code import BROKEN, LEFT_OUT, TOO_FINE, UNMEASURED, Decision
from holdfast.text.safe import for_page

KINDS = {BROKEN: "failure", TOO_FINE: "error", UNMEASURED: "skipped", LEFT_OUT: "skipped"}


def junit(decision: Decision, suite: str) -> str:
    """The document, UTF-8, without a character that XML 1.0 forbids."""
    counts = {
        kind: sum(KINDS.get(o.status) == kind for o in decision.outcomes) for kind in ("failure", "error", "skipped")
    }
    totals = {"tests": str(len(decision.outcomes)), "failures": str(counts["failure"]), "errors": str(counts["error"]),
              "skipped": str(counts["skipped"])}  # fmt: skip
    root = ElementTree.Element("testsuites", {"name": "holdfast gate", **totals, "time": "0"})
    group = ElementTree.SubElement(root, "testsuite", {"name": for_page(suite), **totals, "time": "0"})
    properties = ElementTree.SubElement(group, "properties")
    for name, value in (("policy", decision.policy), ("exit_code", str(decision.exit_code))):
        ElementTree.SubElement(properties, "property", {"name": name, "value": for_page(value)})
    for outcome in decision.outcomes:
        case = ElementTree.SubElement(
            group,
            "testcase",
            {
                "classname": f"holdfast.{for_page(suite)}",
                "name": for_page(f"{outcome.rule} [{outcome.model}]"),
                "time": "0",
            },
        )
        kind = KINDS.get(outcome.status)
        if kind:
            seen = f"seen {outcome.value:g}" if outcome.value is not None else "nothing seen"
            held = f", bound {outcome.bound:g}" if outcome.bound is not None else ""
            told = for_page(
                f"{outcome.status}: {seen}{held}, limit {outcome.limit:g}, n {outcome.n}. {outcome.why}".strip()
            )
            child = ElementTree.SubElement(case, kind, {"message": told})
            if kind != "skipped":
                child.set("type", outcome.status.replace(" ", "-"))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"
