"""Every figure of every chapter as a reader sees it, interactive, held against its PNG."""

import base64
import io
import os
import shutil

import nbformat
import plotly.graph_objects as go
import pytest
from browser import BROWSER, View, differing
from conftest import ROOT
from PIL import Image, ImageOps

from ddvae.book.notebooks import chapters
from ddvae.figures import export

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
MOST = 0.03
"""Of blocks that may differ: one upside down has more than twice that."""
WIDEST = 1_000
"""Pixels, beside JupyterLab's side bar."""
PLOTLY = "application/vnd.plotly.v1+json"
pytestmark = [
    pytest.mark.skipif(
        BROWSER is None and os.environ.get("DDVAE_BROWSER") != "required", reason="found no browser"
    ),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.slow,
]


@pytest.fixture
def view(browser):
    found = View(browser)
    found.page.set_viewport_size({"width": 1400, "height": 1500})
    yield found
    found.context.close()
    assert [one for one in found.errors if "404" not in one] == []  # no pictures beside it


def figures(name):
    """Each figure of a committed notebook as plotly's own, with its PNG."""
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    outputs = [one.get("data", {}) for cell in notebook.cells for one in cell.get("outputs", [])]
    return [(one[PLOTLY], base64.b64decode(one["image/png"])) for one in outputs if PLOTLY in one]


def check(view, plots, found):
    """Plots of a page are these figures; each is drawn in its own time."""
    playwright.expect(plots).to_have_count(len(found), timeout=300_000)
    for i, (fig, png) in enumerate(found):
        for _ in range(60):
            difference = differing(plots.nth(i).screenshot(), png)
            if difference < MOST:
                break
            view.page.wait_for_timeout(500)
        title = fig["layout"].get("title", {}).get("text", "")
        assert difference < MOST, f"figure {i + 1} {title}: {100 * difference:.1f} % differ from its PNG"


@pytest.mark.parametrize("name", chapters())
def test_in_jupyterlab(view, lab, name):
    """Under the pointer a figure becomes interactive; none is wider than the page."""
    found = figures(name)
    shutil.copy(ROOT / "notebooks" / f"{name}.ipynb", lab.log.parent)
    view.page.goto(lab.address(f"lab/tree/{name}.ipynb") + "&reset")
    pictures = view.page.locator(".jp-RenderedPlotly img.plot-img")
    playwright.expect(pictures).to_have_count(len(found), timeout=300_000)
    for i in range(len(found)):
        pictures.nth(i).dispatch_event("mouseenter")
    check(view, view.page.locator(".jp-RenderedPlotly .main-svg:first-child"), found)
    assert max(fig["layout"]["width"] for fig, _ in found) <= WIDEST


@pytest.mark.parametrize("name", chapters())
def test_on_a_page(view, tmp_path, name):
    """As a saved figure's HTML has them, all of a chapter on one page."""
    found = figures(name)
    shown = "".join(go.Figure(fig).to_html(include_plotlyjs=False, full_html=False) for fig, _ in found)
    (tmp_path / "plotly.min.js").write_text(export.plotly_javascript())
    page = tmp_path / "page.html"
    page.write_text(f'<meta charset="utf-8"><script src="plotly.min.js"></script>{shown}')
    view.page.goto(page.as_uri())
    check(view, view.page.locator(".js-plotly-plot .main-svg:first-child"), found)


def test_a_picture_upside_down_is_seen():
    """Each figure that holds pictures, mirrored, is told from itself."""
    for name in chapters():
        for fig, png in figures(name):
            if any(trace["type"] in ("image", "heatmap") for trace in fig["data"]):
                image = Image.open(io.BytesIO(png)).convert("RGB")
                ImageOps.flip(image).save(mirrored := io.BytesIO(), "png")
                assert differing(png, png) == 0 and differing(mirrored.getvalue(), png) > 2 * MOST
