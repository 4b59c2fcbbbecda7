"""A model of six-bit strings that trains in a second, for the tests of training."""

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
