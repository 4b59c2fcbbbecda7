"""A progress bar where one is wanted and tqdm is installed, silence elsewhere."""

from contextlib import suppress
from types import TracebackType
from typing import Any

__all__ = ["ProgressBar"]

INTERVAL = 0.5
"""Seconds between two drawings of a bar."""


class ProgressBar:
    """A progress bar, silent where it is not wanted or tqdm is missing; also a context that closes it.

    Args:
        total: How many of them there are to do.
        label: Words before the bar.
        unit: What is counted, such as "step" or "molecule".
        initial: How many of them an earlier, interrupted run has done.
        shown: Whether it is wanted.
        leave: Whether it stays on the screen when it is closed.

    Attributes:
        shown: Whether there is a bar to see: else nobody needs to compute what it would tell.
    """

    def __init__(
        self,
        total: int,
        label: str | None = None,
        *,
        unit: str = "it",
        initial: int = 0,
        shown: bool = True,
        leave: bool = False,
    ):
        self._bar = None
        if shown:
            with suppress(ImportError):  # a bare machine works in silence
                from tqdm.auto import tqdm

                self._bar = tqdm(
                    desc=label, total=total, unit=unit, initial=initial, leave=leave, mininterval=INTERVAL
                )
        self.shown = self._bar is not None

    def update(self, count: int = 1) -> None:
        """So many more are done."""
        if self._bar is not None:
            self._bar.update(count)

    def set_postfix(self, values: dict[str, Any]) -> None:
        """Values by name to tell behind the bar, from its next drawing on."""
        if self._bar is not None:
            self._bar.set_postfix(values, refresh=False)

    def close(self) -> None:
        """Draws its end, or removes it."""
        if self._bar is not None:
            self._bar.close()

    def __enter__(self) -> "ProgressBar":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
