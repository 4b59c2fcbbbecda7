"""All presets by name."""

from ..experiments.preset import Preset
from .dd_vae.presets import PRESETS

__all__ = ["PRESETS", "find_preset"]


def find_preset(name: str) -> Preset:
    """The preset of that name.

    Raises:
        ValueError: there is none.
    """
    if name not in PRESETS:
        raise ValueError(f"preset is {name!r}; expected one of {', '.join(PRESETS)}")
    return PRESETS[name]
