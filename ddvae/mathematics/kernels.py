r"""Bounded kernels on [-1, 1]: density, exact sampler, second moment and entropy.

Six of the paper's seven kernels are one family, :math:`K(z) \propto (1 - |z|^p)^k`; the cosine
kernel is the other. Everything a Kullback-Leibler divergence needs of a kernel is its second
moment and its entropy (`ddvae.proposals`).
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..engine import native
from .incomplete_beta import IncompleteBeta, digamma_rise, log_beta

__all__ = ["KERNELS", "CosineKernel", "Kernel", "PowerKernel", "get_kernel", "known"]

Device = str | torch.device | None


class Kernel(ABC):
    """A symmetric density on [-1, 1], the standard shape of a bounded proposal.

    `second_moment` and `entropy` (nats) are plain numbers; all methods work elementwise on
    tensors of any shape, floating dtype and device, in `torch.vmap` and in `torch.compile`.
    """

    second_moment: float
    entropy: float

    @abstractmethod
    def log_prob(self, z: Tensor) -> Tensor:
        """Log-density at z; -inf outside [-1, 1], finite with finite gradients up to the edge.

        A gradient that is too large for the dtype, as it may be next to the edge in float16, is inf.
        """

    @abstractmethod
    def cdf(self, z: Tensor) -> Tensor:
        """Probability of a sample below z."""

    @abstractmethod
    def icdf(self, u: Tensor) -> Tensor:
        """The z whose cdf is u, for u in [0, 1]."""

    @abstractmethod
    def sample(
        self, shape: tuple[int, ...] = (), dtype: torch.dtype | None = None, device: Device = None
    ) -> Tensor:
        """Independent exact samples, without rejection, from torch's generator of the device."""


@dataclass(frozen=True)
class PowerKernel(Kernel):
    r"""The power family.

    .. math:: K(z) = \frac{p}{2 B(1/p, k+1)} (1 - |z|^p)^k, \qquad |z|^p \sim Beta(1/p, k+1)

    Args:
        p: Exponent of `|z|`, positive. Ignored by the density if k is 0.
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
    _log_normalizer: float = field(init=False, repr=False, compare=False)
    _centre: IncompleteBeta = field(init=False, repr=False, compare=False)
    _tail: IncompleteBeta = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 0 < self.p < math.inf:
            raise ValueError(f"p is {self.p!r}; expected a positive number")
        if not 0 <= self.k < math.inf:
            raise ValueError(f"k is {self.k!r}; expected a number not below 0")

        # All that needs more than arithmetic is done here, once: torch.compile sees plain numbers.
        a, b = 1 / self.p, self.k + 1
        log_normalizer = math.log(self.p / 2) - log_beta(a, b)
        self.__dict__.update(  # which a frozen class allows
            second_moment=math.exp(log_beta(3 * a, b) - log_beta(a, b)),
            entropy=self.k * digamma_rise(b, a) - log_normalizer,
            _log_normalizer=log_normalizer,
            _centre=IncompleteBeta(a, b),
            _tail=IncompleteBeta(b, a),
        )

    def log_prob(self, z: Tensor) -> Tensor:
        r = z.abs()
        # At the very edge the bump is 0: the smallest normal number keeps its logarithm finite, and
        # the gradient there 0.
        bump = -torch.expm1(_log_power(r, self.p).clamp_max(-torch.finfo(r.dtype).tiny))
        return torch.where(r > 1, -math.inf, self._log_normalizer + self.k * bump.log())

    def cdf(self, z: Tensor) -> Tensor:
        wide = _widen(z)
        r = torch.where(wide < 0, -wide, wide).clamp_max(1)  # unlike abs, with slope 1 at 0
        tail = -torch.expm1(_log_power(r, self.p))  # 1 - r^p, exact also next to 1
        # Mass between 0 and |z| below the mean of |z|^p, beyond |z| above it: there the fraction
        # converges fast.
        near = 1 - tail < self._centre.limit
        fraction = torch.where(near, self._centre.fraction(1 - tail), self._tail.fraction(tail))
        mass = r * tail ** (self.k + 1) * fraction * (math.exp(self._log_normalizer) / self.p)
        below = torch.where(near, 0.5 - mass, mass)
        return torch.where(z < 0, below, 1 - below).to(z.dtype)

    def icdf(self, u: Tensor) -> Tensor:
        wide = _widen(u.detach())
        beyond = 2 * torch.minimum(wide, 1 - wide)  # the probability of a larger |z|
        centre = self._centre.log_quantile(1 - beyond)
        tail = torch.log1p(-self._tail.log_quantile(beyond).exp())
        r = (torch.where(beyond < self._tail.share, tail, centre) / self.p).exp()
        z = torch.where(wide < 0.5, -r, r).to(u.dtype)
        # One Newton step carries the gradient 1 / K(z); its value is 0.
        slope = self.log_prob(z).exp().clamp_min(torch.finfo(u.dtype).tiny)
        z = z + (u - u.detach()) / slope
        return torch.where((u >= 0) & (u <= 1), z, math.nan)

    def sample(
        self, shape: tuple[int, ...] = (), dtype: torch.dtype | None = None, device: Device = None
    ) -> Tensor:
        dtype = dtype or torch.get_default_dtype()
        wide = torch.promote_types(dtype, torch.float32)
        if self.k != int(self.k):
            return self.icdf(torch.rand(shape, dtype=wide, device=device)).to(dtype)
        fast = _fast(shape, self.p, int(self.k), wide, device)
        if fast is not None:
            return fast.to(dtype)
        # Beta(a, m) is the product of U_i^(1/(a+i)) over i < m (Beta(a, b) Beta(a+b, c) =
        # Beta(a, b+c)), so with |z|^p ~ Beta(1/p, k+1) each factor of |z| is U_i^(1/(1+ip)); the
        # first one, a plain U, takes the sign along.
        z = torch.rand(shape, dtype=wide, device=device).mul_(2).sub_(1)
        for i in range(1, int(self.k) + 1):
            z *= torch.rand(shape, dtype=wide, device=device).pow_(1 / (1 + i * self.p))
        return z.to(dtype)


@dataclass(frozen=True)
class CosineKernel(Kernel):
    r"""The cosine kernel, :math:`K(z) = \frac{\pi}{4} \cos \frac{\pi z}{2}`.

    Source: Table 1.
    """

    second_moment = 1 - 8 / math.pi**2
    entropy = 1 - math.log(math.pi / 2)

    def log_prob(self, z: Tensor) -> Tensor:
        r = z.abs()
        # cos(pi z / 2) as a sine of the distance to the edge, which keeps its digits there; at the
        # very edge as in the power family.
        bump = torch.sin(math.pi / 2 * (1 - r).clamp_min(torch.finfo(r.dtype).tiny))
        return torch.where(r > 1, -math.inf, math.log(math.pi / 4) + bump.log())

    def cdf(self, z: Tensor) -> Tensor:
        wide = z.to(torch.promote_types(z.dtype, torch.float32))
        return (torch.sin(math.pi / 4 * (1 + wide.clamp(-1, 1))) ** 2).to(z.dtype)

    def icdf(self, u: Tensor) -> Tensor:
        wide = u.to(torch.promote_types(u.dtype, torch.float32))
        return (2 / math.pi * torch.asin(2 * wide - 1)).to(u.dtype)

    def sample(
        self, shape: tuple[int, ...] = (), dtype: torch.dtype | None = None, device: Device = None
    ) -> Tensor:
        dtype = dtype or torch.get_default_dtype()
        wide = torch.promote_types(dtype, torch.float32)
        fast = _fast(shape, 1, 0, wide, device)
        if fast is not None:
            return fast.asin_().mul_(2 / math.pi).to(dtype)
        return self.icdf(torch.rand(shape, dtype=wide, device=device)).to(dtype)


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


def known(x: Tensor) -> float | int | bool | None:
    """The number in a tensor of one; None where it has none yet (`torch.compile`) or many (`torch.vmap`)."""
    if torch.compiler.is_compiling():
        return None
    try:
        return x.item()
    except RuntimeError:
        return None


def _fast(shape: tuple[int, ...], p: float, k: int, dtype: torch.dtype, device: Device) -> Tensor | None:
    """Samples by `native.power_samples`; None where it cannot make them."""
    on_cpu = torch.device(device or torch.get_default_device()).type == "cpu"
    if not on_cpu or dtype != torch.float32 or math.prod(shape) >= 2**32:
        return None
    seed = known(torch.randint(2**62, (), device="cpu"))
    return None if seed is None else native.power_samples(tuple(shape), p, k, int(seed))


def _widen(x: Tensor) -> Tensor:
    """x in float64; in float32 on a device that has no float64, as Apple's GPUs."""
    return x.to(torch.float64 if _has_float64(x.device.type) else torch.float32)


def _has_float64(device: str) -> bool:
    """By trying: no list of such devices is complete, and each refuses with an error of its own."""
    if torch.compiler.is_compiling():  # where nothing can be tried
        return device != "mps"
    try:
        torch.ones((), device=device).double()
    except (TypeError, RuntimeError):
        return False
    return True


def _log_power(r: Tensor, p: float) -> Tensor:
    """Logarithm of r^p, for r from 0 on, with a finite gradient at 0."""
    return p * (r + torch.finfo(r.dtype).tiny).log()
