"""Runs on molecules: curves of training from known snapshots, kept once, thinned."""

from dataclasses import replace

import numpy as np
import pytest

from ddvae.experiments.molecule_runs import curve, final_metrics, from_most_accurate, thin
from ddvae.experiments.record import Record
from ddvae.molecules.datasets import moses_strings


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
    np.savez_compressed(tmp_path / "arrays.npz", **record.arrays)
    (tmp_path / "derived" / "curve.json").unlink()
    with pytest.raises(FileNotFoundError, match="has no curve yet; expected one that `curve` computed"):
        thin(record)
    with pytest.raises(ValueError, match="was thinned and has lost its curve"):
        curve(record)


def test_only_runs_on_molecules_have_curves(tmp_path):
    np.savez(tmp_path / "arrays.npz", snapshot_0001=np.zeros((2, 2)))
    with pytest.raises(ValueError, match="holds a run of bricks-vae-gaussian; expected a run on molecules"):
        curve(Record("bricks-vae-gaussian", "full", 1, {}, {}, {}, 0.0, tmp_path))


def test_a_run_without_snapshots_has_no_curve(tmp_path):
    np.savez(tmp_path / "arrays.npz", samples=np.array([b"C"]))
    with pytest.raises(ValueError, match="holds no snapshots; expected a run that keeps them"):
        curve(Record("zinc-ddvae-tricube", "full", 1, {}, {}, {}, 0.0, tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["arrays.npz"]


def test_what_counts_begins_with_the_first_of_the_most_accurate():
    rows = [{"accuracy": a} for a in (0.2, 0.9, 0.9, 0.7)]
    assert from_most_accurate(rows) == rows[1:]
