"""The relaxed argmax against exact arithmetic."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mpmath import exp, log, mp, mpf

from ddvae import relaxed_argmax_log_prob
from ddvae.mathematics.relaxation import log_relaxed_indicator, relaxed_indicator

TEMPERATURES = [0.5, 0.1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6]


def exact_log_indicator(margin: float, temperature: float) -> float:
    """Eq. 12 with 60 digits beyond what cancels."""
    with mp.workdps(400):
        m, t = mpf(margin), mpf(temperature)
        return float(-log(1 + exp(-m / t) * (1 / t - 1)))


@pytest.mark.parametrize("temperature", TEMPERATURES)
@pytest.mark.parametrize("margin", [-1.0, -0.3, -1e-3, -1e-8, 0.0, 1e-7, 1e-4, 0.02, 0.7, 1.0])
def test_relative_error_in_float64(margin, temperature):
    value = log_relaxed_indicator(torch.tensor(margin, dtype=torch.float64), temperature).item()
    exact = exact_log_indicator(margin, temperature)
    if exact > -1e-300:  # below what a float64 holds
        assert -1e-300 <= value <= 0
    else:
        assert value == pytest.approx(exact, rel=1e-9, abs=0)


@pytest.mark.parametrize("temperature", TEMPERATURES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_and_gradients_are_finite(temperature, dtype):
    margin = torch.cat([torch.linspace(-1, 1, 401), torch.tensor([-80.0, 80.0])]).to(dtype).requires_grad_()
    value = log_relaxed_indicator(margin, temperature)
    (gradient,) = torch.autograd.grad(value.sum(), margin)
    assert value.isfinite().all() and gradient.isfinite().all() and (value <= 0).all()
    assert (gradient >= 0).all() and (value[:401].diff() >= 0).all()


@given(temperature=st.floats(1e-6, 0.5))
def test_at_a_tie_it_is_the_temperature(temperature):
    tie = relaxed_indicator(torch.zeros((), dtype=torch.float64), temperature)
    assert tie.item() == pytest.approx(temperature, rel=1e-12)


def test_converges_to_the_indicator():
    margin = torch.tensor([-0.2, -0.01, 0.01, 0.2], dtype=torch.float64)
    error = [(relaxed_indicator(margin, t) - (margin > 0).double()).abs().max() for t in TEMPERATURES]
    assert error[-1] < 1e-12 and error[0] > 0.1


@given(temperature=st.sampled_from(TEMPERATURES), seed=st.integers(0, 99))
def test_sum_over_wrong_tokens_and_positions(temperature, seed):
    """Against Eq. 13 written as two loops."""
    generator = torch.Generator().manual_seed(seed)
    scores = torch.rand(3, 4, 5, generator=generator, dtype=torch.float64)
    tokens = torch.randint(5, (3, 4), generator=generator)
    mask = torch.rand(3, 4, generator=generator) > 0.3
    value = relaxed_argmax_log_prob(scores, tokens, temperature, mask)
    for b in range(3):
        terms = [
            log_relaxed_indicator(scores[b, i, tokens[b, i]] - scores[b, i, s], temperature)
            for i in range(4)
            for s in range(5)
            if mask[b, i] and s != tokens[b, i]
        ]
        assert value[b].item() == pytest.approx(sum(terms, torch.tensor(0.0)).item(), rel=1e-9)


def test_never_larger_than_the_scores():
    """Eq. 13 compares pairs of tokens, yet nothing of size V^2 may be built."""
    sizes = []

    class Watch(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            result = function(*args, **(kwargs or {}))
            if isinstance(result, torch.Tensor):
                sizes.append(result.numel())
            return result

    scores, tokens = torch.rand(2, 3, 50), torch.randint(50, (2, 3))
    with Watch():
        relaxed_argmax_log_prob(scores, tokens, 0.1)
    assert max(sizes) == scores.numel()


@pytest.mark.parametrize("mask", [torch.ones(2, 2, dtype=torch.long), torch.ones(2, dtype=torch.bool)])
def test_wrong_mask(mask):
    with pytest.raises(ValueError, match=r"mask is torch.* of shape .*; expected torch.bool of \(2, 2\)"):
        relaxed_argmax_log_prob(torch.rand(2, 2, 3), torch.zeros(2, 2, dtype=torch.long), 0.1, mask)


def test_gradcheck():
    scores = torch.rand(2, 3, 4, dtype=torch.float64, requires_grad=True)
    tokens = torch.randint(4, (2, 3))
    assert torch.autograd.gradcheck(lambda s: relaxed_argmax_log_prob(s, tokens, 0.2), scores)


@pytest.mark.parametrize("temperature", [0.0, 1.0, -0.1, math.nan])
def test_wrong_temperature(temperature):
    with pytest.raises(ValueError, match=r"temperature is .*; expected a number in \(0, 1\)"):
        log_relaxed_indicator(torch.zeros(1), temperature)


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (torch.tensor([[0, 5]]), r"a token is 5; expected values in \[0, 5\)"),
        (torch.tensor([[-1, 0]]), r"a token is -1; expected values in \[0, 5\)"),
        (torch.tensor([[0.0, 1.0]]), r"tokens are torch.float32; expected integers"),
        (torch.tensor([[0, 1, 2]]), r"tokens have shape \(1, 3\) and scores \(1, 2, 5\); expected \(B, L\)"),
    ],
)
def test_wrong_tokens(tokens, message):
    with pytest.raises(ValueError, match=message):
        relaxed_argmax_log_prob(torch.rand(1, 2, 5), tokens, 0.1)
