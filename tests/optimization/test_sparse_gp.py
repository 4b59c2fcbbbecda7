"""The sparse process against dense regression, and what it does with bad input."""

import math
import sys
from dataclasses import replace

import pytest
import torch
from linear_operator.utils.errors import NanError, NotPSDError

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
    process, fresh = hyper(x), torch.rand(7, 2).double() * 4
    found = SparseGP(process, x, y)
    jitter = 1e-6 * process.log_variance.exp() * torch.eye(40)
    known = process.covariance(x, x) + jitter
    cross, solve = process.covariance(fresh, x), torch.linalg.inv(known + 0.1 * torch.eye(40))
    mean, covariance = found.joint(fresh)
    torch.testing.assert_close(mean, process.mean + cross @ solve @ (y - process.mean), atol=1e-4, rtol=0)
    torch.testing.assert_close(
        covariance, process.covariance(fresh, fresh) - cross @ solve @ cross.T, atol=1e-4, rtol=0
    )
    likelihood = module._statistics(process, x, y)["log_likelihood"]
    dense = torch.distributions.MultivariateNormal(process.mean.expand(40), known + 0.1 * torch.eye(40))
    assert likelihood.item() == pytest.approx(dense.log_prob(y).item(), abs=1e-3)


def test_few_inducing_points_give_fitc(data):
    """The likelihood is that of Q + diag(K - Q) + noise (Snelson and Ghahramani, 2006)."""
    x, y = data
    process = hyper(x[:5])
    cross = process.covariance(x, x[:5])
    known = process.covariance(x[:5], x[:5]) + 1e-6 * process.log_variance.exp() * torch.eye(5)
    low = cross @ torch.linalg.solve(known, cross.T)
    full = low + torch.diag(process.log_variance.exp() - low.diagonal() + 0.1)
    dense = torch.distributions.MultivariateNormal(process.mean.expand(40), full)
    likelihood = module._statistics(process, x, y)["log_likelihood"]
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


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).double()


SHAPES = [(2, 1), (3, 2), (40, 3), (30, 64)]
CODES = {
    "repeated": lambda n, d: normal(n, d)[torch.arange(n) % 3],
    "all the same": lambda n, d: normal(1, d).expand(n, d),
    "constant columns": lambda n, d: torch.cat([normal(n, 1), torch.full((n, d), 0.1)], 1)[:, :d],
    "collinear": lambda n, d: normal(n, 1) * normal(1, d, seed=1),
    "far": lambda n, d: normal(n, d) + 1e8,
    "huge": lambda n, d: normal(n, d) * 1e8,
    "close": lambda n, d: 1 + normal(n, d) * 1e-12,
    "1e150": lambda n, d: normal(n, d) * 1e150,
    "1e-320": lambda n, d: normal(n, d) * 1e-320,
    "integer": lambda n, d: torch.arange(n * d).view(n, d) % 3,
    "columns of all sizes": lambda n, d: normal(n, d) * torch.logspace(-8, 8, d),
    "one far": lambda n, d: torch.cat([normal(n - 1, d), torch.full((1, d), 1e12)]),
    "float32": lambda n, d: normal(n, d).float(),
    "bits": lambda n, d: normal(n, d) > 0,
}
TARGETS = {
    "plain": lambda n: torch.arange(n).sin(),
    "1e150": lambda n: 1e150 * normal(n, seed=2),
    "1e-150": lambda n: 1e-150 * normal(n, seed=2),
    "subnormal": lambda n: 1e-322 * torch.arange(n).double(),
    "outlier": lambda n: torch.cat([normal(n - 1, seed=2), torch.tensor([1e12])]),
    "largest for failed": lambda n: torch.arange(n).double().masked_fill(torch.arange(n) % 3 == 0, MAX),
    "both ends": lambda n: (1 - 2.0 * (torch.arange(n) % 2)).double() * MAX,
    "nearly constant": lambda n: 1e8 + 1e-7 * torch.arange(n).double(),
    "integer": lambda n: torch.arange(n) % 2,
}
MAX = sys.float_info.max


@pytest.fixture
def one_thread():
    """On small matrices threads wait for one another."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("codes", CODES)
def test_odd_data_give_finite_predictions(codes, shape, one_thread):
    """Warnings are errors here."""
    x = CODES[codes](*shape)
    for name, targets in TARGETS.items():
        y = targets(len(x))
        gp = SparseGP.fit(x, y, inducing=20, steps=10)
        mean, variance = gp.predict(torch.cat([x, x[:1].double() / 2 + x[1:2].double() / 2]))
        assert mean.isfinite().all() and (mean.abs() <= 2 * y.double().abs().max()).all(), name
        assert variance.isfinite().all() and (variance > 0).all() and 0 < gp.noise < math.inf, name
        assert all(math.isfinite(value) for value in gp.judge(x, y).values()), name
        assert all(value.isfinite().all() for value in vars(gp.hyper).values()), name


@pytest.mark.parametrize(
    ("move", "stretch", "size"), [(0.0, 2.0**-40, 2.0**1000), (0.0, 2.0**500, 2.0**-990), (2.0**20, 1.0, 1e3)]
)
def test_units_change_nothing(data, move, stretch, size):
    """Predictions follow the units of codes and targets; a likelihood loses the unit's logarithm.

    After few steps: each makes more of rounding.
    """
    x, y = data
    other, scaled = stretch * x + move, size * y
    first, again = (SparseGP.fit(*both, inducing=8, steps=5) for both in ((x, y), (other, scaled)))
    (mean, variance), (found, spread) = first.predict(x), again.predict(other)
    torch.testing.assert_close(found / size, mean, atol=1e-4, rtol=0)
    if spread.max() < MAX and spread.min() > sys.float_info.min:
        torch.testing.assert_close(spread / size**2, variance, atol=1e-4, rtol=0)
    told, scores = first.judge(x, y), again.judge(other, scaled)
    assert scores["rmse"] / size == pytest.approx(told["rmse"], abs=1e-4)
    assert scores["log_likelihood"] + math.log(size) == pytest.approx(told["log_likelihood"], abs=1e-4)
    torch.testing.assert_close(
        again.hyper.log_noise - 2 * math.log(size), first.hyper.log_noise, atol=1e-3, rtol=0
    )
    assert again.standard.noise == pytest.approx(first.standard.noise, abs=1e-4)


def test_a_start_is_in_the_units_of_the_user(data):
    """What a fit found predicts the same again, and is where a fit without steps ends."""
    x, y = data
    y = 1_000 * y + 5_000
    first = SparseGP.fit(x, y, inducing=8)
    again = SparseGP(Hyperparameters(**vars(first.hyper)), x, y)
    torch.testing.assert_close(again.predict(x), first.predict(x))
    warm = SparseGP.fit(x, y, start=first.hyper, steps=0)
    torch.testing.assert_close(warm.hyper.inducing, first.hyper.inducing)
    torch.testing.assert_close(warm.hyper.log_lengths, first.hyper.log_lengths)
    torch.testing.assert_close(warm.hyper.mean, first.hyper.mean)
    assert warm.judge(x, y)["rmse"] == pytest.approx(first.judge(x, y)["rmse"], rel=0.05)


@pytest.mark.parametrize("size", [1e-200, 1e12, 1e300])
def test_a_start_from_targets_of_another_size(data, size):
    x, y = data
    first = SparseGP.fit(x, y, inducing=8)
    warm = SparseGP.fit(x, size * y, start=first.hyper, steps=5)
    assert all(found.isfinite().all() for found in warm.predict(x))


@pytest.mark.parametrize("error", [NanError, NotPSDError])
def test_a_factorisation_that_fails_ends_no_fit(data, monkeypatch, error):
    x, y = data
    whole, calls = module.psd_safe_cholesky, []

    def failing(matrix, **settings):
        calls.append(matrix)
        if matrix.requires_grad and len(calls) > 8:  # the posterior needs no slopes
            raise error
        return whole(matrix, **settings)

    monkeypatch.setattr(module, "psd_safe_cholesky", failing)
    with pytest.warns(RuntimeWarning, match="the fit ended early") as told:
        gp = SparseGP.fit(x, y, inducing=8)
    assert len(told) == 1 and len(calls) > 8
    assert gp.judge(x, y)["rmse"] < y.std()


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
        (lambda x, y: (x * 1e305, y), "x or y holds entries .* codes below 1e300"),
        (lambda x, y: (x, y * 0 + 0.1), "y holds 40 times 0.1; expected targets that differ"),
    ],
)
def test_bad_data(data, spoil, message):
    with pytest.raises(ValueError, match=message):
        SparseGP.fit(*spoil(*data))
    with pytest.raises(ValueError, match="amplitude is 0; expected a number above 0"):
        SparseGP.fit(*data, amplitude=0)
    with pytest.raises(ValueError, match="inducing is 0; expected a whole number from 1"):
        SparseGP.fit(*data, inducing=0)


def test_hyperparameters_that_do_not_fit(data):
    x, y = data
    process = hyper(x[:5])
    shapes = r"inducing points of shape \(5, 2\) and x has shape \(40, 3\); expected \(M, D\) and \(N, D\)"
    wide = torch.cat([x, x[:, :1]], 1)
    with pytest.raises(ValueError, match=f"start has {shapes}"):
        SparseGP.fit(wide, y, start=process)
    with pytest.raises(ValueError, match=f"hyper has {shapes}"):
        SparseGP(process, wide, y)
    broken = replace(process, log_noise=process.log_noise * math.nan)
    with pytest.raises(ValueError, match="start has a loss that is no number"):
        SparseGP.fit(x, y, start=broken)
    with pytest.raises(ValueError, match="hyper gives x and y no posterior"):
        SparseGP(broken, x, y)
