"""The curves behind Table 3, from records with known snapshots."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from ddvae.experiments.molecule_runs import curve, final_metrics, thin
from ddvae.experiments.record import Record
from ddvae.molecules.datasets import moses_strings
from ddvae.papers.dd_vae.table_three import averages, small_runs, table_runs, table_three, variation_runs
from ddvae.papers.dd_vae.variations import VARIATIONS


def snapshot(accuracy, samples):
    samples = np.array(samples, dtype=bytes)
    kinds = [("accuracy", "f8"), ("kl", "f8"), ("samples", samples.dtype, samples.shape)]
    return np.array((accuracy, 50.0, samples), dtype=kinds)


def test_a_curve_is_computed_once(tmp_path):
    arrays = {
        "samples": np.array([*moses_strings("test")[60:70], "C1"], dtype=bytes),
        "snapshot_0003": snapshot(0.8, moses_strings("test")[:60]),
        "snapshot_0002": snapshot(0.1, []),
    }
    np.savez_compressed(tmp_path / "arrays.npz", **arrays)
    (tmp_path / "log.csv").write_text("epoch,step\n1,10\n2,20\n3,30\n")
    record = Record("moses-ddvae-triweight", "hours", 1, {"batch_size": 256}, {}, {}, 0.0, tmp_path)
    first, second = rows = curve(record)
    assert first == {"epoch": 2, "molecules": 5120, "n": 0, "accuracy": 0.1, "kl": 50.0}
    assert second["n"] == 60 and second["valid"] == 1 and second["SNN/Test"] == 1
    final = final_metrics(record)
    assert final["valid"] == 10 / 11 and final["SNN/Test"] == 1
    thin(record)
    record = replace(record)  # read anew
    assert record.arrays["snapshot_0003"]["samples"].size == 0 and len(record.arrays["samples"]) == 11
    assert record.arrays["snapshot_0003"]["accuracy"] == 0.8
    (tmp_path / "arrays.npz").unlink()
    assert curve(record) == rows and final_metrics(record) == final
    (tmp_path / "curve.json").unlink()
    with pytest.raises(FileNotFoundError, match="expected snapshots that are judged"):
        thin(record)
    with pytest.raises(ValueError, match=r"was thinned and has lost curve\.json"):
        curve(record)


def test_table_three_by_hand():
    """What comes before the most accurate checkpoint is left out."""
    curves = [
        [{"accuracy": 0.3}, {"accuracy": 0.8, "FCD/Test": 3.0}, {"accuracy": 0.7, "FCD/Test": 1.0}],
        [{"accuracy": 0.65, "FCD/Test": 9.0}, {"accuracy": 0.7, "FCD/Test": 2.0}],
    ]
    found = table_three(curves, "FCD/Test")
    assert found[0.7] == pytest.approx((1.5, math.sqrt(0.5)))
    assert found[0.8][0] == 3 and math.isnan(found[0.8][1])
    assert math.isnan(found[0.9][0])


def test_averages_go_through_table_three():
    rows = [{"accuracy": a, "SNN/Test": v} for a, v in ((0.1, 9.0), (0.9, 0.4), (0.8, 0.5), (0.73, 0.6))]
    levels, values = averages([rows, rows], "SNN/Test")
    assert 0.70 < levels[0] < 0.74 and 0.88 < levels[-1] < 0.92  # where there are checkpoints on both sides
    table = table_three([rows], "SNN/Test")
    assert math.isfinite(table[0.9][0]) and math.isnan(table[0.7][0])  # no run comes to 70 %
    for level, (mean, _) in table.items():
        if math.isnan(mean):
            continue
        assert values[np.argmin(abs(levels - level))] == pytest.approx(mean)


def test_table_three_takes_published_runs_before_shorter_ones(monkeypatch):
    stored = {"moses-vae-gaussian": ["hours"], "moses-large-vae-gaussian": ["hours", "smoke"]}
    stored |= {"moses-ddvae-gaussian": ["full", "hours"], "moses-large-ddvae-gaussian": ["hours"]}
    stored |= {"moses-sweep-vae-triweight": ["hours"]}
    monkeypatch.setattr("ddvae.records.is_recorded", stored.__contains__)
    monkeypatch.setattr(
        "ddvae.records.recorded", lambda name: [SimpleNamespace(name=name, budget=b) for b in stored[name]]
    )

    def names(found):
        return {method: [(run.name, run.budget) for run in runs] for method, runs in found.items()}

    assert names(table_runs()) == {
        "VAE (G)": [("moses-large-vae-gaussian", "hours")],
        "DD-VAE (G)": [("moses-ddvae-gaussian", "full")],
    }
    assert names(small_runs()) == {"VAE (T)": [("moses-sweep-vae-triweight", "hours")]}


@pytest.mark.parametrize(
    ("budget", "methods", "seeds"), [("smoke", 1, [2]), ("hours", 4, [2]), ("full", 4, [1, 2, 3])]
)
def test_what_is_trained_for_table_three(monkeypatch, budget, methods, seeds):
    asked = []
    monkeypatch.setattr("ddvae.curves.obtain", lambda *given: asked.append(given))
    assert len(table_runs(budget, "there", seed=2)) == methods
    assert all(("sweep" in name) == (budget != "full") for name, *_ in asked)
    assert all(list(given[3]) == seeds and given[1:3] == (budget, "there") for given in asked)


def test_variations_are_trained_or_read(monkeypatch):
    """Those without a record are missing; only long budgets train them."""
    asked = []

    def obtain(name, budget, *rest):
        asked.append((budget, *rest))
        if name.endswith("flat"):
            raise FileNotFoundError
        return [name]

    monkeypatch.setattr("ddvae.curves.obtain", obtain)
    found = variation_runs("laptop", "there", 3, "cpu")
    assert len(found) == len(VARIATIONS) - 1 and "moses-variation-batch" in found.values()
    assert set(asked) == {("recorded", "there", (3,), "cpu")}
    variation_runs("full")
    assert asked[-1] == ("full", "", (1,), "cpu")


def test_recorded_runs_of_table_three_are_judged():
    """Else a chapter that draws from records would compute for minutes, and write into them."""
    found = [
        record for runs in (table_runs(), small_runs()) for records in runs.values() for record in records
    ]
    for record in (*found, *variation_runs().values()):
        assert (record.folder / "curve.json").is_file(), f"run python -m ddvae curve {record.folder}"


def test_only_runs_on_molecules_have_curves(tmp_path):
    with pytest.raises(ValueError, match="holds a run of bricks-vae-gaussian; expected a model of molecules"):
        curve(Record("bricks-vae-gaussian", "full", 1, {}, {}, {}, 0.0, tmp_path))


def test_a_run_without_snapshots_has_no_curve(tmp_path):
    np.savez(tmp_path / "arrays.npz", samples=np.array([b"C"]))
    with pytest.raises(ValueError, match="holds no snapshots; expected a run that keeps them"):
        curve(Record("zinc-ddvae-tricube", "full", 1, {}, {}, {}, 0.0, tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["arrays.npz"]


def test_a_missing_value_spoils_nothing():
    rows = [{"accuracy": 0.71, "FCD/Test": math.nan}, {"accuracy": 0.7, "FCD/Test": 1.0}]
    assert table_three([rows], "FCD/Test")[0.7][0] == 1
