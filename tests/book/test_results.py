"""RESULTS.md holds the numbers of the recorded runs."""

import json
import re

import pytest
from conftest import ROOT

from ddvae.book.statistics import spread
from ddvae.experiments.record import recorded
from ddvae.papers.catalogue import PRESETS
from ddvae.papers.dd_vae.results_table import table
from ddvae.papers.dd_vae.zinc.codes import on_record, zinc_models
from ddvae.papers.dd_vae.zinc.table_four import best_molecules

RESULTS = (ROOT / "RESULTS.md").read_text()


def gap_to_the_limit(name):
    gaps = [one.results["mean_kl"] - one.results["limit"] for one in recorded(name)]
    return spread(gaps, ".3f", ".3f") + f" nats (n = {len(gaps)})"


def bricks():
    names = ("bricks-ddvae-uniform", "bricks-packed-uniform", "bricks-layout-uniform")
    return [gap_to_the_limit(name) for name in names]


def digits():
    upright = [record.results["knn_honest"] for record in recorded("mnist-ddvae-upright")]
    return [f"{spread(upright, '.1f', '.1f')} % (n = {len(upright)})"]


def longest_moses_run():
    run = recorded("moses-ddvae-triweight")[0]
    accuracy, nats, valid = (run.results[key] for key in ("sequence_accuracy", "kl_nats", "valid"))
    return f"{accuracy:.1f} % at {nats:.0f} nats", f"{valid:.0f} %", f"{run.seconds / 60:.0f} minutes"


def molecules_seen():
    """Shares of the molecules that a published run sees in its 200 epochs."""
    share = []
    for name, size in (("moses-large-vae-gaussian", 1_584_663), ("zinc-large-vae-gaussian", 220_011)):
        run = recorded(name)[0]
        share.append(100 * int(run.log[-1]["step"]) * run.settings["batch_size"] / (200 * size))
    return f"{share[0]:.1f} %", f"{share[1]:.0f} %"


def searches():
    found = []
    for method, kind in (
        ("DD-VAE (T)", "trust region, 38 atoms"),
        ("VAE (G)", "trust region, 38 atoms"),
        ("DD-VAE (T)", "local steps, 38 atoms"),
    ):
        runs = on_record(zinc_models()[method], kind).values()
        best = [best_molecules([run])[0][0] for run in runs]
        found.append(f"{spread(best, '.2f', '.2f')} (n = {len(best)})")
    return found


@pytest.mark.slow
def test_the_tables_are_those_of_the_recorded_runs():
    wanted = table()
    found = RESULTS[RESULTS.index("<!-- items -->") : RESULTS.index("<!-- end of items -->")].splitlines()[
        2:-1
    ]
    assert found == wanted, "expected what python -m ddvae items prints"
    rows = [line for line in wanted if line.startswith("|")]
    assert all(cell.strip() for line in rows for cell in line.strip("|").split("|"))


def test_the_commands_train_what_is_recorded():
    """A preset changed since would give other numbers; what was added since is off by default."""
    commands = set(re.findall(r"`python -m ddvae train ([\w-]+) --budget (full|hours)`", RESULTS))
    assert len(commands) > 10
    for name, budget in commands:
        for record in recorded(name):
            now = json.loads(json.dumps(PRESETS[name].describe(budget, record.seed)))
            changed = {key for key, value in now.items() if record.settings.get(key, value) != value}
            assert record.budget == budget and not changed, (name, record.seed, changed)


def test_every_item_of_the_paper_has_a_row():
    """Numbered in the paper: five tables, six figures, a theorem."""
    told = " ".join(re.findall(r"^\| (.*?) \|", RESULTS, flags=re.M))
    for kind, numbers in (("Table", "12345"), ("Figure", "123456")):
        found = "".join(re.findall(rf"{kind}s? ([\d, and]+)", told))
        assert {one for one in found if one.isdigit()} == set(numbers)
    assert "Theorem 1" in told and "Appendix D" in told


@pytest.mark.parametrize("numbers", [bricks, digits, longest_moses_run, molecules_seen, searches])
def test_the_numbers_beyond_the_paper_are_recorded(numbers):
    """The numbers, in whatever sentences."""
    for number in numbers():
        assert number in " ".join(RESULTS.split())
