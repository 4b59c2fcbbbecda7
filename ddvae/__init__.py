"""A companion to "Deterministic Decoding for Discrete Data in Variational Autoencoders".

Polykovskiy and Vetrov, AISTATS 2020. Using the package needs torch and numpy alone; they are imported with
the first name that is used, so that processes which only run RDKit start without them.
"""

import importlib

__version__ = "0.1.0"

_HOMES = {
    "mathematics.kernels": ("KERNELS", "CosineKernel", "Kernel", "PowerKernel"),
    "mathematics.proposals": ("PROPOSALS", "KernelProposal", "into_unit_cube", "propose"),
    "mathematics.relaxation": ("log_relaxed_indicator", "relaxed_argmax_log_prob", "relaxed_indicator"),
    "models.vae": ("VAE",),
    "models.objectives": ("Terms", "argmax_elbo", "elbo", "relaxed_elbo"),
    "models.priors": ("StandardNormal", "UnitCube"),
    "data.batches": ("Batch",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME)


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
