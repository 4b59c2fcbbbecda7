"""Figures and how they are saved."""

import warnings

import numpy as np
import pytest

from ddvae import plots


@pytest.fixture
def fig():
    x = np.linspace(0, 1, 20)
    return plots.curves(x, {"a": x, "b": x**2}, "x (nats)", "y")


def test_saved_in_three_formats(fig, tmp_path):
    files = plots.save_figure(fig, tmp_path, "test", plots.static_image(fig))
    assert "test.html" in files
    assert "../plotly.min.js" in (tmp_path / "test.html").read_text()
    if "test.png" in files:
        assert (tmp_path / "test.png").read_bytes().startswith(b"\x89PNG")
        assert "<svg" in (tmp_path / "test.svg").read_text()[:500]


def test_without_a_browser_one_warning_and_html_alone(fig, tmp_path, monkeypatch):
    def fail(*arguments, **options):
        raise RuntimeError("no browser")

    monkeypatch.setattr(plots, "_draw", fail)
    plots._browser_found.cache_clear()
    try:
        with pytest.warns(UserWarning, match="no browser to draw PNG and SVG with .* HTML alone") as caught:
            assert plots.save_figure(fig, tmp_path, "test", plots.static_image(fig)) == ["test.html"]
        assert len(caught) == 1
        with warnings.catch_warnings():  # said once
            warnings.simplefilter("error")
            assert list(plots.mimebundle(fig, plots.static_image(fig))) == ["application/vnd.plotly.v1+json"]
    finally:
        plots._browser_found.cache_clear()


def test_notebooks_hold_single_precision(fig):
    for trace in plots.mimebundle(fig)["application/vnd.plotly.v1+json"]["data"]:
        assert trace["x"]["dtype"] == trace["y"]["dtype"] == "f4"
    assert fig.data[0].x.dtype == np.float64


def test_house_style(fig):
    assert fig.data[0].line.color == plots.COLOURS[0] and fig.data[1].line.color == plots.COLOURS[1]
    assert fig.layout.xaxis.title.text == "x (nats)"
    assert len(set(plots.COLOURS)) == 8
