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

from ..engine import native

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
        wide = z.double()
        r = torch.where(wide < 0, -wide, wide).clamp_max(1)  # unlike abs, with slope 1 at 0
        tail = _one_minus_power(r, self.p)
        # Mass between 0 and |z| below the mean of |z|^p, beyond |z| above it: there the fraction
        # converges fast.
        near = 1 - tail < (a + 1) / (a + b + 2)
        shapes = torch.full_like(r, a), torch.full_like(r, b)
        fraction = _beta_fraction(
            torch.where(near, 1 - tail, tail), torch.where(near, *shapes), torch.where(near, *shapes[::-1])
        )
        mass = r * tail**b * fraction * math.exp(-math.log(2) - _log_beta(a, b))
        below = torch.where(near, 0.5 - mass, mass)
        return torch.where(z < 0, below, 1 - below).to(z.dtype)

    def icdf(self, u: Tensor) -> Tensor:
        wide = u.detach().double()
        mass = torch.minimum(wide, 1 - wide)
        low, high = -torch.ones_like(mass), torch.zeros_like(mass)
        with torch.no_grad():
            for _ in range(54):  # bisection to the last bit
                middle = (low + high) / 2
                above = self.cdf(middle) > mass
                low, high = torch.where(above, low, middle), torch.where(above, middle, high)
        z = torch.where(wide < 0.5, high, -high).to(u.dtype)
        # One Newton step carries the gradient 1 / K(z); its value is below rounding.
        slope = self.log_prob(z).exp().clamp_min(torch.finfo(u.dtype).tiny)
        z = z + (u - u.detach()) / slope
        return torch.where((u >= 0) & (u <= 1), z, math.nan)

    def sample(self, shape: tuple[int, ...] = (), dtype=None, device=None) -> Tensor:
        # Beta(a, m) is the product of U_i^(1/(a+i)) over i < m (Beta(a, b) Beta(a+b, c) =
        # Beta(a, b+c)), so with |z|^p ~ Beta(1/p, k+1) each factor of |z| is U_i^(1/(1+ip)); the
        # first one, a plain U, takes the sign along.
        whole = int(self.k)
        if self.k == whole and _fast(shape, dtype, device):
            return native.power_draws(tuple(shape), self.p, whole)
        z = torch.rand(shape, dtype=dtype, device=device).mul_(2).sub_(1)
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
        if _fast(shape, dtype, device):
            return native.power_draws(tuple(shape), 1, 0).asin_().mul_(2 / math.pi)
        return self.icdf(torch.rand(shape, dtype=dtype, device=device))


def _fast(shape, dtype, device) -> bool:
    """Whether draws of that type and place have a way of their own in `fused`."""
    on_cpu = device is None or torch.device(device).type == "cpu"
    return on_cpu and (dtype or torch.get_default_dtype()) == torch.float32 and math.prod(shape) < 2**32


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


def _beta_fraction(x: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """B_x(a, b) / (x^a (1 - x)^b) of the incomplete beta function, for x below (a + 1) / (a + b + 2).

    Source: the continued fraction of Abramowitz and Stegun 26.5.8, by the modified Lentz algorithm.
    """
    c = torch.ones_like(x)
    d = 1 / (1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, 20 + int(2 * b.max().clamp_min(1).sqrt()) if b.numel() else 1):
        for factor in (
            m * (b - m) / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / (1 + factor * x * d)
            c = 1 + factor * x / c
            value = value * c * d
    return value / a
