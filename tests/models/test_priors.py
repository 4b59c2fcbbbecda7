"""Every prior that has a name."""

import pytest
import torch
from torch.distributions import kl_divergence

from ddvae import propose
from ddvae.models.priors import PRIORS, get_prior


@pytest.mark.parametrize("name", PRIORS)
def test_a_prior_is_a_distribution_of_codes(name):
    torch.manual_seed(0)
    prior = get_prior(name, 3)
    p = prior()
    assert p.event_shape == (3,) and p.batch_shape == () and not list(prior.parameters())
    z = p.sample((50,))
    assert z.shape == (50, 3) and p.log_prob(z).isfinite().all()
    assert prior.double()().sample().dtype == torch.float64


@pytest.mark.parametrize("name", PRIORS)
def test_its_divergence_is_in_closed_form_or_estimated(name):
    """From a kernel inside its support."""
    q = torch.distributions.Independent(propose("tricube", torch.full((3,), 0.2), torch.full((3,), 0.1)), 1)
    p = get_prior(name, 3)()
    z = q.sample((20_000,))
    estimate = (q.log_prob(z) - p.log_prob(z)).mean().item()
    assert kl_divergence(q, p).item() == pytest.approx(estimate, abs=0.05)
