"""The contract of every kernel: named ones, and any of the power family."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from ddvae.mathematics.kernels import KERNELS, CosineKernel, PowerKernel, get_kernel

ODD = {
    "fractional": PowerKernel(1.5, 0.7),
    "flat": PowerKernel(8, 0.25),
    "narrow": PowerKernel(2, 40),
    "peaked": PowerKernel(0.5, 2),
}
ALL = [pytest.param(kernel, id=name) for name, kernel in (KERNELS | ODD).items()]
contract = pytest.mark.parametrize("kernel", ALL)


def density(kernel):
    return lambda z: kernel.log_prob(torch.tensor(float(z), dtype=torch.float64)).exp().item()


def integral(f, **options):
    """Over [-1, 1], by halves, for a kink may sit at 0."""
    halves = [integrate.quad(f, a, b, limit=400, **options)[0] for a, b in ((-1, 0), (0, 1))]
    return sum(halves)


def test_the_paper_has_these_seven():
    names = "uniform triangular epanechnikov quartic triweight tricube cosine"
    assert list(KERNELS) == names.split()


@contract
def test_density_integrates_to_one(kernel):
    assert integral(density(kernel)) == pytest.approx(1, abs=1e-7)


@contract
def test_second_moment_and_entropy_by_quadrature(kernel):
    f = density(kernel)
    assert integral(lambda z: z * z * f(z)) == pytest.approx(kernel.second_moment, abs=1e-8)
    assert integral(lambda z: -f(z) * math.log(max(f(z), 1e-300))) == pytest.approx(kernel.entropy, abs=1e-6)


@contract
def test_cdf_by_quadrature(kernel):
    f = density(kernel)
    for z in (-0.93, -0.4, -1e-3, 0.2, 0.75, 0.999):
        expected = integrate.quad(f, -1, z, points=[0] if z > 0 else None, limit=400)[0]
        assert kernel.cdf(torch.tensor(z, dtype=torch.float64)).item() == pytest.approx(expected, abs=1e-8)


@contract
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_cdf_ends_and_symmetry(kernel, dtype):
    z = torch.linspace(-1.5, 1.5, 601, dtype=dtype)
    cdf = kernel.cdf(z)
    assert cdf.dtype == dtype
    assert (cdf[z <= -1] == 0).all() and (cdf[z >= 1] == 1).all()
    # A kernel with an infinite slope at 0 turns a rounding of z into a larger one of the cdf.
    assert (cdf.diff() >= -4 * torch.finfo(dtype).eps).all()
    assert torch.allclose(cdf + cdf.flip(0), torch.ones_like(z), atol=64 * torch.finfo(dtype).eps)


@contract
def test_icdf_inverts_cdf(kernel):
    u = torch.linspace(0, 1, 401, dtype=torch.float64)
    assert torch.allclose(kernel.cdf(kernel.icdf(u)), u, atol=1e-12)
    assert kernel.icdf(u[[0, 200, 400]]).tolist() == pytest.approx([-1, 0, 1], abs=1e-7)


@contract
def test_density_is_zero_outside_and_finite_at_the_edge(kernel):
    for dtype in (torch.float32, torch.float64):
        outside = torch.tensor([-1.5, -1.0001, 1.0001, math.inf], dtype=dtype)
        assert (kernel.log_prob(outside) == -math.inf).all()
        edge = torch.tensor([-1.0, 1.0, 0.0, 1 - torch.finfo(dtype).eps], dtype=dtype, requires_grad=True)
        log_prob = kernel.log_prob(edge)
        (gradient,) = torch.autograd.grad(log_prob.sum(), edge)
        assert log_prob.isfinite().all() and gradient.isfinite().all()


@contract
def test_nan_stays_nan(kernel):
    nan = torch.tensor(math.nan)
    assert kernel.log_prob(nan).isnan() and kernel.cdf(nan).isnan() and kernel.icdf(nan).isnan()


@contract
def test_gradients(kernel):
    z = torch.tensor([-0.8, -0.3, 0.25, 0.9], dtype=torch.float64, requires_grad=True)
    u = torch.tensor([0.1, 0.4, 0.55, 0.97], dtype=torch.float64, requires_grad=True)
    for function, x in ((kernel.log_prob, z), (kernel.cdf, z), (kernel.icdf, u)):
        assert torch.autograd.gradcheck(function, x, eps=1e-7, atol=1e-5)


@contract
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_sampler_has_the_law(kernel, dtype):
    """Kolmogorov-Smirnov at 1e-5 a test: 22 tests, 2e-4 false alarms for a new seed; this one is fixed."""
    z = kernel.sample((100_000,), dtype=dtype)
    assert z.dtype == dtype and (z.abs() <= 1).all()
    result = stats.kstest(z.double().numpy(), lambda x: kernel.cdf(torch.from_numpy(x)).numpy())
    assert result.pvalue > 1e-5


@settings(max_examples=20)
@given(p=st.floats(0.3, 12), k=st.floats(0, 30))
def test_any_p_and_k_is_a_kernel(p, k):
    kernel = PowerKernel(p, k)
    z = torch.linspace(-1, 1, 41, dtype=torch.float64)
    assert kernel.log_prob(z).isfinite().all()
    assert kernel.cdf(z).diff().min() >= -1e-12
    u = torch.linspace(0.01, 0.99, 15, dtype=torch.float64)
    assert torch.allclose(kernel.cdf(kernel.icdf(u)), u, atol=1e-9)
    assert 0 < kernel.second_moment < 1
    assert kernel.entropy <= math.log(2) + 1e-12  # the uniform density has the most


@given(p=st.floats(0.5, 6), k=st.floats(0, 12))
def test_power_kernel_against_scipy_beta(p, k):
    """|z|^p ~ Beta(1/p, k + 1)."""
    kernel, beta = PowerKernel(p, k), stats.beta(1 / p, k + 1)
    r = np.linspace(0.02, 0.98, 25)
    cdf = kernel.cdf(torch.from_numpy(r)).numpy()
    assert np.allclose(2 * cdf - 1, beta.cdf(r**p), atol=1e-10)


def test_cosine_limits():
    assert CosineKernel() == KERNELS["cosine"] and hash(CosineKernel()) == hash(KERNELS["cosine"])


@pytest.mark.parametrize(
    ("p", "k"), [(0, 1), (-1, 1), (math.inf, 1), (math.nan, 1), (2, -0.1), (2, math.nan)]
)
def test_wrong_exponents(p, k):
    with pytest.raises(ValueError, match=r"^(p|k) is .*; expected"):
        PowerKernel(p, k)


def test_wrong_name():
    with pytest.raises(ValueError, match="kernel is 'gauss'; expected a Kernel or one of uniform, "):
        get_kernel("gauss")
