"""A model of six-bit strings that trains in a second, for the tests of training."""

import subprocess
import sys
from pathlib import Path

import torch

from ddvae import VAE
from ddvae.data.bits import six_bit_sample
from ddvae.models.networks import SequenceDecoder, SequenceEncoder
from ddvae.models.priors import UnitCube
from ddvae.training.annealed_objectives import AnnealedRelaxedELBO
from ddvae.training.loop import seed_everything
from ddvae.training.schedules import Cosine, Linear, LogLinear
from ddvae.training.settings import Settings


def small_model(seed=1):
    seed_everything(seed)
    return VAE(
        SequenceEncoder(2, 2, 16, 1, 4, "uniform", "tanh"),
        SequenceDecoder(2, 2, 16, 1, 4, length=6),
        UnitCube(2),
    )


RUN = Settings(3, Cosine(5e-3, 1, 3), batch_size=128, clip_norm=1.0, seed=4)
FALLING = AnnealedRelaxedELBO(Linear(0.0, 1.0, 0, 3), temperature=LogLinear(0.1, 1e-2, 0, 3))
DATA = six_bit_sample(1000)


def same(a, b):
    states = a.state_dict(), b.state_dict()
    return all(torch.equal(states[0][name], states[1][name]) for name in states[0])


class Stop(Exception):
    """Training was stopped."""


class Interrupted:
    """`DATA` that stop training after a number of steps."""

    steps = staticmethod(DATA.steps)

    def __init__(self, steps_left):
        self.left = steps_left

    def batches(self, *arguments):
        for batch in DATA.batches(*arguments):
            if self.left == 0:
                raise Stop
            self.left -= 1
            yield batch


SCRIPT = """
import sys, torch
sys.path.insert(0, {tests!r})
from small_training import small_model, RUN, FALLING, DATA
from ddvae.system.files import save_checkpoint
from ddvae.training.loop import fit
import dataclasses
torch.set_num_threads(1)
run = dataclasses.replace(RUN, epochs=40)
model = small_model()
fitted = fit(model, DATA, run, FALLING, sys.argv[1], resume=True, checkpoint_every=0.02, progress=False)
if fitted.finished:
    save_checkpoint(sys.argv[1] + "/end.pt", {{"model": model.state_dict()}})
"""


def start_training(folder, **options):
    """A process that trains, or goes on with what the folder holds."""
    script = SCRIPT.format(tests=str(Path(__file__).parent))
    return subprocess.Popen([sys.executable, "-c", script, str(folder)], **options)
