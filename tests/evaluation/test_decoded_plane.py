"""The decoded plane against cases that can be worked out by hand."""

import math

import pytest
import torch
from torch.distributions import Independent, Normal

from ddvae import VAE, propose
from ddvae.data.bits import six_bit_distribution
from ddvae.evaluation.decoded_plane import decode_plane
from ddvae.evaluation.reconstruction import sequence_accuracy
from ddvae.models.networks import SequenceDecoder, SequenceEncoder
from ddvae.models.priors import UnitCube


def four_quadrants(z):
    """Two bits: the signs; a tie at 0 is undefined."""
    return torch.where(z == 0, -1, (z > 0).long())


def uniform_quantile(u):
    return 2 * u - 1


def test_long_sequences_have_no_plane():
    with pytest.raises(ValueError, match="decoded sequences have 8 bits; expected up to 7"):
        decode_plane(lambda z: torch.zeros(len(z), 8).long(), uniform_quantile)


def test_plane_of_quadrants():
    plane = decode_plane(four_quadrants, uniform_quantile, base=8, refine=2)
    assert plane.labels.shape == (32, 32) and plane.edges[0] == -1 and plane.edges[-1] == 1
    assert plane.probs().tolist() == [0.25, 0.25, 0.25, 0.25, 0]
    assert plane.labels[0, 31] == 1 and plane.labels[31, 0] == 2  # first axis is z_1


def test_refinement_is_as_good_as_a_fine_grid():
    def disc(z):
        inside = (z.square().sum(1) < 0.5).long()
        return torch.stack([inside, inside], 1)

    coarse = decode_plane(disc, uniform_quantile, base=64, refine=3)
    fine = decode_plane(disc, uniform_quantile, base=512, refine=0)
    assert torch.equal(coarse.labels, fine.labels)
    assert coarse.probs()[3].item() == pytest.approx(math.pi / 8, abs=1e-3)


def test_undefined_is_a_class_of_its_own():
    plane = decode_plane(lambda z: torch.full((len(z), 2), -1), uniform_quantile, base=4, refine=0)
    assert plane.probs().tolist() == [0, 0, 0, 0, 1]


def test_sequence_error_of_boxes_is_exact():
    """Boxes around the corners of four quadrants, one of them half in its neighbour's."""
    plane = decode_plane(four_quadrants, uniform_quantile, base=64, refine=0)
    loc = torch.tensor([[-0.5, -0.5], [-0.5, 0.5], [0.5, -0.5], [0.0, 0.5]])
    q = Independent(propose("uniform", loc, torch.full((4, 2), 0.25)), 1)
    assert plane.sequence_error(q, torch.full((4,), 0.25)) == pytest.approx(0.125)
    assert plane.sequence_error(q, torch.tensor([0.2, 0.2, 0.2, 0.4])) == pytest.approx(0.2)


def test_sequence_error_of_gaussians():
    standard = Normal(torch.tensor(0.0).double(), torch.tensor(1.0).double())
    plane = decode_plane(four_quadrants, standard.icdf, base=256, refine=0)
    loc = torch.tensor([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
    q = Independent(Normal(loc, torch.full((4, 2), 0.8)), 1)
    right = standard.cdf(torch.tensor(1 / 0.8)).item() ** 2
    assert plane.sequence_error(q, torch.full((4,), 0.25)) == pytest.approx(1 - right, abs=1e-6)


def test_plane_error_agrees_with_sampling():
    """Bound of 5 standard errors, 6e-7 false alarms: no string weighs more than 0.8^6."""
    model = VAE(
        SequenceEncoder(2, 2, 16, 1, 4, "tricube", "tanh"), SequenceDecoder(2, 2, 16, 1, 4, 6), UnitCube(2)
    )
    tokens, probs = six_bit_distribution()
    plane = decode_plane(model.decode, uniform_quantile, base=128, refine=2)
    with torch.no_grad():
        exact = 1 - plane.sequence_error(model.encode(tokens), probs)
    sampled = sequence_accuracy(model, tokens, probs, codes=1000)
    assert sampled == pytest.approx(exact, abs=5 * (0.8**6 * exact / 1000) ** 0.5 + 1e-4)
