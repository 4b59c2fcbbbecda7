"""What the support of a proposal says is inside has a density, whatever rounds; what is outside has none."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from kernel_cases import contract, every_dtype

from ddvae import KernelProposal
from ddvae.mathematics.kernels import KERNELS, CosineKernel


def next_beyond(x, towards):
    """The next number of the dtype; torch has none for float16."""
    if x.dtype == torch.float16:
        return torch.from_numpy(np.nextafter(x.numpy(), np.float16(towards)))
    return torch.nextafter(x, torch.full_like(x, towards))


def proposals_of_all_sizes(kernel, dtype, n=2000):
    """loc of both signs and scale from 1e-30 to 1e30, as far as the dtype goes, half near loc's rounding."""
    tiny, large = max(torch.finfo(dtype).tiny, 1e-30), min(torch.finfo(dtype).max / 2, 1e30)

    def size(shape):
        return tiny * (large / tiny) ** torch.rand(shape, dtype=torch.float64)

    loc, scale = size(n) * (2 * torch.randint(2, (n,)) - 1), size(n)
    rounding = loc.abs() * torch.finfo(dtype).eps
    scale[::2] = (rounding * 2 ** (12 * torch.rand(n, dtype=torch.float64) - 4))[::2]
    loc[::7] = 0
    loc, scale = loc.to(dtype), scale.clamp(tiny, large).to(dtype)
    return KernelProposal(kernel, loc.requires_grad_(), scale.requires_grad_())


@contract
@every_dtype
def test_what_the_support_says_is_inside_has_a_density(kernel, dtype):
    q = proposals_of_all_sizes(kernel, dtype)
    low, high = (edge.detach() for edge in (q.support.lower_bound, q.support.upper_bound))
    u = torch.rand(2000).to(dtype)
    values = {"low": low, "high": high, "loc": q.loc, "sample": q.sample(), "icdf": q.icdf(u)}
    values |= {"icdf(0)": q.icdf(0 * u), "icdf(1)": q.icdf(0 * u + 1)}
    values |= {"after low": next_beyond(low, math.inf).clamp(low, high)}
    for name, value in values.items():
        value = value.detach().requires_grad_()
        log_prob, cdf = q.log_prob(value), q.cdf(value)
        assert q.support.check(value).all() and log_prob.isfinite().all(), name
        assert ((cdf >= 0) & (cdf <= 1)).all(), name
        gradients = torch.autograd.grad(log_prob.sum(), [value, q.loc, q.scale])
        # Next to the edge the gradient may be too large a number.
        steepest = 1 + 4 * getattr(q.kernel, "k", 1) / torch.finfo(dtype).eps
        fits = q.scale.detach().double().clamp_max(1) * torch.finfo(dtype).max > steepest
        assert all(g[fits].isfinite().all() and not g.isnan().any() for g in gradients), name
    assert torch.equal(q.icdf(0 * u), low) and torch.equal(q.icdf(0 * u + 1), high)


@contract
@every_dtype
def test_what_the_support_says_is_outside_has_none(kernel, dtype):
    q = proposals_of_all_sizes(kernel, dtype)
    below = next_beyond(q.support.lower_bound.detach(), -math.inf)
    above = next_beyond(q.support.upper_bound.detach(), math.inf)
    for value, cdf in ((below, 0), (above, 1), (below - q.scale, 0), (above + q.scale, 1)):
        assert not q.support.check(value).any()
        assert (q.log_prob(value) == -math.inf).all() and (q.cdf(value) == cdf).all()
    for value, cdf in ((-math.inf, 0), (math.inf, 1)):
        value = torch.full_like(q.loc, value)
        assert (q.log_prob(value) == -math.inf).all() and (q.cdf(value) == cdf).all()
    assert q.log_prob(torch.full_like(q.loc, math.nan)).isnan().all()


@given(
    loc=st.floats(-1e30, 1e30), ulps=st.floats(0.2, 1e5), u=st.sampled_from([0.0, 1e-7, 0.3, 0.9999999, 1.0])
)
def test_quantiles_of_any_proposal_have_a_density(loc, ulps, u):
    loc, u = torch.tensor(loc), torch.tensor(u)
    scale = (loc.abs() * 2.0**-23 * ulps).clamp_min(1e-30)
    for kernel in KERNELS:
        q = KernelProposal(kernel, loc, scale)
        z = q.icdf(u)
        assert q.support.check(z) and q.log_prob(z).isfinite() and 0 <= q.cdf(z) <= 1


def test_samples_of_a_small_scale_have_a_density():
    q = KernelProposal("uniform", torch.full((64,), 0.9), torch.full((64,), 1e-4))
    z = q.rsample((10_000,))
    assert q.support.check(z).all() and q.log_prob(z).sum(1).isfinite().all()
    assert q.log_prob(z).unique().tolist() == pytest.approx([math.log(0.5e4)], rel=1e-6)


@contract
def test_all_edges_have_a_density(kernel):
    loc, scale = 2 * torch.rand(100_000) - 1, torch.rand(100_000)
    q = KernelProposal(kernel, loc, scale)
    for edge in (loc - scale, loc + scale):
        assert q.support.check(edge).all() and q.log_prob(edge).isfinite().all()


@contract
def test_gradients_at_the_edge_and_next_to_it(kernel):
    """At the edge that of scale alone; next to it those of float64."""
    loc, scale = torch.zeros(500), torch.rand(500) + 0.1

    def gradients(value, dtype):
        inputs = [x.to(dtype, copy=True).requires_grad_() for x in (value, loc, scale)]
        q = KernelProposal(kernel, *inputs[1:])
        return torch.autograd.grad(q.log_prob(inputs[0]).sum(), inputs)

    by_value, by_loc, by_scale = gradients(scale, torch.float32)
    assert (by_value == 0).all() and (by_loc == 0).all() and torch.allclose(by_scale, -1 / scale)
    near = scale * (1 - 2.0**-12)
    for found, exact in zip(gradients(near, torch.float32), gradients(near, torch.float64)):
        assert torch.allclose(found.double(), exact, rtol=1e-3)


def test_where_the_support_passes_the_range_of_the_dtype():
    loc, scale = (torch.full((1000,), x, dtype=torch.float16, requires_grad=True) for x in (6e4, 2e4))
    q = KernelProposal("uniform", loc, scale)
    z = q.rsample()
    assert q.support.upper_bound.isfinite().all() and z.isfinite().all() and q.support.check(z).all()
    assert (z == torch.finfo(torch.float16).max).any() and q.log_prob(z).isfinite().all()
    assert (q.icdf(torch.ones_like(loc)) == torch.finfo(torch.float16).max).all()
    by_loc, by_scale = torch.autograd.grad(z.double().sum(), [loc, scale])
    assert (by_loc == 1).all() and (by_scale.abs() <= 1).all() and by_scale.unique().numel() > 500


def test_a_kernel_that_rounds_coarsely_gives_samples_inside():
    class Coarse(CosineKernel):
        def sample(self, shape=(), dtype=None, device=None):
            return torch.full(shape, 1 + 1e-6, dtype=dtype, device=device)

    q = KernelProposal(Coarse(), torch.zeros(3), torch.ones(3))
    assert (q.sample() == 1).all()


@contract
def test_expanded_and_broadcast_values_have_the_same_density(kernel):
    q = KernelProposal(kernel, torch.tensor([0.9, -3.0]), torch.tensor([1e-4, 0.5]))
    wide = q.expand((5, 2))
    edges = torch.stack([q.support.lower_bound, q.support.upper_bound])
    assert torch.equal(wide.support.upper_bound, q.support.upper_bound.expand(5, 2))
    assert torch.equal(q.log_prob(edges[:, None]), torch.stack([q.log_prob(e) for e in edges])[:, None])
    assert torch.equal(wide.log_prob(edges[0]), q.log_prob(edges[0]).expand(5, 2))
    assert wide.log_prob(edges[:, None]).isfinite().all() and wide.log_prob(edges[:, None]).shape == (2, 5, 2)
    assert q.log_prob(edges[0].double()).isfinite().all()  # values wider than the proposal
