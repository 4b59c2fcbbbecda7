"""What a preset is: a training run that can be repeated by name, at several budgets."""

import dataclasses
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from ..models.priors import StandardNormal, UnitCube
from ..models.vae import VAE
from ..training.schedules import stretch
from ..training.settings import Run, plain

__all__ = ["BUDGETS", "READINGS", "Preset"]

BUDGETS = ("recorded", "smoke", "laptop", "hours", "full")
"""Draw from data/runs; seconds; minutes on two cores; hours on two cores; the paper's own budget."""

READINGS = {
    "paper": {"scores": "prob", "reduction": "sum", "squash": "tanh"},
    "released": {"scores": "log_prob", "reduction": "mean", "squash": "sigmoid"},
}
"""The choices in which the paper's text and its released code differ; the code printed the numbers."""


@dataclass(frozen=True)
class Preset(ABC):
    """One training run that can be repeated by name.

    Args:
        title: As in figures and tables.
        source: Where its settings come from.
        proposal: A name that `propose` takes; "gaussian" goes with the prior N(0, I), a kernel
            with U[-1, 1]^2.
        run: Settings at budget "full".
        squash: See `ProposalHead`.
        epochs: Epochs by budget, where they are not those of `run`; schedules stretch with them.
        seeds: How many seeds the recorded results should have.
    """

    title: str
    source: str
    proposal: str
    run: Run
    squash: str | None = None
    epochs: dict[str, int] = dataclasses.field(default_factory=dict)
    seeds: int = 1
    compact: ClassVar[bool] = False  # whether weights are kept at a byte each (`compacted`)

    def scaled_run(self, budget: str, seed: int) -> Run:
        """The settings at a budget: the same schedules over fewer epochs.

        Raises:
            ValueError: a budget that trains nothing.
        """
        if budget not in BUDGETS[1:]:
            raise ValueError(f"budget is {budget!r}; expected one of {', '.join(BUDGETS[1:])} to train")
        run = self.base_run(budget)
        epochs = self.epochs.get(budget, run.epochs)
        fine = run.fine_tuning
        if fine is not None:
            fine = replace(fine, epochs=max(1, round(fine.epochs * epochs / run.epochs)))
        schedules = {
            name: stretch(getattr(run, name), epochs / run.epochs)
            for name in ("learning_rate", "beta", "temperature")
            if getattr(run, name) is not None
        }
        return replace(run, epochs=epochs, seed=seed, fine_tuning=fine, **schedules)

    def base_run(self, budget: str) -> Run:
        """The settings at a budget before their schedules are stretched."""
        return self.run

    def under(self, reading: str) -> "Preset":
        """The same run with the choices of the paper's text or of its released code.

        Raises:
            ValueError: reading is neither "paper" nor "released".
        """
        if reading not in READINGS:
            raise ValueError(f"reading is {reading!r}; expected one of {', '.join(READINGS)}")
        choices = READINGS[reading]
        scores = None if self.run.temperature is None else choices["scores"]
        run = replace(self.run, scores=scores, reduction=choices["reduction"])
        return replace(self, run=run, squash=self.squash and choices["squash"])

    def restored(self, settings: dict) -> "Preset":
        """The preset that a record's settings describe, as far as its model depends on them."""
        return replace(self, squash=settings["squash"])

    def describe(self, budget: str, seed: int) -> dict:
        """All settings of a run as plain values: the preset's own, and those of `Run`."""
        left_out = ("title", "source", "run", "epochs", "seeds")
        own = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in left_out}
        return {k: plain(v) for k, v in own.items()} | self.scaled_run(budget, seed).describe()

    @abstractmethod
    def model(self) -> VAE:
        """A new model."""

    @abstractmethod
    def data(self, budget: str):
        """The training data."""

    @abstractmethod
    def evaluate(self, model: VAE, budget: str) -> tuple[dict, dict]:
        """Results as plain numbers, and arrays for the figures."""

    def snapshot_epochs(self, epochs: int) -> set[int]:
        """After which epochs a snapshot is kept: about twenty, denser at first."""
        return {round(epochs ** (i / 19)) for i in range(20)}

    def snapshot(self, model: VAE, budget: str) -> np.ndarray | None:
        """What is kept after an epoch, to see the training; None for nothing."""
        return None

    def prior(self) -> StandardNormal | UnitCube:
        return StandardNormal(2) if self.proposal == "gaussian" else UnitCube(2)
