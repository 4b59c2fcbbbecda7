"""Runs trained, interrupted, evaluated, recorded."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from ddvae.experiments import runner
from ddvae.experiments.bricks import Bricks
from ddvae.experiments.preset import Recipe
from ddvae.experiments.record import Record, read_record, recorded
from ddvae.molecules.datasets import own_molecules
from ddvae.papers.catalogue import find_preset, obtain
from ddvae.training.annealed_objectives import AnnealedELBO
from ddvae.training.settings import Settings


def train(name, *arguments, **options):
    return runner.train(find_preset(name), *arguments, **options)


KINDS = (
    "bricks-ddvae-tricube",
    "bricks-vae-gaussian",
    "bricks-layout-uniform",
    "bricks-packed-cosine",
    "bricks-switch-text",
    "mnist-ddvae-upright",
    "mnist-vae-gaussian",
    "moses-large-ddvae-triweight",
    "moses-variation-averaged",
    "moses-variation-moments",
    "zinc-ddvae-gaussian",
    "zinc-vae-tricube",
)
"""One of each kind of data, model, objective and recipe; the chapters train most of the others."""


@pytest.mark.slow
@pytest.mark.by_itself
@pytest.mark.parametrize("name", KINDS)
def test_a_preset_trains_evaluates_and_is_read_back(name, tmp_path):
    trained = train(name, "smoke", seed=2, folder=tmp_path / "run", progress=False)
    record = read_record(tmp_path / "run")
    assert json.dumps(asdict(record), default=str) == json.dumps(asdict(trained), default=str)
    check_whole(record)


def check_whole(record):
    """The folder holds what a record consists of, and its weights give its results and arrays bit for bit."""
    assert sorted(p.name for p in record.folder.iterdir()) == [
        "arrays.npz",
        "log.csv",
        "run.json",
        "weights.pt",
    ]
    assert {"torch", "numpy", "python", "device", "code"} <= set(record.provenance)
    results, arrays = find_preset(record.name).evaluate(record.model(), record.budget)
    assert json.dumps(results) == json.dumps(record.results)
    for key, array in arrays.items():
        assert array.dtype == record.arrays[key].dtype
        assert array.tobytes() == record.arrays[key].tobytes()


def test_a_finished_run_is_read_and_an_interrupted_one_goes_on(tmp_path):
    folder = tmp_path / "run"
    name = "bricks-ddvae-uniform"
    assert train(name, "smoke", folder=folder, time_limit=0.0, progress=False) is None
    assert (folder / "checkpoint.pt").exists() and not (folder / "run.json").exists()
    (folder / "devices.json").write_text('["a GPU"]')
    whole = train(name, "smoke", folder=tmp_path / "whole", progress=False)
    resumed = train(name, "smoke", folder=folder, resume=True, progress=False)
    assert resumed.results == whole.results and not (folder / "checkpoint.pt").exists()
    assert resumed.provenance["device"] == f"a GPU, then {whole.provenance['device']}"
    again = train(name, "smoke", folder=folder, resume=True, progress=False)
    assert again.seconds == resumed.seconds  # read, not trained
    with pytest.raises(ValueError, match="holds a run with seed 1, not 9; expected the same settings"):
        train(name, "smoke", seed=9, folder=folder, resume=True, progress=False)
    with pytest.raises(ValueError, match="holds a run with preset 'bricks-ddvae-uniform', not 'bricks-"):
        train("bricks-ddvae-tricube", "smoke", folder=folder, resume=True, progress=False)


def test_a_run_may_be_evaluated_later(tmp_path):
    """Trained on one machine, evaluated on another; what was trained is not trained again."""
    name = "moses-sweep-ddvae-triweight"
    whole = train(name, "smoke", folder=tmp_path / "whole", progress=False)
    folder = tmp_path / "run"
    assert train(name, "smoke", folder=folder, progress=False, evaluation=False) is None
    assert (folder / "weights.pt").exists() and not (folder / "checkpoint.pt").exists()
    trained = json.loads((folder / "trained.json").read_text())
    trained["provenance"] |= {"code": "abc1234", "device": "a GPU"}
    (folder / "trained.json").write_text(json.dumps(trained))
    log = (folder / "log.csv").read_bytes()
    later = train(name, "smoke", folder=folder, resume=True, progress=False)
    assert later.results == whole.results and later.seconds == trained["seconds"]
    assert later.provenance["device"] == "a GPU" and later.provenance["evaluated with"] != "abc1234"
    assert (folder / "log.csv").read_bytes() == log and not (folder / "trained.json").exists()


def test_an_evaluation_that_fails_loses_no_training(tmp_path, monkeypatch):
    name = "moses-sweep-ddvae-triweight"
    with monkeypatch.context() as broken:
        broken.setattr("ddvae.experiments.smiles.validity", lambda samples: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            train(name, "smoke", folder=tmp_path, progress=False)
    monkeypatch.setattr("ddvae.experiments.runner.fit", lambda *_, **__: pytest.fail("trained again"))
    assert train(name, "smoke", folder=tmp_path, resume=True, progress=False).results["samples"] == 50


def test_without_resume_nothing_of_an_earlier_run_stays(tmp_path):
    name = "bricks-packed-uniform"
    train(name, "smoke", seed=1, folder=tmp_path, progress=False)
    (tmp_path / "snapshots").mkdir()
    (tmp_path / "snapshots" / "0058.npy").touch()
    (tmp_path / "derived").mkdir(exist_ok=True)
    (tmp_path / "derived" / "laws-100.json").touch()
    assert train(name, "smoke", seed=2, folder=tmp_path, time_limit=0.0, progress=False) is None
    assert not any((tmp_path / old).exists() for old in ("run.json", "weights.pt", "derived"))
    record = train(name, "smoke", seed=2, folder=tmp_path, resume=True, progress=False)
    assert record.seed == 2 and [k for k in record.arrays if k.startswith("snap")] == ["snapshot_0001"]


def test_files_of_others_stay(tmp_path):
    """Beside a new run and beside one that takes an earlier one's place, the data that it is trained on."""
    own = tmp_path / "own.csv"
    own.write_text("smiles\n" + "CCO\nCCN\n" * 10)
    (tmp_path / "package.json").touch()
    for seed in (1, 2):
        preset = find_preset("zinc-ddvae-tricube").on(own_molecules(own))
        runner.train(preset, "smoke", seed=seed, folder=tmp_path, progress=False)
        assert own.exists() and (tmp_path / "package.json").exists() and read_record(tmp_path).seed == seed


def test_a_damaged_run_is_told_and_may_be_replaced(tmp_path):
    name = "bricks-packed-uniform"
    (tmp_path / "run.json").write_text('{"settings": {"pre')
    (tmp_path / "derived").mkdir(exist_ok=True)
    (tmp_path / "derived" / "laws-100.json").touch()
    with pytest.raises(ValueError, match=r"run\.json is no record of a run"):
        train(name, "smoke", folder=tmp_path, resume=True, progress=False)
    assert train(name, "smoke", folder=tmp_path, progress=False).seed == 1
    assert not (tmp_path / "derived").exists()


def test_killed_while_an_earlier_run_is_removed(tmp_path, monkeypatch):
    """What is left is of no run: the next start removes it, even one that would go on."""
    name = "bricks-packed-uniform"
    train(name, "smoke", folder=tmp_path, progress=False)
    (tmp_path / "derived").mkdir()
    (tmp_path / "derived" / "laws-100.json").touch()
    unlink = Path.unlink

    def interrupted(path, missing_ok=False):
        if path.name == "arrays.npz":
            raise KeyboardInterrupt
        unlink(path, missing_ok)

    with monkeypatch.context() as killed, pytest.raises(KeyboardInterrupt):
        killed.setattr(Path, "unlink", interrupted)
        train(name, "smoke", seed=2, folder=tmp_path, progress=False)
    assert (tmp_path / "arrays.npz").exists() and (tmp_path / "derived").exists()
    assert train(name, "smoke", seed=2, folder=tmp_path, resume=True, progress=False).seed == 2
    assert not (tmp_path / "derived").exists()


def test_obtain(tmp_path):
    trained = obtain("bricks-vae-gaussian", "smoke", str(tmp_path), seeds=(1, 2))
    assert [r.seed for r in trained] == [1, 2] and all(isinstance(r, Record) for r in trained)
    assert obtain("bricks-vae-gaussian", "smoke", str(tmp_path), seeds=(1, 2)) == trained
    with pytest.raises(
        ValueError, match="budget is 'huge'; expected one of recorded, smoke, laptop, hours, full"
    ):
        obtain("bricks-vae-gaussian", "huge")


def test_a_preset_of_ones_own_is_trained_recorded_and_read(tmp_path, monkeypatch):
    """No catalogue knows it."""
    recipe = Recipe(Settings(2, 3e-3, batch_size=64), AnnealedELBO(0.5))
    mine = Bricks("my-bricks", "Mine", "this test", "gaussian", recipe, seeds=1)
    monkeypatch.setenv("DDVAE_RUNS", str(tmp_path))
    trained = runner.train(mine, "smoke", seed=3, folder=tmp_path / "my-bricks" / "seed3", progress=False)
    (record,) = recorded("my-bricks")
    assert record.results == trained.results and record.settings["learning_rate"]["value"] == 3e-3
    assert [row["epoch"] for row in record.log] == [1, 2] and record.log[0]["beta"] == 0.5
    results, _ = mine.evaluate(record.model(), "smoke")
    assert json.dumps(results) == json.dumps(record.results)
    assert runner.obtain(mine, "recorded")[0].folder == record.folder
