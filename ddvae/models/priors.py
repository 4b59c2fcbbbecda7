"""Priors over codes, as modules that return a distribution.

A new one gets a name in `PRIORS`. Its divergence from a kernel is estimated from samples, unless
`mathematics.proposals` registers a closed form.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.distributions import Independent, Normal, Uniform

__all__ = ["PRIORS", "StandardNormal", "UnitCube", "get_prior"]


class StandardNormal(nn.Module):
    """The prior N(0, I) on R^D, as a module that returns a distribution."""

    zero: Tensor

    def __init__(self, latent_size: int):
        super().__init__()
        self.register_buffer("zero", torch.zeros(latent_size), persistent=False)

    def forward(self) -> Independent:
        return Independent(Normal(self.zero, self.zero + 1), 1)


class UnitCube(nn.Module):
    """The prior U[-1, 1]^D (Section 2.1), as a module that returns a distribution."""

    zero: Tensor

    def __init__(self, latent_size: int):
        super().__init__()
        self.register_buffer("zero", torch.zeros(latent_size), persistent=False)

    def forward(self) -> Independent:
        # Both ends belong to the support: a proposal may touch them.
        return Independent(Uniform(self.zero - 1, self.zero + 1, validate_args=False), 1)


PRIORS: dict[str, Callable[[int], nn.Module]] = {"standard-normal": StandardNormal, "unit-cube": UnitCube}
"""Priors by name, each made from D."""


def get_prior(name: str, latent_size: int) -> nn.Module:
    """The prior of that name over codes (D,).

    Raises:
        ValueError: no prior has that name.
    """
    if name not in PRIORS:
        raise ValueError(f"prior is {name!r}; expected one of {', '.join(PRIORS)}")
    return PRIORS[name](latent_size)
