"""The widgets in JupyterLab and in the served page, driven in a real browser.

What a gesture leaves in the browser is held against the widget that the copied code makes here.
Screenshots are kept in `.artefacts/`.
"""

import os
import re

import numpy as np
import pytest
from browser import BROWSER, BROWSERS, Server, View
from conftest import ROOT

from ddvae.molecules.chemistry import draw_grid
from ddvae.widgets.tabs import WIDGETS

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
DOTS = ".js-plotly-plot:visible path.point"
"""Of a search's map; its other plot has lines alone."""
PLACE = "(point) => [point.style.left, point.style.top]"
pytestmark = [
    pytest.mark.skipif(
        BROWSER is None and os.environ.get("DDVAE_BROWSER") != "required",
        reason=f"found none of the browsers {', '.join(BROWSERS)}",
    ),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.slow,
]


@pytest.fixture
def view(browser, lab):
    found = View(browser)
    yield found
    found.picture(f"last-{found.kind.__name__}")  # what a failure saw
    found.run("kernelmenu:shutdown")
    found.page.wait_for_timeout(500)
    found.context.close()
    assert found.errors == []


def words(widget):
    """A label's text as `View.text` reads it, without blanks."""
    return "".join(re.sub("<[^>]*>", " ", widget.value).split())


def answers(view, made):
    """The browser shows what this widget shows: no gesture was left behind."""
    if view.kind is WIDGETS["A search"]:
        assert words(made.best) in view.text()
        count = sum(len(trace["x"]) for trace in made.map.figure["data"] if "markers" in trace["mode"])
        playwright.expect(view.page.locator(DOTS)).to_have_count(count, timeout=300_000)  # in its own time
        return
    pad = made.pads[0] if hasattr(made, "pads") else made.pad
    point = view.page.locator(".ddvae-point:visible").first
    left, top = (float(place.removesuffix("%")) / 100 for place in point.evaluate(PLACE))
    assert pad.points[0] == pytest.approx([left, 1 - top], abs=1e-3)
    assert view.pictures()[0] == pad.picture


def play_bricks(view):
    first = view.pictures()
    view.drag(view.pad(0), (0.5, 0.5), (0.8, 0.3), (0.21, 0.77))
    view.settle()
    made = view.copied()
    assert made.point == pytest.approx(((2 * 0.21 - 1) * 1.5, (2 * 0.77 - 1) * 1.5), abs=0.02)
    assert words(made.facts) in view.text()
    view.slide("epoch", ["Home"])
    made = view.copied()
    assert made.epoch.value == made.epoch.options[0]
    assert view.pictures() == [made.pad.picture] != first
    view.page.get_by_label("as L_τ sees it").check()
    view.settle()
    view.slide("log₁₀ τ", ["ArrowLeft"] * 5)
    made = view.copied()
    assert made.temperature.value == pytest.approx(-1.5) and view.pictures() == [made.pad.picture]
    assert words(made.facts) in view.text()
    view.page.get_by_label("model", exact=True).select_option("VAE, Gaussian")
    view.settle()
    made = view.copied()
    assert made.model.value == "VAE, Gaussian" and view.pictures() == [made.pad.picture]
    view.page.get_by_role("button", name="arrow keys move it").focus()
    before = made.point
    view.page.keyboard.press("Shift+ArrowRight")
    view.settle()
    assert view.copied().point == pytest.approx((before[0] + 0.1 * made.bricks.side, before[1]), abs=1e-3)


def play_digits(view):
    first = view.pictures()
    for end, place in enumerate([(0.12, 0.9), (0.9, 0.1)]):
        view.drag(view.pad(1), [(0.3, 0.5), (0.7, 0.6)][end], (0.6, 0.2), place)
        view.settle()
        made = view.copied()
        assert made.pads[0].points[end] == pytest.approx(place, abs=0.01) and made.large == made.ENDS[end]
        columns = zip(made.pads, made.pictures, made.strips)
        expected = [
            bytes(part) for pad, one, strip in columns for part in (pad.picture, one.value, strip.value)
        ]
        assert view.pictures() == expected != first


def play_molecules(view):
    field = view.page.get_by_label("molecule", exact=True)
    for bad in ("C1CC", "<b>"):
        field.fill(bad)
        field.press("Enter")
        view.page.get_by_role("alert").get_by_text(f"{bad!r} is no molecule").wait_for()
    field.fill("COc1ccccc1")
    field.press("Enter")
    view.page.get_by_role("alert").wait_for(state="detached")
    view.settle()
    made = view.copied()
    assert words(made.facts) in view.text() and view.pictures()[0] == made.pad.picture
    view.drag(view.pad(0), (0.5, 0.5), (0.3, 0.4), (0.35, 0.65))
    view.settle()
    made = view.copied()
    assert made.point == pytest.approx((-0.9, 0.9), abs=0.05)
    assert words(made.facts) in view.text() and view.pictures()[1] == bytes(made.drawn.value)
    view.slide("radius", ["ArrowRight"] * 4)
    assert view.copied().radius.value == 4.0
    for name, text in (("neighbours", "Neighbours"), ("way", "Way to")):
        view.page.get_by_role("button", name=text).click()
        view.settle()
        made.radius.value = 4.0
        made.buttons[name].click()
        assert view.pictures()[2] == bytes(made.grid.value) and words(made.heading) in view.text()
    view.page.get_by_role("button", name="Where decoding").click()
    view.settle()
    made.buttons["distance"].click()
    assert words(made.message) in view.text()
    view.page.get_by_role("button", name="Plane through").click()
    view.settle()
    made = view.copied()
    assert made.through[0] == "COc1ccccc1" and view.pictures()[0] == made.pad.picture


def play_search(view):
    view.slide("round", ["ArrowLeft"] * 3)
    made = view.copied()
    assert made.round.value == 2 and words(made.best) in view.text()
    answers(view, made)
    assert view.pictures() == [bytes(made.drawn.value)]
    dots = [
        one for trace in made.map.figure["data"] for one in trace.get("customdata", [None] * len(trace["x"]))
    ]
    smiles, score = min(filter(None, dots), key=lambda dot: dot[1])  # nobody's best: no circle above it
    view.page.locator(DOTS).nth(dots.index([smiles, score])).hover(force=True)
    view.settle()
    assert view.pictures() == [draw_grid([smiles], [f"{score:.2f}"], 1, (380, 180))]


PLAYS = {"Bricks": play_bricks, "Digits": play_digits, "Molecules": play_molecules, "A search": play_search}
"""What is done with a widget and held against what the package computes."""


@pytest.mark.parametrize("title", WIDGETS)
def test_in_jupyterlab(view, lab, title):
    """Chosen gestures, then many at random, of which neither the kernel nor the page grows."""
    view.open(lab, WIDGETS[title])
    PLAYS[title](view)
    view.look(view.kind.__name__)
    view.choose_all()
    random = np.random.default_rng(1)
    view.walk(10, random)
    before = lab.kernel(), view.heap()
    answers(view, view.walk(25, random))
    after, limits = (lab.kernel(), view.heap()), (60e6, 20e6)  # a process gives little back
    for name, then, now, limit in zip(("kernel", "page"), before, after, limits):
        assert now - then < limit, f"the {name} grew by {(now - then) / 1e6:.0f} MB"


def test_the_served_page(browser, tmp_path):
    """Every tab opens and answers; without the token there is no page; no code is shown."""
    page = str(ROOT / "notebooks" / "page")
    settings = {"JUPYTER_PATH": page, "JUPYTER_CONFIG_PATH": page}
    server = Server(["voila", "notebooks/widgets.ipynb"], "Voila", tmp_path / "log", **settings)
    view, random = View(browser), np.random.default_rng(1)
    try:
        server.wait()
        view.page.goto(server.address())
        view.page.wait_for_selector(".ddvae-pad img")
        assert "from ddvae" not in view.page.inner_text("body")
        for i, (title, view.kind) in enumerate(WIDGETS.items()):
            view.page.get_by_role("tab", name=title).click()
            view.page.wait_for_selector(".js-plotly-plot:visible, .ddvae-pad:visible")
            view.settle()
            assert view.page.get_by_role("alert").count() == 0
            answers(view, view.copied())
            answers(view, view.walk(4, random))
            view.picture(f"page-{i + 1}")
        stranger = browser.new_context().new_page()
        stranger.goto(f"http://127.0.0.1:{server.port}/")
        assert "/login" in stranger.url
        stranger.context.close()
    finally:
        view.context.close()
        server.stop()
    assert view.errors == []
