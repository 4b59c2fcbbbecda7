"""Objectives whose weights change with the epoch, as `fit` takes them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..data.batches import Batch
from ..models.objectives import check_reduction, decoder_likelihood, elbo, relaxed_elbo
from ..models.vae import VAE
from .schedules import HoldAccuracy, Schedule, schedule_of
from .settings import plain

__all__ = ["AnnealedELBO", "AnnealedRelaxedELBO", "FineTuned", "Objective"]


class Objective(ABC):
    """What a training maximises.

    Any function f(model, batch, epoch) that returns a named tuple with a field `value` is an objective, too.
    This class adds what one needs whose weights change: columns of the log, a state, a description.
    """

    @abstractmethod
    def __call__(self, model: VAE, batch: Batch, epoch: float) -> NamedTuple:
        """Named terms, (B,) or scalar tensors each; training maximises the mean of `value`."""

    def begin(self, epochs: int) -> None:  # noqa: B027
        """Called before a training of so many epochs: forgets an earlier one.

        Raises:
            ValueError: a weight will leave its range.
        """

    def weights(self, epoch: float) -> dict[str, float | None]:
        """The weights at that epoch, by name: columns of the log."""
        return {}

    def follow(self, means: Mapping[str, float], epoch: float) -> None:  # noqa: B027
        """Told the mean of every term after each step, for weights that depend on what training does."""

    def state_dict(self) -> dict[str, Any]:
        """What `follow` changes, as plain values."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:  # noqa: B027
        """Takes back what `state_dict` gave."""

    def describe(self) -> dict[str, Any]:
        """Settings as plain values."""
        return {}


@dataclass
class AnnealedELBO(Objective):
    """The evidence lower bound with a stochastic decoder (`models.objectives.elbo`).

    Args:
        beta: Weight of the divergence (see `reduction`); a number stands for `Constant`.
        reduction: "sum" | "mean" over positions; under "sum" beta is in nats per sequence.
        moments: Weight of `moment_gap`, which pulls the means and variances of a batch's codes to the
            prior's; None for 0.

    Raises:
        ValueError: an argument has another value.

    Source: Eq. 2.
    """

    beta: Schedule | float = 1.0
    reduction: str = "sum"
    moments: float | None = None
    held: float | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.beta = schedule_of(self.beta)
        check_reduction(self.reduction)
        if self.moments is not None and not self.moments >= 0:
            raise ValueError(f"moments is {self.moments}; expected a weight from 0")

    def begin(self, epochs: int) -> None:
        self.held = self.beta.start if isinstance(self.beta, HoldAccuracy) else None

    def __call__(self, model: VAE, batch: Batch, epoch: float) -> NamedTuple:
        return elbo(model, batch, self._beta(epoch), self.reduction, self.moments or 0.0)

    def _beta(self, epoch: float) -> float:
        return schedule_of(self.beta)(epoch) if self.held is None else self.held

    def weights(self, epoch: float) -> dict[str, float | None]:
        return {"beta": self._beta(epoch), "temperature": None}

    def follow(self, means: Mapping[str, float], epoch: float) -> None:
        if self.held is not None and isinstance(self.beta, HoldAccuracy):
            self.held = self.beta.follow(self.held, means["exact"], epoch)

    def state_dict(self) -> dict[str, Any]:
        return {"held": self.held}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.held = state["held"]

    def describe(self) -> dict[str, Any]:
        names = ("beta", "temperature", "scores", "reduction", "moments")
        return {name: plain(getattr(self, name, None)) for name in names}


@dataclass
class AnnealedRelaxedELBO(AnnealedELBO):
    """The relaxed objective of deterministic decoding (`models.objectives.relaxed_elbo`).

    Args:
        beta, reduction, moments: As in `AnnealedELBO`.
        temperature: tau of the relaxed argmax, in (0, 1); a number stands for `Constant`.
        scores: "prob" | "log_prob", what the relaxed argmax compares.

    Raises:
        ValueError: an argument has another value.

    Source: Eq. 13.
    """

    temperature: Schedule | float = 0.1
    scores: str = "prob"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.temperature = schedule_of(self.temperature)
        if self.scores not in ("prob", "log_prob"):
            raise ValueError(f"scores is {self.scores!r}; expected 'prob' or 'log_prob'")

    def begin(self, epochs: int) -> None:
        super().begin(epochs)
        for epoch in (0, epochs / 2, epochs):
            if not 0 < (value := self._tau(epoch)) < 1:
                raise ValueError(f"temperature is {value} at epoch {epoch}; expected a number in (0, 1)")

    def __call__(self, model: VAE, batch: Batch, epoch: float) -> NamedTuple:
        how = (self._tau(epoch), self._beta(epoch), self.scores, self.reduction, self.moments or 0.0)
        return relaxed_elbo(model, batch, *how)

    def weights(self, epoch: float) -> dict[str, float | None]:
        return super().weights(epoch) | {"temperature": self._tau(epoch)}

    def _tau(self, epoch: float) -> float:
        return schedule_of(self.temperature)(epoch)


@dataclass
class FineTuned(Objective):
    """Another objective up to an epoch, from then on the decoder's likelihood at codes of a resting encoder.

    Args:
        objective: The first one.
        since: Epoch from which the decoder alone learns.
        reduction: "sum" | "mean" over positions, of what it maximises then.

    Source: Eq. 24.
    """

    objective: Objective
    since: int
    reduction: str = "sum"

    def __call__(self, model: VAE, batch: Batch, epoch: float) -> NamedTuple:
        if epoch >= self.since:
            return decoder_likelihood(model, batch, self.reduction)
        return self.objective(model, batch, epoch)

    def begin(self, epochs: int) -> None:
        self.objective.begin(epochs)

    def weights(self, epoch: float) -> dict[str, float | None]:
        return self.objective.weights(epoch) | ({"beta": 0.0} if epoch >= self.since else {})

    def follow(self, means: Mapping[str, float], epoch: float) -> None:
        if epoch < self.since:
            self.objective.follow(means, epoch)

    def state_dict(self) -> dict[str, Any]:
        return self.objective.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.objective.load_state_dict(state)

    def describe(self) -> dict[str, Any]:
        return self.objective.describe()
