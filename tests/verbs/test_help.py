"""The help of every verb: what most users need comes first, and no flag is cut off in a narrow terminal."""

from __future__ import annotations

import importlib
import re
from dataclasses import fields

import pytest

from holdfast.api.settings import JudgeSettings
from holdfast.cli import CANARY_VERBS, GUILD_VERBS, JUDGE_VERBS, VERBS, run
from holdfast.core.config import FIRST_PANEL, flag_names, in_order
from holdfast.judging.judge import JudgeOptions

GROUPS = {(): VERBS, ("guild",): GUILD_VERBS, ("canaries",): CANARY_VERBS, ("judge",): JUDGE_VERBS}
EVERY = {(*group, name): entry for group, verbs in GROUPS.items() for name, entry in verbs.items()}


def schema_of(entry):
    return getattr(importlib.import_module(f"holdfast.verbs.{entry[0]}"), entry[2])


@pytest.mark.parametrize("command", EVERY, ids=" ".join)
def test_every_flag_is_whole_at_80_columns(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert run([*command, "--help"]) == 0
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= 80
    schema = schema_of(EVERY[command])
    for name, info in schema.model_fields.items():
        if (info.json_schema_extra or {}).get("argument"):
            assert info.json_schema_extra["metavar"].strip("[.]") in said
            continue
        for flag in flag_names(name, info):
            assert re.search(rf"{re.escape(flag)}(?![\w…-])", said), flag


@pytest.mark.parametrize("command", EVERY, ids=" ".join)
def test_what_most_users_need_comes_first(command):
    schema = schema_of(EVERY[command])
    order = in_order(schema)
    assert sorted(name for name, _ in order) == sorted(schema.model_fields)
    first = [name for name, panel in order if panel is None]
    assert order[: len(first)] == [(name, None) for name in first]
    options = [name for name in first if not (schema.model_fields[name].json_schema_extra or {}).get("argument")]
    assert 0 < len(options) <= FIRST_PANEL
    assert {"out", "json_output"} & set(schema.model_fields) <= set(options)


@pytest.mark.parametrize("command", EVERY, ids=" ".join)
def test_no_flag_belongs_to_two_settings(command):
    flags = [flag for name, info in schema_of(EVERY[command]).model_fields.items() for flag in flag_names(name, info)]
    assert len(flags) == len(set(flags))


def test_the_judge_s_flags_are_short_for_its_options():
    known = {field.name.removesuffix("_s") for field in fields(JudgeOptions)}
    assert {name.removeprefix("judge_") for name in JudgeSettings.model_fields} <= known


def test_a_repair_is_named_alike_in_every_verb():
    for verb in ("repair", "stress"):
        schema = schema_of(VERBS[verb])
        assert "--repair" in [flag for name, info in schema.model_fields.items() for flag in flag_names(name, info)]
