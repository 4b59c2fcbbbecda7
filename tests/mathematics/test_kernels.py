"""The contract of every kernel: named ones, and any of the power family."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special, stats
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ddvae.engine import native as fused
from ddvae.mathematics.incomplete_beta import digamma_rise, log_beta
from ddvae.mathematics.kernels import KERNELS, CosineKernel, PowerKernel, get_kernel

ODD = {
    "fractional": PowerKernel(1.5, 0.7),
    "flat": PowerKernel(8, 0.25),
    "narrow": PowerKernel(2, 40),
    "peaked": PowerKernel(0.5, 2),
}
ALL = [pytest.param(kernel, id=name) for name, kernel in (KERNELS | ODD).items()]
contract = pytest.mark.parametrize("kernel", ALL)
every_dtype = pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])


class NoFloat64(TorchDispatchMode):
    """Stands in for a device without float64: there such a tensor is an error."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if any(isinstance(x, torch.Tensor) and x.dtype == torch.float64 for x in tree_leaves(out)):
            raise TypeError("Cannot convert a tensor to float64: the device has none")
        return out


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
@every_dtype
def test_results_are_those_of_float64_rounded(kernel, dtype):
    """To two units of the last place, or of 1 where a result is a difference from it."""
    eps = torch.finfo(dtype).eps
    z, u = torch.linspace(-0.98, 0.98, 99).to(dtype), torch.linspace(0, 1, 101).to(dtype)
    cdf, icdf = kernel.cdf(z), kernel.icdf(u)
    assert cdf.dtype == icdf.dtype == dtype
    assert ((cdf.double() - kernel.cdf(z.double())).abs() <= 2 * eps * cdf.double().clamp_min(0.5)).all()
    assert ((icdf.double() - kernel.icdf(u.double())).abs() <= 2 * eps).all()
    k = getattr(kernel, "k", 1)
    error = (kernel.log_prob(z).double() - kernel.log_prob(z.double())).abs()
    assert (error <= 8 * eps * (1 + k) * (1 - (1 - z.double().abs()).log())).all()


@contract
@every_dtype
def test_quantiles_of_0_and_1_are_the_edges(kernel, dtype):
    assert kernel.icdf(torch.tensor([0, 0.5, 1], dtype=dtype)).tolist() == [-1, 0, 1]


@contract
@every_dtype
def test_samples_of_every_dtype_lie_inside(kernel, dtype):
    z = kernel.sample((20_000,), dtype=dtype)
    assert z.dtype == dtype and (z.abs() <= 1).all() and kernel.log_prob(z).isfinite().all()
    error = z.double().square().mean() - kernel.second_moment
    assert error.abs() < 5 * z.double().square().std() / len(z) ** 0.5 + torch.finfo(dtype).eps


@contract
@every_dtype
def test_no_gradient_is_nan(kernel, dtype):
    z = torch.tensor([-math.inf, -1e4, -1.01, -1, -0.5, 0, 1e-4, 1, 1.01, math.inf], dtype=dtype)
    z.requires_grad_()
    log_prob, cdf = kernel.log_prob(z), kernel.cdf(z)
    assert log_prob.isfinite().tolist() == [False] * 3 + [True] * 5 + [False] * 2
    for result in (log_prob, cdf):
        (gradient,) = torch.autograd.grad(result.sum(), z)
        assert gradient.isfinite().all() and (gradient[z.abs() > 1] == 0).all()


@contract
def test_where_there_is_no_float64(kernel):
    z, u = torch.linspace(-1.2, 1.2, 101), torch.linspace(0, 1, 101)
    with pytest.raises(TypeError, match="float64"), NoFloat64():
        z.double()
    with NoFloat64():
        cdf, icdf, log_prob = kernel.cdf(z), kernel.icdf(u), kernel.log_prob(z)
        sample = kernel.sample((100,), dtype=torch.float32)
        same = dataclasses.replace(kernel)
    assert same.entropy == kernel.entropy and sample.dtype == torch.float32
    assert torch.equal(log_prob, kernel.log_prob(z))
    assert (cdf - kernel.cdf(z.double())).abs().max() < 1e-5
    assert (kernel.cdf(icdf.double()) - u).abs().max() < 1e-5


@contract
@pytest.mark.parametrize("compiler", [True, False])
def test_defaults_of_the_user_change_no_sample(kernel, compiler, monkeypatch):
    """Float64 as the default once turned the fast samples' memory into other numbers."""
    if not compiler:
        monkeypatch.setattr(fused, "compiled", lambda: None)
    torch.manual_seed(0)
    expected = kernel.sample((50,), torch.float32, "cpu")
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    try:
        torch.manual_seed(0)
        found = kernel.sample((50,), torch.float32, "cpu")
        elsewhere = kernel.sample((50,))
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_default_device(None)
    assert torch.equal(found, expected)
    assert elsewhere.device.type == "meta" and elsewhere.dtype == torch.float64


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


@given(p=st.floats(0.05, 50), k=st.floats(0, 10_000), share=st.floats(0.01, 1))
def test_tails_against_scipy(p, k, share):
    """Relative to the probability itself, down to 1e-12; the quantile is as exact as z can be."""
    kernel = PowerKernel(p, k)
    probability = torch.tensor([1e-12, 1e-6, 1e-3, 0.03, 0.2, 0.4, 0.49], dtype=torch.float64) * share
    z = kernel.icdf(probability)
    tail = special.betainc(k + 1, 1 / p, -np.expm1(p * np.log(-z.numpy()))) / 2
    centre = 0.5 - special.betainc(1 / p, k + 1, (-z.numpy()) ** p) / 2
    expected = np.where(probability < 0.1, tail, centre)
    assert np.allclose(kernel.cdf(z).numpy(), expected, rtol=1e-9, atol=0)
    slope = kernel.log_prob(z).exp()
    rounding = 1e-15 * (slope + slope * z.abs()) / probability
    assert ((kernel.cdf(z) / probability - 1).abs() < 1e-11 + rounding).all()


@given(x=st.floats(1, 1000), step=st.floats(0.01, 50))
def test_plain_numbers_against_scipy(x, step):
    rise = special.digamma(x + step) - special.digamma(x)
    assert digamma_rise(x, step) == pytest.approx(rise, rel=1e-12, abs=1e-14)
    assert log_beta(x, step) == pytest.approx(special.betaln(x, step), rel=1e-11, abs=1e-12)


def test_entropies_in_closed_form():
    """To the last digits, without a tensor."""
    third = -math.pi / (2 * math.sqrt(3)) - 1.5 * math.log(3) + 627 / 140 - 11 / 6
    expected = {
        "uniform": math.log(2),
        "triangular": 0.5,
        "epanechnikov": 5 / 3 - math.log(3),
        "quartic": 47 / 15 - math.log(15),
        "triweight": 319 / 70 - math.log(70),
        "tricube": math.log(81 / 70) + 3 * third,
        "cosine": 1 - math.log(math.pi / 2),
    }
    for name, entropy in expected.items():
        assert KERNELS[name].entropy == pytest.approx(entropy, rel=0, abs=1.5e-15)


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
