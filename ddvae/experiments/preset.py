"""What a preset is: a training run that can be repeated by name, at several budgets."""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np
from torch import nn

from ..models.architecture import build
from ..training.annealed_objectives import FineTuned, Objective
from ..training.loop import TrainingData
from ..training.players import Player
from ..training.schedules import Schedule, stretch
from ..training.settings import Settings, plain

__all__ = ["BUDGETS", "Preset", "Recipe"]

Model = TypeVar("Model", bound=nn.Module)
BUDGETS = ("recorded", "smoke", "laptop", "hours", "full")
"""Draw from data/runs; seconds; minutes on two cores; hours on two cores; the paper's own budget."""


@dataclass(frozen=True)
class Recipe:
    """How a model is trained.

    Args:
        settings: All but the objective.
        objective: With its schedules; or several players by name, as `fit` takes them.
    """

    settings: Settings
    objective: Objective | Mapping[str, Player]

    def changed(self, **fields: Any) -> Self:
        """The same with other values of some fields, of the settings or of the objective."""
        own = {field.name for field in dataclasses.fields(Settings)} & fields.keys()
        settings = replace(self.settings, **{name: fields[name] for name in own})
        rest = {name: value for name, value in fields.items() if name not in own}
        return replace(self, settings=settings, objective=_replaced(self.objective, rest))

    def over(self, epochs: int) -> Self:
        """The same schedules over another number of epochs."""
        factor = epochs / self.settings.epochs
        fine = self.settings.fine_tuning
        if fine is not None:
            fine = replace(fine, epochs=max(1, round(fine.epochs * factor)))
        settings = replace(_stretched(self.settings, factor), epochs=epochs, fine_tuning=fine)
        return replace(self, settings=settings, objective=_stretched(self.objective, factor))

    def to_maximise(self) -> Objective | Mapping[str, Player]:
        """The objective that `fit` takes, with the settings' fine-tuning.

        Raises:
            ValueError: several players are to be fine-tuned.
        """
        if self.settings.fine_tuning is None:
            return self.objective
        if isinstance(self.objective, Mapping):
            raise ValueError(
                f"fine_tuning is {self.settings.fine_tuning}; expected None with several players"
            )
        reduction = getattr(self.objective, "reduction", "sum")
        return FineTuned(self.objective, self.settings.epochs, reduction)

    def describe(self) -> dict[str, Any]:
        """Settings and the objective's as plain values."""
        if isinstance(self.objective, Mapping):
            players = {name: player.describe() for name, player in self.objective.items()}
            return self.settings.describe() | {"players": players}
        return self.settings.describe() | self.objective.describe()


def _replaced(part: Any, fields: Mapping[str, Any]) -> Any:
    if not fields:
        return part
    if not dataclasses.is_dataclass(part) or isinstance(part, type):
        raise ValueError(
            f"{', '.join(fields)} are no fields of the settings; expected such, or one objective"
        )
    return replace(part, **fields)


def _stretched(part: Any, factor: float) -> Any:
    """Settings, an objective or players with all their schedules over another number of epochs."""
    if isinstance(part, Mapping):
        return {name: _stretched(one, factor) for name, one in part.items()}
    if isinstance(part, Schedule):
        return stretch(part, factor)
    if not (isinstance(part, Settings | Objective | Player) and dataclasses.is_dataclass(part)):
        return part
    fields = [field.name for field in dataclasses.fields(part) if field.init]
    return replace(part, **{name: _stretched(getattr(part, name), factor) for name in fields})


@dataclass(frozen=True)
class Preset(ABC, Generic[Model]):
    """One training run that can be repeated by name.

    Args:
        name: Of the folder of its records.
        title: As in figures and tables.
        source: Where its settings come from.
        proposal: A name that `propose` takes.
        recipe: At budget "full".
        squash: See `ProposalHead`.
        epochs: Epochs by budget, where they are not those of the recipe; schedules stretch with them.
        seeds: How many seeds the recorded results should have.
    """

    name: str
    title: str
    source: str
    proposal: str
    recipe: Recipe
    squash: str | None = None
    epochs: Mapping[str, int] = dataclasses.field(default_factory=dict)
    seeds: int = 1
    compact: ClassVar[bool] = False  # whether weights are kept at a byte each (`training.weights.compacted`)
    not_settings: ClassVar[tuple[str, ...]] = ("name", "title", "source", "recipe", "epochs", "seeds")

    def scaled(self, budget: str, seed: int) -> Recipe:
        """The recipe at a budget: the same schedules over fewer epochs.

        Raises:
            ValueError: a budget that trains nothing.
        """
        if budget not in BUDGETS[1:]:
            raise ValueError(f"budget is {budget!r}; expected one of {', '.join(BUDGETS[1:])} to train")
        recipe = self.recipe_at(budget)
        return recipe.over(self.epochs.get(budget, recipe.settings.epochs)).changed(seed=seed)

    def recipe_at(self, budget: str) -> Recipe:
        """The recipe at a budget before its schedules are stretched."""
        return self.recipe

    def own_settings(self) -> dict[str, Any]:
        """The preset's own settings as plain values, those of its recipe left out."""
        names = [f.name for f in dataclasses.fields(self) if f.name not in self.not_settings]
        return {name: plain(getattr(self, name)) for name in names}

    def describe(self, budget: str, seed: int) -> dict[str, Any]:
        """All settings of a run as plain values: the preset's own, and those of its recipe."""
        return self.own_settings() | self.scaled(budget, seed).describe()

    @classmethod
    @abstractmethod
    def architecture_of(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The architecture (see `models.architecture.build`) that the preset's own settings ask for."""

    def model(self) -> Model:
        """A new model."""
        return build(self.architecture_of(self.own_settings()))

    @abstractmethod
    def data(self, budget: str) -> TrainingData:
        """The training data."""

    @abstractmethod
    def evaluate(self, model: Model, budget: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Results as plain numbers, and arrays for the figures."""

    def snapshot_epochs(self, epochs: int) -> set[int]:
        """After which epochs a snapshot is kept: about twenty, denser at first."""
        return {round(epochs ** (i / 19)) for i in range(20)}

    def snapshot(self, model: Model, budget: str) -> np.ndarray | None:
        """What is kept after an epoch, to see the training; None for nothing."""
        return None
