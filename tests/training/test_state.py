"""Training stopped, killed and resumed: bit for bit, nothing lost."""

import dataclasses
import os
import signal
import time

import numpy as np
import pytest
import torch
from small_training import DATA, FALLING, RUN, Interrupted, Stop, same, small_model, start_training

from ddvae import VAE
from ddvae.data.bits import six_bit_sample
from ddvae.models.networks import SequenceDecoder, SequenceEncoder
from ddvae.models.priors import UnitCube
from ddvae.system.files import load_checkpoint, save_checkpoint
from ddvae.training.loop import fit
from ddvae.training.schedules import Constant
from ddvae.training.settings import Settings
from ddvae.training.state import Diverged


@pytest.fixture
def uninterrupted():
    model = small_model()
    return model, fit(model, DATA, RUN, FALLING, progress=False)


@pytest.mark.parametrize("steps", [1, 5, 8, 11, 23])
def test_stopped_and_resumed_ends_bit_identical(tmp_path, uninterrupted, steps):
    """Also in the middle of an epoch, and at its end (8 steps make one)."""
    model = small_model()
    with pytest.raises(Stop):
        fit(model, Interrupted(steps), RUN, FALLING, tmp_path, checkpoint_every=0, progress=False)
    torch.rand(100)  # another state of the generator
    model = small_model(seed=99)
    fitted = fit(model, DATA, RUN, FALLING, tmp_path, resume=True, progress=False)
    whole, reference = uninterrupted
    assert fitted.finished and same(model, whole)
    drop = lambda log: [{k: v for k, v in row.items() if k != "seconds"} for row in log]  # noqa: E731
    assert drop(fitted.log) == drop(reference.log)


def test_the_average_of_the_weights_is_kept(tmp_path):
    run = dataclasses.replace(RUN, batch_size=1000, averaging=0.7)  # a step an epoch
    seen, expected = [], None
    plain = dataclasses.replace(run, averaging=None)
    fit(small_model(), DATA, plain, FALLING, progress=False, on_epoch=lambda m, _: seen.append(vector(m)))
    for weights in seen:
        expected = weights if expected is None else 0.7 * expected + 0.3 * weights
    shown, model = [], small_model()
    fit(model, DATA, run, FALLING, tmp_path, progress=False, on_epoch=lambda m, _: shown.append(vector(m)))
    torch.testing.assert_close(vector(model), expected)
    assert torch.equal(shown[-1], vector(model))

    stopped = small_model()
    assert not fit(stopped, DATA, run, FALLING, tmp_path, time_limit=0, progress=False).finished
    fit(stopped, DATA, run, FALLING, tmp_path, resume=True, progress=False)
    assert same(stopped, model)


def vector(model):
    return torch.nn.utils.parameters_to_vector(model.parameters()).detach().clone()


def wait_for(path, process, before=None):
    """Until a file is there, and another one than before, as long as the process that writes it runs."""
    while marked(path) in (None, before):
        assert process.poll() is None
        time.sleep(0.005)


def marked(path):
    return path.stat().st_mtime_ns if path.exists() else None


def test_killed_twice_and_resumed_ends_bit_identical(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert start_training(whole).wait() == 0
    kills = 0
    for _ in range(2):
        before = marked(killed / "checkpoint.pt")
        process = start_training(killed)
        wait_for(killed / "checkpoint.pt", process, before)
        time.sleep(0.1)
        process.kill()
        kills += process.wait() == -signal.SIGKILL
    assert kills == 2 and not (killed / "end.pt").exists()
    assert start_training(killed).wait() == 0
    ends = [load_checkpoint(folder / "end.pt")["model"] for folder in (whole, killed)]
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


def test_ctrl_c_saves_and_stops(tmp_path):
    process = start_training(tmp_path)
    wait_for(tmp_path / "checkpoint.pt", process)
    process.send_signal(signal.SIGINT)
    assert process.wait() == 0
    state = load_checkpoint(tmp_path / "checkpoint.pt")
    assert 0 < state["step"] < 40 * 8 and not (tmp_path / "end.pt").exists()


def test_time_limit(tmp_path):
    fitted = fit(small_model(), DATA, RUN, FALLING, tmp_path, time_limit=0.0, progress=False)
    assert not fitted.finished and load_checkpoint(tmp_path / "checkpoint.pt")["step"] == 1


def test_weights_that_are_not_finite_are_never_saved(tmp_path):
    model = small_model()

    def poison(model, epoch):
        with torch.no_grad():
            model.decoder.scores.bias.fill_(float("nan"))

    run = Settings(1, 1e-3, batch_size=1000)
    with pytest.raises(Diverged):
        fit(model, DATA, run, FALLING, tmp_path, progress=False, on_epoch=poison)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("content", [b"", b"no checkpoint at all", b"PK\x03\x04" + bytes(100)])
def test_a_damaged_checkpoint_is_named(tmp_path, content):
    (tmp_path / "checkpoint.pt").write_bytes(content)
    with pytest.raises(ValueError, match=r"checkpoint.pt is no readable checkpoint"):
        fit(small_model(), DATA, RUN, FALLING, tmp_path, resume=True, progress=False)


def test_a_truncated_checkpoint_is_named(tmp_path):
    fit(small_model(), DATA, RUN, FALLING, tmp_path, progress=False)
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(ValueError, match=r"checkpoint.pt is no readable checkpoint"):
        fit(small_model(), DATA, RUN, FALLING, tmp_path, resume=True, progress=False)


def test_a_checkpoint_never_runs_code(tmp_path):
    class Trap:
        def __reduce__(self):
            return open, (str(tmp_path / "sprung"), "w")

    torch.save({"model": Trap()}, tmp_path / "checkpoint.pt")
    with pytest.raises(ValueError, match="no readable checkpoint"):
        load_checkpoint(tmp_path / "checkpoint.pt")
    assert not (tmp_path / "sprung").exists()


def test_a_checkpoint_of_other_settings_is_refused(tmp_path):
    fit(small_model(), DATA, RUN, FALLING, tmp_path, time_limit=0.0, progress=False)
    other = Settings(3, Constant(1e-3))
    with pytest.raises(ValueError, match=r"is of a training with learning_rate .*Cosine.*, not .*Constant"):
        fit(small_model(), DATA, other, FALLING, tmp_path, resume=True, progress=False)


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    fit(small_model(), DATA, RUN, FALLING, tmp_path, time_limit=0.0, progress=False)
    other = VAE(
        SequenceEncoder(2, 2, 8, 1, 4, "uniform", "tanh"), SequenceDecoder(2, 2, 8, 1, 4, 6), UnitCube(2)
    )
    with pytest.raises(ValueError, match="is of another model"):
        fit(other, DATA, RUN, FALLING, tmp_path, resume=True, progress=False)


def test_data_of_another_length_are_refused(tmp_path):
    fit(small_model(), DATA, RUN, FALLING, tmp_path, time_limit=0.0, progress=False)
    with pytest.raises(ValueError, match="is of a training with epoch_steps 8, not 4"):
        fit(small_model(), six_bit_sample(500), RUN, FALLING, tmp_path, resume=True, progress=False)


def test_weights_alone_are_no_training_state(tmp_path):
    save_checkpoint(tmp_path / "checkpoint.pt", {"model": small_model().state_dict()})
    with pytest.raises(ValueError, match=r"checkpoint.pt holds no training state"):
        fit(small_model(), DATA, RUN, FALLING, tmp_path, resume=True, progress=False)


def test_a_new_start_forgets_an_old_checkpoint(tmp_path):
    fit(small_model(), DATA, RUN, FALLING, tmp_path, time_limit=0.0, progress=False)

    class Empty:
        steps = staticmethod(lambda batch_size: 1)

        def batches(self, *arguments):
            raise RuntimeError("no data")

    with pytest.raises(RuntimeError, match="no data"):
        fit(small_model(), Empty(), RUN, FALLING, tmp_path, progress=False)
    assert not (tmp_path / "checkpoint.pt").exists()


def test_numbers_from_numpy_resume(tmp_path):
    run = Settings(2, Constant(np.float64(1e-3)), batch_size=500)
    fit(small_model(), DATA, run, FALLING, tmp_path, time_limit=0.0, progress=False)
    assert fit(small_model(), DATA, run, FALLING, tmp_path, resume=True, progress=False).finished


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
