r"""Proposals q(z | x): bounded kernels with a location and a scale, as torch distributions.

One closed form serves all rows of Table 1, one all rows of Table 2, since a divergence needs only
the kernel's second moment :math:`m_2` and entropy :math:`H`.
"""

import math

import torch
from torch import Tensor
from torch.distributions import Distribution, Normal, Uniform, constraints, register_kl
from torch.distributions.utils import broadcast_all
from torch.types import _size

from .kernels import KERNELS, Kernel, get_kernel, known

__all__ = ["PROPOSALS", "KernelProposal", "exp_scale", "into_unit_cube", "propose"]

PROPOSALS = ("gaussian", *KERNELS)
"""Names that `propose` takes."""


class KernelProposal(Distribution):
    r"""A kernel moved to `loc` and stretched to `scale`, supported on [loc - scale, loc + scale].

    .. math:: q(z) = \frac{1}{\sigma} K\left(\frac{z - \mu}{\sigma}\right)

    Args:
        kernel: A name in `KERNELS`, or any `Kernel`.
        loc: Centre of the support, any shape.
        scale: Half-width of the support (not the standard deviation), positive, broadcast with loc.
        validate_args: Whether loc and scale are checked, as in every torch distribution. Values are
            not held against the support: inside, however loc and scale round, `log_prob` is finite,
            outside it is -inf. Samples and quantiles lie inside.

    Raises:
        ValueError: unknown kernel, or loc or scale out of range.

    Source: Eq. 7.

    >>> q = KernelProposal("tricube", loc=torch.tensor([0.0, 0.5]), scale=torch.tensor(0.5))
    >>> q.log_prob(torch.tensor([0.0, 1.1]))
    tensor([0.5472,   -inf])
    >>> torch.distributions.kl_divergence(q, Uniform(-1.0, 1.0))
    tensor([0.9691, 0.9691])
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    has_rsample = True

    def __init__(
        self,
        kernel: str | Kernel,
        loc: Tensor | float,
        scale: Tensor | float,
        validate_args: bool | None = None,
    ):
        self.kernel = get_kernel(kernel)
        self.loc, self.scale = broadcast_all(loc, scale)
        super().__init__(self.loc.shape, validate_args=validate_args)

    def __repr__(self) -> str:
        return f"KernelProposal({self.kernel}, batch_shape={tuple(self.batch_shape)})"

    def expand(self, batch_shape: _size, _instance: "KernelProposal | None" = None) -> "KernelProposal":
        new = self._get_checked_instance(KernelProposal, _instance)
        new.kernel = self.kernel
        new.loc, new.scale = self.loc.expand(batch_shape), self.scale.expand(batch_shape)
        Distribution.__init__(new, new.loc.shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> constraints.Constraint:
        return constraints.interval(*self._edges())

    def _edges(self) -> tuple[Tensor, Tensor]:
        """Ends of the support as the dtype rounds them, finite; they alone decide what is inside."""
        low, high = self.loc - self.scale, self.loc + self.scale
        return low.nan_to_num(nan=math.nan), high.nan_to_num(nan=math.nan)

    def _inside(self, value: Tensor) -> Tensor:
        """value, or the end of the support that it has passed."""
        low, high = self._edges()
        return value.clamp(low.detach(), high.detach())

    def _standardize(self, value: Tensor) -> Tensor:
        """Where the kernel has value: in [-1, 1] what is inside, however it rounds, and beyond the rest."""
        z = (value - self.loc) / self.scale
        passed = (value - self._inside(value)).detach().sign()
        # Inside, z is at most 2: where loc + scale is rounded up from the middle of two numbers.
        over = (z - z.clamp(-1, 1)).detach().clamp(-1, 1)
        return z + (passed - over)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def stddev(self) -> Tensor:
        return self.scale * math.sqrt(self.kernel.second_moment)

    @property
    def variance(self) -> Tensor:
        return self.scale**2 * self.kernel.second_moment

    def rsample(self, sample_shape: _size = torch.Size()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        noise = self.kernel.sample(shape, dtype=self.loc.dtype, device=self.loc.device)
        loc, scale = self.loc.detach(), self.scale.detach()
        z = self._inside(loc + scale * noise)
        # The gradient of loc + scale * noise, also where that passes the range of the dtype.
        return z + (self.loc - loc) + (self.scale - scale) * noise

    def log_prob(self, value: Tensor) -> Tensor:
        return self.kernel.log_prob(self._standardize(value)) - self.scale.log()

    def cdf(self, value: Tensor) -> Tensor:
        return self.kernel.cdf(self._standardize(value))

    def icdf(self, value: Tensor) -> Tensor:
        return self._inside(self.loc + self.scale * self.kernel.icdf(value))

    def entropy(self) -> Tensor:
        return self.kernel.entropy + self.scale.log()


@register_kl(KernelProposal, Normal)
def _kl_kernel_normal(q: KernelProposal, p: Normal) -> Tensor:
    """Table 1, for any Normal: the cross entropy is a second moment."""
    mean_square = (q.loc - p.loc) ** 2 + q.variance
    cross_entropy = mean_square / (2 * p.scale**2) + p.scale.log() + math.log(2 * math.pi) / 2
    return cross_entropy - q.entropy()


@register_kl(KernelProposal, Uniform)
def _kl_kernel_uniform(q: KernelProposal, p: Uniform) -> Tensor:
    """Table 2, for any Uniform; inf where the support of q leaves that of p."""
    low, high = q._edges()
    return torch.where((low >= p.low) & (high <= p.high), (p.high - p.low).log() - q.entropy(), math.inf)


def propose(name: str, loc: Tensor, scale: Tensor) -> Normal | KernelProposal:
    """The proposal of that name: "gaussian" gives a `Normal`, a kernel's name a `KernelProposal`.

    Args:
        name: One of `PROPOSALS`.
        loc: Locations, any shape.
        scale: Scales, positive: standard deviation of the Gaussian, half-width of a kernel.

    Raises:
        ValueError: no proposal has that name.

    >>> propose("gaussian", torch.zeros(2), torch.ones(2))
    Normal(loc: torch.Size([2]), scale: torch.Size([2]))
    """
    if name == "gaussian":
        return Normal(loc, scale)
    if name not in KERNELS:
        raise ValueError(f"proposal is {name!r}; expected one of {', '.join(PROPOSALS)}")
    return KernelProposal(name, loc, scale)


def exp_scale(log_scale: Tensor) -> Tensor:
    """exp, kept clear of 0 and infinity by a factor e, with a gradient that leads back from there.

    Training counts the smallest floating-point numbers as 0, and no proposal has a scale of 0.

    >>> exp_scale(torch.tensor([0.0, -1000.0, 1000.0])) > 0
    tensor([True, True, True])
    """
    limit = -math.log(torch.finfo(log_scale.dtype).tiny) - 1
    return _pull(log_scale, log_scale.clamp(-limit, limit)).exp()


def into_unit_cube(loc: Tensor, scale: Tensor, squash: str = "tanh") -> tuple[Tensor, Tensor]:
    r"""Moves the support [loc - scale, loc + scale] into [-1, 1] by squashing its two ends.

    .. math:: \mu' = \tfrac12 [\tanh(\mu + \sigma) + \tanh(\mu - \sigma)], \quad
              \sigma' = \tfrac12 [\tanh(\mu + \sigma) - \tanh(\mu - \sigma)]

    with :math:`\sigma'` computed as :math:`\sinh 2\sigma / (\cosh 2\mu + \cosh 2\sigma)`, which keeps
    its digits and its gradient where tanh saturates. The result lies in [-1, 1] in floating point too.

    Args:
        loc: Locations, any shape, unbounded.
        scale: Half-widths, positive, same shape.
        squash: "tanh", or "sigmoid" for 2 sigmoid - 1 as in the released code, that is tanh of
            half the argument.

    Returns:
        loc' in (-1, 1) and scale' > 0, of the same shape and dtype.

    Raises:
        ValueError: squash has another value, or a scale is not positive.

    Source: Eq. 9-10.

    >>> into_unit_cube(torch.tensor(12.0), torch.tensor(1e-3))
    (tensor(1.0000), tensor(1.5101e-13))
    """
    if squash not in ("tanh", "sigmoid"):
        raise ValueError(f"squash is {squash!r}; expected 'tanh' or 'sigmoid'")
    # On an accelerator the look at the values would wait for the device at every step.
    if scale.device.type == "cpu" and known(((scale > 0) & (scale < math.inf)).all()) is False:
        wrong = scale[~((scale > 0) & (scale < math.inf))][0].item()
        raise ValueError(f"a scale is {wrong}; expected positive numbers")
    if squash == "sigmoid":
        loc, scale = loc / 2, scale / 2
    eps = torch.finfo(loc.dtype).eps
    unit_loc = (torch.tanh(loc + scale) + torch.tanh(loc - scale)) / 2
    unit_loc = _pull(unit_loc, unit_loc.clamp(-1 + eps / 2, 1 - eps / 2))

    log_scale = _log_2sinh(2 * scale) - torch.logaddexp(_log_2cosh(2 * loc), _log_2cosh(2 * scale))
    unit_scale = exp_scale(log_scale)
    return unit_loc, _pull(unit_scale, torch.minimum(unit_scale, 1 - unit_loc.abs()))


def _pull(x: Tensor, target: Tensor) -> Tensor:
    """The value of target with the gradient of x."""
    return x + (target - x).detach()


def _log_2cosh(x: Tensor) -> Tensor:
    return x.abs() + torch.log1p(torch.exp(-2 * x.abs()))


def _log_2sinh(x: Tensor) -> Tensor:
    """log(2 sinh x) for x >= 0."""
    return x + torch.log(-torch.expm1(-2 * x))
