"""Regenerating the book: parameters, failures, resumption, what is written over, the index page."""

import json
import os
import shlex
import sys

import nbformat
import pytest
from conftest import ROOT
from small_book import LONG_TABLE, TABLE, files, page, write_notebook

from ddvae import __main__
from ddvae.book.chapter import Chapter
from ddvae.book.notebooks import choose_chapters, fingerprint
from ddvae.book.regenerate import reproduce, summary
from ddvae.figures import export
from ddvae.figures import style as plots
from ddvae.system import locations


@pytest.fixture
def small_book(tmp_path, monkeypatch):
    """Two chapters: one that shows nothing and fails while a file `broken` is there, one with a table."""
    for folder in ("notebooks", "figures", "data/runs"):
        (tmp_path / folder).mkdir(parents=True)
    broken = f"import os\nassert not os.path.exists({str(tmp_path / 'broken')!r}), 'broken on purpose'"
    write_notebook(tmp_path / "notebooks" / "01_one.ipynb", broken)
    write_notebook(tmp_path / "notebooks" / "02_two.ipynb", page("02_two", TABLE))
    monkeypatch.setattr(locations, "repository", lambda: tmp_path)
    return tmp_path


@pytest.mark.parametrize("own", ["", "notebooks", "figures", "data/runs"])
def test_folders_of_the_repository_are_no_output_folders(small_book, own):
    before = files(small_book)
    with pytest.raises(ValueError, match=r"out is .*; expected a folder that does not hold the repository's"):
        reproduce(("01_one",), "smoke", small_book / own)
    assert files(small_book) == before


@pytest.mark.parametrize(
    "foreign", ["index.html", "02_two/t.csv", "notebooks/01_one.ipynb", "trained/mine/seed1/run.json"]
)
def test_what_no_regeneration_wrote_is_not_written_over(small_book, foreign):
    """Such as the committed figures of another clone."""
    file = small_book / "out" / foreign
    file.parent.mkdir(parents=True)
    file.write_text("mine")
    for fresh in (False, True):
        with pytest.raises(ValueError, match=r"no regeneration wrote; expected a new folder or one of"):
            reproduce(("02_two",), "smoke", small_book / "out", fresh=fresh)
    assert files(small_book / "out") == {foreign: b"mine"}


def test_new_records_are_a_change(small_book):
    out = small_book / "out"
    environment, folder = dict(os.environ), os.getcwd()
    rows = reproduce(("01_one", "02_two"), "recorded", out)  # side by side, told in order
    assert [(row["chapter"], row["status"]) for row in rows] == [("01_one", "done"), ("02_two", "done")]
    assert os.environ == environment and os.getcwd() == folder
    (small_book / "data" / "runs" / "preset" / "seed1").mkdir(parents=True)
    (small_book / "data" / "runs" / "preset" / "seed1" / "run.json").write_text("{}")
    assert reproduce(("02_two",), "recorded", out, resume=True)[0]["status"] == "done"
    assert reproduce(("02_two",), "recorded", out, resume=True)[0]["status"] == "unchanged"


def test_every_file_of_the_package_is_a_part_of_the_fingerprint(small_book, monkeypatch):
    package, notebook = small_book / "package", small_book / "notebooks" / "02_two.ipynb"
    monkeypatch.setattr(locations, "package", lambda: package)
    found = {fingerprint(notebook)}
    names = "__init__.py", "wing/room.py", "wing/a.cpp", "wing/a.so", "wing/pad.css", "wing/printed.csv"
    for count, name in enumerate(names, start=2):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text("1")
        found.add(fingerprint(notebook))
        assert len(found) == count
    (package / "wing" / "room.py").rename(package / "wing" / "chamber.py")
    assert fingerprint(notebook) not in found
    found.add(fingerprint(notebook))
    (package / "wing" / "room.pyc").write_text("compiled")
    assert fingerprint(notebook) in found


def run(folder, budget="smoke", **options):
    return {r["chapter"]: r for r in reproduce(("01_one", "02_two"), budget, folder / "out", **options)}


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
    gate, python = small_book / "gate", small_book / "python"
    gate.mkdir()
    for i in range(deaths):
        (gate / str(i)).touch()
    script = f"for f in {shlex.quote(str(gate))}/*; do test -e $f && rm $f && exit 1; done\n"
    python.write_text(f'#!/bin/sh\n{script}exec {shlex.quote(sys.executable)} "$@"')
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    row = reproduce(("02_two",), "smoke", small_book / "out")[0]
    assert row["status"] == status and ("Kernel died" in row["error"]) == (status == "failed")
    assert not any(gate.iterdir())


def foreign_kernel(folder):
    """A Jupyter path on which "python3" is another environment's, which cannot run the notebooks."""
    (folder / "kernels" / "python3").mkdir(parents=True)
    argv = ["/bin/false", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "Python 3 (other)", "language": "python"}
    (folder / "kernels" / "python3" / "kernel.json").write_text(json.dumps(spec))
    return str(folder)


def test_notebooks_run_with_this_interpreter(small_book, monkeypatch):
    """Into a folder of any name: papermill fills in what stands in braces."""
    write_notebook(small_book / "notebooks" / "01_one.ipynb", "import sys; print(sys.executable)")
    monkeypatch.setenv("JUPYTER_PATH", foreign_kernel(small_book / "jupyter"))
    out = small_book / "{budget} {x}}"
    row = reproduce(("01_one",), "smoke", out)[0]
    assert row["status"] == "done", row["error"]
    ran = nbformat.read(out / "notebooks" / "01_one.ipynb", as_version=4)
    assert ran.cells[-1].outputs[0].text.strip() == sys.executable


def test_served_notebooks_run_with_the_interpreter_that_serves(tmp_path, monkeypatch):
    """By the settings that the Makefile puts first."""
    from jupyter_client.manager import KernelManager

    settings, foreign = str(ROOT / "notebooks" / "page"), foreign_kernel(tmp_path)
    monkeypatch.setenv("JUPYTER_PATH", os.pathsep.join([settings, foreign]))
    assert KernelManager(kernel_name="python3").format_kernel_cmd()[0] == sys.executable
    assert (ROOT / "Makefile").read_text().count('JUPYTER_PATH="$(CURDIR)/notebooks/page') == 2


@pytest.mark.slow
def test_what_is_removed_and_what_stays(small_book):
    """Fresh removes what was generated and nothing else; a single chapter leaves the others' trained runs."""
    out = small_book / "out"
    write_notebook(small_book / "notebooks" / "02_two.ipynb", page("02_two", TABLE.replace("'t'", "'old'")))
    run(small_book)
    write_notebook(small_book / "notebooks" / "02_two.ipynb", page("02_two", TABLE))
    own = {"trained/old/run.json", "02_two/old.csv", "02_two/old.md", "02_two/old.tex"}
    foreign = ("mine.txt", "runs/mine", "notebooks/mine.ipynb", "02_two/mine.csv")
    for name in ("trained/old/run.json", *foreign):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text(name)
    assert own < set(files(out))
    assert run(small_book, resume=True)["02_two"]["status"] == "done"  # for its notebook changed
    assert own & set(files(out)) == {"trained/old/run.json"}
    assert reproduce(("02_two",), "smoke", out)[0]["status"] == "done"  # without resume it runs again
    assert {row["status"] for row in run(small_book, budget="recorded").values()} == {"done"}
    assert "trained/old/run.json" in files(out)
    assert {row["status"] for row in run(small_book, fresh=True).values()} == {"done"}
    assert not own & set(files(out))
    assert {name: content.decode() for name, content in files(out).items() if name in foreign} == {
        name: name for name in foreign
    }


def test_a_write_that_fails_leaves_the_old_file_and_the_other_chapters(small_book):
    """As on a full disk, here by a limit on the size of a file: the table is above it."""
    write_notebook(small_book / "notebooks" / "02_two.ipynb", page("02_two", TABLE))
    small = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))\n"
    write_notebook(small_book / "notebooks" / "01_one.ipynb", small + page("01_one", LONG_TABLE))
    rows = run(small_book)
    assert rows["01_one"]["status"] == "failed" and "File too large" in rows["01_one"]["error"]
    assert rows["02_two"]["status"] == "done" and "02_two/t.csv" in files(small_book / "out")
    assert not [name for name in files(small_book / "out") if name.startswith("01_one/")]


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


def test_summary_says_in_one_line_that_images_lack(tmp_path, monkeypatch):
    monkeypatch.setattr(export, "static_image", lambda fig, kind="png": None)
    chapter = Chapter("01_one", "smoke", str(tmp_path))
    chapter.figure(plots.curves([0, 1], {"a": [0, 1]}, "x", "y"), "fig", "A figure.")
    row = {"chapter": "01_one", "status": "done", "seconds": 1.0, "error": ""}
    assert summary([row], tmp_path).count("no browser drew some figures") == 1
