"""Every chapter, run from training to figures at budget smoke: long, so each is a test by itself."""

import os

import pytest
from browser import BROWSER

from ddvae.book.notebooks import chapters
from ddvae.book.regenerate import reproduce

CHAPTERS = chapters()


@pytest.mark.slow
@pytest.mark.by_itself
@pytest.mark.parametrize("name", CHAPTERS)
def test_runs_at_smoke(tmp_path, monkeypatch, name):
    """One with PNG and SVG, which take a quarter of the time; committed notebooks hold all."""
    draws = bool(BROWSER) and name == "04_binary_mnist"
    if not draws:
        monkeypatch.setenv("BROWSER_PATH", os.devnull)
    (row,) = reproduce((name,), "smoke", tmp_path)
    assert row["status"] == "done", row["error"]
    assert (tmp_path / name / "page.json").exists() and (tmp_path / name / "comparison.csv").exists()
    assert name in (tmp_path / "index.html").read_text()
    drawn = {
        kind: {path.stem for path in tmp_path.glob(f"{name}/*.{kind}")} for kind in ("html", "png", "svg")
    }
    assert drawn["svg"] == (drawn["html"] if draws else set())
    assert drawn["svg"] <= drawn["png"] <= drawn["html"]  # a figure that is but a picture needs no browser
