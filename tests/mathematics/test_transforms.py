"""Proposals under torch.vmap, torch.func and torch.compile, as torch's own distributions."""

import pytest
import torch
from kernel_cases import contract, every_dtype, needs_compiler
from torch.distributions import Normal, Uniform, kl_divergence

from ddvae import KernelProposal
from ddvae.mathematics.kernels import KERNELS
from ddvae.mathematics.proposals import into_unit_cube


def methods(kernel):
    """All that a proposal computes, as functions of (loc, scale, value), value in [0, 1]."""
    q = lambda loc, scale: KernelProposal(kernel, loc, scale)  # noqa: E731
    return {
        "log_prob": lambda m, s, x: q(m, s).log_prob(x),
        "cdf": lambda m, s, x: q(m, s).cdf(x),
        "icdf": lambda m, s, x: q(m, s).icdf(x),
        "entropy": lambda m, s, x: q(m, s).entropy(),
        "to a Normal": lambda m, s, x: kl_divergence(q(m, s), Normal(0.2, 1.3)),
        "to a Uniform": lambda m, s, x: kl_divergence(q(m, s), Uniform(-9.0, 9.0)),
        "support": lambda m, s, x: q(m, s).support.check(x),
        "unit cube": lambda m, s, x: into_unit_cube(m, s)[1],
    }


def arguments():
    return torch.randn(6, 5), torch.rand(6, 5) + 0.1, torch.rand(6, 5)


@contract
def test_in_vmap(kernel):
    inputs = arguments()
    for name, method in methods(kernel).items():
        expected = method(*inputs)
        assert torch.allclose(torch.vmap(method)(*inputs), expected, equal_nan=True), name
        assert torch.allclose(torch.vmap(torch.vmap(method))(*inputs), expected, equal_nan=True), name
        by_value = torch.vmap(method, in_dims=(None, None, 0))(inputs[0][0], inputs[1][0], inputs[2])
        assert torch.allclose(by_value, method(inputs[0][:1], inputs[1][:1], inputs[2])), name
        if expected.is_floating_point():
            ones = tuple(map(torch.ones_like, inputs))
            _, forward = torch.func.jvp(method, inputs, ones)
            backward = torch.func.vjp(method, *inputs)[1](ones[0])
            inside = expected.isfinite()
            assert torch.allclose(forward[inside], sum(backward)[inside], rtol=1e-4, atol=1e-5), name


@contract
@every_dtype
def test_samples_in_vmap(kernel, dtype):
    loc, scale = torch.zeros(3, 4000, dtype=dtype), torch.ones(3, 4000, dtype=dtype)
    rsample = lambda loc, scale: KernelProposal(kernel, loc, scale).rsample((2,))  # noqa: E731
    z = torch.vmap(rsample, randomness="different")(loc, scale)
    assert z.shape == (3, 2, 4000) and z.dtype == dtype and not torch.equal(z[0], z[1])
    assert z.double().square().mean().item() == pytest.approx(kernel.second_moment, abs=0.02)
    same = torch.vmap(rsample, randomness="same")(loc, scale)
    assert torch.equal(same[0], same[1]) and not torch.equal(same[0, 0], same[0, 1])
    with pytest.raises(RuntimeError, match="random"):
        torch.vmap(rsample)(loc, scale)


@contract
def test_gradients_of_samples_in_function_transforms(kernel):
    def total(loc, scale):
        return KernelProposal(kernel, loc, scale).rsample((3,)).sum()

    loc, scale = torch.zeros(4), torch.full((4,), 0.5)
    by_loc, by_scale = torch.vmap(torch.func.grad(total, (0, 1)), randomness="different")(loc, scale)
    assert (by_loc == 3).all() and (by_scale.abs() < 3).all() and by_scale.unique().numel() == 4
    torch.manual_seed(0)
    value, slope = torch.func.jvp(total, (loc, scale), (torch.zeros(4), torch.ones(4)))
    assert torch.allclose(slope, value / 0.5)


@pytest.fixture
def fresh_compiler(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))  # others write into the usual one
    torch.compiler.reset()
    for p in (Normal(0.0, 1.0), Uniform(0.0, 1.0)):
        kl_divergence(KernelProposal("uniform", 0.2, 0.1), p)  # torch's search for a divergence isn't traced
    yield
    torch.compiler.reset()


@contract
def test_compiled_in_one_graph(kernel, fresh_compiler):
    inputs, functions = arguments(), methods(kernel)
    if kernel not in (KERNELS["uniform"], KERNELS["cosine"]):
        del functions["icdf"]  # a thousand operations: seconds
    together = lambda *inputs: [f(*inputs) for f in functions.values()]  # noqa: E731
    found = torch.compile(together, fullgraph=True, backend="eager")(*inputs)
    for name, x, y in zip(functions, found, together(*inputs)):
        assert torch.allclose(x, y, equal_nan=True), name


@pytest.mark.parametrize("kernel", [pytest.param(kernel, id=name) for name, kernel in KERNELS.items()])
def test_samples_compiled_in_one_graph(kernel, fresh_compiler):
    rsample = lambda loc, scale: KernelProposal(kernel, loc, scale).rsample((1000,))  # noqa: E731
    loc, scale = torch.zeros(20, requires_grad=True), torch.full((20,), 0.5, requires_grad=True)
    z = torch.compile(rsample, fullgraph=True, backend="aot_eager")(loc, scale)
    by_loc, by_scale = torch.autograd.grad(z.sum(), [loc, scale])
    assert (z.abs() <= 0.5).all() and z.unique().numel() > 1000
    assert 4 * z.square().mean().item() == pytest.approx(kernel.second_moment, abs=0.02)
    assert (by_loc == 1000).all() and torch.allclose(by_scale, z.sum(0) / 0.5, rtol=1e-3, atol=1e-3)


def test_one_compiled_function_of_several_kernels(fresh_compiler):
    """Whose exponents the compiler then takes for variables."""
    function = lambda kernel, x: KernelProposal(kernel, 0 * x, 1 + 0 * x).cdf(x)  # noqa: E731
    compiled = torch.compile(function, fullgraph=True, backend="eager")
    for name in ("uniform", "triangular", "quartic", "cosine"):
        x = torch.rand(10)
        assert torch.allclose(compiled(KERNELS[name], x), function(KERNELS[name], x))


@needs_compiler
@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")
def test_a_compiled_training_step(fresh_compiler):
    """By the default backend, with the gradients of the plain one."""

    def loss(loc, scale, value):
        q = KernelProposal("tricube", loc, scale)
        return (kl_divergence(q, Normal(0.0, 1.0)) - q.log_prob(value)).sum(), q.rsample()

    loc, scale, value = torch.zeros(6, 5), torch.rand(6, 5) + 1, torch.rand(6, 5)
    inputs = [x.requires_grad_() for x in (loc, scale, value)]
    compiled, sample = torch.compile(loss, fullgraph=True)(*inputs)
    plain, _ = loss(*inputs)
    assert torch.allclose(compiled, plain) and sample.unique().numel() == 30
    for x, y in zip(*(torch.autograd.grad(f, inputs) for f in (compiled, plain))):
        assert torch.allclose(x, y, rtol=1e-4, atol=1e-5)
