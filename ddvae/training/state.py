"""All that changes during a training, and how it goes to disk and back."""

import csv
import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ..data.batches import Batch
from ..system.files import check_same_settings, load_checkpoint, replace_file, save_checkpoint
from .annealed_objectives import Objective
from .players import Player
from .settings import Settings, plain

__all__ = ["CHECKPOINT", "LOG", "Diverged", "TrainingState"]

CHECKPOINT = "checkpoint.pt"
"""All that a training needs to go on."""
LOG = "log.csv"
"""A row an epoch."""
OWN_COLUMNS = {"epoch", "step", "learning_rate", "seconds"}
"""Of the log, beside those of the objectives."""


class Diverged(FloatingPointError):
    """The loss or a weight is no longer a finite number."""


class _Trainee:
    """A player with its optimiser, and the sums of its terms since the epoch began.

    A plain objective's Adam moves the whole model; its terms and weights have no prefix.
    """

    def __init__(self, name: str, player: Player, model: nn.Module):
        self.prefix = f"{name} " if name else ""
        self.player = player
        self.objective = player.objective
        self.parameters = player.parameters(model)
        self.optimizer = torch.optim.Adam(self.parameters, fused=True)
        self.names: list[str] = []
        self.sums = torch.zeros(0, dtype=torch.float64)
        self.count = 0

    def rate(self, settings: Settings, epoch: float) -> float:
        own = self.player.learning_rate
        return settings.rate(epoch) if own is None else float(own(epoch))

    def weights(self, epoch: float) -> dict[str, float | None]:
        found = self.objective.weights(epoch) if isinstance(self.objective, Objective) else {}
        return {self.prefix + name: value for name, value in found.items()}

    def add(self, names: list[str], values: Tensor) -> None:
        """Counts a move's means in."""
        if names != self.names:
            self.names, self.sums, self.count = names, torch.zeros_like(values), 0
        self.sums += values
        self.count += 1

    def means(self) -> dict[str, float]:
        """Since the epoch began."""
        return dict(
            zip((self.prefix + name for name in self.names), (self.sums / max(self.count, 1)).tolist())
        )

    def state_dict(self) -> dict[str, Any]:
        own = self.objective.state_dict() if isinstance(self.objective, Objective) else {}
        sums = {"names": self.names, "sums": self.sums, "count": self.count}
        return {"optimizer": self.optimizer.state_dict(), "objective": own} | sums

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.optimizer.load_state_dict(state["optimizer"])
        if isinstance(self.objective, Objective):
            self.objective.load_state_dict(state["objective"])
        self.names, self.sums, self.count = state["names"], state["sums"], state["count"]


class TrainingState:
    """All that changes during a training of a model.

    Args:
        model: In training mode, on its device.
        settings: Of the training.
        objective: Of `fit`.
        epoch_steps: Steps of an epoch.
        autocast: The context in which objectives are computed.
    """

    def __init__(
        self,
        model: nn.Module,
        settings: Settings,
        objective: Callable[..., Any] | Mapping[str, Player],
        epoch_steps: int,
        autocast: torch.autocast,
    ):
        self.model, self.settings, self.epoch_steps, self.autocast = model, settings, epoch_steps, autocast
        players = objective if isinstance(objective, Mapping) else {"": Player(objective)}
        self.trainees = {name: _Trainee(name, player, model) for name, player in players.items()}
        for trainee in self.trainees.values():
            if isinstance(trainee.objective, Objective):
                trainee.objective.begin(settings.epochs)
        own = {name: player.describe() for name, player in players.items()}
        self.described = settings.describe() | {"players": own, "epoch_steps": epoch_steps}
        self.folder: Path | None = None
        self.step, self.seconds = 0, 0.0
        self.log: list[dict[str, Any]] = []
        self.average: AveragedModel | None = None
        if settings.averaging is not None:
            self.average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(settings.averaging))

    @property
    def trained(self) -> nn.Module:
        """The model to evaluate: the weights' average, if one is taken."""
        return self.model if self.average is None else self.average.module

    def advance(self, batch: Batch, epoch: float) -> None:
        """One step of training: every player moves."""
        tuning = self.settings.fine_tuning is not None
        if tuning and self.step == self.settings.epochs * self.epoch_steps:
            for trainee in self.trainees.values():
                trainee.optimizer.state.clear()  # its averages are of the other objective
        for trainee in self.trainees.values():
            for _ in range(trainee.player.moves):
                self._move(trainee, batch, epoch)
        if self.average is not None:
            self.average.update_parameters(self.model)
        self.step += 1

    def _move(self, trainee: _Trainee, batch: Batch, epoch: float) -> None:
        for group in trainee.optimizer.param_groups:
            group["lr"] = trainee.rate(self.settings, epoch)
        try:
            with self.autocast:
                terms = trainee.objective(self.model, batch, epoch)
        except ValueError as error:  # distributions refuse parameters that are not numbers
            if self.finite():
                raise
            raise Diverged(self._diagnosis({})) from error
        means = {k: _mean(v, batch) for k, v in terms._asdict().items() if isinstance(v, Tensor)}
        self.model.zero_grad(set_to_none=True)
        (-means["value"]).backward()
        if not trainee.names:  # the first move of an epoch
            self._check_names(trainee, means, epoch)
        values = torch.stack([m.detach().double() for m in means.values()]).cpu()
        told = dict(zip(means, values.tolist()))
        if not values.isfinite().all():
            raise Diverged(self._diagnosis(told))
        if self.settings.clip_value is not None:
            nn.utils.clip_grad_value_(trainee.parameters, self.settings.clip_value)
        if self.settings.clip_norm is not None:
            nn.utils.clip_grad_norm_(trainee.parameters, self.settings.clip_norm)
        trainee.optimizer.step()
        if isinstance(trainee.objective, Objective):
            trainee.objective.follow(told, epoch)
        trainee.add(list(means), values)

    def _check_names(self, trainee: _Trainee, terms: Iterable[str], epoch: float) -> None:
        taken = OWN_COLUMNS | trainee.weights(epoch).keys()
        if twice := [name for name in terms if trainee.prefix + name in taken]:
            raise ValueError(
                f"the objective's term {twice[0]!r} is another column of the log, too; expected another name"
            )

    def weights(self, epoch: float) -> dict[str, float | None]:
        """Weights of the objectives at that epoch, by column of the log."""
        return {k: v for trainee in self.trainees.values() for k, v in trainee.weights(epoch).items()}

    def means(self) -> dict[str, float]:
        """Means of the terms since the epoch began, by column of the log."""
        return {k: v for trainee in self.trainees.values() for k, v in trainee.means().items()}

    def finite(self) -> bool:
        """Whether all weights are finite numbers."""
        return all(p.isfinite().all() for p in self.model.parameters())

    def _diagnosis(self, terms: Mapping[str, float]) -> str:
        parts = ", ".join(f"{name} {value:.4g}" for name, value in terms.items()) or "a weight is no number"
        advice = "Try a lower learning rate, a higher final temperature, or clip_norm=1"
        if terms.get("kl") == math.inf:
            advice = "A proposal leaves the prior's support: try squash='tanh', or a Gaussian prior"
        return f"training diverged at step {self.step}: {parts}. The last checkpoint is kept. {advice}"

    def end_epoch(self, epoch: int) -> None:
        """Adds the epoch's means to the log."""
        last = epoch - 1e-9
        row = {"epoch": epoch, "step": self.step} | self.weights(last)
        row |= (
            {"learning_rate": self.settings.rate(last)} | self.means() | {"seconds": round(self.seconds, 3)}
        )
        self.log.append(dict(zip(row, plain(list(row.values())))))
        for trainee in self.trainees.values():
            trainee.names = []

    def open(self, folder: Path, resume: bool) -> None:
        """Takes a folder for checkpoint and log, and what it holds to resume."""
        self.folder = folder
        if not resume:
            (folder / CHECKPOINT).unlink(missing_ok=True)
        elif (folder / CHECKPOINT).exists():
            self.load_state_dict(load_checkpoint(folder / CHECKPOINT))

    def save(self) -> None:
        """Writes checkpoint and log, unless a weight is not finite."""
        if self.folder is None:
            return
        if not self.finite():
            raise Diverged(self._diagnosis({}))
        save_checkpoint(self.folder / CHECKPOINT, self.state_dict())
        columns = dict.fromkeys(name for row in self.log for name in row) or {"epoch": None}
        with replace_file(self.folder / LOG) as path, open(path, "w", newline="") as file:
            writer = csv.DictWriter(file, list(columns))
            writer.writeheader()
            writer.writerows(self.log)

    def state_dict(self) -> dict[str, Any]:
        """All of it, as tensors and plain values."""
        return {
            "model": self.model.state_dict(),
            "architecture": getattr(self.model, "architecture", None),
            "trainees": {name: trainee.state_dict() for name, trainee in self.trainees.items()},
            "settings": self.described,
            "step": self.step,
            "seconds": self.seconds,
            "log": self.log,
            "generators": _generators(),
        } | ({} if self.average is None else {"average": self.average.state_dict()})

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from there.

        Raises:
            ValueError: it is of other settings or of another model, or no training state.
        """
        file = None if self.folder is None else self.folder / CHECKPOINT
        if not state.keys() >= self.state_dict().keys():
            raise ValueError(f"{file} holds no training state; expected one written by fit")
        check_same_settings(state["settings"], self.described, f"{file} is of a training")
        try:
            self.model.load_state_dict(state["model"])
            for name, trainee in self.trainees.items():
                trainee.load_state_dict(state["trainees"][name])
            if self.average is not None:
                self.average.load_state_dict(state["average"])
        except (RuntimeError, ValueError) as error:
            raise ValueError(f"{file} is of another model: {error}") from None
        self.step, self.seconds, self.log = state["step"], state["seconds"], state["log"]
        _set_generators(state["generators"])


def _mean(term: Tensor, batch: Batch) -> Tensor:
    return term.mean() if batch.weights is None else (batch.weights * term).mean()


def _generators() -> dict[str, Tensor | list[Tensor]]:
    state: dict[str, Any] = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state_all()
    return state


def _set_generators(state: Mapping[str, Any]) -> None:
    torch.set_rng_state(state["cpu"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])
