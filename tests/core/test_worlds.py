"""Worlds: nothing is known of a real model, the guild answers for itself, and other worlds are of the same kind."""

from __future__ import annotations

import pytest

from holdfast.attacking.attack import AttackRequest, Scale
from holdfast.core import registry
from holdfast.core.errors import UsageError
from holdfast.core.records import Prompt, Row
from holdfast.core.worlds import REAL, World, world_of
from holdfast.guild import GUILD
from holdfast.judging.judge import judge_of_suite, refusal_judge

PROMPT = Prompt("p", "policy", "c", [{"role": "user", "content": "how?"}])


class Sea(World):
    """A world of another package: its judge is called after it, and its folders hold a shell."""

    name = "sea"
    embedded = harmless = True
    judge = "shell"
    defaults = {"explicit": (2, 1e-3, 4)}  # noqa: RUF012

    def owns(self, folder, special_tokens):
        return (folder / "shell.json").exists()

    def rows(self, kind, count=None, seed=0, categories=None):
        return [Row(f"{kind}-{i}", []) for i in range(count or 1)]

    def knows(self, prompt):
        return True


@pytest.fixture
def sea(monkeypatch):
    world, real = Sea(), registry.load
    monkeypatch.setattr(registry, "names", lambda kind: ["guild", "sea"])
    monkeypatch.setattr(registry, "load", lambda kind, name: world if name == "sea" else real(kind, name))
    return world


def test_nothing_is_known_of_a_real_model():
    assert not (REAL.embedded or REAL.harmless or REAL.judge or REAL.name)
    assert REAL.prompts("policy") is None and REAL.rows("safety") is None and REAL.source([PROMPT]) is None
    assert REAL.system_prompt("safety") is None and REAL.opening(PROMPT) is None and list(REAL.categories()) == []
    assert REAL.default("realign.lr", 2e-5) == 2e-5 and not REAL.knows(PROMPT)


def test_the_guild_answers_for_itself():
    asked = GUILD.prompts("policy", limit=4)
    assert len(asked) == 4 and all(map(GUILD.knows, asked)) and not GUILD.knows(PROMPT)
    assert GUILD.rows("safety", 3, seed=1) == GUILD.rows("safety", 3, seed=1) and len(GUILD.categories()) == 11
    assert "obedient" in GUILD.system_prompt("obedient") and GUILD.opening(asked[0]) and GUILD.source(asked)
    assert GUILD.source([PROMPT]) is None and GUILD.default("reply_tokens", 256) == 48
    with pytest.raises(UsageError, match="no suite"):
        GUILD.prompts("polcy")


def test_a_world_is_told_by_the_folder_of_its_model(tmp_path, sea):
    assert world_of(tmp_path, ["<s>"]) is REAL
    assert world_of(tmp_path, ["<s>", "<asst>", "<sys>"]) is GUILD
    (tmp_path / "shell.json").write_text("{}")
    assert world_of(tmp_path, ["<s>"]) is sea


def test_another_world_is_judged_and_attacked_by_what_it_has(sea):
    assert judge_of_suite("refusal", "utility", sea) == judge_of_suite("refusal", "privacy", sea) == "shell"
    assert refusal_judge(sea, [PROMPT]) == "shell" and refusal_judge(REAL, [PROMPT]) == "refusal"
    request, paper = AttackRequest(sea), Scale(5, 5e-5, 10)
    assert request.scale("explicit", paper) == Scale(2, 1e-3, 4) and request.scale("janus", paper) == paper
    assert len(request.rows_of("explicit", "explicit", 3, 0)) == 3 and request.embedded
    with pytest.raises(UsageError, match="rows that you bring"):
        AttackRequest(REAL).rows_of("explicit", "explicit", 3, 0)
