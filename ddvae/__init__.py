"""A companion to "Deterministic Decoding for Discrete Data in Variational Autoencoders".

Polykovskiy and Vetrov, AISTATS 2020. Importing the package needs torch and numpy alone.
"""

from .kernels import KERNELS, CosineKernel, Kernel, PowerKernel
from .proposals import PROPOSALS, KernelProposal, into_unit_cube, propose
from .relaxation import log_relaxed_indicator, relaxed_argmax_log_prob, relaxed_indicator
from .vae import (
    VAE,
    Batch,
    StandardNormal,
    Terms,
    UnitCube,
    argmax_elbo,
    elbo,
    relaxed_elbo,
)

__version__ = "0.1.0"

__all__ = [
    "KERNELS",
    "PROPOSALS",
    "VAE",
    "Batch",
    "CosineKernel",
    "Kernel",
    "KernelProposal",
    "PowerKernel",
    "StandardNormal",
    "Terms",
    "UnitCube",
    "argmax_elbo",
    "elbo",
    "into_unit_cube",
    "log_relaxed_indicator",
    "propose",
    "relaxed_argmax_log_prob",
    "relaxed_elbo",
    "relaxed_indicator",
]
