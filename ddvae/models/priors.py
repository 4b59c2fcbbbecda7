"""Priors over codes, as modules that return a distribution."""

import torch
from torch import nn
from torch.distributions import Distribution, Independent, Normal, Uniform

__all__ = ["StandardNormal", "UnitCube"]


class StandardNormal(nn.Module):
    """The prior N(0, I) on R^D, as a module that returns a distribution."""

    def __init__(self, latent_size: int):
        super().__init__()
        self.register_buffer("zero", torch.zeros(latent_size), persistent=False)

    def forward(self) -> Distribution:
        return Independent(Normal(self.zero, self.zero + 1), 1)


class UnitCube(nn.Module):
    """The prior U[-1, 1]^D (Section 2.1), as a module that returns a distribution."""

    def __init__(self, latent_size: int):
        super().__init__()
        self.register_buffer("zero", torch.zeros(latent_size), persistent=False)

    def forward(self) -> Distribution:
        # Both ends belong to the support: a proposal may touch them.
        return Independent(Uniform(self.zero - 1, self.zero + 1, validate_args=False), 1)
