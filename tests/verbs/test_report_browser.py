"""The page in a real browser: light, dark, phone and print; no request, no error, nothing that overflows, AA contrast.

Needs Playwright (`pip install playwright`) and a Chromium that is installed already; it is looked for on the PATH, or
named by HOLDFAST_CHROMIUM. HOLDFAST_AXE names axe-core's axe.min.js; without it contrast and names are not checked.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from holdfast.evaluation.run_reader import open_run
from holdfast.reporting.page import PageOptions, page
from made import make_run

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")

CHROMIUM = os.environ.get("HOLDFAST_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
AXE = os.environ.get("HOLDFAST_AXE")
pytestmark = pytest.mark.skipif(
    not CHROMIUM, reason="there is no chromium on the PATH, and HOLDFAST_CHROMIUM names none"
)

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
HOSTILE = [
    "<script>window.hit = 1</script><img src=x onerror='window.hit=1'><svg onload='window.hit=1'>",
    "\x1b[31mred\u202egnihton " + "w" * 5000,
    "<a href='https://example.org/'>x</a><style>*{display:none}</style>",
    "\ud800 " + "<b>" * 900,
]
MODES = {
    "light": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 360, "height": 780}, "color_scheme": "light", "is_mobile": True},
}


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    run = open_run(
        make_run(folder / "run", (1, 14), 48, texts=HOSTILE, names=("guild", "a-model-of-a-rather-long-name"))
    )
    (folder / "report.html").write_text(page([run], PageOptions(show_replies=True)), encoding="utf-8")
    return (folder / "report.html").as_uri()


class Visit:
    """A page opened in a context, with everything that it complained of or asked for."""

    def __init__(self, browser, address, **options):
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.said, self.asked = [], []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(address)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.context.close()


@pytest.mark.parametrize("mode", MODES)
def test_the_page_is_quiet_asks_for_nothing_and_fits(browser, address, mode):
    with Visit(browser, address, **MODES[mode]) as visit:
        for box in visit.page.locator("details").all()[:12]:
            box.evaluate("box => { box.open = true }")
        assert visit.said == []
        assert [url for url in visit.asked if not url.startswith("data:")] == [address]
        assert visit.page.evaluate("window.hit") is None
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert visit.page.evaluate(wide) <= 0
        assert visit.page.locator("figure svg").count() == 2
        for picture in visit.page.locator("figure svg").all():
            box = picture.bounding_box()
            assert box["width"] > 100 and box["height"] > 100
        ground = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (ground == "rgb(255, 255, 255)") == (mode != "dark")


def test_tables_filter_and_sort(browser, address):
    with Visit(browser, address, **MODES["light"]) as visit:
        rows = visit.page.locator("#replies-table tbody tr:visible")
        assert rows.count() == 48
        visit.page.locator("#replies .by[data-key=flip]").select_option("worse")
        assert rows.count() == 13 and visit.page.locator("#replies .count").inner_text() == "13 of 48"
        visit.page.locator("#replies .find").fill("question 47?")
        assert rows.count() == 0 or rows.count() == 1
        button = visit.page.locator("#totals thead th button", has_text="metric")
        first = visit.page.locator("#totals tbody tr td:nth-child(2)").first
        button.click()
        assert visit.page.locator("#totals th[aria-sort=ascending]").inner_text().startswith("metric")
        low = first.inner_text()
        button.click()
        assert first.inner_text() > low


def test_a_keyboard_reaches_the_figures_and_the_buttons(browser, address):
    with Visit(browser, address, **MODES["light"]) as visit:
        visit.page.keyboard.press("Tab")
        assert visit.page.evaluate("document.activeElement.className") == "skip"
        names = set()
        for _ in range(60):
            visit.page.keyboard.press("Tab")
            names.add(visit.page.evaluate("document.activeElement.tagName"))
        assert {"A", "BUTTON", "DIV"} <= names


def test_without_scripts_the_page_is_whole(browser, address):
    with Visit(browser, address, java_script_enabled=False, **MODES["light"]) as visit:
        assert visit.page.locator("#replies-table tbody tr").count() == 48
        assert not visit.page.locator(".filters").first.is_visible()


def test_in_print_there_is_a_page_without_controls(browser, address, tmp_path):
    with Visit(browser, address, **MODES["light"]) as visit:
        visit.page.emulate_media(media="print")
        assert not visit.page.locator("nav").is_visible() and not visit.page.locator(".filters").first.is_visible()
        assert visit.page.locator("figure svg").first.is_visible()
        visit.page.pdf(path=tmp_path / "p.pdf", format="A4")
        assert (tmp_path / "p.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.skipif(not AXE, reason="HOLDFAST_AXE does not name axe-core's axe.min.js")
@pytest.mark.parametrize("mode", MODES)
def test_axe_finds_nothing(browser, address, mode):
    # The page's own policy would forbid the checker too.
    with Visit(browser, address, bypass_csp=True, **MODES[mode]) as visit:
        visit.page.evaluate(Path(AXE).read_text(encoding="utf-8") + ";0")
        tags = "['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']"
        found = visit.page.evaluate(
            f"axe.run(document, {{runOnly: {tags}}}).then(r => r.violations.map(v => [v.id, v.nodes[0].html]))"
        )
        assert found == []
