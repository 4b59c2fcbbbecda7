"""How fast training is, against the released way in the same process."""

import time
from collections.abc import Iterator
from typing import Any

import torch

from ....data.batches import Batch
from ....engine.precision import autocast
from ....experiments.preset import Recipe
from ....experiments.smiles import Smiles
from ....molecules.datasets import Molecules
from ....training.annealed_objectives import AnnealedRelaxedELBO
from ....training.schedules import schedule_of
from ....training.state import TrainingState
from ..presets import PRESETS
from .rates import rates
from .recurrence import precisions
from .released import Released, released_batches

__all__ = [
    "MODELS",
    "first_weights",
    "our_batches",
    "our_state",
    "precision_gap",
    "published",
    "released_progress",
    "training_step",
]

MODELS = {"MOSES 2x512": "moses-ddvae-triweight", "ZINC 1x1024": "zinc-ddvae-tricube"}
"""The published shapes, each by a preset."""


def published(label: str) -> Smiles:
    """The preset of one of `MODELS`."""
    preset = PRESETS[MODELS[label]]
    assert isinstance(preset, Smiles)
    return preset


def our_state(preset: Smiles, precision: str, seed: int = 0, **changes: Any) -> TrainingState:
    """Model, optimiser and settings as `fit` has them, with the published run's choices."""
    torch.manual_seed(seed)
    recipe = preset.recipe.changed(precision=precision, **changes)
    objective = recipe.to_maximise()
    return TrainingState(preset.model().train(), recipe.settings, objective, 1, autocast("cpu", precision))


def first_weights(recipe: Recipe) -> tuple[float, float, float]:
    """Temperature and beta at the beginning, and where gradients are clamped: what `Released.step` takes.

    Raises:
        ValueError: the recipe has no temperature, or does not clamp gradients.
    """
    objective, clip = recipe.objective, recipe.settings.clip_value
    if not isinstance(objective, AnnealedRelaxedELBO):
        raise ValueError(f"objective is {objective}; expected one with a temperature")
    if clip is None:
        raise ValueError("clip_value is None; expected where gradients are clamped")
    return schedule_of(objective.temperature)(0.0), schedule_of(objective.beta)(0.0), clip


def our_batches(molecules: Molecules, batch: int, seed: int = 0) -> Iterator[Batch]:
    """Batches as `fit` takes them, without end."""
    epoch = 0
    while True:
        yield from molecules.batches(epoch, batch, seed)
        epoch += 1


def training_step(preset: Smiles, precision: str, rounds: int = 3, batch: int = 512) -> dict[str, float]:
    """Molecules a second of one whole step: forward, backward, clipping, Adam."""
    molecules, weights = preset.molecules("test"), first_weights(preset.recipe)
    state, released = our_state(preset, precision), Released(preset.model())
    theirs, batches = released_batches(molecules, batch), our_batches(molecules, batch)

    def released_step() -> int:
        strings = next(theirs)
        released.step(strings, *weights)
        return len(strings)

    def our_steps() -> int:
        done = 0
        for _ in range(6):  # of six lengths, as the baseline's batch holds many
            one = next(batches)
            state.advance(one, 0.0)
            done += len(one.tokens)
        return done

    return rates(released_step, our_steps, rounds)


def precision_gap(label: str, steps: int = 2_000, batch: int = 32, every: int = 100) -> list[dict]:
    """Loss of one training with each of `precisions`, from the same start on the same data, `every` steps."""
    means = {name: _losses(label, name, steps, batch, every) for name in precisions()}
    columns = zip(*means.values())
    return [
        {"model": label, "step": (i + 1) * every} | dict(zip(means, losses))
        for i, losses in enumerate(columns)
    ]


def _losses(label: str, precision: str, steps: int, batch: int, every: int) -> list[float]:
    """Negative objective of a training, averaged over `every` steps."""
    preset = published(label)
    state = our_state(preset, precision, clip_value=None, clip_norm=1.0)
    batches, values = our_batches(preset.molecules("test"), batch), []
    for step in range(steps):
        state.advance(next(batches), 0.0)
        if (step + 1) % every == 0:
            values.append(-state.means()["value"])
            state.end_epoch(step)
    return values


def released_progress(label: str, minutes: float, batch: int = 512) -> list[dict[str, Any]]:
    """Sequence-wise accuracy of training the released way, by minutes."""
    preset = published(label)
    torch.manual_seed(0)
    released, batches = Released(preset.model()), released_batches(preset.molecules("train"), batch)
    weights, started = first_weights(preset.recipe), time.monotonic()
    rows: list[dict[str, Any]] = []
    while not rows or rows[-1]["minutes"] < minutes:
        exact = released.step(next(batches), *weights)
        passed = (time.monotonic() - started) / 60
        rows.append({"model": label, "minutes": passed, "molecules": (len(rows) + 1) * batch, "exact": exact})
    return rows
