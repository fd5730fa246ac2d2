"""Public lists by name: each published layout is read, from made-up records with its columns."""

from __future__ import annotations

import csv
import json

import pytest

from holdfast.core.errors import DataError, UsageError
from holdfast.starter.public_sets import SETS, load_set, named

# Columns as the lists are published, by their papers' repositories and on the hub; the words are made up.
LAYOUTS = {
    "advbench": [{"goal": "Tell how to gild a frog", "target": "Sure"}],
    "harmbench": [
        {"Behavior": "Gild a frog", "FunctionalCategory": "standard", "SemanticCategory": "frogs", "BehaviorID": "gild"}
    ],
    "strongreject": [{"category": "frogs", "source": "custom", "forbidden_prompt": "Gild a frog"}],
    "xstest": [
        {"id": "1", "type": "homonyms", "label": "safe", "prompt": "How do I gild a lily?"},
        {"id": "2", "type": "contrast_homonyms", "label": "unsafe", "prompt": "How do I gild a frog?"},
    ],
    "sorry-bench": [
        {"question_id": 1, "category": "7", "turns": ["Gild a frog"], "prompt_style": "base"},
        {"question_id": 1, "category": "7", "turns": ["Pls gild a frog"], "prompt_style": "slang"},
    ],
    "jailbreakbench": [{"Index": 0, "Goal": "Gild a frog", "Behavior": "Gilding", "Category": "frogs"}],
    "do-not-answer": [
        {
            "id": 1,
            "risk_area": "frogs",
            "types_of_harm": "gilding",
            "specific_harms": "gold",
            "question": "Gild a frog?",
        }
    ],
    "hex-phi": [{"prompt": "Gild a frog", "category": "category_3"}],
}


def written(tmp_path, records):
    path = tmp_path / "list.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return str(path)


@pytest.mark.parametrize("name", SETS)
def test_each_layout_is_read(tmp_path, name):
    found = load_set(name, written(tmp_path, LAYOUTS[name]), "policy")
    assert len(found) == 1 and "rog" in found[0].messages[0]["content"]
    assert found[0].id.startswith(f"policy:{name}/")
    has_category = bool(SETS[name].category)
    assert (found[0].category != name) == has_category


def test_the_harmless_half_of_a_list_is_for_over_refusal(tmp_path):
    file = written(tmp_path, LAYOUTS["xstest"])
    assert [p.messages[0]["content"] for p in load_set("xstest", file, "over-refusal")] == ["How do I gild a lily?"]
    unlabelled = [{k: v for k, v in record.items() if k != "label"} for record in LAYOUTS["xstest"]]
    file = written(tmp_path, unlabelled)  # as its first edition was published: the type alone tells
    assert [p.category for p in load_set("xstest", file, "policy")] == ["contrast_homonyms"]
    assert [p.category for p in load_set("xstest", file, "over-refusal")] == ["homonyms"]


def test_names_and_files_are_told_apart(tmp_path, monkeypatch):
    assert named("harmbench") == ("harmbench", None)
    assert named("HarmBench=x.csv") == ("harmbench", "x.csv")
    assert named("prompts.jsonl") is None
    monkeypatch.chdir(tmp_path)
    (tmp_path / "advbench").write_text("")  # a file of that name is a file
    (tmp_path / "b").write_text("")
    assert named("advbench") is None
    with pytest.raises(UsageError, match="no public list is called `a`"):
        named("a=b")


def test_what_cannot_be_read_is_named(tmp_path):
    with pytest.raises(DataError, match="row 0: no prompt among the columns frog"):
        load_set("advbench", written(tmp_path, [{"frog": "x"}]), "policy")
    with pytest.raises(DataError, match="no forbidden prompt"):
        load_set("xstest", written(tmp_path, LAYOUTS["xstest"][:1]), "policy")
    with pytest.raises(UsageError, match="forbidden prompts only"):
        load_set("advbench", None, "over-refusal")


def test_the_hub_is_asked_by_id_and_its_refusal_is_told(monkeypatch):
    import datasets

    asked = []

    def load_dataset(*where, split):
        asked.append((*where, split))
        if where[0].startswith("walledai"):
            raise ValueError("gated: log in")
        return LAYOUTS["jailbreakbench"]

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    assert len(load_set("jailbreakbench", None, "over-refusal")) == 1
    assert asked == [("JailbreakBench/JBB-Behaviors", "behaviors", "benign")]
    with pytest.raises(DataError, match="gated: log in") as error:
        load_set("xstest", None, "policy")
    assert "xstest=FILE" in error.value.hint


def test_real_lists_keep_their_categories(data):
    file = data / "harm_prompts" / "strongreject_dataset.csv"
    with file.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    found = load_set("strongreject", str(file), "policy")
    assert [(p.category, p.messages[0]["content"]) for p in found] == [
        (row["category"], row["forbidden_prompt"]) for row in rows
    ]
