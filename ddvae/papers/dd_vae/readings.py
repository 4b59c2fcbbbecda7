"""The choices in which the paper's text and its released code differ; the code printed the numbers."""

from dataclasses import fields, replace
from typing import Any, TypeVar

from ...experiments.preset import Preset, Recipe
from ...training.annealed_objectives import AnnealedELBO, AnnealedRelaxedELBO
from ...training.schedules import Schedule

__all__ = ["READINGS", "objective", "under"]

READINGS = {
    "paper": {"scores": "prob", "reduction": "sum", "squash": "tanh"},
    "released": {"scores": "log_prob", "reduction": "mean", "squash": "sigmoid"},
}
"""By name: what the relaxed argmax compares, over positions, the map into the unit cube."""

AnyPreset = TypeVar("AnyPreset", bound=Preset)


def objective(reading: str, beta: Schedule | float, temperature: Schedule | None) -> AnnealedELBO:
    """The objective of a reading: the relaxed one where there is a temperature.

    Args:
        reading: One of `READINGS`.
        beta: Weight of the divergence.
        temperature: tau; None for the ordinary evidence lower bound.
    """
    choices = READINGS[reading]
    if temperature is None:
        return AnnealedELBO(beta, choices["reduction"])
    return AnnealedRelaxedELBO(beta, choices["reduction"], temperature=temperature, scores=choices["scores"])


def under(preset: AnyPreset, reading: str) -> AnyPreset:
    """The same run with the choices of the paper's text or of its released code.

    Raises:
        ValueError: reading is neither "paper" nor "released".
    """
    if reading not in READINGS:
        raise ValueError(f"reading is {reading!r}; expected one of {', '.join(READINGS)}")
    recipes = {f.name: getattr(preset, f.name) for f in fields(preset)}
    read = {name: _read(one, reading) for name, one in recipes.items() if isinstance(one, Recipe)}
    changes: dict[str, Any] = {"squash": preset.squash and READINGS[reading]["squash"], **read}
    return replace(preset, **changes)


def _read(recipe: Recipe, reading: str) -> Recipe:
    choices = READINGS[reading]
    relaxed = isinstance(recipe.objective, AnnealedRelaxedELBO)
    scores = {"scores": choices["scores"]} if relaxed else {}
    return recipe.changed(reduction=choices["reduction"], **scores)
