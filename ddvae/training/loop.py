"""Training: one loop for every model, checkpoints that resume exactly."""

import math
import os
import random
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from ..data.batches import Batch
from ..engine.precision import autocast, has_bfloat16_unit
from ..system.progress import ProgressBar
from .players import Player
from .settings import Settings
from .state import TrainingState

__all__ = ["Fitted", "TrainingData", "fit", "seed_everything"]


class TrainingData(Protocol):
    """What `fit` asks of data: batches that are a pure function of epoch, size and seed."""

    def steps(self, batch_size: int) -> int:
        """Batches of an epoch."""

    def batches(self, epoch: int, batch_size: int, seed: int) -> Iterator[Batch]:
        """The batches of an epoch, in order."""


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
    model: nn.Module,
    data: TrainingData,
    settings: Settings,
    objective: Callable[..., Any] | Mapping[str, Player],
    folder: str | os.PathLike | None = None,
    *,
    resume: bool = False,
    time_limit: float | None = None,
    checkpoint_every: float = 120.0,
    device: str | torch.device = "cpu",
    progress: bool = True,
    on_epoch: Callable[[Any, list[dict]], None] | None = None,
) -> Fitted:
    """Trains the model in place.

    Args:
        model: Any module that the objective knows, such as a `VAE`.
        data: Anything with `steps(batch_size)` and `batches(epoch, batch_size, seed)`.
        settings: All but the objective.
        objective: What is maximised: f(model, batch, epoch) that returns a named tuple of terms, (B,) or
            scalar each, among them `value`. The log has a column a term. Weights that change with the epoch
            are those of an `Objective`. Several players by name move in turn, each by its own optimiser.
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
    steps = data.steps(settings.batch_size)
    if settings.precision == "bfloat16" and not has_bfloat16_unit(device):
        warnings.warn("this CPU has no bfloat16 matrix unit: products run in float32", stacklevel=2)
    context = autocast(device, settings.precision)
    state = TrainingState(model.to(device).train(), settings, objective, steps, context)
    if folder is not None:
        state.open(Path(folder), resume)
    started, saved = time.monotonic() - state.seconds, time.monotonic()
    limit = math.inf if time_limit is None else time.monotonic() + time_limit
    total = steps * settings.all_epochs
    bar = ProgressBar(total, unit="step", initial=state.step, shown=progress, leave=True)
    tell = _Telling(bar)
    with _interruptible() as interrupted, _without_denormals(), bar:
        for epoch in range(len(state.log), settings.all_epochs):
            done = state.step - epoch * steps
            batches = data.batches(epoch, settings.batch_size, settings.seed)
            for i, batch in enumerate(islice(batches, done, None), start=done):
                with _named_memory(settings.batch_size):
                    state.advance(batch.to(device), epoch + i / steps)
                state.seconds = time.monotonic() - started
                tell(state, epoch + i / steps, batch)
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
    finished = state.step == steps * settings.all_epochs
    if finished:
        model.load_state_dict(state.trained.state_dict())
    return Fitted(finished, state.log, state.seconds)


def seed_everything(seed: int) -> None:
    """Seeds torch (all devices), numpy and random."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


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


class _Telling:
    """Tells a progress bar of a training, twice a second."""

    def __init__(self, bar: ProgressBar):
        self.bar, self.sequences, self.told = bar, 0, time.monotonic()

    def __call__(self, state: TrainingState, epoch: float, batch: Batch) -> None:
        if not self.bar.shown:
            return
        self.sequences += len(batch.tokens) if batch.repeats is None else int(batch.repeats.sum())
        self.bar.update()
        now = time.monotonic()
        if now - self.told < 0.5:
            return
        terms = state.means() | state.weights(epoch)
        shown = {name: f"{value:.3g}" for name, value in terms.items() if value is not None}
        self.bar.set_postfix(shown | {"seq/s": f"{self.sequences / (now - self.told):.0f}"})
        self.sequences, self.told = 0, now
