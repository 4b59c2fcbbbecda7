"""The page that a notebook writes on: figures, tables, provenance."""

import json

import numpy as np
import pandas as pd
import pytest
from small_book import files

from ddvae.book.chapter import Chapter
from ddvae.book.index_page import index_page
from ddvae.figures import style as plots
from ddvae.papers.dd_vae.printed import PRINTED
from ddvae.system import locations


def test_page_shows_figures_tables_and_provenance(tmp_path):
    chapter = Chapter("01_one", "smoke", tmp_path, seed=3)
    x = np.linspace(0, 1, 5)
    chapter.figure(plots.curves(x, {"a": x}, "x", "y"), "fig", "A <figure>.")
    chapter.table(pd.DataFrame({"name": ["a"], "value": [1 / 3]}), "tab", "A table.", digits=2)
    chapter.compare({"mnist.vae.knn": 85.9}, PRINTED)
    for name in ("tab.csv", "tab.md", "tab.tex", "comparison.csv", "fig.html"):
        assert (tmp_path / "01_one" / name).exists()
    assert "0.33 |" in (tmp_path / "01_one" / "tab.md").read_text()
    (tmp_path / "01_one.ipynb").write_text(json.dumps({"cells": [{"source": ["# 1. One"]}]}))
    page = index_page(tmp_path, [], tmp_path)
    assert ">1. One</a>" in page
    assert "A &lt;figure&gt;." in page and "seed 3" in page and "torch" in page and "01_one/fig.html" in page
    assert page.index("01_one/fig.html") < page.index("A &lt;figure&gt;.")  # a caption is below
    summary = page[: page.index("<h2")]
    assert "1. One</a></td><td>smoke</td>" in summary and summary.count("<td>1</td>") == 2
    content = json.loads((tmp_path / "01_one" / "page.json").read_text())
    assert content["comparisons"][0]["paper"] == 86.1 and not list(tmp_path.glob("**/.*"))


def test_tables_hold_no_digit_that_depends_on_the_machine(tmp_path, capsys):
    """Rounding errors of one machine and another: the same files, the same output."""
    shown = []
    for error in (2.2e-16, -3.3e-16):
        frame = pd.DataFrame(
            {
                "value": [1 / 3 + error, 1e6 / 7 + 1e6 * error, 4.211711e-06 + error],
                "single": np.array([1 / 3, 1e6 / 7, 2], "float32"),
                "difference": [error, 1.0 + error, float("nan")],
                "mixed": pd.Series([1 / 3 + error, "–", 3], dtype="object"),
                "molecules": [1_584_663, 2, 3],
                "steps": [1_584_663.0, 2.0, float("nan")],
            }
        )
        chapter = Chapter("01_one", "smoke", tmp_path)
        chapter.table(frame, "t", "T.")
        told = capsys.readouterr().out
        assert "-0" not in told
        shown.append((told, files(tmp_path / "01_one", "t.*")))
    assert shown[0] == shown[1]
    assert (tmp_path / "01_one" / "t.csv").read_text().splitlines() == [
        "value,single,difference,mixed,molecules,steps",
        "0.333333,0.333333,0,0.333333,1584663,1584663",
        "142857.0,142857.0,1,–,2,2",
        "4.21171e-06,2.0,,3,3,",
    ]


def test_a_long_table_is_kept_and_not_shown(tmp_path, capsys):
    frame = pd.DataFrame({"smiles": ["C" * n for n in range(1, 51)], "score": [1 / 3] * 50})
    chapter = Chapter("01_one", "smoke", tmp_path)
    chapter.keep(frame, "long", "All chains.")
    assert "CCC" not in capsys.readouterr().out
    assert [path.name for path in (tmp_path / "01_one").glob("long.*")] == ["long.csv"]
    assert (tmp_path / "01_one" / "long.csv").read_text().splitlines()[:2] == ["smiles,score", "C,0.333333"]
    page = index_page(tmp_path, [], tmp_path)
    assert "All chains." in page and 'href="01_one/long.csv"' in page and "CCC" not in page
    Chapter("01_one", "smoke").keep(frame, "long", "All chains.")  # without a folder nothing is written


def test_a_chapter_needs_no_repository(tmp_path, monkeypatch):
    monkeypatch.setattr(locations, "repository", lambda: None)
    chapter = Chapter("01_one", "smoke", tmp_path)
    chapter.compare({"mnist.vae.knn": 85.9}, PRINTED)
    assert (tmp_path / "01_one" / "comparison.csv").exists()


def test_unknown_budget():
    with pytest.raises(
        ValueError, match="budget is 'tiny'; expected one of recorded, smoke, laptop, hours, full"
    ):
        Chapter("01_one", "tiny")
