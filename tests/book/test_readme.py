"""The README is short, and its numbers are recorded; commands, code and links work, here and in the guide."""

import argparse
import re
import shlex
import subprocess

import pytest
from conftest import ROOT
from PIL import Image

from ddvae.__main__ import _parser
from ddvae.book.statistics import spread
from ddvae.experiments.record import recorded
from ddvae.papers.dd_vae.table_three import contest, curves_of, small_runs, table_runs
from ddvae.papers.dd_vae.zinc.codes import on_record, zinc_models
from ddvae.papers.dd_vae.zinc.table_four import best_molecules
from ddvae.widgets.tabs import WIDGETS

README = (ROOT / "README.md").read_text()
DOCS = {path.stem: path.read_text() for path in sorted((ROOT / "docs").glob("*.md"))}
PAGES = {"README": README, "CONTRIBUTING": (ROOT / "CONTRIBUTING.md").read_text()} | DOCS


def limits():
    found = []
    for name in ("bricks-ddvae-uniform", "bricks-layout-uniform"):
        gaps = [one.results["mean_kl"] - one.results["limit"] for one in recorded(name)]
        found.append((spread(gaps, ".3f", ".3f"), f"(n = {len(gaps)})"))
    return [one for pair in found for one in pair]


def digits():
    values = [record.results["knn_released"] for record in recorded("mnist-ddvae-uniform")]
    return [f"{spread(values, '.1f', '.1f')} % (n = {len(values)})"]


def cells_won():
    found = []
    for runs in (small_runs(), table_runs()):
        better = [row["better"] for row in contest(curves_of(runs)) if row["better"] != "–"]
        found.append(f"{better.count('DD-VAE')} of {len(better)}")
    return found


def searches():
    found = []
    for kind in ("trust region, 38 atoms", "local steps, 38 atoms"):
        best = [best_molecules([run])[0][0] for run in on_record(zinc_models()["DD-VAE (T)"], kind).values()]
        found.append(spread(best, ".2f", ".2f"))
    return [*found, f"(n = {len(best)})"]


def differences():
    """As RESULTS.md has them, which a test holds against the records."""
    row = re.search(r"\| – : (\d+) differences.*", (ROOT / "RESULTS.md").read_text())
    without = re.search(r"(\d+) nobody|no effect shown: (\d+)", row[0])
    return f"in {row[1]} places", f"{without[1] or without[2]} of {row[1]}"


@pytest.mark.parametrize("numbers", [limits, digits, cells_won, searches, differences])
def test_the_numbers_are_recorded(numbers):
    """The numbers, in whatever sentences."""
    for number in numbers():
        assert number in " ".join(README.split())


def test_it_is_short():
    """Under three minutes read aloud, at 180 words a minute, code and citation aside."""
    words = re.sub(r"```.*?```", "", README, flags=re.S)
    words = re.sub(r"\]\([^)]*\)|[|#*`\[!-]", " ", words).split()
    assert README.count("\n") < 130 and len(words) < 540
    assert all(len(line) <= 120 or line.startswith("|") for line in README.splitlines())


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    folder = ROOT if page in ("README", "CONTRIBUTING") else ROOT / "docs"
    for target in re.findall(r'\]\(([^)#]+)[^)]*\)|src="([^"]+)"', PAGES[page]):
        target = target[0] or target[1]
        made = target.startswith("api/") and (ROOT / "ddvae" / target[4:-3]).is_dir()
        assert target.startswith("http") or made or (folder / target).exists(), target


def commands():
    """Every call of the package's commands on the pages, and every goal of make."""
    text = "\n".join(PAGES.values())
    calls = re.findall(
        r"(?:python -m )?\bddvae ([a-z-]+(?: [^`|#\n]*)?)", re.sub(r"```python.*?```", "", text, flags=re.S)
    )
    return calls, re.findall(r"(?:`|^    |&& )make ([a-z]+)", text, flags=re.M)


def test_commands_exist():
    calls, goals = commands()
    parser = _parser()
    (group,) = (one for one in parser._actions if isinstance(one, argparse._SubParsersAction))
    known = [words for words in map(shlex.split, calls) if words and words[0] in group.choices]
    assert {"train", "sample", "encode", "decode", "moses-metrics", "optimize", "items"} <= {
        one[0] for one in known
    }
    for words in known:
        placeholders = any(word.isupper() for word in words)  # stand for the reader's own
        if "--help" in words or placeholders or words == ["train"]:
            continue
        parser.parse_args(words[: words.index("&&")] if "&&" in words else words)
    assert {"reproduce", "test", "site", "lab"} <= set(goals)
    for goal in set(goals):
        subprocess.run(["make", "--dry-run", "--silent", goal], cwd=ROOT, check=True, capture_output=True)


def test_each_wing_is_named():
    told = DOCS["repository"]
    wings = {path.parent.name for path in (ROOT / "ddvae").glob("*/__init__.py")}
    assert len(wings) > 10 and wings == wings & set(re.findall(r"\w+", told))


def test_each_widget_moves():
    films = set(re.findall(r'src="../(figures/widgets/\w+\.webp)"', DOCS["widgets"]))
    assert films == {f"figures/widgets/{kind.__name__}.webp" for kind in WIDGETS.values()}
    for film in films:
        with Image.open(ROOT / film) as picture:
            assert picture.n_frames >= 5 and (ROOT / film).stat().st_size < 3e6, film


def code(page):
    (found,) = re.findall(r"```python\n(.*?)```", PAGES[page], flags=re.S)
    return found


def test_the_ten_lines_run(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    assert len([line for line in code("README").splitlines() if line]) <= 12
    exec(code("README"), {})
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) >= 3 and all(re.match(r"\d\.\d\d  \w", line) for line in shown)
    assert shown == sorted(shown, reverse=True)


def test_the_proposal_of_the_guide_runs():
    names = {}
    exec(code("package"), names)
    assert names["kl"].shape == (8, 2) and names["log_prob"].shape == (8,)


@pytest.mark.slow
def test_the_search_of_the_guide_runs(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    exec(code("search"), {})
    assert re.match(r"\(\d\.\d+, '\w", capsys.readouterr().out)
