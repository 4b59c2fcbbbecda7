"""Bounded proposals as torch distributions, their divergences, the map into the unit cube."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate
from torch.distributions import Independent, Normal, TransformedDistribution, Uniform, kl_divergence
from torch.distributions.transforms import AffineTransform

from ddvae import KernelProposal, propose
from ddvae.mathematics.kernels import KERNELS, PowerKernel
from ddvae.mathematics.proposals import PROPOSALS, into_unit_cube
from ddvae.papers.dd_vae.printed import TABLE_1, TABLE_2, printed_kl

every_kernel = pytest.mark.parametrize("name", list(KERNELS))


def proposal(name, loc=0.3, scale=0.4):
    return KernelProposal(name, torch.tensor(loc).double(), torch.tensor(scale).double())


def cross_entropy(q, log_density):
    """-E_q[log p] by quadrature."""
    loc, scale = q.loc.item(), q.scale.item()

    def f(z):
        z = torch.tensor(z, dtype=torch.float64)
        return -(q.log_prob(z).exp() * log_density(z)).item()

    return sum(integrate.quad(f, a, b)[0] for a, b in ((loc - scale, loc), (loc, loc + scale)))


@every_kernel
@pytest.mark.parametrize(("mean", "deviation"), [(0.0, 1.0), (-2.0, 0.3), (1.5, 4.0)])
def test_kl_from_any_normal_by_quadrature(name, mean, deviation):
    q, p = proposal(name), Normal(torch.tensor(mean).double(), torch.tensor(deviation).double())
    assert kl_divergence(q, p).item() == pytest.approx(cross_entropy(q, p.log_prob) - q.entropy().item())


@every_kernel
@pytest.mark.parametrize(("low", "high"), [(-1.0, 1.0), (-0.11, 0.71), (-30.0, 5.0)])
def test_kl_from_any_uniform_by_quadrature(name, low, high):
    q, p = proposal(name), Uniform(torch.tensor(low).double(), torch.tensor(high).double())
    inside = cross_entropy(q, lambda z: -(p.high - p.low).log())
    assert kl_divergence(q, p).item() == pytest.approx(inside - q.entropy().item())


@every_kernel
def test_kl_is_infinite_where_the_support_does_not_fit(name):
    q = KernelProposal(name, torch.tensor([0.0, 0.7, -0.5]), torch.tensor([0.5, 0.5, 0.5]))
    kl = kl_divergence(q, Uniform(-1.0, 1.0))
    assert kl.isinf().tolist() == [False, True, False]


@given(mu=st.floats(-3, 3), sigma=st.floats(0.01, 3))
def test_kl_is_the_printed_one(mu, sigma):
    loc, scale = (torch.tensor(x, dtype=torch.float64) for x in (mu, sigma))
    for name, formula in TABLE_1.items():
        kl = kl_divergence(propose(name, loc, scale), Normal(torch.zeros(()).double(), 1.0))
        assert kl.item() == pytest.approx(printed_kl(formula, mu, sigma), abs=1e-9)
    for name, formula in TABLE_2.items():
        kl = kl_divergence(propose(name, 0 * loc, scale), Uniform(-3.0, 3.0))
        assert kl.item() - math.log(3) == pytest.approx(printed_kl(formula, mu, sigma), abs=1e-6)


@every_kernel
def test_kl_by_monte_carlo(name):
    """Bound of 5 standard errors: 4e-6 false alarms over 7 tests."""
    q, p = proposal(name), Normal(torch.tensor(0.1).double(), 0.8)
    z = q.sample((100_000,))
    ratio = q.log_prob(z) - p.log_prob(z)
    error = (ratio.mean() - kl_divergence(q, p)).abs()
    assert error < 5 * ratio.std() / len(ratio) ** 0.5 + 1e-12


@every_kernel
def test_moments_by_quadrature(name):
    q = proposal(name)
    assert cross_entropy(q, lambda z: -z) == pytest.approx(q.mean.item())
    variance = cross_entropy(q, lambda z: -((z - q.mean) ** 2))
    assert variance == pytest.approx(q.variance.item()) and q.stddev.item() == pytest.approx(variance**0.5)
    assert cross_entropy(q, q.log_prob) == pytest.approx(q.entropy().item())


@every_kernel
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_shapes_and_dtypes(name, dtype):
    q = KernelProposal(name, torch.zeros(3, 1, dtype=dtype), torch.ones(4, dtype=dtype))
    assert q.batch_shape == (3, 4) and q.event_shape == ()
    wide = q.expand((2, 3, 4))
    assert type(wide) is KernelProposal and wide.batch_shape == (2, 3, 4) and wide.kernel is q.kernel
    z = wide.rsample((5,))
    assert z.shape == (5, 2, 3, 4) and z.dtype == dtype
    for tensor in (wide.log_prob(z), wide.cdf(z), wide.icdf(torch.full_like(z, 0.3))):
        assert tensor.shape == z.shape and tensor.dtype == dtype
    for tensor in (wide.mean, wide.stddev, wide.variance, wide.entropy(), wide.mode):
        assert tensor.shape == (2, 3, 4) and tensor.dtype == dtype
    assert Independent(q, 1).log_prob(z).shape == (5, 2, 3)
    assert wide.support.check(z).all()


def test_numbers_as_arguments():
    assert KernelProposal("quartic", 0.0, 1.0).sample().shape == ()


@every_kernel
def test_gradients_of_samples_are_exact(name):
    """z = loc + scale * noise."""
    loc = torch.zeros(1000, dtype=torch.float64, requires_grad=True)
    scale = torch.full((1000,), 0.5, dtype=torch.float64, requires_grad=True)
    z = KernelProposal(name, loc, scale).rsample()
    by_loc, by_scale = torch.autograd.grad(z.sum(), [loc, scale])
    assert (by_loc == 1).all() and torch.allclose(by_scale, z.detach() / 0.5)


@every_kernel
def test_gradcheck(name):
    loc, scale, z = (
        torch.tensor(x, dtype=torch.float64, requires_grad=True)
        for x in ([0.1, -0.2], [0.5, 0.7], [0.3, 0.15])
    )
    q = lambda loc, scale: KernelProposal(name, loc, scale)  # noqa: E731
    assert torch.autograd.gradcheck(lambda m, s, z: q(m, s).log_prob(z), (loc, scale, z))
    assert torch.autograd.gradcheck(lambda m, s, z: q(m, s).cdf(z), (loc, scale, z))
    assert torch.autograd.gradcheck(lambda m, s: kl_divergence(q(m, s), Normal(0.2, 1.3)), (loc, scale))
    assert torch.autograd.gradcheck(lambda m, s: kl_divergence(q(m, s), Uniform(-2.0, 3.0)), (loc, scale))


@every_kernel
def test_log_prob_up_to_the_edge(name):
    loc = torch.tensor([0.0, 12.0, -3.0], requires_grad=True)
    scale = torch.tensor([1.0, 1e-3, 0.25], requires_grad=True)
    q = KernelProposal(name, loc, scale)
    for z in (loc.detach(), (loc - scale).detach(), (loc + scale).detach()):
        log_prob = q.log_prob(z)
        gradients = torch.autograd.grad(log_prob.sum(), [loc, scale])
        assert log_prob.isfinite().all() and all(g.isfinite().all() for g in gradients)
    assert (q.log_prob(loc.detach() + 2 * scale.detach()) == -math.inf).all()


@every_kernel
def test_samples_stay_inside_also_where_rounding_is_coarse(name):
    q = KernelProposal(name, torch.full((100_000,), 1000.0), torch.full((100_000,), 1e-3))
    z = q.sample()
    assert (z >= q.loc - q.scale).all() and (z <= q.loc + q.scale).all()


def test_any_kernel_object():
    q = KernelProposal(PowerKernel(2.5, 1.5), torch.zeros(2), torch.ones(2))
    assert q.rsample((3,)).shape == (3, 2) and "PowerKernel(p=2.5, k=1.5)" in repr(q)


def test_inside_a_transformed_distribution():
    q = TransformedDistribution(KernelProposal("tricube", 0.0, 1.0), AffineTransform(2.0, 3.0))
    same = KernelProposal("tricube", 2.0, 3.0)
    z = same.sample((10,))
    assert torch.allclose(q.log_prob(z), same.log_prob(z), atol=1e-5)


def test_in_pyro():
    """A guide with bounded support, fitted by Pyro's own inference."""
    pyro = pytest.importorskip("pyro")
    from pyro.distributions.torch_distribution import TorchDistributionMixin

    class PyroProposal(KernelProposal, TorchDistributionMixin):
        pass

    data = torch.tensor(0.8)

    def model():
        z = pyro.sample("z", pyro.distributions.Normal(0.0, 1.0))
        pyro.sample("x", pyro.distributions.Normal(z, 0.5), obs=data)

    def guide():
        loc = pyro.param("loc", torch.tensor(0.0))
        scale = pyro.param("scale", torch.tensor(1.0), constraint=torch.distributions.constraints.positive)
        pyro.sample("z", PyroProposal("epanechnikov", loc, scale))

    pyro.clear_param_store()
    pyro.set_rng_seed(0)
    svi = pyro.infer.SVI(
        model, guide, pyro.optim.Adam({"lr": 0.02}), pyro.infer.Trace_ELBO(50, vectorize_particles=True)
    )
    for _ in range(400):
        svi.step()
    # The exact posterior is N(0.64, 0.2); the best bounded proposal has its mean and its deviation.
    assert pyro.param("loc").item() == pytest.approx(0.64, abs=0.05)
    width = pyro.param("scale").item() * math.sqrt(KERNELS["epanechnikov"].second_moment)
    assert width == pytest.approx(math.sqrt(0.2), abs=0.06)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@every_kernel
def test_on_a_gpu(name):
    q = KernelProposal(name, torch.zeros(3, device="cuda"), torch.ones(3, device="cuda"))
    z = q.rsample((5,))
    assert z.device.type == "cuda" and q.log_prob(z).isfinite().all() and q.cdf(z).device.type == "cuda"


def test_propose():
    assert PROPOSALS == ("gaussian", *KERNELS)
    assert isinstance(propose("gaussian", torch.zeros(2), torch.ones(2)), Normal)
    assert propose("cosine", torch.zeros(2), torch.ones(2)).kernel is KERNELS["cosine"]
    with pytest.raises(ValueError, match="proposal is 'cauchy'; expected one of gaussian, uniform"):
        propose("cauchy", torch.zeros(2), torch.ones(2))


@pytest.mark.parametrize("scale", [0.0, -1.0, math.nan])
def test_wrong_scale(scale):
    with pytest.raises(ValueError, match="parameter scale"):
        KernelProposal("uniform", torch.tensor(0.0), torch.tensor(scale))


@pytest.mark.parametrize("squash", ["tanh", "sigmoid"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_unit_cube_holds_everything(squash, dtype):
    loc = torch.linspace(-40, 40, 321, dtype=dtype)[:, None].expand(-1, 200).clone().requires_grad_()
    scale = torch.logspace(-12, 2, 200, dtype=dtype).expand(321, -1).clone().requires_grad_()
    unit_loc, unit_scale = into_unit_cube(loc, scale, squash)
    assert unit_loc.dtype == unit_scale.dtype == dtype
    assert (unit_scale > 0).all()
    assert (unit_loc + unit_scale <= 1).all() and (unit_loc - unit_scale >= -1).all()
    gradients = torch.autograd.grad(unit_loc.sum() + unit_scale.log().sum(), [loc, scale])
    assert all(g.isfinite().all() for g in gradients)
    assert kl_divergence(KernelProposal("uniform", unit_loc, unit_scale), Uniform(-1, 1)).isfinite().all()


@pytest.mark.parametrize("squash", ["tanh", "sigmoid"])
def test_unit_cube_where_denormal_numbers_count_as_zero(squash):
    """As they do in training: no scale may fall among them."""
    torch.set_flush_denormal(True)
    try:
        loc, log_scale = 100 * torch.randn(200_000), -60 * torch.rand(200_000)
        unit_loc, unit_scale = into_unit_cube(loc, log_scale.exp(), squash)
        assert (unit_scale > 0).all()
        KernelProposal("uniform", unit_loc, unit_scale, validate_args=True)
    finally:
        torch.set_flush_denormal(False)


def test_unit_cube_is_the_formula():
    loc, scale = torch.randn(500).double(), torch.rand(500).double() + 1e-3
    for squash, s in (("tanh", 1.0), ("sigmoid", 0.5)):
        high, low = torch.tanh(s * (loc + scale)), torch.tanh(s * (loc - scale))
        unit_loc, unit_scale = into_unit_cube(loc, scale, squash)
        assert torch.allclose(unit_loc, (high + low) / 2, atol=1e-14)
        assert torch.allclose(unit_scale, (high - low) / 2, rtol=1e-10, atol=0)


def test_unit_cube_gradient_is_useful_where_tanh_saturates():
    loc = torch.tensor(12.0, requires_grad=True)
    scale = torch.tensor(1e-3, requires_grad=True)
    _, unit_scale = into_unit_cube(loc, scale)
    by_loc, by_scale = torch.autograd.grad(unit_scale.log(), [loc, scale])
    # d log scale' / d loc = -2 tanh(2 loc), d log scale' / d scale = 1 / scale, far from the middle.
    assert unit_scale > 0 and by_loc.item() == pytest.approx(-2, rel=1e-3)
    assert by_scale.item() == pytest.approx(1e3, rel=1e-2)


@pytest.mark.parametrize("scale", [0.0, -1.0, math.inf, math.nan])
def test_unit_cube_wrong_scale(scale):
    with pytest.raises(ValueError, match=r"a scale is .*; expected positive numbers"):
        into_unit_cube(torch.zeros(2), torch.tensor([1.0, scale]))


def test_unit_cube_wrong_squash():
    with pytest.raises(ValueError, match="squash is 'erf'; expected 'tanh' or 'sigmoid'"):
        into_unit_cube(torch.zeros(1), torch.ones(1), "erf")
