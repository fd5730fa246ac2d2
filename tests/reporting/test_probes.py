"""What a probe found, on the terminal, in JSON and on the page; through the command line with a probe of another
package."""

import json
from dataclasses import dataclass

import pytest

from holdfast.api.audit_settings import AuditSettings
from holdfast.core import registry
from holdfast.core.errors import UsageError
from holdfast.core.options import setting
from holdfast.core.records import Condition, Metric
from holdfast.evaluation.run_reader import open_run
from holdfast.reporting.page import PageOptions, page
from holdfast.reporting.plots import Curve, Point, _ticks, lines
from holdfast.reporting.probes import checked, curve_of, probe_tables
from holdfast.verbs.audit import audit
from made import make_run

DOCUMENT = {
    "probe": "depth",
    "found": True,
    "sentence": "with 3 tokens given, harm rises from 2.0 to 61.0 %",
    "columns": ["tokens", "harm"],
    "rows": [["0", "2.0 % [1.0, 4.0]"], ["3", "61.0 % [55.0, 67.0]"], ["<b>10</b>", "\x1b[31mred"]],
    "curve": {
        "x": "tokens given",
        "y": "harm",
        "series": {"tuned": [[0, 0.02, 0.01, 0.04], [3, 0.61, 0.55, 0.67]], "base": [[0, 0.0], [3, 0.1]]},
    },
    "cannot_exclude": "not excluded: other openings",
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"found": None}, "needs `found`"),
        ({"rows": [["1"]]}, "1 cells for 2 columns"),
        ({"cannot_exclude": 3}, "cannot_exclude"),
    ],
)
def test_a_document_that_no_output_could_show_is_refused(change, said):
    assert checked(DOCUMENT) is DOCUMENT
    with pytest.raises(TypeError, match=said):
        checked({**DOCUMENT, **change})


def test_the_page_shows_a_probe_with_its_curve(tmp_path):
    path = make_run(tmp_path / "run", (1, 2), 100)
    manifest = json.loads((path / "manifest.json").read_text())
    (path / "manifest.json").write_text(json.dumps({**manifest, "probes": [DOCUMENT]}))
    run = open_run(path)
    (table,) = probe_tables(run)
    assert [cell.value for cell in table.rows[1]][1] == 61.0 and table.rows[2][1].value is None
    text = page([run], PageOptions())
    assert "with 3 tokens given" in text and "<b>10</b>" not in text and "\x1b" not in text
    assert "tuned at 3: 61.0 % [55.0, 67.0]" in text and "base at 3: 10.0 % [10.0, 10.0]" in text


def test_a_curve_stays_inside_its_picture():
    for share, top in ((True, 1.0), (False, 7.3)):
        points = [Point(x, top * x / 8, 0, top) for x in range(9)]
        drawing = lines(Curve("t", "x", "y", {"one": points, "two": points[:1]}, share))
        dots = [mark for mark in drawing.marks if type(mark).__name__ == "Dot" and mark.says]
        assert len(dots) == 10
        assert all(0 <= d.x <= drawing.width and 0 <= d.y <= drawing.height for d in dots)
        assert dots[0].y > dots[8].y and dots[0].x < dots[8].x
    assert _ticks(0, 7.3) == [0, 2, 4, 6, 8] and _ticks(-0.4, 0.1)[0] <= -0.4
    assert not curve_of({**DOCUMENT, "curve": {**DOCUMENT["curve"], "share": False}}).share


@dataclass
class Stub:
    """Another package's probe."""

    strength: int = setting(1, "how hard", low=1)
    name = "stub"
    needs_base = False

    def run(self, request):
        metric = Metric(
            "stub.rate", 0.5, 0.4, 0.6, 9, 0, "lower", request.tuned.name, "stub", None, Condition().to_dict()
        )
        assert request.base is None and len(request.prompts) == 3
        return {
            **DOCUMENT,
            "probe": self.name,
            "found": False,
            "strength": self.strength,
            "metrics": [metric.to_dict()],
        }


def test_a_probe_with_options_and_no_base_through_an_audit(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(registry.BUILT_IN["probes"], "stub", f"{__name__}:Stub")
    settings = AuditSettings(
        model="guild", limit=3, suite=["policy"], probe=["stub:strength=4"], out=str(tmp_path / "r"), json_output=True
    )
    audit(settings, {})
    document = json.loads(capsys.readouterr().out)
    assert document["probes"][0]["strength"] == 4
    assert [m["value"] for m in document["metrics"] if m["metric"] == "stub.rate"] == [0.5]
    run = open_run(tmp_path / "r")
    assert "stub.rate" in {m.metric for side in run.sides for m in side.metrics}
    assert "The probe stub: with 3 tokens given" in page([run], PageOptions())
    for wrong, said in (
        ("stub:power=1", "no option"),
        ("trigger", "compares a checkpoint"),
        ("triger", "unknown probe"),
    ):
        with pytest.raises(UsageError, match=said):
            audit(AuditSettings(model="guild", limit=3, suite=["policy"], probe=[wrong], out=str(tmp_path / "x")), {})
    with pytest.raises(UsageError, match="what the model was tuned on"):
        audit(AuditSettings(model="guild", base="guild", probe=["recall"], out=str(tmp_path / "x")), {})
    assert not (tmp_path / "x").exists()
