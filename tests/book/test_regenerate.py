"""Regenerating the book: parameters, failures, resumption, the index page."""

import json
import os
import shlex
import sys

import nbformat
import numpy as np
import pandas as pd
import pytest

from ddvae import __main__
from ddvae.book import regenerate as book
from ddvae.book.chapter import Chapter
from ddvae.book.index_page import index_page
from ddvae.book.regenerate import choose_chapters, reproduce
from ddvae.figures import style as plots


def notebook(body, name, folder):
    parameters = nbformat.v4.new_code_cell("budget, out, seed, device = 'recorded', '', 1, 'cpu'")
    parameters.metadata["tags"] = ["parameters"]
    cells = [parameters, nbformat.v4.new_code_cell(body)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / f"{name}.ipynb")


@pytest.fixture
def small_book(tmp_path, monkeypatch):
    """Two chapters: one that shows nothing and fails while a file `broken` is there, one with a table."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    broken = f"import os\nassert not os.path.exists({str(tmp_path / 'broken')!r}), 'broken on purpose'"
    page = "import pandas as pd\nfrom ddvae.book import Chapter\n"
    page += "chapter = Chapter('02_two', budget, out, seed, device)\n"
    page += "chapter.table(pd.DataFrame({'a': [seed]}), 't', 'T.')"
    notebook(broken, "01_one", folder)
    notebook(page, "02_two", folder)
    monkeypatch.setattr(book, "NOTEBOOKS", folder)
    monkeypatch.setattr(book, "CHAPTERS", ("01_one", "02_two"))
    return tmp_path


def test_the_repository_is_no_output_folder(small_book):
    with pytest.raises(ValueError, match=r"out is .*; expected a folder that does not hold the notebooks"):
        reproduce(("01_one",), "smoke", small_book)
    assert (small_book / "notebooks" / "01_one.ipynb").exists()


def test_new_records_are_a_change(small_book, monkeypatch):
    monkeypatch.setattr(book, "RUNS", small_book / "records")
    out = small_book / "out"
    environment = dict(os.environ)
    rows = reproduce(("01_one", "02_two"), "recorded", out)  # side by side, told in order
    assert [(row["chapter"], row["status"]) for row in rows] == [("01_one", "done"), ("02_two", "done")]
    assert os.environ == environment
    (small_book / "records" / "preset" / "seed1").mkdir(parents=True)
    (small_book / "records" / "preset" / "seed1" / "run.json").write_text("{}")
    assert reproduce(("02_two",), "recorded", out, resume=True)[0]["status"] == "done"
    assert reproduce(("02_two",), "recorded", out, resume=True)[0]["status"] == "unchanged"


def run(folder, **options):
    return {r["chapter"]: r for r in reproduce(("01_one", "02_two"), "smoke", folder / "out", **options)}


def test_a_failed_chapter_leaves_the_others_running_and_is_resumed_alone(small_book):
    (small_book / "broken").touch()
    rows = run(small_book)
    assert rows["01_one"]["status"] == "failed" and "broken on purpose" in rows["01_one"]["error"]
    assert rows["02_two"]["status"] == "done"
    page = (small_book / "out" / "index.html").read_text()
    assert "02_two" in page and "01_one failed:" in page and "broken on purpose" in page
    (small_book / "broken").unlink()
    rows = run(small_book, resume=True)
    assert (rows["01_one"]["status"], rows["02_two"]["status"]) == ("done", "unchanged")
    out = small_book / "out"
    rows = reproduce(("02_two",), "smoke", out, resume=True, seed=5)  # another parameter is a change
    assert rows[0]["status"] == "done"
    assert (out / "02_two" / "t.csv").read_text().split() == ["a", "5"]


@pytest.mark.parametrize("deaths, status", [(1, "done"), (2, "failed")])
def test_a_kernel_that_does_not_start_is_started_once_more(small_book, monkeypatch, deaths, status):
    """It dies before it answers as often as there is a file to take away."""
    gate, kernel = small_book / "gate", small_book / "kernels" / "python3"
    gate.mkdir()
    kernel.mkdir(parents=True)
    for i in range(deaths):
        (gate / str(i)).touch()
    script = f"for f in {shlex.quote(str(gate))}/*; do test -e $f && rm $f && exit 1; done; "
    script += f'exec {shlex.quote(sys.executable)} -m ipykernel_launcher -f "$0"'
    spec = {"argv": ["sh", "-c", script, "{connection_file}"], "display_name": "P", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(small_book))
    row = reproduce(("02_two",), "smoke", small_book / "out")[0]
    assert row["status"] == status and ("Kernel died" in row["error"]) == (status == "failed")
    assert not any(gate.iterdir())


def test_what_is_removed_and_what_stays(small_book):
    """Fresh removes what was generated and nothing else; a single chapter leaves the others' trained runs."""
    out = small_book / "out"
    for name in ("trained/old", "runs/mine", "notebooks/mine", "01_one", "02_two"):
        (out / name).mkdir(parents=True)
    (out / "mine.txt").write_text("kept")
    (out / "02_two" / "old.csv").touch()
    assert {row["status"] for row in run(small_book, fresh=True).values()} == {"done"}
    assert all((out / name).exists() for name in ("mine.txt", "runs/mine", "notebooks/mine"))
    assert not (out / "trained" / "old").exists() and not (out / "02_two" / "old.csv").exists()
    (out / "trained" / "old").mkdir(parents=True)
    (out / "02_two" / "old.csv").touch()
    assert reproduce(("02_two",), "smoke", out)[0]["status"] == "done"  # without resume it runs again
    assert (out / "trained" / "old").exists() and not (out / "02_two" / "old.csv").exists()


def test_exit_code_and_summary(small_book, capsys):
    words = ["reproduce", "--budget", "smoke", "--out", str(small_book / "out"), "--chapters"]
    assert __main__.main([*words, "2"]) == 0
    (small_book / "broken").touch()
    assert __main__.main([*words, "1"]) == 1
    shown = capsys.readouterr().out
    assert "failed" in shown and "index.html" in shown


@pytest.mark.parametrize("text", ["3", "0", "x", "1-", ",", "2-1"])
def test_wrong_chapters(small_book, text, capsys):
    with pytest.raises(ValueError, match=r"chapters is .*; expected numbers"):
        choose_chapters(text)
    assert __main__.main(["reproduce", "--chapters", text, "--out", str(small_book / "out")]) == 2
    assert capsys.readouterr().err.startswith("error: chapters is")


def test_chapters_by_number(small_book):
    assert choose_chapters("") == choose_chapters("1-2") == choose_chapters("2,1") == ("01_one", "02_two")
    assert choose_chapters("2") == ("02_two",)


def test_wrong_words_on_the_command_line(capsys):
    for words in (["reproduce", "--budget", "tiny"], ["train", "bricks"], []):
        with pytest.raises(SystemExit) as caught:
            __main__.main(words)
        assert caught.value.code == 2
    assert "bricks-ddvae-uniform" in capsys.readouterr().err
    assert __main__.main(["train", "bricks-vae-gaussian", "--device", "cude"]) == 2
    assert capsys.readouterr().err.startswith("error: device is 'cude'; expected cpu, or cuda where")


def test_presets_and_train_on_the_command_line(tmp_path, capsys):
    assert __main__.main(["presets"]) == 0
    assert "mnist-ddvae-uniform" in capsys.readouterr().out
    folder = tmp_path / "run"
    words = ["train", "bricks-vae-gaussian", "--budget", "smoke", "--out", str(folder)]
    assert __main__.main([*words, "--time-limit", "0"]) == 1
    assert "stopped; go on with --resume" in capsys.readouterr().out
    assert __main__.main([*words, "--resume", "--no-evaluation"]) == 0
    assert "trained; evaluate with --resume" in capsys.readouterr().out
    assert __main__.main([*words, "--resume"]) == 0
    assert "sequence_error" in capsys.readouterr().out and (folder / "run.json").exists()


def test_page_shows_figures_tables_and_provenance(tmp_path):
    chapter = Chapter("01_one", "smoke", str(tmp_path), seed=3)
    x = np.linspace(0, 1, 5)
    chapter.figure(plots.curves(x, {"a": x}, "x", "y"), "fig", "A <figure>.")
    chapter.table(pd.DataFrame({"name": ["a"], "value": [1 / 3]}), "tab", "A table.", digits=2)
    chapter.compare({"mnist.vae.knn": 85.9})
    for name in ("tab.csv", "tab.md", "tab.tex", "comparison.csv", "fig.html"):
        assert (tmp_path / "01_one" / name).exists()
    assert "0.3333333333333333" in (tmp_path / "01_one" / "tab.csv").read_text()
    assert "0.33 |" in (tmp_path / "01_one" / "tab.md").read_text()
    (tmp_path / "01_one.ipynb").write_text(json.dumps({"cells": [{"source": ["# 1. One"]}]}))
    page = index_page(tmp_path, [], tmp_path)
    assert ">1. One</a>" in page
    assert "A &lt;figure&gt;." in page and "seed 3" in page and "torch" in page and "01_one/fig.html" in page
    content = json.loads((tmp_path / "01_one" / "page.json").read_text())
    assert content["comparisons"][0]["paper"] == 86.1 and not list(tmp_path.glob("**/.*"))


def test_summary_says_in_one_line_that_images_lack(tmp_path, monkeypatch):
    monkeypatch.setattr(plots, "static_image", lambda fig, kind="png": None)
    chapter = Chapter("01_one", "smoke", str(tmp_path))
    chapter.figure(plots.curves([0, 1], {"a": [0, 1]}, "x", "y"), "fig", "A figure.")
    row = {"chapter": "01_one", "status": "done", "seconds": 1.0, "error": ""}
    assert book.summary([row], tmp_path).count("no browser was found") == 1


def test_unknown_budget():
    with pytest.raises(
        ValueError, match="budget is 'tiny'; expected one of recorded, smoke, laptop, hours, full"
    ):
        Chapter("01_one", "tiny")
