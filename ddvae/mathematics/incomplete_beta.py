"""The incomplete beta function and its inverse for tensors, from numbers that plain Python computes."""

import math
from collections.abc import Iterator
from itertools import count, islice
from typing import overload

import torch
from torch import Tensor

__all__ = ["IncompleteBeta", "digamma_rise", "log_beta", "log_gamma_rise"]


class IncompleteBeta:
    r"""The incomplete beta function :math:`B_x(a, b)` for x up to `limit`, near the mean of Beta(a, b).

    `share` is the probability below `limit`.

    Source: the continued fraction of Abramowitz and Stegun 26.5.8, cut where it has converged.
    """

    def __init__(self, a: float, b: float):
        self.a, self.b, self.log_beta = a, b, log_beta(a, b)
        self.limit = (a + 1) / (a + b + 2)
        self.factors: tuple[float, ...] = ()
        factors, before, value = _fraction_factors(a, b), 0.0, self.fraction(self.limit)
        while abs(value - before) > 2 * math.ulp(value):
            self.factors += tuple(islice(factors, 2 + len(self.factors) // 32))
            before, value = value, self.fraction(self.limit)
        log_share = a * math.log(self.limit) + b * math.log1p(-self.limit) - self.log_beta
        self.share = math.exp(log_share) * value

    @overload
    def fraction(self, x: Tensor) -> Tensor: ...
    @overload
    def fraction(self, x: float) -> float: ...
    def fraction(self, x: Tensor | float) -> Tensor | float:
        """B_x(a, b) / (x^a (1 - x)^b); beyond the limit as at the limit."""
        x = x.clamp_max(self.limit) if isinstance(x, Tensor) else x
        value: Tensor | float = 1.0
        for factor in reversed(self.factors):
            value = 1 + factor * x / value
        return 1 / (self.a * value)

    def log_quantile(self, probability: Tensor) -> Tensor:
        """Logarithm of the x below which a probability lies; beyond `share` as at the limit."""
        top = math.log(self.limit)
        target = probability.clamp_min(torch.finfo(probability.dtype).tiny).log() + self.log_beta
        log_x = ((target + math.log(self.a)) / self.a).clamp_max(top)
        # The log-probability is monotone, convex or concave, and all but linear in log x: Newton's
        # steps never turn back, and seven reach the last digit for p from 1/20 up and k up to 10,000.
        for _ in range(7):
            x = log_x.exp()
            fraction = self.fraction(x)
            excess = self.a * log_x + self.b * torch.log1p(-x) + fraction.log() - target
            log_x = (log_x - excess * (1 - x) * fraction).clamp_max(top)
        return torch.where(probability == 0, -math.inf, log_x)


def _fraction_factors(a: float, b: float) -> Iterator[float]:
    """d_1, d_2, ... of the fraction 1 / (1 + d_1 x / (1 + d_2 x / (1 + ...)))."""
    for m in count():
        yield -(a + m) * (a + b + m) / ((a + 2 * m) * (a + 2 * m + 1))
        yield (m + 1) * (b - m - 1) / ((a + 2 * m + 1) * (a + 2 * m + 2))


def log_beta(a: float, b: float) -> float:
    """Logarithm of B(a, b), for positive a and b."""
    small, large = sorted((a, b))
    return math.lgamma(small) - log_gamma_rise(large, small)


def log_gamma_rise(x: float, step: float) -> float:
    """log Gamma(x + step) - log Gamma(x), without their cancellation.

    Source: Abramowitz and Stegun 6.1.15 up to 20, beyond it the series 6.1.41.
    """
    rise = 0.0
    while x < 20:
        rise -= math.log1p(step / x)
        x += 1
    series = ((1, 1 / 12), (3, -1 / 360), (5, 1 / 1260), (7, -1 / 1680), (9, 1 / 1188))
    rise += (x - 1 / 2) * math.log1p(step / x) + step * (math.log(x + step) - 1)
    return rise - _drop(series, x, step)


def digamma_rise(x: float, step: float) -> float:
    """digamma(x + step) - digamma(x), without their cancellation.

    Source: Abramowitz and Stegun 6.3.5 up to 20, beyond it the series 6.3.18.
    """
    rise = 0.0
    while x < 20:
        rise += step / (x * (x + step))
        x += 1
    series = ((1, 1 / 2), (2, 1 / 12), (4, -1 / 120), (6, 1 / 252), (8, -1 / 240), (10, 1 / 132))
    return rise + math.log1p(step / x) + _drop(series, x, step)


def _drop(series: tuple[tuple[int, float], ...], x: float, step: float) -> float:
    """By how much the sum of c / x^n falls from x to x + step."""
    return sum(-c * math.expm1(-n * math.log1p(step / x)) / x**n for n, c in series)
