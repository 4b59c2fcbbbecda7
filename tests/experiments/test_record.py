"""Records: read back, whole, true."""

import re
import subprocess
from importlib import metadata

import numpy as np
import pytest
import torch

from ddvae.data.bits import six_bit_distribution
from ddvae.data.images import binary_mnist
from ddvae.engine.precision import autocast
from ddvae.evaluation.reconstruction import image_accuracy, reconstruction
from ddvae.experiments import runner
from ddvae.experiments.bricks import Bricks
from ddvae.experiments.digits import Digits
from ddvae.experiments.molecule_runs import load_codec
from ddvae.experiments.preset import BUDGETS
from ddvae.experiments.record import load_weights, read_record, recorded
from ddvae.experiments.runner import OF_A_RUN
from ddvae.experiments.smiles import Smiles
from ddvae.molecules.datasets import moses
from ddvae.papers.catalogue import PRESETS, find_preset, inventory
from ddvae.system.files import load_checkpoint, save_checkpoint
from ddvae.system.locations import runs
from ddvae.system.provenance import provenance


def train(name, *arguments, **options):
    return runner.train(find_preset(name), *arguments, **options)


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
    folders = sorted(p.parent for p in runs().glob("*/seed*/run.json"))
    assert folders
    for folder in folders:
        record = read_record(folder)
        assert folder.parent.name == record.name and folder.name == f"seed{record.seed}"
        assert all(any(path.match(p) for p in OF_A_RUN) for path in folder.iterdir() if path.is_file())
        assert record.budget in BUDGETS[1:] and record.seconds > 0
        assert {"torch", "device", "code"} <= set(record.provenance)
        assert all(np.asarray(array).size for array in record.arrays.values())


def test_the_list_of_runs_is_true():
    text = (runs() / "README.md").read_text()
    for row in inventory():
        assert row in text, "update the table by python -m ddvae presets"


def with_weights(name):
    return next(record for record in recorded(name) if record.has_weights)


def test_recorded_bricks_give_the_recorded_numbers():
    record, (tokens, probs) = with_weights("bricks-ddvae-uniform"), six_bit_distribution()
    with torch.no_grad():
        model = record.model()
        kl = torch.distributions.kl_divergence(model.encode(tokens), model.prior())
    assert (probs * kl).sum().item() == pytest.approx(record.results["mean_kl"], rel=1e-4)


def test_recorded_digits_give_the_recorded_numbers():
    record = with_weights("mnist-ddvae-uniform")
    model, test = record.model(), binary_mnist("test")
    with torch.no_grad():
        q = model.encode(test.tokens)
        kl = torch.distributions.kl_divergence(q, model.prior()).mean().item()
    assert kl == pytest.approx(record.results["kl_nats"], rel=1e-4)
    pixels = 100 * image_accuracy(model, test.tokens)["pixel"]
    assert pixels == pytest.approx(record.results["pixel_accuracy"], abs=0.01)
    np.testing.assert_allclose(q.mean.numpy(), record.arrays["codes"], atol=1e-4)


def test_recorded_molecules_give_the_recorded_numbers():
    """Other codes are sampled, which moves the accuracy by 0.65 % at most (one deviation)."""
    record = with_weights("moses-sweep-vae-gaussian")
    torch.manual_seed(0)
    with torch.no_grad(), autocast("cpu", record.settings["precision"]):
        found = reconstruction(record.model(), moses("test").sample(record.results["molecules"]))
    assert 100 * found["accuracy"] == pytest.approx(record.results["sequence_accuracy"], abs=2)
    assert found["kl"] == pytest.approx(record.results["kl_nats"], rel=2e-3)


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
    assert found["torch"] == metadata.version("torch") and found["device"].endswith("CPU cores")
    in_git = not subprocess.run(["git", "rev-parse"], cwd=runs(), capture_output=True).returncode
    assert re.fullmatch(r"[0-9a-f]{7,}\+?" if in_git else "installed", found["code"])


def test_a_run_is_read_back_after_its_preset_has_gone(tmp_path, monkeypatch):
    trained = train("moses-sweep-vae-gaussian", "smoke", folder=tmp_path, progress=False)
    strings = load_codec(tmp_path).decode(torch.zeros(2, 64))
    for kind in (Bricks, Digits, Smiles):  # nothing may ask today's code for yesterday's sizes
        monkeypatch.setattr(kind, "architecture_of", lambda settings: pytest.fail("asked a preset"))
    monkeypatch.delitem(PRESETS, "moses-sweep-vae-gaussian")
    with pytest.raises(ValueError, match="preset is 'moses-sweep-vae-gaussian'; expected one of"):
        find_preset("moses-sweep-vae-gaussian")
    record = read_record(tmp_path)
    assert record.results == trained.results and record.log and len(record.arrays["samples"]) == 50
    assert record.model().architecture["hidden_size"] == 256
    assert load_codec(tmp_path).decode(torch.zeros(2, 64)) == strings
    alone = tmp_path / "alone" / "kept.pt"  # the file of weights is enough
    alone.parent.mkdir()
    alone.write_bytes((tmp_path / "weights.pt").read_bytes())
    assert load_codec(alone).decode(torch.zeros(2, 64)) == strings


def test_weights_of_no_architecture_are_told(tmp_path):
    save_checkpoint(tmp_path / "weights.pt", {"model": {"w": torch.ones(1)}})
    with pytest.raises(ValueError, match=r"weights.pt stores no architecture; expected weights that train"):
        load_weights(tmp_path / "weights.pt")
    save_checkpoint(tmp_path / "weights.pt", {"model": {}, "architecture": {"name": "transformer"}})
    with pytest.raises(
        ValueError, match="architecture is 'transformer'; expected one of sequence-vae, dense"
    ):
        load_weights(tmp_path / "weights.pt")
