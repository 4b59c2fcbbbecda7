"""The README's numbers are those of the recorded runs, its commands and links exist."""

import json
import re

import pytest
from conftest import ROOT
from PIL import Image

from ddvae.book.statistics import spread
from ddvae.experiments.record import recorded
from ddvae.papers.catalogue import PRESETS
from ddvae.papers.dd_vae.results_table import table
from ddvae.papers.dd_vae.table_three import contest, curves_of, small_runs, table_runs
from ddvae.papers.dd_vae.zinc.codes import on_record, zinc_models
from ddvae.papers.dd_vae.zinc.table_four import best_molecules
from ddvae.widgets.tabs import WIDGETS

README = (ROOT / "README.md").read_text()


def longest_moses_run():
    run = recorded("moses-ddvae-triweight")[0]
    accuracy, nats, valid = (run.results[key] for key in ("sequence_accuracy", "kl_nats", "valid"))
    return f"{accuracy:.1f} %", f"{nats:.0f} nats", f"{valid:.0f} %", f"{run.seconds / 60:.0f} minutes"


def molecules_seen():
    """Shares of the molecules that a published run sees in its 200 epochs."""
    share = []
    for name, size in (("moses-large-vae-gaussian", 1_584_663), ("zinc-large-vae-gaussian", 220_011)):
        run = recorded(name)[0]
        share.append(100 * int(run.log[-1]["step"]) * run.settings["batch_size"] / (200 * size))
    return f"{share[0]:.1f} %", f"{share[1]:.0f} %"


def cells_won():
    found = []
    for runs in (small_runs(), table_runs()):
        better = [row["better"] for row in contest(curves_of(runs)) if row["better"] != "–"]
        found.append(f"{better.count('DD-VAE')} of {len(better)}")
    return found


def searches():
    record = zinc_models()["DD-VAE (T)"]
    found = []
    for kind in ("trust region, 38 atoms", "local steps, 38 atoms"):
        best = [best_molecules([run])[0][0] for run in on_record(record, kind).values()]
        found.append(f"{spread(best, '.2f', '.2f')} ({len(best)} seeds)")
    return found


def bricks_and_digits():
    best = recorded("bricks-layout-uniform")[0].results
    upright = [record.results["knn_honest"] for record in recorded("mnist-ddvae-upright")]
    return f"{best['mean_kl'] - best['limit']:.2f} nats", f"{spread(upright, '.1f', '.1f')} %"


@pytest.mark.slow
def test_the_table_is_that_of_the_recorded_runs():
    wanted = table()
    found = README[README.index("<!-- items -->") : README.index("<!-- end of items -->")].splitlines()[1:]
    assert [line for line in found if line] == wanted, "expected what python -m ddvae items prints"
    assert all(cell.strip() for line in wanted for cell in line.strip("|").split("|"))


def test_the_commands_train_what_is_recorded():
    """A preset changed since would give other numbers; what was added since is off by default."""
    commands = set(re.findall(r"`python -m ddvae train ([\w-]+) --budget (full|hours)`", README))
    assert len(commands) > 10
    for name, budget in commands:
        for record in recorded(name):
            now = json.loads(json.dumps(PRESETS[name].describe(budget, record.seed)))
            changed = {key for key, value in now.items() if record.settings.get(key, value) != value}
            assert record.budget == budget and not changed, (name, record.seed, changed)


def test_every_item_of_the_paper_has_a_row():
    """Numbered in the paper: five tables, six figures, a theorem."""
    told = " ".join(re.findall(r"^\| (.*?) \|", README, flags=re.M))
    for kind, numbers in (("Table", "12345"), ("Figure", "123456")):
        found = "".join(re.findall(rf"{kind}s? ([\d, and]+)", told))
        assert {one for one in found if one.isdigit()} == set(numbers)
    assert "Theorem 1" in told and "Appendix D" in told


@pytest.mark.parametrize(
    "numbers", [longest_moses_run, molecules_seen, cells_won, searches, bricks_and_digits]
)
def test_the_numbers_beyond_the_paper_are_recorded(numbers):
    """The numbers, in whatever sentences."""
    for number in numbers():
        assert number in " ".join(README.split())


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("http") or (ROOT / target).exists(), target


def test_each_wing_is_named():
    told = README[README.index("    ddvae/ ") : README.index("    figures/ ")]
    wings = {path.parent.name for path in (ROOT / "ddvae").glob("*/__init__.py")}
    assert len(wings) > 10 and wings == wings & set(re.findall(r"\w+", told))


def test_each_widget_moves():
    films = set(re.findall(r'src="(figures/widgets/\w+\.webp)"', README))
    assert films == {f"figures/widgets/{kind.__name__}.webp" for kind in WIDGETS.values()}
    for film in films:
        with Image.open(ROOT / film) as picture:
            assert picture.n_frames >= 5 and (ROOT / film).stat().st_size < 3e6, film


def test_the_five_lines_run():
    five, _ = re.findall(r"```python\n(.*?)```", README, flags=re.S)
    names = {}
    exec(five, names)
    assert names["kl"].shape == (8, 2) and names["log_prob"].shape == (8,)


@pytest.mark.slow
def test_the_search_runs(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    _, code = re.findall(r"```python\n(.*?)```", README, flags=re.S)
    exec(code, {})
    assert re.match(r"\(\d\.\d+, '\w", capsys.readouterr().out)
