"""Settings of a training, frozen: all but the objective."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from .schedules import Schedule, schedule_of

__all__ = ["FineTuning", "Settings", "plain"]


@dataclass(frozen=True)
class FineTuning:
    """A last phase of a training, in which Adam starts anew at another rate.

    What it maximises the objective says (`annealed_objectives.FineTuned`).

    Args:
        epochs: Passes over the data, after those of the training.
        learning_rate: Of Adam.
    """

    epochs: int
    learning_rate: float


@dataclass(frozen=True)
class Settings:
    """Settings of one training; schedules are functions of the epoch.

    Args:
        epochs: Passes over the data.
        learning_rate: Of Adam; a number stands for `Constant`.
        batch_size: Sequences a step.
        clip_value: Gradients are clamped to [-clip_value, clip_value], None for not at all.
        clip_norm: Largest norm of the whole gradient, None for any.
        fine_tuning: A last phase; None for none.
        precision: Of the GRUs' products, "float32" or "bfloat16"; the latter where the device has a unit
            for it, else float32 with a warning.
        averaging: Decay a step of the moving average of the weights that is evaluated and kept; None keeps
            the last weights.
        seed: Of weights, data order and noise.

    Raises:
        ValueError: an argument has another value.
    """

    epochs: int
    learning_rate: Schedule | float
    batch_size: int = 512
    clip_value: float | None = None
    clip_norm: float | None = None
    fine_tuning: FineTuning | None = None
    precision: str = "float32"
    averaging: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "learning_rate", schedule_of(self.learning_rate))
        for name in ("epochs", "batch_size"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} is {value!r}; expected a whole number from 1")
        if self.precision not in ("float32", "bfloat16"):
            raise ValueError(f"precision is {self.precision!r}; expected 'float32' or 'bfloat16'")
        if self.averaging is not None and not 0 < self.averaging < 1:
            raise ValueError(f"averaging is {self.averaging}; expected a number in (0, 1)")

    @property
    def all_epochs(self) -> int:
        """Epochs with those of fine-tuning."""
        return self.epochs + (self.fine_tuning.epochs if self.fine_tuning else 0)

    def rate(self, epoch: float) -> float:
        """Adam's learning rate."""
        if self.fine_tuning is not None and epoch >= self.epochs:
            return float(self.fine_tuning.learning_rate)
        return float(schedule_of(self.learning_rate)(epoch))

    def describe(self) -> dict[str, Any]:
        """Settings as plain values, schedules as their name and numbers."""
        return {f.name: plain(getattr(self, f.name)) for f in dataclasses.fields(self)}


def plain(value: Any) -> Any:
    """Settings as plain values: a dataclass as its name and fields, numpy's numbers as Python's."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value) if f.init}
        return {"kind": type(value).__name__, **fields}
    if isinstance(value, list | tuple):
        return tuple(map(plain, value))
    return value.item() if isinstance(value, np.generic) else value
