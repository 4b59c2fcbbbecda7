"""A regeneration leaves what is committed as it is, and computes the same tables again."""

import os
import shutil
import subprocess
import sys

import pytest
from browser import BROWSER
from conftest import ROOT
from small_book import files

NEEDS_BROWSER = pytest.mark.skipif(BROWSER is None, reason="needs Chromium or Chrome")
CHAPTER = "08_speed"
"""The cheapest: all its numbers are on record."""
COPIED = (".gitignore", "pyproject.toml", "ddvae", f"notebooks/{CHAPTER}.ipynb", f"figures/{CHAPTER}")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """The part of the repository that the chapter needs, committed."""
    root = tmp_path_factory.mktemp("checkout")
    for name in COPIED:
        source, target = ROOT / name, root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    git(root, "init", "--quiet")
    git(root, "add", ".")
    git(root, "-c", "user.name=A", "-c", "user.email=a@b.c", "commit", "--quiet", "--message", "All")
    return root


def git(root, *words):
    return subprocess.run(["git", "-C", root, *words], check=True, capture_output=True, text=True).stdout


def reproduce(root, **environment):
    command = [sys.executable, "-m", "ddvae", "reproduce", "--budget", "recorded", "--chapters", CHAPTER[:2]]
    settings = {"PYTHONPATH": str(root), "DDVAE_RUNS": str(ROOT / "data" / "runs")} | environment
    found = subprocess.run(command, env=os.environ | settings, cwd=root, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout + found.stderr
    return files(root / "reproduced" / CHAPTER)


@pytest.mark.slow
@pytest.mark.parametrize("browser", [False, pytest.param(True, marks=NEEDS_BROWSER)], ids=["without", "with"])
def test_committed_files_stay_as_they_are(checkout, browser):
    """Without a browser on another kind of machine; with one, here, after it."""
    committed = files(checkout / "figures" / CHAPTER)
    assert {"ladder.png", "goals.csv", "goals.md", "goals.tex"} < set(committed)
    elsewhere = {"OMP_NUM_THREADS": "1", "ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"}
    written = reproduce(checkout, **({} if browser else {"BROWSER_PATH": os.devnull} | elsewhere))
    assert git(checkout, "status", "--porcelain") == ""
    pictures = {name for name in committed if name.endswith(".png")}
    assert pictures <= set(written) if browser else not any(name.endswith(".png") for name in written)
    tables = set(committed) - pictures
    assert {name: written[name].decode() for name in tables} == {
        name: committed[name].decode() for name in tables
    }
