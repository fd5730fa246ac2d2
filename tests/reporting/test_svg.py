from xml.etree import ElementTree

import pytest

from holdfast.reporting.plots import Bar, Panel, Spot, bars, curve, front, pareto, radar
from holdfast.reporting.svg import DARK, LIGHT, SERIES, save, side_by_side, svg

HOSTILE = '"><script>alert(1)</script>&<'


def pictures():
    shares = {HOSTILE if i == 0 else f"kind {i}": 1 + i % 5 for i in range(11)}
    yield radar({HOSTILE: shares, "tuned": dict.fromkeys(shares, 5.0)}, HOSTILE)
    yield bars({k: {HOSTILE: Bar(0.2, 0.1, 0.3, 30), "b": Bar(1, 0.9, 1, 30)} for k in shares}, HOSTILE)
    lines = {"harm": [0.0, 0.5, 1.0], "task": [None, 0.5, 1.0]}
    yield curve(Panel(HOSTILE, [0.0, 0.5, 1.0], lines, [True, False, False], 0), list(lines))
    yield pareto([Spot(HOSTILE, 0.1 * i, 0.1 * i, i % SERIES) for i in range(9)], [HOSTILE, "b"], HOSTILE, HOSTILE)
    one = curve(Panel("a", [0.0, 1.0], {"harm": [0.0, 1.0]}, [True, False], 0), ["harm"])
    yield side_by_side([one, one, one], HOSTILE)


@pytest.mark.parametrize("picture", list(pictures()), ids=["radar", "bars", "curve", "pareto", "several"])
def test_a_picture_is_well_formed_named_and_escaped(picture, tmp_path):
    text = svg(picture, "x")
    root = ElementTree.fromstring(text)
    space = "{http://www.w3.org/2000/svg}"
    assert root.attrib["role"] == "img" and root.attrib["aria-labelledby"] == "x-t x-d"
    assert root.find(f"{space}title").text == picture.title and root.find(f"{space}desc").text
    assert not list(root.iter(f"{space}script")) and "http" not in text.replace("http://www.w3.org/2000/svg", "")
    save(picture, tmp_path / "p.svg")
    save(picture, tmp_path / "p.png")
    ElementTree.parse(tmp_path / "p.svg")
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


def test_every_mark_lies_inside_the_picture():
    for picture in pictures():
        for element in ElementTree.fromstring(svg(picture)).iter():
            if "x" in element.attrib:
                assert 0 <= float(element.attrib["x"]) <= picture.width
                assert 0 <= float(element.attrib["y"]) <= picture.height


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


@pytest.mark.parametrize(("colours", "ground"), [(LIGHT, "#ffffff"), (DARK, "#14181d")], ids=["light", "dark"])
def test_series_stand_out_from_their_ground(colours, ground):
    for colour in colours:
        high, low = sorted((luminance(colour), luminance(ground)), reverse=True)
        assert (high + 0.05) / (low + 0.05) >= 4.5, colour


def test_the_front_holds_what_no_other_beats_in_both():
    spots = [
        Spot(name, kept, harm, 0)
        for name, kept, harm in (("a", 0.2, 0.0), ("b", 0.9, 0.1), ("c", 0.5, 0.3), ("d", 1.0, 0.9), ("e", 0.2, 0.2))
    ]
    assert [spot.name for spot in front(spots)] == ["a", "b", "d"]
