"""All that changes during a training, and how it goes to disk and back."""

import csv
import math
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ..data.batches import Batch
from ..models.vae import VAE
from ..system.files import load_checkpoint, replace_file, save_checkpoint
from .schedules import HoldAccuracy
from .settings import Run, plain

__all__ = ["Diverged"]

CHECKPOINT = "checkpoint.pt"
LOG = "log.csv"
TERMS = ("value", "reconstruction", "kl", "exact")
"""Of the objective (`vae.Terms`), averaged over an epoch."""
COLUMNS = ("epoch", "step", "beta", "temperature", "learning_rate", *TERMS, "seconds")
"""Of the log."""


class Diverged(FloatingPointError):
    """The loss or a weight is no longer a finite number."""


class _State:
    """All that changes during a run, and how it goes to disk and back."""

    def __init__(self, model: VAE, run: Run, epoch_steps: int, autocast: torch.autocast):
        self.model, self.run, self.folder, self.autocast = model, run, None, autocast
        self.settings = run.describe() | {"epoch_steps": epoch_steps}
        self.optimizer = torch.optim.Adam(model.parameters(), fused=True)
        self.step, self.seconds, self.log = 0, 0.0, []
        self.held = run.beta.start if isinstance(run.beta, HoldAccuracy) else None
        self.sums = torch.zeros(5, dtype=torch.float64)
        self.average = None
        if run.averaging is not None:
            self.average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(run.averaging))

    @property
    def trained(self) -> VAE:
        """The model to evaluate: the weights' average, if one is taken."""
        return self.model if self.average is None else self.average.module

    def advance(self, batch: Batch, epoch: float) -> None:
        """One step of Adam."""
        if self.run.fine_tuning and self.step == self.run.epochs * self.settings["epoch_steps"]:
            self.optimizer.state.clear()  # its averages are of the other objective
        for group in self.optimizer.param_groups:
            group["lr"] = self.run.rate(epoch)
        try:
            with self.autocast:
                terms = self.run.evaluate(self.model, batch, epoch, self.beta(epoch))
        except ValueError as error:  # distributions refuse parameters that are not numbers
            if self.finite():
                raise
            raise Diverged(self._diagnosis({})) from error
        means = [_mean(getattr(terms, name), batch) for name in TERMS]
        self.optimizer.zero_grad(set_to_none=True)
        (-means[0]).backward()
        values = torch.stack([m.detach().double() for m in means]).cpu()
        if not values.isfinite().all():
            raise Diverged(self._diagnosis(dict(zip(TERMS, values.tolist()))))
        if self.run.clip_value is not None:
            nn.utils.clip_grad_value_(self.model.parameters(), self.run.clip_value)
        if self.run.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.run.clip_norm)
        self.optimizer.step()
        if self.average is not None:
            self.average.update_parameters(self.model)
        self.step += 1
        if self.held is not None:
            self.held = self.run.beta.follow(self.held, values[TERMS.index("exact")].item(), epoch)
        self.sums += torch.cat([values, torch.ones(1)])

    def beta(self, epoch: float) -> float:
        if self.run.fine_tuning and epoch >= self.run.epochs:
            return 0.0
        return self.run.beta(epoch) if self.held is None else self.held

    def finite(self) -> bool:
        """Whether all weights are finite numbers."""
        return all(p.isfinite().all() for p in self.model.parameters())

    def _diagnosis(self, terms: dict) -> str:
        parts = ", ".join(f"{name} {value:.4g}" for name, value in terms.items()) or "a weight is no number"
        advice = "Try a lower learning rate, a higher final temperature, or clip_norm=1"
        if terms.get("kl") == math.inf:
            advice = "A proposal leaves the prior's support: try squash='tanh', or a Gaussian prior"
        return f"training diverged at step {self.step}: {parts}. The last checkpoint is kept. {advice}"

    def end_epoch(self, epoch: int) -> None:
        """Adds the epoch's means to the log."""
        run, last = self.run, epoch - 1e-9
        temperature = None if run.temperature is None else run.temperature(last)
        means = (self.sums[:4] / self.sums[4]).tolist()
        settings = plain([epoch, self.step, self.beta(last), temperature, run.rate(last)])
        self.log.append(dict(zip(COLUMNS, [*settings, *means, round(self.seconds, 3)])))
        self.sums.zero_()

    def open(self, folder: Path, resume: bool) -> None:
        self.folder = folder
        if not resume:
            (folder / CHECKPOINT).unlink(missing_ok=True)
        elif (folder / CHECKPOINT).exists():
            self.load_state(load_checkpoint(folder / CHECKPOINT))

    def save(self) -> None:
        """Writes checkpoint and log, unless a weight is not finite."""
        if self.folder is None:
            return
        if not self.finite():
            raise Diverged(self._diagnosis({}))
        save_checkpoint(self.folder / CHECKPOINT, self.state())
        with replace_file(self.folder / LOG) as path, open(path, "w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(self.log)

    def state(self) -> dict:
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "settings": self.settings,
            "step": self.step,
            "seconds": self.seconds,
            "held": self.held,
            "sums": self.sums,
            "log": self.log,
            "generators": _generators(),
        } | ({} if self.average is None else {"average": self.average.state_dict()})

    def load_state(self, state: dict) -> None:
        if not state.keys() >= self.state().keys():
            raise ValueError(
                f"{self.folder / CHECKPOINT} holds no training state; expected one written by fit"
            )
        for name, value in self.settings.items():
            if state["settings"].get(name) != value:
                was = state["settings"].get(name)
                raise ValueError(
                    f"{self.folder / CHECKPOINT} was trained with {name} {was!r}, this run has "
                    f"{value!r}; expected the same settings, or another folder"
                )
        try:
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            if self.average is not None:
                self.average.load_state_dict(state["average"])
        except (RuntimeError, ValueError) as error:
            raise ValueError(f"{self.folder / CHECKPOINT} is of another model: {error}") from None
        self.step, self.seconds, self.sums = state["step"], state["seconds"], state["sums"]
        self.log, self.held = state["log"], state["held"]
        _set_generators(state["generators"])


def _mean(term: Tensor, batch: Batch) -> Tensor:
    return term.mean() if batch.weights is None else (batch.weights * term).mean()


def _generators() -> dict[str, Tensor | list]:
    state = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state_all()
    return state


def _set_generators(state: dict) -> None:
    torch.set_rng_state(state["cpu"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])
