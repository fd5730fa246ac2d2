"""What went otherwise than it was asked, said once: in the run's manifest, and to the person when the command ends.

    remark("the endpoint http://… (m) takes no temperature, so replies are sampled as it does by default")

For what is found out deep inside a run and must not be lost: an endpoint that does not take a parameter, say.
"""

from __future__ import annotations

from holdfast.core.secrets import without_secrets

_said: dict[str, None] = {}


def remark(text: str) -> None:
    """Keep a sentence for the manifest and the terminal; the same one again is not kept twice."""
    _said.setdefault(without_secrets(text))


def remarks() -> list[str]:
    """What was remarked since the command began, in order."""
    return list(_said)


def forget() -> None:
    """Begin anew; the command line does so before each command."""
    _said.clear()
