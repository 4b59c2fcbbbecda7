"""Annealing: numbers that change with the epoch, as plain functions of it.

A schedule holds no state, so a resumed run needs only the epoch to continue exactly.
"""

import dataclasses
import math
from dataclasses import dataclass
from itertools import pairwise

__all__ = [
    "Constant",
    "Cosine",
    "HoldAccuracy",
    "Linear",
    "LogLinear",
    "Piecewise",
    "Schedule",
    "Step",
    "schedule_of",
    "stretch",
]


@dataclass(frozen=True)
class Constant:
    """The same value at every epoch."""

    value: float

    def __call__(self, epoch: float) -> float:
        return self.value


@dataclass(frozen=True)
class Linear:
    """A straight line from `start` at epoch `begin` to `end` at epoch `finish`, flat outside.

    >>> Linear(0.0, 1.0, begin=2, finish=100)(51)
    0.5
    """

    start: float
    end: float
    begin: float
    finish: float

    def __post_init__(self) -> None:
        _check_range(self.begin, self.finish)

    def __call__(self, epoch: float) -> float:
        done = min(max((epoch - self.begin) / (self.finish - self.begin), 0.0), 1.0)
        return (1 - done) * self.start + done * self.end


@dataclass(frozen=True)
class LogLinear:
    """A straight line in the logarithm; the paper found it slightly better (Section 5).

    >>> round(LogLinear(0.1, 0.001, begin=0, finish=100)(50), 9)
    0.01
    """

    start: float
    end: float
    begin: float
    finish: float

    def __post_init__(self) -> None:
        _check_range(self.begin, self.finish)
        if min(self.start, self.end) <= 0:
            raise ValueError(f"start, end are {self.start}, {self.end}; expected positive numbers")

    def __call__(self, epoch: float) -> float:
        line = Linear(math.log(self.start), math.log(self.end), self.begin, self.finish)
        return math.exp(line(epoch))


@dataclass(frozen=True)
class Piecewise:
    """Straight lines between knots (epoch, value), flat before the first and after the last.

    >>> Piecewise(((0, 0.0), (10, 6.0), (20, 1.0)))(15)
    3.5
    """

    knots: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        epochs = [epoch for epoch, _ in self.knots]
        if len(epochs) < 2 or any(a >= b for a, b in pairwise(epochs)):
            raise ValueError(f"knots are {self.knots}; expected two or more, in order of their epochs")

    def __call__(self, epoch: float) -> float:
        lines = pairwise(self.knots)
        begin, end = next((line for line in lines if epoch < line[1][0]), self.knots[-2:])
        return Linear(begin[1], end[1], begin[0], end[0])(epoch)


@dataclass(frozen=True)
class Step:
    """`start`, multiplied by `factor` after every `every` epochs, at most `times` times.

    >>> Step(5e-3, factor=0.5, every=20)(45)
    0.00125
    """

    start: float
    factor: float
    every: float
    times: int | None = None

    def __call__(self, epoch: float) -> float:
        drops = int(epoch // self.every)
        return self.start * self.factor ** (drops if self.times is None else min(drops, self.times))


@dataclass(frozen=True)
class Cosine:
    """A linear warm-up to `peak` over `warmup` epochs, then half a cosine down to 0 at `finish`."""

    peak: float
    warmup: float
    finish: float

    def __post_init__(self) -> None:
        _check_range(self.warmup, self.finish)

    def __call__(self, epoch: float) -> float:
        if epoch < self.warmup:
            return self.peak * epoch / self.warmup
        done = min((epoch - self.warmup) / (self.finish - self.warmup), 1.0)
        return self.peak * (1 + math.cos(math.pi * done)) / 2


@dataclass(frozen=True)
class HoldAccuracy:
    r"""A weight of the divergence that keeps training at a sequence-wise accuracy.

    .. math:: \log \beta \leftarrow \log \beta + gain (accuracy - target)

    after every step, never below `start`: accuracy is first reached, then traded for fewer nats. With
    a falling target a run visits every accuracy from the highest to the lowest (Section 4.3).

    Args:
        target: Sequence-wise accuracy of training batches, in (0, 1), or a schedule of it.
        start: First and least weight.
        gain: How fast the weight follows.
    """

    target: "Schedule | float"
    start: float
    gain: float = 0.02

    def __post_init__(self) -> None:
        object.__setattr__(self, "target", schedule_of(self.target))
        if not self.start > 0:
            raise ValueError(f"start is {self.start}; expected a positive weight")

    def __call__(self, epoch: float) -> float:
        return self.start

    def follow(self, weight: float, accuracy: float, epoch: float) -> float:
        """The weight after a step of that accuracy."""
        return max(weight * math.exp(self.gain * (accuracy - schedule_of(self.target)(epoch))), self.start)


Schedule = Constant | Linear | LogLinear | Piecewise | Step | Cosine | HoldAccuracy
"""Any of them."""


def schedule_of(value: Schedule | float) -> Schedule:
    """The schedule itself; of a number the one that stays there."""
    return Constant(float(value)) if isinstance(value, int | float) else value


def stretch(schedule: Schedule, factor: float) -> Schedule:
    """The same course over `factor` times as many epochs.

    >>> stretch(Linear(0.0, 1.0, begin=2, finish=100), 0.5)
    Linear(start=0.0, end=1.0, begin=1.0, finish=50.0)
    """
    if isinstance(schedule, Piecewise):
        return Piecewise(tuple((epoch * factor, value) for epoch, value in schedule.knots))
    if isinstance(schedule, HoldAccuracy):
        return dataclasses.replace(schedule, target=stretch(schedule_of(schedule.target), factor))
    times = {"begin", "finish", "every", "warmup"} & set(vars(schedule))
    return dataclasses.replace(schedule, **{t: getattr(schedule, t) * factor for t in times})


def _check_range(begin: float, finish: float) -> None:
    if not begin < finish:
        raise ValueError(f"begin, finish are {begin}, {finish}; expected begin < finish")
