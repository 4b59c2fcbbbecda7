"""Presets and recorded runs."""

import json
import math
import re
import subprocess
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from ddvae.experiments import record as records
from ddvae.experiments.preset import BUDGETS, READINGS
from ddvae.papers.dd_vae.presets import PRESETS
from ddvae.papers.catalogue import find_preset
from ddvae.system.files import load_checkpoint, save_checkpoint
from ddvae.experiments.smiles import Smiles
from ddvae.system.provenance import provenance
from ddvae.experiments.runner import OF_A_RUN, obtain, train
from ddvae.experiments.record import Record, read_record, recorded
from ddvae.experiments.molecule_runs import load_codec


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_whole(name):
    preset = PRESETS[name]
    assert preset.title and preset.source
    for budget in BUDGETS[1:]:
        run = preset.scaled_run(budget, seed=3)
        base = preset.base_run(budget)
        assert run.seed == 3 and run.epochs == preset.epochs.get(budget, base.epochs)
        assert run.learning_rate(0.5) == pytest.approx(base.learning_rate(0.5 * base.epochs / run.epochs))
        share = (run.all_epochs - run.epochs) / run.epochs  # fine-tuning is scaled too, to an epoch at least
        fine = (base.all_epochs - base.epochs) / base.epochs
        assert abs(share - fine) <= 0.5 / run.epochs or (fine and run.all_epochs == run.epochs + 1)
    assert preset.scaled_run("full", 1).all_epochs == preset.run.all_epochs


@pytest.mark.parametrize("name", [name for name, one in PRESETS.items() if isinstance(one, Smiles)])
def test_every_molecular_preset_trains_evaluates_and_is_read_back(name, tmp_path):
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
    results, arrays = record.preset.evaluate(record.model(), record.budget)
    assert json.dumps(results) == json.dumps(record.results)
    for key, array in arrays.items():
        assert array.dtype == record.arrays[key].dtype
        assert array.tobytes() == record.arrays[key].tobytes()


def test_readings_are_the_published_differences():
    assert READINGS["paper"] == {"scores": "prob", "reduction": "sum", "squash": "tanh"}
    for name in ("bricks-ddvae-uniform", "mnist-ddvae-uniform"):
        run = PRESETS[name].run
        assert {"scores": run.scores, "reduction": run.reduction, "squash": PRESETS[name].squash} == READINGS[
            "released"
        ]


def test_published_hyper_parameters():
    """As listed for the released runs."""
    uniform = PRESETS["bricks-ddvae-uniform"].run
    assert (uniform.epochs, uniform.batch_size, uniform.clip_value) == (100, 512, 2.0)
    assert uniform.beta(100) == 1 and uniform.beta(2) == 0 and uniform.temperature(100) == pytest.approx(1e-3)
    assert uniform.learning_rate(19) == 5e-3 and uniform.learning_rate(20) == 2.5e-3
    digits = PRESETS["mnist-ddvae-uniform"].run
    assert (digits.epochs, digits.batch_size, digits.clip_value) == (150, 512, None)
    assert digits.beta(4) == 1e-5 and digits.beta(100) == pytest.approx(0.05)
    assert PRESETS["mnist-vae-gaussian"].run.clip_value == 10


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
    with pytest.raises(ValueError, match="holds a run with seed 1, not 9; expected the same run"):
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
        broken.setattr("ddvae.molecules.validity", lambda samples: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            train(name, "smoke", folder=tmp_path, progress=False)
    monkeypatch.setattr("ddvae.recorder.fit", lambda *_, **__: pytest.fail("trained again"))
    assert train(name, "smoke", folder=tmp_path, resume=True, progress=False).results["samples"] == 50


def test_without_resume_nothing_of_an_earlier_run_stays(tmp_path):
    name = "bricks-packed-uniform"
    train(name, "smoke", seed=1, folder=tmp_path, progress=False)
    (tmp_path / "snapshots").mkdir()
    (tmp_path / "snapshots" / "0058.npy").touch()
    (tmp_path / "laws-100.json").touch()
    assert train(name, "smoke", seed=2, folder=tmp_path, time_limit=0.0, progress=False) is None
    assert not any((tmp_path / old).exists() for old in ("run.json", "weights.pt", "laws-100.json"))
    record = train(name, "smoke", seed=2, folder=tmp_path, resume=True, progress=False)
    assert record.seed == 2 and [k for k in record.arrays if k.startswith("snap")] == ["snapshot_0001"]


def test_files_of_others_stay(tmp_path):
    """Beside a new run and beside one that takes an earlier one's place, the data that it is trained on."""
    own = tmp_path / "own.csv"
    own.write_text("smiles\n" + "CCO\nCCN\n" * 10)
    (tmp_path / "package.json").touch()
    for seed in (1, 2):
        train("zinc-ddvae-tricube", "smoke", seed=seed, folder=tmp_path, progress=False, own=own)
        assert own.exists() and (tmp_path / "package.json").exists() and read_record(tmp_path).seed == seed


def test_a_damaged_run_is_told_and_may_be_replaced(tmp_path):
    name = "bricks-packed-uniform"
    (tmp_path / "run.json").write_text('{"settings": {"pre')
    (tmp_path / "laws-100.json").touch()
    with pytest.raises(ValueError, match=r"run\.json is no record of a run"):
        train(name, "smoke", folder=tmp_path, resume=True, progress=False)
    assert train(name, "smoke", folder=tmp_path, progress=False).seed == 1
    assert not (tmp_path / "laws-100.json").exists()


def test_killed_while_an_earlier_run_is_removed(tmp_path, monkeypatch):
    """What is left is of no run: the next start removes it, even one that would go on."""
    name = "bricks-packed-uniform"
    train(name, "smoke", folder=tmp_path, progress=False)
    (tmp_path / "laws-100.json").touch()
    unlink = Path.unlink

    def interrupted(path, missing_ok=False):
        if path.name == "laws-100.json":
            raise KeyboardInterrupt
        unlink(path, missing_ok)

    with monkeypatch.context() as killed, pytest.raises(KeyboardInterrupt):
        killed.setattr(Path, "unlink", interrupted)
        train(name, "smoke", seed=2, folder=tmp_path, progress=False)
    assert train(name, "smoke", seed=2, folder=tmp_path, resume=True, progress=False).seed == 2
    assert not (tmp_path / "laws-100.json").exists()


def test_an_interrupted_run_is_read_as_it_would_be_evaluated(tmp_path):
    """The average of its weights, where it takes one."""
    name = "moses-variation-averaged"
    assert train(name, "smoke", folder=tmp_path, time_limit=0.0, progress=False) is None
    kept = load_checkpoint(tmp_path / "checkpoint.pt")
    kept["average"] = {key: torch.full_like(w, 2) for key, w in kept["average"].items()}
    save_checkpoint(tmp_path / "checkpoint.pt", kept)
    assert all((w == 2).all() for w in load_codec(tmp_path).model.parameters())


def test_recorded_runs_are_whole():
    """Every record in data/runs can be read, says what it was, and belongs to a preset."""
    folders = sorted(p.parent for p in records.RUNS.glob("*/seed*/run.json"))
    assert folders
    for folder in folders:
        record = read_record(folder)
        assert folder.parent.name == record.name and folder.name == f"seed{record.seed}"
        assert all(any(path.match(p) for p in OF_A_RUN) for path in folder.iterdir() if path.is_file())
        assert record.budget in BUDGETS[1:] and record.seconds > 0
        assert {"torch", "device", "code"} <= set(record.provenance)
        assert all(np.asarray(array).size for array in record.arrays.values())


def test_the_list_of_runs_is_true():
    text = (records.RUNS / "README.md").read_text()
    for row in records.inventory():
        assert row in text, "update the table by python -m ddvae presets"


def test_recorded_weights_give_the_recorded_numbers():
    """E[KL] of a recorded model, computed anew."""
    record = next(r for r in recorded("bricks-ddvae-uniform") if (r.folder / "weights.pt").exists())
    from ddvae.data.bits import six_bit_law

    tokens, probs = six_bit_law()
    with torch.no_grad():
        model = record.model()
        kl = torch.distributions.kl_divergence(model.encode(tokens), model.prior())
    assert (probs * kl).sum().item() == pytest.approx(record.results["mean_kl"], rel=1e-4)
    assert math.isfinite(record.results["kl"])


def test_obtain(tmp_path):
    trained = obtain("bricks-vae-gaussian", "smoke", str(tmp_path), seeds=(1, 2))
    assert [r.seed for r in trained] == [1, 2] and all(isinstance(r, Record) for r in trained)
    assert obtain("bricks-vae-gaussian", "smoke", str(tmp_path), seeds=(1, 2)) == trained
    with pytest.raises(
        ValueError, match="budget is 'huge'; expected one of recorded, smoke, laptop, hours, full"
    ):
        obtain("bricks-vae-gaussian", "huge")


def test_wrong_names(tmp_path):
    with pytest.raises(ValueError, match="preset is 'bricks'; expected one of bricks-ddvae-uniform, "):
        find_preset("bricks")
    with pytest.raises(ValueError, match="budget is 'recorded'; expected one of smoke, laptop, hours, full"):
        train("bricks-ddvae-uniform", "recorded", folder=tmp_path)
    with pytest.raises(FileNotFoundError, match=r"run.json is missing; expected a finished run"):
        read_record(tmp_path)
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(ValueError, match=r"run.json is no record of a run"):
        read_record(tmp_path)


def test_provenance_names_code_and_device():
    found = provenance()
    assert found["torch"] == torch.__version__ and found["device"].endswith("CPU cores")
    in_git = not subprocess.run(["git", "rev-parse"], cwd=records.RUNS, capture_output=True).returncode
    assert re.fullmatch(r"[0-9a-f]{7,}\+?" if in_git else "installed", found["code"])
