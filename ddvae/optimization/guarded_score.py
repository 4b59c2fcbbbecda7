"""A user's score of molecules, called so that whatever it does is named and stops nothing.

Free of torch, for it is imported anew by each process that a score runs in.
"""

import math
import pickle
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..system.warm_process import WarmProcess
from .user_code import guarded

__all__ = ["GuardedScore", "Score", "as_numbers"]

Score = Callable[[list[str]], Iterable[float]]
"""A list of N SMILES to N numbers: any array, tensor or sequence of them."""

CHUNK, CHUNK_SECONDS, SHARE = 500, 2.0, 0.2
"""Most molecules of a chunk; seconds that it takes, or this share of all so far, as a killed one is lost."""
LOADING = "; score is called for the first time, which may load something"
LINE_EVERY = 20.0
"""Seconds from a line of progress to the next."""
SLOW_AT_FIRST, LOST_IN_A_ROW = 3, 20
"""Molecules in a row after which a score is given up: over their time before any was in time; lost at all."""


class GuardedScore:
    """A score function of a user's, whose failures become the status of a molecule.

    A chunk of molecules that fails is scored one by one. In a process of its own, which is kept from call to
    call, the first call may take longer, for a score often reads a model then.

    Args:
        score: List of N SMILES to N numbers: any array, tensor or sequence of them.
        time_limit: Seconds for a molecule; score then runs in another process and must be importable. None
            calls it here.
        loading_limit: Seconds that the first molecule of a process may take beside.
        name: What to call it in files; None for module:function.
        told: Receives a line at least every half minute (of a score called here, after each call).

    Raises:
        ValueError: a limit is not positive, or score cannot go to another process.
    """

    def __init__(
        self,
        score: Score,
        time_limit: float | None = None,
        loading_limit: float = 600.0,
        name: str | None = None,
        told: Callable[[str], None] = lambda line: None,
    ):
        for label, limit in (("time_limit", time_limit), ("loading_limit", loading_limit)):
            if limit is not None and not limit > 0:
                raise ValueError(f"{label} is {limit}; expected seconds above 0")
        own = getattr(score, "__qualname__", type(score).__qualname__)
        self.name = name or f"{getattr(score, '__module__', None)}:{own}"
        self.score, self.time_limit, self.loading_limit, self.told = score, time_limit, loading_limit, told
        self._process = None if time_limit is None else WarmProcess(_Remote(score, self.name))
        self._limit = math.inf if time_limit is None else time_limit
        self._size, self._each, self._spent = 1, 0.0, 0.0
        self._loaded, self._in_time, self._lost = False, False, 0
        self._known: str | None = None

    def __enter__(self) -> "GuardedScore":
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.stop()

    def __call__(self, smiles: Sequence[str]) -> list[tuple[float, str]]:
        """Number and status ("scored" or "failed: ...") of each molecule.

        Raises:
            ValueError: score returns something else than one number a molecule, or gives nothing for many
                molecules in a row.
        """
        return [row for rows in self.parts(smiles) for row in rows]

    def parts(self, smiles: Sequence[str]) -> Iterator[list[tuple[float, str]]]:
        """As a call, in parts as they are done. Those lost in a row wait for the next that is not."""
        progress = _Progress(len(smiles), self.told)
        place, alone = 0, 0
        waiting: list[tuple[float, str]] = []
        while place < len(smiles):
            chunk = list(smiles[place : place + (1 if place < alone else self._size)])
            answer = self._ask(chunk, progress)
            if isinstance(answer, _Failure) and len(chunk) > 1:
                alone = place + len(chunk)
                continue
            place += len(chunk)
            rows = [answer.row] if isinstance(answer, _Failure) else [_row(value) for value in answer]
            progress.add(rows)
            progress.tell()
            waiting += rows
            if isinstance(answer, _Lost):
                self._check_patience(answer, chunk[0])
            else:
                self._lost = 0
                yield waiting
                waiting = []
        if waiting:
            yield waiting

    def _ask(self, chunk: list[str], progress: "_Progress") -> "list[float] | _Failure":
        begin = time.monotonic()
        if self._process is None:
            answer = _answer(self.score, chunk)
        else:
            answer = self._ask_process(self._process, chunk, progress)
        seconds = time.monotonic() - begin
        self._spent += seconds
        if isinstance(answer, _Failure):
            self._size = 1
        else:
            self._in_time = self._in_time or self._loaded
            self._loaded, self._known = True, self._known or chunk[0]
            self._each = max(seconds, 1e-9) / len(chunk)
            # chunks grow slowly where that does not pay, and on and on where a call takes long, but not more
            # for more molecules
            longest = min(self.time_limit or 60.0, max(CHUNK_SECONDS, SHARE * self._spent))
            self._size = max(1, min(8 * len(chunk), CHUNK, int(longest / self._each)))
        return answer

    def _ask_process(
        self, process: WarmProcess, chunk: list[str], progress: "_Progress"
    ) -> "list[float] | _Failure":
        limit, loading = self._limit, self.loading_limit + self._limit
        if not process.alive:
            self._loaded = False
        if not self._loaded and self._known:
            self._load_again(process, self._known, loading, progress)
        elif not self._loaded:
            limit = loading
        elif len(chunk) > 1:
            limit += 3 * self._each * len(chunk)
        try:
            return process.call(chunk, limit, lambda: progress.tell("" if self._loaded else LOADING))
        except (TimeoutError, ChildProcessError) as error:
            return _Lost(str(error), isinstance(error, TimeoutError))

    def _load_again(self, process: WarmProcess, known: str, limit: float, progress: "_Progress") -> None:
        """Lets a new process load by a molecule that is known to be scored: none pays for another."""
        try:
            answer = process.call([known], limit, lambda: progress.tell(LOADING))
            self._loaded = not isinstance(answer, _Failure)
        except (TimeoutError, ChildProcessError) as error:
            raise ValueError(
                f"score gives nothing any more for {known}, which it scored before ({error}); "
                f"expected it to load and to score a molecule within {limit:g} s"
            ) from None

    def _check_patience(self, last: "_Lost", smiles: str) -> None:
        self._lost += 1
        lost = self._lost
        if lost >= (SLOW_AT_FIRST if last.slow and not self._in_time else LOST_IN_A_ROW):
            self._lost = 0
            raise ValueError(
                f"score gave nothing for {lost} molecules in a row, the last one {smiles} "
                f"({last.text}); expected a score that takes up to {self._limit:g} s a molecule, and "
                f"{self.loading_limit:g} s more when it loads"
            )


@dataclass(frozen=True)
class _Failure:
    """Why there is no answer: the score raised something."""

    text: str

    @property
    def row(self) -> tuple[float, str]:
        return math.nan, f"failed: {self.text}"


@dataclass(frozen=True)
class _Lost(_Failure):
    """Why there is no answer: the process hung or died."""

    slow: bool


def _row(value: float) -> tuple[float, str]:
    return (value, "scored") if math.isfinite(value) else (math.nan, "failed: no finite score")


class _Progress:
    """A line now and then of how far a scoring is."""

    def __init__(self, total: int, told: Callable[[str], None]):
        self.total, self.told, self.done, self.failed = total, told, 0, 0
        self.begin = self.last = time.monotonic()

    def add(self, rows: list[tuple[float, str]]) -> None:
        self.done += len(rows)
        self.failed += sum(status != "scored" for _, status in rows)

    def tell(self, note: str = "") -> None:
        now = time.monotonic()
        if now - self.last >= LINE_EVERY:
            self.last = now
            seconds = f"{now - self.begin:.0f} s"
            self.told(
                f"{self.done} of {self.total} molecules scored in {seconds}, {self.failed} failed{note}"
            )


class _Remote:
    """A score as its process has it: read, with all that it imports, at the first call."""

    def __init__(self, score: Score, name: str):
        self.pickled, failure = guarded(pickle.dumps, score)
        if failure is not None:
            raise ValueError(f"score is {name!r} ({failure}); expected a function that def makes")
        self.score: Score | None = None

    def __call__(self, smiles: list[str]) -> list[float] | _Failure:
        return _answer(self._call, smiles)

    def _call(self, smiles: list[str]) -> Iterable[float]:
        if self.score is None:
            self.score = pickle.loads(self.pickled)
        return self.score(smiles)


def _answer(score: Score, smiles: list[str]) -> list[float] | _Failure:
    """A score's numbers.

    Raises:
        ValueError: it returns something else than one number a molecule.
    """

    def call() -> tuple[Any, np.ndarray | None]:
        answer = score(list(smiles))
        answer = list(answer) if isinstance(answer, Iterator) else answer
        return answer, as_numbers(answer)

    found, failure = guarded(call)
    if failure is not None:
        return _Failure(failure)
    answer, values = found
    if values is None or values.shape != (len(smiles),):
        shape = "" if values is None else f" of shape {values.shape}"
        said, failure = guarded(repr, answer)
        raise ValueError(
            f"score returned {(said or failure):.80}{shape} for {len(smiles)} molecule"
            f"{'s' * (len(smiles) > 1)}; expected one number each"
        )
    return values.tolist()


def as_numbers(answer: Any) -> np.ndarray | None:
    """Numbers of any library, shape and device as float64, NaN where one is missing.

    None if there is anything but numbers, or no order.
    """
    if isinstance(answer, (str, bytes, Mapping, Set)):
        return None
    try:
        if hasattr(answer, "detach"):  # of a tensor, gradient, device and precision are left behind
            answer = answer.tolist()
        elif not hasattr(answer, "__array__") or getattr(answer, "dtype", None) == np.dtype(object):
            answer = [one.tolist() if hasattr(one, "tolist") else one for one in answer]
        array = np.ma.asarray(answer)
        return None if array.dtype.kind == "c" else np.ma.filled(array.astype(np.float64), np.nan)
    except (TypeError, ValueError):
        return None
