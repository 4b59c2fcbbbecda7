"""Architectures by name: models built from plain values that can be stored with their weights."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

__all__ = ["build", "register"]

HOMES = ("vae",)
"""Modules of this wing whose import registers architectures."""
_BUILDERS: dict[str, Callable[..., Any]] = {}


def register(name: str) -> Callable[[Callable[..., nn.Module]], Callable[..., nn.Module]]:
    """Decorates a function of plain values that makes a model: `build` finds it by that name.

    Raises:
        ValueError: the name is taken.
    """

    def add(builder: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
        if name in _BUILDERS and _BUILDERS[name].__qualname__ != builder.__qualname__:
            raise ValueError(f"architecture {name!r} is registered already; expected a name of its own")
        _BUILDERS[name] = builder
        return builder

    return add


def build(architecture: Mapping[str, Any]) -> Any:
    """A new model, which carries what it was built from as its attribute `architecture`.

    Args:
        architecture: Under "name" that of a registered architecture, beside it the values of its arguments.

    Raises:
        ValueError: no architecture has that name, or its arguments are others.

    >>> sizes = {"latent_size": 2, "hidden_size": 8, "num_layers": 1, "embedding_size": 4}
    >>> model = build({"name": "sequence-vae", "symbols": "01", "length": 6, "proposal": "gaussian",
    ...                "prior": "standard-normal", **sizes})
    >>> model.architecture["symbols"]
    '01'
    """
    for home in HOMES:
        importlib.import_module(f".{home}", __package__)
    values = dict(architecture)
    name = values.pop("name", None)
    if name not in _BUILDERS:
        raise ValueError(f"architecture is {name!r}; expected one of {', '.join(_BUILDERS)}")
    try:
        model = _BUILDERS[name](**values)
    except TypeError as error:
        raise ValueError(f"architecture {name!r} has other arguments ({error})") from None
    model.architecture = dict(architecture)
    return model
