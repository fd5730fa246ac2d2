"""The command line as tests call it: in this process, with what it printed."""

from __future__ import annotations

import json

from holdfast.cli import run


def call(capsys, *arguments):
    """The exit code, stdout and stderr of a command."""
    code = run([str(a) for a in arguments])
    out, err = capsys.readouterr()
    return code, out, err


def document(capsys, *arguments):
    """The one JSON document of a command that ends well."""
    code, out, err = call(capsys, *arguments, "--json")
    assert code == 0, err
    return json.loads(out)
