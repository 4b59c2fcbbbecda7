"""The layout that reaches the limit of lossless coding."""

import pytest
import torch
from torch.distributions import Independent, Uniform, kl_divergence

from ddvae import propose
from ddvae.data.bits import six_bit_distribution
from ddvae.experiments.bricks import set_supports
from ddvae.mathematics.coding import guillotine_cells, lossless_limit
from ddvae.mathematics.kernels import KERNELS
from ddvae.models.networks import SequenceEncoder
from ddvae.models.priors import UnitCube


@pytest.fixture(params=["product", "any"])
def probs(request):
    if request.param == "product":
        return six_bit_distribution()[1]
    return torch.distributions.Dirichlet(torch.ones(64)).sample()


def test_cells_are_disjoint_and_have_the_right_areas(probs):
    low, high = guillotine_cells(probs)
    assert torch.allclose((high - low).prod(1) / 4, probs.double(), atol=1e-7)
    assert low.min() == -1 and high.max() == pytest.approx(1)
    overlap = torch.minimum(high[:, None], high) - torch.maximum(low[:, None], low)
    area = overlap.clamp_min(0).prod(-1)
    assert area.fill_diagonal_(0).max() < 1e-12


@pytest.mark.parametrize("kernel", list(KERNELS))
def test_they_reach_the_limit(kernel, probs):
    low, high = guillotine_cells(probs)
    q = Independent(propose(kernel, (low + high) / 2, (high - low) / 2), 1)
    edge = torch.full((2,), 1 + 1e-9, dtype=torch.float64)
    kl = kl_divergence(q, Independent(Uniform(-edge, edge), 1))
    mean = (probs.double() / probs.double().sum() * kl).sum().item()
    assert mean == pytest.approx(-lossless_limit(probs, KERNELS[kernel], 2), abs=1e-6)


@pytest.mark.parametrize("squash", ["tanh", "sigmoid"])
def test_an_encoder_is_set_to_supports(squash):
    tokens, probs = six_bit_distribution()
    low, high = guillotine_cells(probs)
    middle, half = (low + high) / 2, (high - low) / 2 * 0.98
    encoder = SequenceEncoder(2, 2, 128, 2, 8, "uniform", squash)
    set_supports(encoder, tokens, middle - half, middle + half)
    q = encoder(tokens).base_dist
    assert ((q.loc - middle) / half).abs().max() < 1e-3 and (q.scale / half - 1).abs().max() < 1e-3
    assert kl_divergence(encoder(tokens), UnitCube(2)()).isfinite().all()


def test_wrong_number_of_strings():
    with pytest.raises(ValueError, match=r"probs has 32 entries; expected 2\^L with L even"):
        guillotine_cells(torch.ones(32))
