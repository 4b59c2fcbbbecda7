"""The notebooks: whole, as conventions ask, and their outputs reproduced (nbval, lax)."""

import ast
import os
import re
import subprocess
import sys

import nbformat
import pytest
from conftest import ROOT

from ddvae.book.notebooks import PAGES, TUTORIALS, chapters
from ddvae.experiments.preset import BUDGETS

CHAPTERS = chapters()
NOTEBOOKS = sorted((ROOT / "notebooks").glob("**/*.ipynb"))
each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
each_chapter = pytest.mark.parametrize(
    "path", [path for path in NOTEBOOKS if path.stem in CHAPTERS], ids=lambda p: p.stem
)


def cells(path, kind="code"):
    return [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == kind]


def test_no_notebook_is_left_out():
    """Every notebook is a chapter, a page or a tutorial, and all that make test runs is below."""
    tracked = {
        p
        for p in ROOT.glob("**/*.ipynb")
        if not {".venv", "reproduced", "site"} & set(p.relative_to(ROOT).parts)
    }
    assert tracked == set(NOTEBOOKS)
    names = [str(p.relative_to(ROOT / "notebooks").with_suffix("")) for p in NOTEBOOKS]
    assert sorted(names) == sorted([*CHAPTERS, *PAGES, *TUTORIALS])
    numbers = [int(name[:2]) for name in CHAPTERS]
    assert numbers == sorted(set(numbers)) and numbers[0] == 1


@each_chapter
def test_parameters_cell(path):
    found = [c for c in cells(path) if "parameters" in c.metadata.get("tags", [])]
    assert len(found) == 1
    assigned = {n.targets[0].id: ast.literal_eval(n.value) for n in ast.parse(found[0].source).body}
    assert assigned == {"budget": "recorded", "out": "", "seed": 1, "device": "cpu"}


@each
def test_committed_with_outputs_and_without_traces(path):
    text = path.read_text()
    assert path.stat().st_size < 1_200_000
    assert not re.search(r"/(home|root|tmp|work)/", text), "names a path of the machine"
    assert not re.search(r"<[\w.]+ (object )?at 0x", text), "shows an address in memory"
    assert "injected-parameters" not in text
    code = cells(path)
    assert any(c.outputs for c in code)
    assert not [o for c in code for o in c.outputs if o.output_type == "error" or o.get("name") == "stderr"]


def test_the_start_maps_all_chapters():
    """Each with its thumbnail, which is there."""
    text = (ROOT / "notebooks" / "00_start_here.ipynb").read_text()
    for name in CHAPTERS:
        assert f"]({name}.ipynb)" in text
    pictures = re.findall(r"\.\./(figures/[\w/.-]+(?:png|webp))", text)
    assert len(pictures) > len(CHAPTERS) and all((ROOT / picture).is_file() for picture in pictures)


def test_the_start_has_findings_of_every_chapter_and_the_words_of_the_book():
    text = "\n".join(cell.source for cell in cells(ROOT / "notebooks" / "00_start_here.ipynb", "markdown"))
    findings = text[text.index("## Findings") : text.index("## The chapters")]
    rows = re.findall(r"^\| .* \| \[(\d)\]\((\w+)\.ipynb\) \|$", findings, flags=re.M)
    assert {name for _, name in rows} >= set(CHAPTERS)
    assert all(int(name[:2]) == int(number) for number, name in rows)
    glossary = set(re.findall(r"^\| (.*?) \|", text[text.index("## Glossary") :], flags=re.M))
    assert {"budget", "preset", "nats", "released reading", "honest reading", "unit", "seed"} < glossary
    assert {"recorded", "proposal", "FCD", "SNN"} < glossary


@pytest.mark.parametrize("name", TUTORIALS)
def test_a_tutorial_is_short(name):
    """Each of its parts is: ten to twenty lines of code that do something."""
    code = [c.source for c in cells(ROOT / "notebooks" / f"{name}.ipynb")]
    lines = [line for source in code for line in source.splitlines() if line and "import" not in line]
    assert 10 <= len(lines) <= 50 and all(c.outputs for c in cells(ROOT / "notebooks" / f"{name}.ipynb")[-1:])


@each
def test_every_figure_has_a_static_image(path):
    """GitHub and nbviewer show no plotly."""
    for cell in cells(path):
        for output in cell.outputs:
            if "application/vnd.plotly.v1+json" in output.get("data", {}):
                assert "image/png" in output.data


@each
def test_cells_are_short(path):
    for cell in cells(path):
        lines = cell.source.splitlines()
        assert len(lines) <= 15 and max(map(len, lines), default=0) <= 120, cell.source
        assert sum(line.startswith(("def ", "class ")) for line in lines) <= 1


@each_chapter
def test_every_budget_is_provided_for(path):
    for cell in cells(path):
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.Subscript) and ast.unparse(node.slice) == "budget":
                assert {key.value for key in node.value.keys} == set(BUDGETS), cell.source


@each_chapter
def test_some_output_is_held_to_what_it_was(path):
    assert any(cell.source.startswith("# NBVAL_CHECK_OUTPUT") for cell in cells(path))


@each_chapter
def test_ends_in_a_comparison_and_says_what_to_try(path):
    assert sum("chapter.compare(" in c.source for c in cells(path)) == 1
    assert "## What to try" in cells(path, "markdown")[-1].source


@pytest.mark.slow
@pytest.mark.by_itself
@each
def test_committed_outputs_are_reproduced(path):
    """nbval, lax: cells run without error, in this environment, marked ones print what they printed.

    No browser: static images take a third of the time and are not compared.
    """
    environment = os.environ | {"PYTEST_ADDOPTS": "", "BROWSER_PATH": os.devnull}
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-current-env", "-q", str(path)]
    command += ["-p", "no:cacheprovider", "-W", "default"]
    command += ["--override-ini", "addopts=", "--nbval-kernel-startup-timeout", "600"]
    found = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT)
    assert found.returncode == 0, found.stdout[-4000:]
