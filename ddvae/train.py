"""Training: one loop for every model, checkpoints that resume exactly."""

import csv
import math
import random
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from .files import load_checkpoint, replace_file, save_checkpoint
from .fused import has_bfloat16_unit
from .run import Run, plain
from .schedules import HoldAccuracy
from .vae import VAE, Batch

__all__ = ["Diverged", "Fitted", "autocast", "fit", "seed_everything"]

CHECKPOINT = "checkpoint.pt"
LOG = "log.csv"
TERMS = ("value", "reconstruction", "kl", "exact")
"""Of the objective (`vae.Terms`), averaged over an epoch."""
COLUMNS = ("epoch", "step", "beta", "temperature", "learning_rate", *TERMS, "seconds")
"""Of the log."""


class Diverged(FloatingPointError):
    """The loss or a weight is no longer a finite number."""


@dataclass(frozen=True)
class Fitted:
    """What `fit` returns.

    Attributes:
        finished: False if stopped by Ctrl-C or the time limit.
        log: One row an epoch: means of the terms (nats per sequence), settings, seconds.
        seconds: Training time, over all resumptions.
    """

    finished: bool
    log: list[dict]
    seconds: float


def fit(
    model: VAE,
    data,
    run: Run,
    folder: str | Path | None = None,
    *,
    resume: bool = False,
    time_limit: float | None = None,
    checkpoint_every: float = 120.0,
    device: str | torch.device = "cpu",
    progress: bool = True,
    on_epoch: Callable[[VAE, list[dict]], None] | None = None,
) -> Fitted:
    """Trains the model in place.

    Args:
        model: Any `VAE`.
        data: Anything with `steps(batch_size)` and `batches(epoch, batch_size, seed)`.
        run: The settings.
        folder: Where checkpoint.pt and log.csv go; None keeps nothing.
        resume: Go on from the folder's checkpoint if there is one. On a CPU the result is bit for
            bit that of a run never interrupted.
        time_limit: Seconds after which to save and stop.
        checkpoint_every: Seconds between checkpoints.
        device: Where to train.
        progress: Whether to show a progress bar.
        on_epoch: Called with the model, or the average of its weights, and the log, a row an epoch done.

    Raises:
        Diverged: NaN or infinity; the last checkpoint, which is finite, stays.
        ValueError: the checkpoint belongs to other settings, or is damaged.
        OSError: a checkpoint cannot be written; the last one stays.
        MemoryError: a batch does not fit; the last checkpoint stays.
    """
    steps = data.steps(run.batch_size)
    if run.precision == "bfloat16" and not has_bfloat16_unit(device):
        warnings.warn("this CPU has no bfloat16 matrix unit: products run in float32", stacklevel=2)
    state = _State(model.to(device).train(), run, steps, autocast(device, run.precision))
    if folder is not None:
        state.open(Path(folder), resume)
    started, saved = time.monotonic() - state.seconds, time.monotonic()
    limit = math.inf if time_limit is None else time.monotonic() + time_limit
    bar = _ProgressBar(steps * run.all_epochs, state, progress)
    with _interruptible() as interrupted, _without_denormals(), bar:
        for epoch in range(len(state.log), run.all_epochs):
            done = state.step - epoch * steps
            batches = data.batches(epoch, run.batch_size, run.seed)
            for i, batch in enumerate(islice(batches, done, None), start=done):
                with _named_memory(run.batch_size):
                    state.advance(batch.to(device), epoch + i / steps)
                state.seconds = time.monotonic() - started
                bar.show(state, epoch + i / steps, batch)
                if interrupted.is_set() or time.monotonic() > limit:
                    break
                if time.monotonic() - saved > checkpoint_every:
                    state.save()
                    saved = time.monotonic()
            if state.step < (epoch + 1) * steps:
                break
            state.end_epoch(epoch + 1)
            if on_epoch is not None:
                on_epoch(state.trained, state.log)
            if interrupted.is_set() or time.monotonic() > limit:
                break
    state.save()
    finished = state.step == steps * run.all_epochs
    if finished:
        model.load_state_dict(state.trained.state_dict())
    return Fitted(finished, state.log, state.seconds)


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


def autocast(device: str | torch.device, precision: str) -> torch.autocast:
    """The context in which a model runs at a precision of `Run`; float32 where bfloat16 would be slower."""
    enabled = precision == "bfloat16" and has_bfloat16_unit(device)
    return torch.autocast(torch.device(device).type, torch.bfloat16, enabled=enabled)


def seed_everything(seed: int) -> None:
    """Seeds torch (all devices), numpy and random."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


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


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """An event that Ctrl-C sets, so that a step is never cut in half."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return
    before = signal.signal(signal.SIGINT, lambda *_: event.set())
    try:
        yield event
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _named_memory(batch_size: int) -> Iterator[None]:
    """Tells the batch size where memory runs out."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        if isinstance(error, RuntimeError) and "memory" not in text:
            raise
        raise MemoryError(
            f"no memory for batch_size {batch_size} ({text}); expected a smaller one"
        ) from error


@contextmanager
def _without_denormals() -> Iterator[None]:
    """Counts numbers below 1e-38 as 0 on a CPU.

    The gradients of saturated relaxed indicators are such numbers, and make a step 3 to 5 times slower.
    """
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


class _ProgressBar:
    """A progress bar where tqdm is installed, silence elsewhere."""

    def __init__(self, total: int, state: _State, progress: bool):
        self.bar = None
        if progress:
            with suppress(ImportError):  # a bare machine trains in silence
                from tqdm.auto import tqdm

                self.bar = tqdm(total=total, initial=state.step, mininterval=0.5, unit="step")
        self.sequences, self.shown = 0, time.monotonic()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.bar is not None:
            self.bar.close()

    def show(self, state: _State, epoch: float, batch: Batch) -> None:
        if self.bar is None:
            return
        self.sequences += len(batch.tokens) if batch.repeats is None else int(batch.repeats.sum())
        self.bar.update()
        now = time.monotonic()
        if now - self.shown < 0.5:
            return
        count = max(state.sums[4].item(), 1)
        reconstruction, kl, exact = (state.sums[1:4] / count).tolist()
        shown = {"rec": f"{reconstruction:.3g}", "kl": f"{kl:.3g}", "exact": f"{exact:.3f}"}
        shown["beta"] = f"{state.beta(epoch):.3g}"
        if state.run.temperature is not None:
            shown["tau"] = f"{state.run.temperature(epoch):.2g}"
        shown["seq/s"] = f"{self.sequences / (now - self.shown):.0f}"
        self.bar.set_postfix(shown, refresh=False)
        self.sequences, self.shown = 0, now
