r"""Bounded kernels on [-1, 1]: density, exact sampler, second moment and entropy.

Six of the paper's seven kernels are one family, :math:`K(z) \propto (1 - |z|^p)^k`; the cosine
kernel is the other. Everything a Kullback-Leibler divergence needs of a kernel is its second
moment and its entropy (`ddvae.proposals`).
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

__all__ = ["KERNELS", "CosineKernel", "Kernel", "PowerKernel", "get_kernel"]


class Kernel(ABC):
    """A symmetric density on [-1, 1], the standard shape of a bounded proposal.

    `second_moment` and `entropy` (nats) are plain numbers; all methods work elementwise on
    tensors of any shape, floating dtype and device.
    """

    second_moment: float
    entropy: float

    @abstractmethod
    def log_prob(self, z: Tensor) -> Tensor:
        """Log-density at z; -inf outside [-1, 1], finite with finite gradients up to the edge."""

    @abstractmethod
    def cdf(self, z: Tensor) -> Tensor:
        """Probability of a draw below z."""

    @abstractmethod
    def icdf(self, u: Tensor) -> Tensor:
        """The z whose cdf is u, for u in [0, 1]."""

    @abstractmethod
    def sample(self, shape: tuple[int, ...] = (), dtype=None, device=None) -> Tensor:
        """Independent exact draws, without rejection, from torch's generator of the device."""


@dataclass(frozen=True)
class PowerKernel(Kernel):
    r"""The power family.

    .. math:: K(z) = \frac{p}{2 B(1/p, k+1)} (1 - |z|^p)^k, \qquad |z|^p \sim Beta(1/p, k+1)

    Args:
        p: Exponent of |z|, positive. Ignored by the density if k is 0.
        k: Exponent of the bump, not negative.

    Raises:
        ValueError: p or k is out of range.

    Source: Table 1 for (p, k) = (1, 0) uniform, (1, 1) triangular, (2, 1) Epanechnikov,
    (2, 2) quartic, (2, 3) triweight, (3, 3) tricube.

    >>> round(PowerKernel(p=2, k=1).second_moment, 12)
    0.2
    """

    p: float
    k: float

    def __post_init__(self):
        if not 0 < self.p < math.inf:
            raise ValueError(f"p is {self.p!r}; expected a positive number")
        if not 0 <= self.k < math.inf:
            raise ValueError(f"k is {self.k!r}; expected a number not below 0")

    @cached_property
    def second_moment(self) -> float:
        return math.exp(_log_beta(3 / self.p, self.k + 1) - _log_beta(1 / self.p, self.k + 1))

    @cached_property
    def entropy(self) -> float:
        digamma = torch.tensor([self.k + 1, self.k + 1 + 1 / self.p], dtype=torch.float64).digamma()
        return -self._log_normalizer - self.k * float(digamma[0] - digamma[1])

    @cached_property
    def _log_normalizer(self) -> float:
        return math.log(self.p / 2) - _log_beta(1 / self.p, self.k + 1)

    def log_prob(self, z: Tensor) -> Tensor:
        outside = z.abs() > 1
        bump = _one_minus_power(torch.where(outside, 0.0, z.abs()), self.p)
        # At the very edge the bump is 0: the smallest normal number keeps its logarithm finite.
        log_prob = self._log_normalizer + self.k * bump.clamp_min(torch.finfo(z.dtype).tiny).log()
        return torch.where(outside, -math.inf, log_prob)

    def cdf(self, z: Tensor) -> Tensor:
        a, b = 1 / self.p, self.k + 1
        r = torch.where(z < 0, -z, z).clamp_max(1)  # unlike abs, with slope 1 at 0
        tail = _one_minus_power(r, self.p)
        # The two series converge fast on their own half: below the median of |z|^p and above it.
        near = r * _beta_series(torch.where(tail > 0.5, 1 - tail, 0.0), a, b)
        far_x = torch.where(tail > 0.5, 0.0, tail)
        far = far_x**b * _beta_series(far_x, b, a)
        log_2beta = math.log(2) + _log_beta(a, b)
        below_zero = torch.where(tail > 0.5, 0.5 - near * math.exp(-log_2beta), far * math.exp(-log_2beta))
        return torch.where(z < 0, below_zero, 1 - below_zero)

    def icdf(self, u: Tensor) -> Tensor:
        mass = torch.minimum(u, 1 - u).detach()
        low, high = -torch.ones_like(mass), torch.zeros_like(mass)
        for _ in range(60):  # bisection to the last bit of float64
            middle = (low + high) / 2
            above = self.cdf(middle) > mass
            low, high = torch.where(above, low, middle), torch.where(above, middle, high)
        z = torch.where(u < 0.5, high, -high)
        # One Newton step carries the gradient 1 / K(z); its value is below rounding.
        slope = self.log_prob(z).exp().clamp_min(torch.finfo(u.dtype).tiny)
        z = z + (u - u.detach()) / slope
        return torch.where((u >= 0) & (u <= 1), z, math.nan)

    def sample(self, shape: tuple[int, ...] = (), dtype=None, device=None) -> Tensor:
        # Beta(a, m) is the product of U_i^(1/(a+i)) over i < m (Beta(a, b) Beta(a+b, c) =
        # Beta(a, b+c)), so with |z|^p ~ Beta(1/p, k+1) each factor of |z| is U_i^(1/(1+ip)); the
        # first one, a plain U, takes the sign along.
        z = torch.rand(shape, dtype=dtype, device=device).mul_(2).sub_(1)
        whole = int(self.k)
        for i in range(1, whole + 1):
            z *= torch.rand(shape, dtype=dtype, device=device).pow_(1 / (1 + i * self.p))
        if self.k > whole:
            a = torch.full(shape, 1 / self.p + whole + 1, dtype=z.dtype, device=device)
            b = torch.full_like(a, self.k - whole)
            z *= torch.distributions.Beta(a, b).sample().pow_(1 / self.p)
        return z


@dataclass(frozen=True)
class CosineKernel(Kernel):
    r"""The cosine kernel, :math:`K(z) = \frac{\pi}{4} \cos \frac{\pi z}{2}`.

    Source: Table 1.
    """

    second_moment = 1 - 8 / math.pi**2
    entropy = 1 - math.log(math.pi / 2)

    def log_prob(self, z: Tensor) -> Tensor:
        outside = z.abs() > 1
        # cos(pi z / 2) as a sine of the distance to the edge, which keeps its digits there.
        bump = torch.sin(math.pi / 2 * (1 - torch.where(outside, 0.0, z.abs())))
        log_prob = math.log(math.pi / 4) + bump.clamp_min(torch.finfo(z.dtype).tiny).log()
        return torch.where(outside, -math.inf, log_prob)

    def cdf(self, z: Tensor) -> Tensor:
        return torch.sin(math.pi / 4 * (1 + z.clamp(-1, 1))) ** 2

    def icdf(self, u: Tensor) -> Tensor:
        return 2 / math.pi * torch.asin(2 * u - 1)

    def sample(self, shape: tuple[int, ...] = (), dtype=None, device=None) -> Tensor:
        return self.icdf(torch.rand(shape, dtype=dtype, device=device))


KERNELS: dict[str, Kernel] = {
    "uniform": PowerKernel(1, 0),
    "triangular": PowerKernel(1, 1),
    "epanechnikov": PowerKernel(2, 1),
    "quartic": PowerKernel(2, 2),
    "triweight": PowerKernel(2, 3),
    "tricube": PowerKernel(3, 3),
    "cosine": CosineKernel(),
}
"""The paper's seven kernels by name (Figure 3, Table 1)."""


def get_kernel(kernel: str | Kernel) -> Kernel:
    """The kernel of that name, or the kernel itself.

    Raises:
        ValueError: no kernel has that name.
    """
    if isinstance(kernel, Kernel):
        return kernel
    if kernel not in KERNELS:
        raise ValueError(f"kernel is {kernel!r}; expected a Kernel or one of {', '.join(KERNELS)}")
    return KERNELS[kernel]


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _one_minus_power(r: Tensor, p: float) -> Tensor:
    """1 - r^p on [0, 1], exact also next to 1, with a finite gradient at 0."""
    return -torch.expm1(p * r.clamp_min(torch.finfo(r.dtype).tiny).log())


def _beta_series(x: Tensor, a: float, b: float) -> Tensor:
    """x^-a times the incomplete beta function B_x(a, b), for x in [0, 1/2]."""
    coefficients, term = [], 1.0
    for n in range(60):  # the terms shrink at least like 2^-n
        coefficients.append(term / (a + n))
        term *= (n + 1 - b) / (n + 1)
        if term == 0:
            break
    total = torch.zeros_like(x)
    for c in reversed(coefficients):
        total = total * x + c
    return total
