"""A companion to "Deterministic Decoding for Discrete Data in Variational Autoencoders".

Polykovskiy and Vetrov, AISTATS 2020. Using the package needs torch and numpy alone; they are imported with
the first name that is used, so that processes which only run RDKit start without them.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .experiments.molecule_runs import load_codec
    from .experiments.record import recorded
    from .mathematics.proposals import KernelProposal, propose
    from .mathematics.relaxation import relaxed_argmax_log_prob
    from .models.objectives import argmax_elbo, elbo, relaxed_elbo
    from .models.vae import VAE
    from .molecules.moses import evaluate as evaluate_molecules
    from .optimization.search import Search, optimize
    from .training.loop import fit
    from .training.settings import Settings

__version__ = "0.1.0"

__all__ = [
    "VAE",
    "KernelProposal",
    "Search",
    "Settings",
    "argmax_elbo",
    "elbo",
    "evaluate_molecules",
    "fit",
    "load_codec",
    "optimize",
    "propose",
    "recorded",
    "relaxed_argmax_log_prob",
    "relaxed_elbo",
]

_HOMES = {
    "experiments.molecule_runs": ("load_codec",),
    "experiments.record": ("recorded",),
    "mathematics.proposals": ("KernelProposal", "propose"),
    "mathematics.relaxation": ("relaxed_argmax_log_prob",),
    "models.objectives": ("argmax_elbo", "elbo", "relaxed_elbo"),
    "models.vae": ("VAE",),
    "molecules.moses": ("evaluate_molecules",),
    "optimization.search": ("Search", "optimize"),
    "training.loop": ("fit",),
    "training.settings": ("Settings",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}
_THERE = {"evaluate_molecules": "evaluate"}
"""What is called otherwise in its module."""


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f".{_HOME[name]}", __name__)
    value = globals()[name] = getattr(module, _THERE.get(name, name))
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
