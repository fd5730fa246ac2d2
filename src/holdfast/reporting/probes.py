"""What probes found, as every output shows it: checked documents, tables, curves.

found = checked(probe.run(request))
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.evaluation.run_reader import RunRecords
from holdfast.reporting.plots import Curve, Point, lines
from holdfast.reporting.tables import Cell, Picture, Table, words
from holdfast.text.safe import for_page

MUST = {"probe": str, "found": bool, "sentence": str, "columns": list, "rows": list, "cannot_exclude": str}


def checked(document: dict[str, Any]) -> dict[str, Any]:
    """The document itself. Raises TypeError, which names the key, for one that no output could show."""
    for key, kind in MUST.items():
        if not isinstance(document.get(key), kind):
            raise TypeError(f"a probe's document needs `{key}`, a {kind.__name__}, and has {document.get(key)!r}")
    wrong = next((row for row in document["rows"] if len(row) != len(document["columns"])), None)
    if wrong is not None:
        raise TypeError(f"a probe's row has {len(wrong)} cells for {len(document['columns'])} columns: {wrong}")
    return document


def probes_of(run: RunRecords) -> list[Mapping[str, Any]]:
    """The probes of a finished run, in the order in which they were asked for."""
    return [probe for probe in run.manifest.get("probes") or () if isinstance(probe, dict) and "columns" in probe]


def probe_tables(run: RunRecords) -> list[Table]:
    """A table for each probe: what it tried, and what came of it."""
    return [
        Table(
            f"probe-{i}",
            f"{for_page(probe['probe'], 60)}: {for_page(probe['sentence'], 300)}",
            [for_page(name, 60) for name in probe["columns"]],
            [[*words(row[0]), *map(_cell, row[1:])] for row in probe["rows"]],
            1,
            for_page(probe["cannot_exclude"], 400),
        )
        for i, probe in enumerate(probes_of(run))
    ]


def _cell(text: Any) -> Cell:
    """A cell of a probe's table; one that begins with a number is sorted by it."""
    shown = for_page(text, 160)
    try:
        return Cell(shown, float(shown.split()[0].replace(",", "").rstrip("%")))
    except (ValueError, IndexError):
        return Cell(shown)


def curve_of(probe: Mapping[str, Any]) -> Curve:
    """A probe's curve, ready to draw."""
    given = probe["curve"]
    series = {
        for_page(name, 60): [Point(*map(float, (*point, point[1], point[1])[:4])) for point in points]
        for name, points in given["series"].items()
    }
    heights = [point.high for points in series.values() for point in points]
    share = bool(given.get("share", all(0 <= height <= 1 for height in heights)))
    return Curve(for_page(probe["probe"], 60), for_page(given["x"], 80), for_page(given["y"], 80), series, share)


def probe_pictures(run: RunRecords) -> list[Picture]:
    """The curves of those probes that have one, each with its points as a table."""
    found = []
    for i, probe in enumerate(probes_of(run)):
        if not probe.get("curve"):
            continue
        curve = curve_of(probe)
        rows = [
            [*words(name), Cell(f"{p.x:g}", p.x), Cell(curve.told(p.y), p.y), Cell(curve.interval(p), p.low)]
            for name, points in curve.series.items()
            for p in points
        ]  # fmt: skip
        table = Table(f"probe-curve-{i}-table", curve.title, ["", curve.x, curve.y, "95 %"], rows)
        found.append(Picture(f"probe-curve-{i}", lines(curve), table))
    return found
