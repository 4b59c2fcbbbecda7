"""Several optimisers in a step: a discriminator against an encoder, killed and resumed bit for bit."""

import math
import signal
import subprocess
import sys
import time
from typing import NamedTuple

import pytest
import torch
import torch.nn.functional as F
from conftest import ROOT
from small_training import DATA, Interrupted, Stop, same, small_model
from torch import nn

from ddvae.models.objectives import elbo
from ddvae.system.files import load_checkpoint
from ddvae.training.annealed_objectives import AnnealedELBO
from ddvae.training.loop import fit, seed_everything
from ddvae.training.players import Player
from ddvae.training.schedules import Constant, HoldAccuracy
from ddvae.training.settings import Settings


class Game(NamedTuple):
    """Terms of both players."""

    value: torch.Tensor
    accuracy: torch.Tensor


class Adversarial(nn.Module):
    """An autoencoder whose codes a discriminator tells from uniform ones."""

    def __init__(self):
        super().__init__()
        self.autoencoder = small_model()
        seed_everything(2)
        self.discriminator = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))

    def odds(self, z):
        return self.discriminator(z).squeeze(-1)


def tell_apart(model, batch, epoch):
    codes = model.autoencoder.encode(batch.tokens).rsample()
    real, made = model.odds(2 * torch.rand_like(codes) - 1), model.odds(codes)
    right = torch.cat([real > 0, made < 0]).float()
    return Game(F.logsigmoid(real).mean() + F.logsigmoid(-made).mean(), right.mean())


def reconstruct_and_deceive(model, batch, epoch):
    codes = model.autoencoder.encode(batch.tokens).rsample()
    deceived = F.logsigmoid(model.odds(codes))
    terms = elbo(model.autoencoder, batch, beta=0.0)
    return Game(terms.reconstruction.mean() + deceived.mean(), (model.odds(codes) > 0).float().mean())


PLAYERS = {
    "discriminator": Player(tell_apart, ("discriminator",), Constant(3e-3), moves=2),
    "autoencoder": Player(reconstruct_and_deceive, ("autoencoder",)),
}
SETTINGS = Settings(4, 5e-3, batch_size=128, clip_norm=1.0)


def plain(log):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in log]


def test_players_move_their_own_parameters_alone():
    before, after = Adversarial(), Adversarial()
    alone = {"discriminator": PLAYERS["discriminator"]}
    log = fit(after, DATA, SETTINGS, alone, progress=False).log
    assert same(before.autoencoder, after.autoencoder) and not same(before.discriminator, after.discriminator)
    assert log[-1]["discriminator accuracy"] > log[0]["discriminator accuracy"]


def test_terms_of_both_players_are_in_the_log():
    log = fit(Adversarial(), DATA, SETTINGS, PLAYERS, progress=False).log
    terms = [f"{player} {term}" for player in PLAYERS for term in ("value", "accuracy")]
    assert list(log[0]) == ["epoch", "step", "learning_rate", *terms, "seconds"]
    assert log[-1]["autoencoder value"] > log[0]["autoencoder value"]
    assert all(math.isfinite(row[term]) for row in log for term in terms)


@pytest.mark.parametrize("steps", [1, 13])
def test_stopped_and_resumed_ends_bit_identical(tmp_path, steps):
    whole = Adversarial()
    log = fit(whole, DATA, SETTINGS, PLAYERS, progress=False).log
    with pytest.raises(Stop):
        fit(
            Adversarial(), Interrupted(steps), SETTINGS, PLAYERS, tmp_path, checkpoint_every=0, progress=False
        )
    torch.rand(10)
    resumed = Adversarial()
    nn.init.zeros_(resumed.discriminator[0].weight)
    fitted = fit(resumed, DATA, SETTINGS, PLAYERS, tmp_path, resume=True, progress=False)
    assert same(whole, resumed) and plain(fitted.log) == plain(log)


KILLED = f"""
import dataclasses, sys
sys.path[:0] = [{str(ROOT / "tests")!r}, {str(ROOT / "tests" / "training")!r}]
import torch
from test_players import DATA, PLAYERS, SETTINGS, Adversarial, fit
from ddvae.system.files import save_checkpoint
torch.set_num_threads(1)
model, longer = Adversarial(), dataclasses.replace(SETTINGS, epochs=25)
how = {{"resume": True, "checkpoint_every": 0.02, "progress": False}}
if fit(model, DATA, longer, PLAYERS, sys.argv[1], **how).finished:
    save_checkpoint(sys.argv[1] + "/end.pt", {{"model": model.state_dict()}})
"""


def test_killed_and_resumed_ends_bit_identical(tmp_path):
    def start(folder):
        return subprocess.Popen([sys.executable, "-c", KILLED, str(folder)])

    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert start(whole).wait() == 0
    process = start(killed)
    while not (killed / "checkpoint.pt").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    assert process.wait() == -signal.SIGKILL and not (killed / "end.pt").exists()
    assert start(killed).wait() == 0
    ends = [load_checkpoint(folder / "end.pt")["model"] for folder in (whole, killed)]
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


def test_a_checkpoint_of_other_players_is_refused(tmp_path):
    fit(Adversarial(), DATA, SETTINGS, PLAYERS, tmp_path, time_limit=0.0, progress=False)
    slower = PLAYERS | {"discriminator": Player(tell_apart, ("discriminator",))}
    with pytest.raises(ValueError, match=r"is of a training with players .*; expected the same settings"):
        fit(Adversarial(), DATA, SETTINGS, slower, tmp_path, resume=True, progress=False)


def test_a_player_may_hold_an_accuracy():
    held = HoldAccuracy(0.0, start=0.01)
    players = {"model": Player(AnnealedELBO(held, "mean")), "again": Player(AnnealedELBO(0.1, "mean"))}
    log = fit(small_model(), DATA, SETTINGS, players, progress=False).log
    assert log[0]["again beta"] == 0.1 and 0.01 <= log[0]["model beta"] < log[-1]["model beta"]


def test_wrong_players():
    with pytest.raises(ValueError, match="moves is 0; expected a whole number from 1"):
        Player(tell_apart, moves=0)
    critic = {"critic": Player(tell_apart, ("critic",))}
    with pytest.raises(ValueError, match=r"modules is \('critic',\); expected parts of the model"):
        fit(Adversarial(), DATA, SETTINGS, critic, progress=False)
