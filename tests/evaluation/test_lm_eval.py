"""lm-eval's documents are read as they are; where it is installed, its tasks run on the model in memory and resume."""

from __future__ import annotations

import importlib.util
import json
import sys
from types import ModuleType, SimpleNamespace

import pytest

from holdfast.core.errors import UsageError
from holdfast.core.records import Condition
from holdfast.core.runs import Run
from holdfast.evaluation import lm_eval
from holdfast.evaluation.bench import Evaluation, compare_evaluations
from holdfast.evaluation.lm_eval import LmEval, anchored, figures_known, read_results
from holdfast.models.load import LoadedModel
from holdfast.stats.intervals import wilson

HITS = [1.0, 0.0, 1.0, 1.0]


def document(hits=HITS, name="sums"):
    """What lm-eval 0.4 gives: two figures of questions, one of them behind two filters, and one of the whole task."""
    samples = [{"doc_id": i, "filter": "none", "acc": hit, "bleu": i / 10} for i, hit in enumerate(hits)]
    samples += [{"doc_id": i, "filter": "strict-match", "exact_match": 1.0 - hit} for i, hit in enumerate(hits)]
    return {
        "results": {
            name: {
                "alias": name, "sample_len": len(hits), "acc,none": sum(hits) / len(hits), "acc_stderr,none": 0.1,
                "exact_match,strict-match": 1 - sum(hits) / len(hits), "exact_match_stderr,strict-match": 0.1,
                "bleu,none": sum(range(len(hits))) / 10 / len(hits), "bleu_stderr,none": "N/A",
                "word_perplexity,none": 12.5, "word_perplexity_stderr,none": 0.5,
            }
        },
        "samples": {name: samples},
        "n-samples": {name: {"original": 9, "effective": len(hits)}},
        "higher_is_better": {name: {"acc": True, "exact_match": True, "bleu": True, "word_perplexity": False}},
    }  # fmt: skip


def test_a_document_of_lm_eval_is_read():
    found = {figure.name: figure for figure in read_results(document(), "sums")}
    assert set(found) == {"acc", "exact_match.strict_match", "bleu", "word_perplexity"}
    acc, other = found["acc"], found["word_perplexity"]
    assert (acc.value, acc.n, (acc.low, acc.high)) == (0.75, 4, wilson(3, 4))
    assert acc.hits == {"0": True, "1": False, "2": True, "3": True} and acc.better == "higher"
    assert (other.better, other.hits, other.n) == ("lower", None, 4)
    assert (other.low, other.high) == pytest.approx((11.52, 13.48))
    assert found["bleu"].hits is None and found["bleu"].low < found["bleu"].value < found["bleu"].high
    assert lm_eval.main_figure(list(found.values())).name == "exact_match.strict_match"


def test_a_group_is_read_as_a_whole_and_a_tag_by_its_tasks():
    first, second = document(name="a"), document(name="b")
    both = {key: {**first[key], **second[key]} for key in first}
    assert {f.task for f in read_results(both, "tag")} == {"a", "b"}
    group = {**both, "results": {**both["results"], "group": {"acc,none": 0.7, "acc_stderr,none": 0.01}},
             "group_subtasks": {"group": ["a", "b"]}}  # fmt: skip
    (whole,) = read_results(group, "group")
    assert (whole.task, whole.value, whole.n, whole.low) == ("group", 0.7, 8, pytest.approx(0.6804))


@pytest.fixture
def stand_in(monkeypatch):
    """lm-eval as far as it is used: it says what it was given, and answers by the model's name."""
    calls: list[SimpleNamespace] = []
    package, tasks, models, huggingface = (
        ModuleType(name) for name in ("lm_eval", "lm_eval.tasks", "lm_eval.models", "h")
    )

    def simple_evaluate(**given):
        calls.append(SimpleNamespace(**given))
        return document([1.0] * 4 if given["model"].given["pretrained"] == "base" else [0.0, 0.0, 0.0, 1.0])

    class Lm:
        def __init__(self, **given):
            self.given = given

    class Manager:
        def __init__(self, include_path=None, include_defaults=True):
            self.all_tasks = ["sums"]

    package.simple_evaluate, tasks.TaskManager, huggingface.HFLM = simple_evaluate, Manager, Lm
    for name, module in (
        ("lm_eval", package),
        ("lm_eval.tasks", tasks),
        ("lm_eval.models", models),
        ("lm_eval.models.huggingface", huggingface),
    ):
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(lm_eval, "find_spec", lambda name: True)
    monkeypatch.setattr(lm_eval, "version", lambda name: "0")
    lm_eval.task_manager.cache_clear()
    yield calls
    lm_eval.task_manager.cache_clear()


def anchor(run, name, asked):
    loaded = LoadedModel(name, name, object(), f"fingerprint of {name}")
    return anchored(Evaluation(name, Condition(), [], {}, {}), loaded, asked, run)


def test_the_loaded_model_is_handed_over_and_its_figures_are_compared_kept_and_not_made_twice(tmp_path, stand_in):
    asked = LmEval(("sums",), limit=4, chat=True)
    run = Run.open("audit", "m", {}, {}, str(tmp_path / "r"))
    assert not figures_known("fingerprint of base", asked, run)
    before, after = anchor(run, "base", asked), anchor(run, "tuned", asked)
    assert [call.limit for call in stand_in] == [4, 4] and stand_in[0].apply_chat_template is True
    (compared,) = compare_evaluations(before, after)
    assert (compared.suite, compared.metric) == ("utility:sums", "utility.exact_match.strict_match")
    assert (compared.n, compared.worse, compared.better, compared.before, compared.after) == (4, 0, 3, 0.0, 0.75)
    assert after.value("utility.acc", "utility:sums") == 0.25
    assert len(run.read("prompts")) == 4 and len(run.read("verdicts")) == 8 and len(run.read("metrics")) == 8
    again = anchor(Run.resume(run.path, "audit", run.manifest["identity"]), "base", asked)
    assert len(stand_in) == 2 and again == before and figures_known("fingerprint of tuned", asked, run)
    assert json.loads((run.path / "metrics.jsonl").read_text().splitlines()[0])["suite"] == "utility:sums"


def test_what_cannot_be_is_said_with_a_hint(tmp_path, stand_in, monkeypatch):
    with pytest.raises(UsageError, match="no task `sumz`") as caught:
        lm_eval.task_manager(LmEval(("sumz",)))
    assert "sums" in caught.value.hint
    with pytest.raises(UsageError, match="no folder"):
        lm_eval.task_manager(LmEval(("sums",), folder=str(tmp_path / "none")))
    run = Run.open("audit", "m", {}, {}, str(tmp_path / "r"))
    with pytest.raises(UsageError, match="not an endpoint"):
        anchored(Evaluation("m", Condition(), [], {}, {}), object(), LmEval(("sums",)), run)

    def offline(**given):
        raise ConnectionError("no network")

    monkeypatch.setattr(sys.modules["lm_eval"], "simple_evaluate", offline)
    with pytest.raises(UsageError, match="no network"):
        anchor(run, "base", LmEval(("sums",)))
    monkeypatch.setattr(lm_eval, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="not installed") as caught:
        lm_eval.task_manager(LmEval(("sums",), limit=1))
    assert "holdfast[lm-eval]" in caught.value.hint


@pytest.mark.skipif(importlib.util.find_spec("lm_eval") is None, reason="lm-eval is not installed")
def test_lm_eval_itself_runs_a_task_of_ones_own_on_the_loaded_model(tmp_path, tiny_llama):
    from holdfast.models.load import load_model

    rows = [{"q": f"{a} + 1 =", "choices": [str(a + 1), "9"], "gold": 0} for a in range(1, 7)]
    (tmp_path / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "sums.yaml").write_text(
        f"task: my_sums\ndataset_path: json\ndataset_kwargs:\n  data_files:\n    test: "
        f"{tmp_path}/sums.jsonl\ntest_split: test\n"
        'output_type: multiple_choice\ndoc_to_text: "{{q}}"\ndoc_to_choice: "{{choices}}"\ndoc_to_target: gold\n'
        "metric_list:\n  - metric: acc\n    aggregation: mean\n    higher_is_better: true\n"
    )
    loaded = load_model(str(tiny_llama))
    asked = LmEval(("my_sums",), limit=5, folder=str(tmp_path))
    ((figure, *_),) = lm_eval.figures_of(loaded, asked, tmp_path / "cache.jsonl")
    assert (figure.name, figure.n, len(figure.hits)) == ("acc", 5, 5)
    assert figure.value == sum(figure.hits.values()) / 5
    assert lm_eval.figures_of(loaded, asked, tmp_path / "cache.jsonl") == [[figure]]
