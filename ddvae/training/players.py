"""Several that are trained in turn, each with an optimiser of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from .schedules import Schedule
from .settings import plain

__all__ = ["Player"]


@dataclass(frozen=True)
class Player:
    """One of several that each step trains in turn, such as a discriminator and an autoencoder.

    Args:
        objective: What it maximises: f(model, batch, epoch) to named terms (see `Objective`).
        modules: Names of the model's parts whose parameters it moves; none stands for the whole model.
        learning_rate: Of its Adam; None for that of the settings.
        moves: Times that it moves in a step.

    Raises:
        ValueError: moves is no whole number from 1.

    Source: alternating optimisation as in Goodfellow et al. (2014).
    """

    objective: Callable[..., Any]
    modules: tuple[str, ...] = ()
    learning_rate: Schedule | None = None
    moves: int = 1

    def __post_init__(self) -> None:
        if not isinstance(self.moves, int) or self.moves < 1:
            raise ValueError(f"moves is {self.moves!r}; expected a whole number from 1")

    def parameters(self, model: nn.Module) -> list[nn.Parameter]:
        """The parameters that it moves.

        Raises:
            ValueError: the model has no part of such a name.
        """
        try:
            parts = [model.get_submodule(name) for name in self.modules] or [model]
        except AttributeError as error:
            raise ValueError(f"modules is {self.modules}; expected parts of the model ({error})") from None
        return [parameter for part in parts for parameter in part.parameters()]

    def describe(self) -> dict[str, Any]:
        """Settings as plain values."""
        describe = getattr(self.objective, "describe", dict)
        rate = plain(self.learning_rate)
        return describe() | {"modules": self.modules, "learning_rate": rate, "moves": self.moves}
