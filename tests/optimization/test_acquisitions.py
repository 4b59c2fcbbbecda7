"""Contract of all acquisitions, and what sets each apart, on a landscape with a known summit."""

import math
from dataclasses import replace

import pytest
import torch
from botorch.acquisition.analytic import LogExpectedImprovement

from ddvae.optimization.acquisitions import (
    ACQUISITIONS,
    Box,
    View,
    _best,
    _side,
    _Surrogate,
    next_codes,
    trust_region,
)
from ddvae.optimization.sparse_gp import SparseGP

SUMMIT = torch.tensor([0.3, -0.2, 0.1]).double()


def height(codes):
    return -(codes - SUMMIT).square().sum(-1)


@pytest.fixture(scope="module")
def view():
    torch.manual_seed(0)
    codes = 2 * torch.rand(80, 3, dtype=torch.float64) - 1
    values = height(codes)
    gp = SparseGP.fit(codes, values, inducing=40, amplitude=10)
    return View(gp, Box.around(codes), codes, values, torch.zeros(80, dtype=torch.long))


@pytest.mark.parametrize("name", ACQUISITIONS)
def test_contract(view, name):
    codes = next_codes(view, 5, name, seed=1)
    assert codes.shape == (5, 3) and codes.dtype == torch.float64 and codes.isfinite().all()
    assert len(codes.unique(dim=0)) == 5
    assert torch.equal(codes, next_codes(view, 5, name, seed=1))
    if name in ("believer", "log-ei", "trust-region", "uniform"):
        assert (codes >= view.box.low).all() and (codes <= view.box.high).all()


@pytest.mark.parametrize("name", ["believer", "log-ei", "trust-region"])
@pytest.mark.parametrize("size", [2.0**1020, 2.0**-1000])
def test_the_unit_of_values_changes_no_choice(view, name, size):
    """Their variances overflow, or vanish."""
    values = size * view.values
    scaled = replace(view, gp=SparseGP.fit(view.codes, values, inducing=40, amplitude=10), values=values)
    chosen = [next_codes(one, 3, name, seed=1) for one in (view, scaled)]
    torch.testing.assert_close(*chosen, atol=1e-3, rtol=0)


def test_more_codes_than_candidates(view):
    torch.manual_seed(0)
    assert len(trust_region(view, 12, candidates=10).unique(dim=0)) == 12


@pytest.mark.parametrize("name", ["believer", "log-ei", "trust-region"])
def test_models_find_the_summit(view, name):
    """One of five random codes comes that near with a probability below 0.01."""
    best = height(next_codes(view, 5, name, seed=1)).max()
    assert best > view.values.max() and best > -0.02


def test_limits_save_values_and_change_no_choice(view):
    """A batch of the believer, with all values for each code, and with those that could be highest."""
    torch.manual_seed(2)
    grid = view.box.random(5_000)
    incumbent = view.gp.predict(grid)[0].max()
    limits = torch.full((len(grid),), math.inf).double()
    chosen, counts = grid[:0], []
    for _ in range(4):
        acquisition = LogExpectedImprovement(_Surrogate(view.gp, chosen), incumbent)
        plain = _best(acquisition, grid, view.box)
        before = limits.clone()
        saving = _best(acquisition, grid, view.box, limits)
        assert torch.equal(saving, plain) and (limits <= before + 1e-9).all()
        chosen, counts = torch.cat([chosen, saving]), [*counts, int((limits != before).sum())]
    assert counts[0] == 5_000 and max(counts[1:]) <= 1_000


def test_pending_codes_are_the_same_computed_once(view):
    torch.manual_seed(3)
    near, pending = view.box.random(6)[:, None], view.box.random(4)
    codes = torch.cat([near, pending.expand(6, -1, -1)], 1)
    posterior = _Surrogate(view.gp).posterior(codes)
    for one, mean, covariance in zip(codes, posterior.mean, posterior.distribution.covariance_matrix):
        alone = _Surrogate(view.gp).posterior(one)
        torch.testing.assert_close(mean, alone.mean)
        torch.testing.assert_close(covariance, alone.distribution.covariance_matrix)


def test_a_region_grows_with_success_and_shrinks_without(view):
    def side(*bests):
        rounds = torch.arange(len(bests) + 1)
        values = torch.tensor([0.0, *bests]).double()
        return _side(View(view.gp, view.box, view.codes[: len(values)], values, rounds), batch=60)

    first = side()
    assert side(1.0, 2.0) == 2 * first
    assert side(-1.0) == first / 2
    assert side(1.0) == first


def test_boxes():
    codes = torch.tensor([[0.0, 1.0], [2.0, 5.0]])
    assert Box.around(codes).bounds.tolist() == [[0, 1], [2, 5]]
    reach = 3 * codes.double().std(0)
    assert torch.equal(
        Box.spread(codes, 3.0).bounds, torch.stack([codes.mean(0) - reach, codes.mean(0) + reach])
    )


def test_bad_requests(view):
    with pytest.raises(ValueError, match="acquisition is 'best'; expected one of believer, log-ei"):
        next_codes(view, 5, "best", seed=1)
    with pytest.raises(ValueError, match=r"low is .* expected low < high in every dimension"):
        Box(SUMMIT, SUMMIT)
