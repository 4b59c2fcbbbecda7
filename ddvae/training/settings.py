"""Settings of a training run, frozen."""

import dataclasses
from dataclasses import dataclass

import numpy as np

from ..data.batches import Batch
from ..models.objectives import Terms, decoder_likelihood, elbo, relaxed_elbo
from ..models.vae import VAE
from .schedules import Constant, Schedule

__all__ = ["FineTuning", "Run", "plain"]


@dataclass(frozen=True)
class FineTuning:
    """A last phase of a run: the encoder rests, the decoder learns the codes' likelihood (Eq. 24).

    Args:
        epochs: Passes over the data, after those of the run.
        learning_rate: Of Adam.
    """

    epochs: int
    learning_rate: float


@dataclass(frozen=True)
class Run:
    """Settings of one training run; schedules are functions of the epoch.

    Args:
        epochs: Passes over the data.
        learning_rate: Of Adam; here and below a number stands for `Constant`.
        beta: Weight of the divergence (see `reduction`).
        temperature: tau of the relaxed argmax; None trains the ordinary ELBO.
        batch_size: Sequences a step.
        scores: "prob" | "log_prob", what the relaxed argmax compares; None under the ordinary ELBO.
        reduction: "sum" | "mean" over positions; under "sum" beta is in nats per sequence.
        clip_value: Gradients are clamped to [-clip_value, clip_value], None for not at all.
        clip_norm: Largest norm of the whole gradient, None for any.
        fine_tuning: A last phase for the decoder alone; None for none.
        precision: Of the GRUs' products, "float32" or "bfloat16"; the latter where the device has a unit
            for it, else float32 with a warning.
        moments: Weight of `moment_gap`, which pulls the means and variances of a batch's codes to the
            prior's; None for 0.
        averaging: Decay a step of the moving average of the weights that is evaluated and kept; None keeps
            the last weights.
        seed: Of weights, data order and noise.
    """

    epochs: int
    learning_rate: Schedule | float
    beta: Schedule | float = 1.0
    temperature: Schedule | float | None = None
    batch_size: int = 512
    scores: str | None = None
    reduction: str = "sum"
    clip_value: float | None = None
    clip_norm: float | None = None
    fine_tuning: FineTuning | None = None
    precision: str = "float32"
    moments: float | None = None
    averaging: float | None = None
    seed: int = 0

    def __post_init__(self):
        for name in ("learning_rate", "beta", "temperature"):
            if isinstance(getattr(self, name), int | float):
                object.__setattr__(self, name, Constant(float(getattr(self, name))))
        if self.temperature is not None and self.scores is None:
            object.__setattr__(self, "scores", "prob")
        for name in ("epochs", "batch_size"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} is {value!r}; expected a whole number from 1")
        wanted = (None,) if self.temperature is None else ("prob", "log_prob")
        if self.scores not in wanted:
            raise ValueError(f"scores is {self.scores!r}; expected {' or '.join(map(repr, wanted))}")
        if self.reduction not in ("sum", "mean"):
            raise ValueError(f"reduction is {self.reduction!r}; expected 'sum' or 'mean'")
        if self.precision not in ("float32", "bfloat16"):
            raise ValueError(f"precision is {self.precision!r}; expected 'float32' or 'bfloat16'")
        if self.moments is not None and not self.moments >= 0:
            raise ValueError(f"moments is {self.moments}; expected a weight from 0")
        if self.averaging is not None and not 0 < self.averaging < 1:
            raise ValueError(f"averaging is {self.averaging}; expected a number in (0, 1)")
        for epoch in (0, self.epochs / 2, self.epochs):
            if self.temperature is not None and not 0 < self.temperature(epoch) < 1:
                value = self.temperature(epoch)
                raise ValueError(f"temperature is {value} at epoch {epoch}; expected a number in (0, 1)")

    @property
    def all_epochs(self) -> int:
        """Epochs with those of fine-tuning."""
        return self.epochs + (self.fine_tuning.epochs if self.fine_tuning else 0)

    def rate(self, epoch: float) -> float:
        """Adam's learning rate."""
        fine_tuning = self.fine_tuning and epoch >= self.epochs
        return float(self.fine_tuning.learning_rate if fine_tuning else self.learning_rate(epoch))

    def evaluate(self, model: VAE, batch: Batch, epoch: float, beta: float | None = None) -> Terms:
        """The objective's terms with the schedules at that epoch, or with another beta."""
        if epoch >= self.epochs and self.fine_tuning:
            return decoder_likelihood(model, batch, self.reduction)
        beta = self.beta(epoch) if beta is None else beta
        moments = self.moments or 0.0
        if self.temperature is None:
            return elbo(model, batch, beta, self.reduction, moments)
        temperature = self.temperature(epoch)
        return relaxed_elbo(model, batch, temperature, beta, self.scores, self.reduction, moments)

    def describe(self) -> dict:
        """Settings as plain values, schedules as their name and numbers."""
        return {f.name: plain(getattr(self, f.name)) for f in dataclasses.fields(self)}


def plain(value):
    """Settings as plain values: a dataclass as its name and fields, numpy's numbers as Python's."""
    if dataclasses.is_dataclass(value):
        fields = {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"kind": type(value).__name__, **fields}
    if isinstance(value, list | tuple):
        return tuple(map(plain, value))
    return value.item() if isinstance(value, np.generic) else value
