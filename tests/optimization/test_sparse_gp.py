"""The sparse process against dense regression, and what it does with bad input."""

import math

import pytest
import torch

from ddvae.optimization import sparse_gp as module
from ddvae.optimization.sparse_gp import Hyperparameters, SparseGP


def hyper(inducing, noise=0.1):
    return Hyperparameters(
        inducing.double(),
        torch.tensor([0.1, 0.3]).double(),
        torch.tensor(0.5).double(),
        torch.tensor(noise).double().log(),
        torch.tensor(0.2).double(),
    )


@pytest.fixture
def data():
    x = torch.rand(40, 2, dtype=torch.float64) * 4
    return x, torch.sin(x[:, 0]) + 0.1 * torch.randn(40).double()


def test_with_all_points_inducing_it_is_dense_regression(data):
    x, y = data
    law, fresh = hyper(x), torch.rand(7, 2).double() * 4
    found = SparseGP(law, x, y)
    jitter = 1e-6 * law.log_variance.exp() * torch.eye(40)
    known = law.covariance(x, x) + jitter
    cross, solve = law.covariance(fresh, x), torch.linalg.inv(known + 0.1 * torch.eye(40))
    mean, covariance = found.joint(fresh)
    torch.testing.assert_close(mean, law.mean + cross @ solve @ (y - law.mean), atol=1e-4, rtol=0)
    torch.testing.assert_close(
        covariance, law.covariance(fresh, fresh) - cross @ solve @ cross.T, atol=1e-4, rtol=0
    )
    likelihood = module._statistics(law, x, y)["log_likelihood"]
    dense = torch.distributions.MultivariateNormal(law.mean.expand(40), known + 0.1 * torch.eye(40))
    assert likelihood.item() == pytest.approx(dense.log_prob(y).item(), abs=1e-3)


def test_few_inducing_points_give_fitc(data):
    """The likelihood is that of Q + diag(K - Q) + noise (Snelson and Ghahramani, 2006)."""
    x, y = data
    law = hyper(x[:5])
    cross = law.covariance(x, x[:5])
    known = law.covariance(x[:5], x[:5]) + 1e-6 * law.log_variance.exp() * torch.eye(5)
    low = cross @ torch.linalg.solve(known, cross.T)
    full = low + torch.diag(law.log_variance.exp() - low.diagonal() + 0.1)
    dense = torch.distributions.MultivariateNormal(law.mean.expand(40), full)
    likelihood = module._statistics(law, x, y)["log_likelihood"]
    assert likelihood.item() == pytest.approx(dense.log_prob(y).item(), rel=1e-6)


def test_blocks_change_nothing(data, monkeypatch):
    x, y = data
    whole = SparseGP(hyper(x[:5]), x, y).judge(x, y)
    monkeypatch.setattr(module, "BLOCK", 7)
    assert SparseGP(hyper(x[:5]), x, y).judge(x, y) == pytest.approx(whole)


def test_judgement_is_in_the_units_of_the_targets(data):
    x, y = data
    found = SparseGP.fit(x, y, inducing=8)
    told = found.judge(x, y)
    mean, variance = found.predict(x)
    spread = variance + found.noise
    by_hand = -0.5 * (torch.log(2 * math.pi * spread) + (y - mean) ** 2 / spread)
    assert told["log_likelihood"] == pytest.approx(by_hand.mean().item())
    assert told["rmse"] < 0.3 < y.std()
    scaled = SparseGP.fit(x, 100 * y, inducing=8).judge(x, 100 * y)
    assert scaled["rmse"] == pytest.approx(100 * told["rmse"], rel=0.2)


def test_a_fit_is_repeatable_and_goes_on_from_another(data):
    x, y = data
    first, again = SparseGP.fit(x, y, inducing=8), SparseGP.fit(x, y, inducing=8)
    assert torch.equal(first.predict(x)[0], again.predict(x)[0])
    warm = SparseGP.fit(x, y, start=first.hyper, steps=1)
    assert warm.judge(x, y)["log_likelihood"] >= first.judge(x, y)["log_likelihood"] - 0.05


def test_amplitude_bounds_the_latent_variance():
    x = torch.linspace(-1, 1, 60).double()[:, None]
    y = 3 * x[:, 0]  # a line: without a bound length scale and variance grow
    free, bound = (SparseGP.fit(x, y, inducing=5, amplitude=a).hyper for a in (math.inf, 1.0))
    assert bound.log_variance.exp() <= y.var() * 1.0001 < free.log_variance.exp()


def test_coinciding_codes_do_no_harm(data):
    x, y = data
    x, y = torch.cat([x[:5]] * 8), y
    assert SparseGP.fit(x, y, inducing=20).predict(x)[0].isfinite().all()


def test_gradients_reach_the_codes(data):
    x, y = data
    z = x[:3].clone().requires_grad_()
    mean, covariance = SparseGP(hyper(x[:5]), x, y).joint(z)
    (mean.sum() + covariance.sum()).backward()
    assert z.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda x, y: (x, y[:5]), r"x and y have shapes \(40, 2\) and \(5,\)"),
        (lambda x, y: (x, y * 0 + 3), "y holds 40 times 3; expected targets that differ"),
        (lambda x, y: (x, y * math.nan), "no numbers"),
        (lambda x, y: (x[:1], y[:1]), "N >= 2"),
    ],
)
def test_bad_data(data, spoil, message):
    with pytest.raises(ValueError, match=message):
        SparseGP.fit(*spoil(*data))
    with pytest.raises(ValueError, match="amplitude is 0; expected a number above 0"):
        SparseGP.fit(*data, amplitude=0)
