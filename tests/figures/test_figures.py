"""Figures and how they are saved."""

import io
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from ddvae.figures import export
from ddvae.figures import style as plots
from ddvae.figures.diagrams import ProposalPair, proposal_pairs, relaxed_objective
from ddvae.figures.intervals import interval_rows
from ddvae.figures.latent_planes import picture
from ddvae.molecules.chemistry import draw_grid


@pytest.fixture
def fig():
    x = np.linspace(0, 1, 20)
    return plots.curves(x, {"a": x, "b": x**2}, "x (nats)", "y")


def test_saved_in_three_formats(fig, tmp_path):
    files = export.save_figure(fig, tmp_path, "test", export.static_image(fig))
    assert "test.html" in files
    assert "../plotly.min.js" in (tmp_path / "test.html").read_text()
    if "test.png" in files:
        assert (tmp_path / "test.png").read_bytes().startswith(b"\x89PNG")
        assert "<svg" in (tmp_path / "test.svg").read_text()[:500]


BROWSERLESS = """
import pathlib, sys, warnings
from ddvae.figures import export, style as plots
fig, folder = plots.curves([0, 1], {"a": [0, 1]}, "x", "y"), pathlib.Path(sys.argv[1])
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for _ in range(2):
        print(*export.save_figure(fig, folder, "test", export.static_image(fig)))
        print(*export.mimebundle(fig, export.static_image(fig)))
print(*[one.message for one in caught], sep="\\n")
"""


@pytest.mark.parametrize("path", ["/dev/null", "/bin/false"], ids=["missing", "broken"])
def test_without_a_browser_one_warning_and_html_alone(tmp_path, path):
    """In a process of its own, for the browser runs for all figures of one."""
    found = subprocess.run(
        [sys.executable, "-c", BROWSERLESS, tmp_path],
        env=os.environ | {"BROWSER_PATH": path},
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stderr
    *shown, told = found.stdout.splitlines()
    assert shown == ["test.html", "application/vnd.plotly.v1+json"] * 2
    assert re.match("no browser to draw PNG and SVG with .* HTML alone", told)


def test_a_picture_is_shown_as_it_is():
    image = Image.effect_noise((60, 40), 50)
    image.save(png := io.BytesIO(), "png")
    fig = picture(png.getvalue())
    shown = export.static_image(fig)
    assert shown == export.with_palette(png.getvalue()) and Image.open(io.BytesIO(shown)).size == (60, 40)
    fig.add_scatter(x=[0, 1], y=[0, 1])
    assert export.static_image(fig) != shown


def test_notebooks_hold_single_precision(fig):
    for trace in export.mimebundle(fig)["application/vnd.plotly.v1+json"]["data"]:
        assert trace["x"]["dtype"] == trace["y"]["dtype"] == "f4"
    assert fig.data[0].x.dtype == np.float64


def test_house_style(fig):
    assert fig.data[0].line.color == plots.COLOURS[0] and fig.data[1].line.color == plots.COLOURS[1]
    assert fig.layout.xaxis.title.text == "x (nats)"
    assert len(set(plots.COLOURS)) == 8


def test_interval_rows_hold_every_row():
    rows = {"a": (0.5, 0.4, 0.6), "b": (1.0, 0.9, 1.2), "c": (2.0, 1.0, 4.0)}
    marks = {"up": (plots.COLOURS[0], "circle"), "down": (plots.COLOURS[1], "x"), "none": ("black", "x")}
    fig = interval_rows(rows, ["down", "up", "down"], marks, "ratio", [0.5, 1, 2])
    assert {trace.name: list(trace.y) for trace in fig.data} == {"up": ["b"], "down": ["a", "c"]}
    down = fig.data[1]
    assert list(down.error_x.array) == pytest.approx([0.1, 2.0])
    assert list(down.error_x.arrayminus) == pytest.approx([0.1, 1.0])
    assert list(fig.layout.yaxis.categoryarray) == ["c", "b", "a"]


def test_a_palette_keeps_rare_colours():
    """The red of few oxygens among thousands of shades of black bonds and letters."""
    png = draw_grid(["c1ccc(-c2ccc(-c3ccc(CCCCCC)c(-c4ccc(-c5ccco5)cc4)c3)nc2)cc1"] * 5, ["6.00"] * 5)
    small = export.with_palette(png)
    exact, few = (np.asarray(Image.open(io.BytesIO(one)).convert("RGB")).astype(int) for one in (png, small))
    assert np.abs(few - exact).max() < 25 and len(np.unique(few.reshape(-1, 3), axis=0)) <= 128
    assert len(small) < len(png) / 2


def test_proposals_that_touch_have_nothing_in_common():
    z = np.linspace(-3, 3, 601)
    boxes = np.stack([np.where(abs(z - loc) < 1, 0.5, 0) for loc in (-1, 1)])
    bells = np.exp(-((z - [[-1], [1]]) ** 2))
    pairs = [
        ProposalPair(title, z, densities, (-1, 1), scale, title)
        for title, densities, scale in (("bells", bells, None), ("boxes", boxes, 1.0))
    ]
    fig = proposal_pairs(pairs)
    filled = [trace for trace in fig.data if trace.fill == "tozeroy"]
    assert filled[0].y.max() > 0.3 and filled[1].y.max() == 0 and filled[1].xaxis == "x2"
    assert sum(trace.mode == "lines+markers" for trace in fig.data) == 2  # supports, of the boxes alone


def test_the_diagram_of_the_objective_is_whole_within_its_frame():
    fig = relaxed_objective()
    (left, right), (low, high) = fig.layout.xaxis.range, fig.layout.yaxis.range
    assert fig.layout.width <= 1000
    for shape in fig.layout.shapes:
        assert left <= min(shape.x0, shape.x1) and max(shape.x0, shape.x1) <= right
        assert low <= min(shape.y0, shape.y1) and max(shape.y0, shape.y1) <= high
    told = " ".join(note.text for note in fig.layout.annotations)
    assert all(word in told for word in ("encoder", "proposal", "code", "scores", "relaxed argmax", "Eq. 13"))
