"""Training: it learns, it stops, it resumes bit for bit, it loses nothing."""

import csv
import dataclasses
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from ddvae import VAE, Batch, StandardNormal, UnitCube
from ddvae.data import StringLaw, six_bit_law, six_bit_sample
from ddvae.files import load_checkpoint, save_checkpoint
from ddvae.nets import DenseDecoder, DenseEncoder, SequenceDecoder, SequenceEncoder
from ddvae.run import FineTuning, Run
from ddvae.schedules import Constant, Cosine, HoldAccuracy, Linear, LogLinear, stretch
from ddvae.train import Diverged, autocast, fit, seed_everything
from ddvae.vae import decoder_likelihood


def small_model(seed=1):
    seed_everything(seed)
    return VAE(
        SequenceEncoder(2, 2, 16, 1, 4, "uniform", "tanh"),
        SequenceDecoder(2, 2, 16, 1, 4, length=6),
        UnitCube(2),
    )


RUN = Run(
    epochs=3,
    learning_rate=Cosine(5e-3, 1, 3),
    beta=Linear(0.0, 1.0, 0, 3),
    temperature=LogLinear(0.1, 1e-2, 0, 3),
    batch_size=128,
    clip_norm=1.0,
    seed=4,
)
DATA = six_bit_sample(1000)


def same(a, b):
    states = a.state_dict(), b.state_dict()
    return all(torch.equal(states[0][name], states[1][name]) for name in states[0])


@pytest.fixture
def uninterrupted():
    model = small_model()
    return model, fit(model, DATA, RUN, progress=False)


def test_it_learns():
    tokens, probs = six_bit_law()
    law = StringLaw(tokens, probs, codes=128, epoch_steps=60)
    run = Run(6, Cosine(1e-2, 1, 6), Constant(0.01), LogLinear(0.3, 0.05, 0, 6), scores="log_prob")
    log = fit(small_model(), law, run, progress=False).log
    assert log[-1]["exact"] > log[0]["exact"] + 0.3 and log[-1]["reconstruction"] > log[0]["reconstruction"]


def test_images_train_in_the_same_loop():
    images = torch.randint(2, (64, 20), dtype=torch.uint8)

    class Images:
        def steps(self, batch_size):
            return 4

        def batches(self, epoch, batch_size, seed):
            yield from (Batch(rows) for rows in images.split(16))

    model = VAE(DenseEncoder((20, 16), 2, "gaussian"), DenseDecoder((2, 16, 20)), StandardNormal(2))
    fitted = fit(model, Images(), Run(30, Constant(1e-2), Constant(0.1)), progress=False)
    assert fitted.log[-1]["reconstruction"] > fitted.log[0]["reconstruction"] + 1


@pytest.mark.parametrize("steps", [1, 5, 8, 11, 23])
def test_stopped_and_resumed_ends_bit_identical(tmp_path, uninterrupted, steps):
    """Also in the middle of an epoch, and at its end (8 steps make one)."""
    model, left = small_model(), steps

    class Stop(Exception):
        pass

    class Interrupted:
        steps = staticmethod(DATA.steps)

        def batches(self, *arguments):
            nonlocal left
            for batch in DATA.batches(*arguments):
                if left == 0:
                    raise Stop
                left -= 1
                yield batch

    with pytest.raises(Stop):
        fit(model, Interrupted(), RUN, tmp_path, checkpoint_every=0, progress=False)
    torch.rand(100)  # another state of the generator
    model = small_model(seed=99)
    fitted = fit(model, DATA, RUN, tmp_path, resume=True, progress=False)
    whole, reference = uninterrupted
    assert fitted.finished and same(model, whole)
    drop = lambda log: [{k: v for k, v in row.items() if k != "seconds"} for row in log]  # noqa: E731
    assert drop(fitted.log) == drop(reference.log)


def test_the_average_of_the_weights_is_kept(tmp_path):
    run = dataclasses.replace(RUN, batch_size=1000, averaging=0.7)  # a step an epoch
    seen, expected = [], None
    plain = dataclasses.replace(run, averaging=None)
    fit(small_model(), DATA, plain, progress=False, on_epoch=lambda m, _: seen.append(vector(m)))
    for weights in seen:
        expected = weights if expected is None else 0.7 * expected + 0.3 * weights
    shown, model = [], small_model()
    fit(model, DATA, run, tmp_path, progress=False, on_epoch=lambda m, _: shown.append(vector(m)))
    torch.testing.assert_close(vector(model), expected)
    assert torch.equal(shown[-1], vector(model))

    stopped = small_model()
    assert not fit(stopped, DATA, run, tmp_path, time_limit=0, progress=False).finished
    fit(stopped, DATA, run, tmp_path, resume=True, progress=False)
    assert same(stopped, model)


def vector(model):
    return torch.nn.utils.parameters_to_vector(model.parameters()).detach().clone()


SCRIPT = """
import sys, torch
sys.path.insert(0, {tests!r})
from test_train import small_model, RUN, DATA
from ddvae.files import save_checkpoint
from ddvae.train import fit
import dataclasses
torch.set_num_threads(1)
run = dataclasses.replace(RUN, epochs=40)
model = small_model()
fitted = fit(model, DATA, run, sys.argv[1], resume=True, checkpoint_every=0.02, progress=False)
if fitted.finished:
    save_checkpoint(sys.argv[1] + "/end.pt", {{"model": model.state_dict()}})
"""


def start(folder, **options):
    script = SCRIPT.format(tests=str(Path(__file__).parent))
    return subprocess.Popen([sys.executable, "-c", script, str(folder)], **options)


def wait_for(path, before=None, seconds=60):
    """Until a file is there, and another one than before."""
    limit = time.monotonic() + seconds
    while marked(path) in (None, before) and time.monotonic() < limit:
        time.sleep(0.005)
    assert marked(path) not in (None, before)


def marked(path):
    return path.stat().st_mtime_ns if path.exists() else None


def test_killed_twice_and_resumed_ends_bit_identical(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert start(whole).wait(100) == 0
    kills = 0
    for _ in range(2):
        before = marked(killed / "checkpoint.pt")
        process = start(killed)
        wait_for(killed / "checkpoint.pt", before)
        time.sleep(0.1)
        process.kill()
        kills += process.wait(60) == -signal.SIGKILL
    assert kills == 2 and not (killed / "end.pt").exists()
    assert start(killed).wait(100) == 0
    ends = [load_checkpoint(folder / "end.pt")["model"] for folder in (whole, killed)]
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


def test_ctrl_c_saves_and_stops(tmp_path):
    process = start(tmp_path)
    wait_for(tmp_path / "checkpoint.pt")
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    state = load_checkpoint(tmp_path / "checkpoint.pt")
    assert 0 < state["step"] < 40 * 8 and not (tmp_path / "end.pt").exists()


def test_time_limit(tmp_path):
    fitted = fit(small_model(), DATA, RUN, tmp_path, time_limit=0.0, progress=False)
    assert not fitted.finished and load_checkpoint(tmp_path / "checkpoint.pt")["step"] == 1


def test_log_is_a_csv(tmp_path):
    fitted = fit(small_model(), DATA, RUN, tmp_path, progress=False)
    with open(tmp_path / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3] and int(rows[-1]["step"]) == 24
    assert float(rows[-1]["kl"]) == fitted.log[-1]["kl"]
    assert float(rows[-1]["beta"]) == pytest.approx(1) and float(rows[0]["temperature"]) < 0.1


def test_progress_bar_shows_the_terms(capsys):
    pytest.importorskip("tqdm")
    fit(small_model(), DATA, RUN, progress=True)
    assert "24/24" in capsys.readouterr().err


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("part", ["encoder", "decoder"])
def test_divergence_stops_and_keeps_the_last_good_checkpoint(tmp_path, bad, part):
    model = small_model()
    poisoned = {"encoder": model.encoder.head.linear, "decoder": model.decoder.scores}[part]

    class Poisoned:
        steps = staticmethod(DATA.steps)

        def batches(self, *arguments):
            for i, batch in enumerate(DATA.batches(*arguments)):
                if i == 5:
                    with torch.no_grad():
                        poisoned.bias.fill_(bad)
                yield batch

    with pytest.raises(Diverged, match=r"step 5: .*The last checkpoint is kept. Try a lower learning"):
        fit(model, Poisoned(), RUN, tmp_path, checkpoint_every=0, progress=False)
    state = load_checkpoint(tmp_path / "checkpoint.pt")
    assert state["step"] == 5 and all(t.isfinite().all() for t in state["model"].values())


def test_weights_that_are_not_finite_are_never_saved(tmp_path):
    model = small_model()

    def poison(model, epoch):
        with torch.no_grad():
            model.decoder.scores.bias.fill_(float("nan"))

    run = Run(1, Constant(1e-3), temperature=Constant(0.1), batch_size=1000)
    with pytest.raises(Diverged):
        fit(model, DATA, run, tmp_path, progress=False, on_epoch=poison)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("content", [b"", b"no checkpoint at all", b"PK\x03\x04" + bytes(100)])
def test_a_damaged_checkpoint_is_named(tmp_path, content):
    (tmp_path / "checkpoint.pt").write_bytes(content)
    with pytest.raises(ValueError, match=r"checkpoint.pt is no readable checkpoint"):
        fit(small_model(), DATA, RUN, tmp_path, resume=True, progress=False)


def test_a_truncated_checkpoint_is_named(tmp_path):
    fit(small_model(), DATA, RUN, tmp_path, progress=False)
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(ValueError, match=r"checkpoint.pt is no readable checkpoint"):
        fit(small_model(), DATA, RUN, tmp_path, resume=True, progress=False)


def test_a_checkpoint_never_runs_code(tmp_path):
    class Trap:
        def __reduce__(self):
            return open, (str(tmp_path / "sprung"), "w")

    torch.save({"model": Trap()}, tmp_path / "checkpoint.pt")
    with pytest.raises(ValueError, match="no readable checkpoint"):
        load_checkpoint(tmp_path / "checkpoint.pt")
    assert not (tmp_path / "sprung").exists()


def test_a_checkpoint_of_other_settings_is_refused(tmp_path):
    fit(small_model(), DATA, RUN, tmp_path, time_limit=0.0, progress=False)
    other = Run(3, Constant(1e-3), temperature=Constant(0.1))
    with pytest.raises(ValueError, match=r"was trained with learning_rate .*Cosine.* has .*Constant"):
        fit(small_model(), DATA, other, tmp_path, resume=True, progress=False)


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    fit(small_model(), DATA, RUN, tmp_path, time_limit=0.0, progress=False)
    other = VAE(
        SequenceEncoder(2, 2, 8, 1, 4, "uniform", "tanh"), SequenceDecoder(2, 2, 8, 1, 4, 6), UnitCube(2)
    )
    with pytest.raises(ValueError, match="is of another model"):
        fit(other, DATA, RUN, tmp_path, resume=True, progress=False)


def test_data_of_another_length_are_refused(tmp_path):
    fit(small_model(), DATA, RUN, tmp_path, time_limit=0.0, progress=False)
    with pytest.raises(ValueError, match="was trained with epoch_steps 8, this run has 4"):
        fit(small_model(), six_bit_sample(500), RUN, tmp_path, resume=True, progress=False)


def test_weights_alone_are_no_training_state(tmp_path):
    save_checkpoint(tmp_path / "checkpoint.pt", {"model": small_model().state_dict()})
    with pytest.raises(ValueError, match=r"checkpoint.pt holds no training state"):
        fit(small_model(), DATA, RUN, tmp_path, resume=True, progress=False)


def test_a_new_start_forgets_an_old_checkpoint(tmp_path):
    fit(small_model(), DATA, RUN, tmp_path, time_limit=0.0, progress=False)

    class Empty:
        steps = staticmethod(lambda batch_size: 1)

        def batches(self, *arguments):
            raise RuntimeError("no data")

    with pytest.raises(RuntimeError, match="no data"):
        fit(small_model(), Empty(), RUN, tmp_path, progress=False)
    assert not (tmp_path / "checkpoint.pt").exists()


def test_a_support_outside_the_prior_is_explained(tmp_path):
    model = VAE(SequenceEncoder(2, 2, 16, 1, 4, "uniform"), SequenceDecoder(2, 2, 16, 1, 4, 6), UnitCube(2))
    with pytest.raises(Diverged, match=r"kl inf.*A proposal leaves the prior's support: try squash='tanh'"):
        fit(model, DATA, RUN, progress=False)


def test_numbers_from_numpy_resume(tmp_path):
    run = Run(2, Constant(np.float64(1e-3)), temperature=0.1, batch_size=500)
    fit(small_model(), DATA, run, tmp_path, time_limit=0.0, progress=False)
    assert fit(small_model(), DATA, run, tmp_path, resume=True, progress=False).finished


def test_a_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere.pt is missing; expected a checkpoint"):
        load_checkpoint(tmp_path / "nowhere.pt")


def test_a_full_disk_keeps_the_old_checkpoint(tmp_path, monkeypatch):
    """Linux has a device that is always full."""
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"model": {"weight": torch.ones(3)}})
    real_open = open
    monkeypatch.setattr(
        "builtins.open", lambda f, mode="r", **k: real_open("/dev/full" if "w" in mode else f, mode, **k)
    )
    with pytest.raises(OSError, match=r"checkpoint.pt could not be written .* an earlier checkpoint is kept"):
        save_checkpoint(path, {"model": {"weight": torch.ones(100_000)}})
    monkeypatch.undo()
    assert load_checkpoint(path)["model"]["weight"].tolist() == [1, 1, 1]
    assert os.listdir(tmp_path) == ["checkpoint.pt"]


def test_wrong_settings():
    with pytest.raises(ValueError, match="epochs is 0; expected a whole number from 1"):
        Run(0, Constant(1e-3))
    with pytest.raises(ValueError, match="scores is 'logit'; expected 'prob' or 'log_prob'"):
        Run(1, 1e-3, temperature=0.1, scores="logit")
    with pytest.raises(ValueError, match="scores is 'prob'; expected None"):  # nothing would read it
        Run(1, 1e-3, scores="prob")
    with pytest.raises(ValueError, match="reduction is 'max'; expected 'sum' or 'mean'"):
        Run(1, 1e-3, reduction="max")
    with pytest.raises(ValueError, match=r"temperature is 1.5 at epoch 0; expected a number in \(0, 1\)"):
        Run(1, 1e-3, temperature=1.5)


def test_an_accuracy_is_held(tmp_path):
    """beta rises while accuracy is above its target, falls while it is below, and resumes with the run."""
    tokens, probs = six_bit_law()
    law = StringLaw(tokens, probs, codes=128, epoch_steps=60)
    held = HoldAccuracy(0.5, start=0.01, gain=0.3)
    run = Run(10, Cosine(1e-2, 1, 15), held, LogLinear(0.3, 0.05, 0, 6), scores="log_prob")
    model = small_model()
    log = fit(model, law, run, tmp_path, progress=False).log
    assert log[0]["beta"] == 0.01 and log[-1]["beta"] > 1
    assert all(abs(row["exact"] - 0.5) < 0.05 for row in log[-4:])
    stopped = small_model()
    fit(stopped, law, run, tmp_path / "b", progress=False, time_limit=0.5)
    fit(stopped, law, run, tmp_path / "b", progress=False, resume=True)
    assert same(model, stopped)


def test_schedules_of_accuracy():
    falling = HoldAccuracy(Linear(0.95, 0.7, 0, 10), start=0.1, gain=1.0)
    assert falling.follow(0.2, 0.95, epoch=0) == pytest.approx(0.2)
    assert falling.follow(0.2, 0.95, epoch=10) == pytest.approx(0.2 * math.exp(0.25))
    assert falling.follow(0.1, 0.0, epoch=0) == 0.1
    assert stretch(falling, 0.5).follow(0.2, 0.95, epoch=5) == pytest.approx(0.2 * math.exp(0.25))
    with pytest.raises(ValueError, match="start is 0; expected a positive weight"):
        HoldAccuracy(0.9, start=0)


def test_bfloat16_where_there_is_no_unit_for_it(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    assert not autocast("cpu", "bfloat16")._enabled
    with pytest.warns(UserWarning, match="no bfloat16 matrix unit: products run in float32"):
        fit(small_model(), DATA, Run(1, 1e-3, precision="bfloat16"), progress=False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True})
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    assert autocast("cpu", "bfloat16")._enabled and not autocast("cpu", "float32")._enabled


def test_wrong_precision():
    with pytest.raises(ValueError, match=r"averaging is 1; expected a number in \(0, 1\)"):
        Run(3, 1e-3, averaging=1)
    with pytest.raises(ValueError, match="moments is -1; expected a weight from 0"):
        Run(3, 1e-3, moments=-1)
    with pytest.raises(ValueError, match="precision is 'half'; expected 'float32' or 'bfloat16'"):
        Run(1, 1e-3, precision="half")


def test_out_of_memory_names_the_batch_size(monkeypatch):
    def refuse(*_):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    monkeypatch.setattr(Run, "evaluate", refuse)
    with pytest.raises(MemoryError, match=r"no memory for batch_size 128 .*expected a smaller one"):
        fit(small_model(), DATA, RUN, progress=False)


def test_fine_tuning_is_a_phase_for_the_decoder_alone(tmp_path):
    tuned = dataclasses.replace(RUN, fine_tuning=FineTuning(epochs=2, learning_rate=1e-3))
    before = small_model()
    fit(before, DATA, RUN, progress=False)
    after = small_model()
    log = fit(after, DATA, tuned, progress=False).log
    assert len(log) == 5 and log[-1]["learning_rate"] == 1e-3 and log[-1]["beta"] == 0
    assert all(torch.equal(p, q) for p, q in zip(before.encoder.parameters(), after.encoder.parameters()))
    assert not torch.equal(before.decoder.scores.weight, after.decoder.scores.weight)
    assert all(p.requires_grad for p in after.parameters())
    batch = next(DATA.batches(9, 500, 0))
    likelihood = []
    for model in (before, after):
        torch.manual_seed(1)  # the same codes
        terms = decoder_likelihood(model, batch)
        likelihood.append((batch.weights * terms.reconstruction).mean().item())
    assert likelihood[1] > likelihood[0]
    stopped = small_model()
    fit(stopped, DATA, tuned, tmp_path, progress=False, on_epoch=lambda _, log: len(log) == 4 and interrupt())
    fit(stopped, DATA, tuned, tmp_path, progress=False, resume=True)
    assert same(after, stopped)


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


def test_a_misspelt_setting_raises():
    with pytest.raises(TypeError, match="unexpected keyword argument 'finetuning'"):
        Run(1, 1e-3, finetuning=FineTuning(1, 1e-3))
    with pytest.raises(TypeError, match="unexpected keyword argument 'epoch'"):
        FineTuning(epoch=1, learning_rate=1e-3)
