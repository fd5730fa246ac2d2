import json

import pytest

from holdfast.core.errors import RunError, UsageError
from holdfast.core.runs import Run
from holdfast.evaluation.run_reader import open_run
from made import make_run


@pytest.fixture
def path(tmp_path):
    return make_run(tmp_path / "run")


def test_the_sides_of_an_audit_have_roles_and_verdicts(path):
    run = open_run(path)
    assert [(side.role, side.model) for side in run.sides] == [("base", "guild"), ("tuned", "my-model")]
    assert [len(run.verdicts(side)["policy"]) for side in run.sides] == [40, 40]
    assert run.sides[1].value("harm.any", "policy") == 12 / 40
    assert run.base_of(run.sides[1]) is run.sides[0] and run.candidates == [run.sides[1]]


def test_two_models_of_one_name_stay_apart(tmp_path):
    run = open_run(make_run(tmp_path / "run", names=("same", "same")))
    assert [side.value("harm.any", "policy") for side in run.sides] == [0.0, 0.3]
    assert [sum(v.score == 5 for v in run.verdicts(side)["policy"]) for side in run.sides] == [0, 12]


def test_a_missing_file_is_refused_with_a_hint(path):
    (path / "verdicts.jsonl").unlink()
    with pytest.raises(RunError, match=r"verdicts.jsonl. is missing") as caught:
        open_run(path)
    assert "run it again" in caught.value.hint


def test_a_truncated_file_is_refused(path):
    file = path / "metrics.jsonl"
    file.write_bytes(file.read_bytes()[:-30])
    with pytest.raises(RunError, match="cut off"):
        open_run(path)


def test_an_edited_file_of_the_same_length_is_refused(path):
    file = path / "metrics.jsonl"
    file.write_bytes(file.read_bytes().replace(b'"value": 0.3', b'"value": 0.0'))
    with pytest.raises(RunError, match="changed after the run had ended"):
        open_run(path)


def test_a_line_that_was_added_is_refused(path):
    with open(path / "verdicts.jsonl", "a") as file:
        file.write("{}\n")
    with pytest.raises(RunError, match="changed"):
        open_run(path)


def test_a_file_that_the_run_did_not_write_is_not_read(path):
    (path / "findings.jsonl").write_text('{"row": 1}\n')
    assert list(open_run(path).records("findings")) == []


def test_a_run_that_has_not_ended_is_refused_with_its_command(tmp_path):
    Run.open("audit", "guild", {"model": "guild"}, {}, str(tmp_path / "run"))
    with pytest.raises(RunError, match="has not ended") as caught:
        open_run(tmp_path / "run")
    assert "resumes it" in caught.value.hint


@pytest.mark.parametrize(
    "change", [lambda m: m.pop("files"), lambda m: m.update(files={}), lambda m: m["files"].update({"../x": {}})]
)
def test_a_manifest_that_vouches_for_nothing_is_refused(path, change):
    manifest = json.loads((path / "manifest.json").read_text())
    change(manifest)
    (path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(RunError):
        open_run(path)


@pytest.mark.parametrize("text", ["", "[]", "{}", "\x00", '{"verb": 3}'])
def test_a_broken_manifest_is_refused(path, text):
    (path / "manifest.json").write_text(text)
    with pytest.raises(RunError):
        open_run(path)


def test_a_folder_that_is_not_there_or_is_no_run(tmp_path):
    with pytest.raises(UsageError, match="no run folder"):
        open_run(tmp_path / "nowhere")
    with pytest.raises(RunError, match="no manifest"):
        open_run(tmp_path)


def test_a_resumed_run_that_finished_is_whole(path):
    run = Run.resume(path, "audit", json.loads((path / "manifest.json").read_text())["identity"])
    run.append("metrics", [next(iter(run.read("metrics")))])
    with pytest.raises(RunError):
        open_run(path)
    run.finish("again")
    open_run(path)
