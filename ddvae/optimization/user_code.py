"""Code of a user's, called so that whatever it does is told and ends nothing."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

__all__ = ["guarded"]


def guarded(call: Callable[..., Any], *arguments: Any) -> tuple[Any, str | None]:
    """What a user's code returns and None, or None and what it raised, in words.

    Exits and a KeyboardInterrupt of its own are caught like any error; Ctrl-C still interrupts.

    >>> import sys
    >>> guarded(int, "4"), guarded(sys.exit, 1)
    ((4, None), (None, 'SystemExit: 1'))
    """
    found: tuple[Any, str | None]
    with _told_of_ctrl_c() as pressed:
        try:
            found = call(*arguments), None
        except BaseException as error:  # whatever a user's code raises
            found = None, _in_words(error)
    if pressed:
        raise KeyboardInterrupt
    return found


@contextmanager
def _told_of_ctrl_c() -> Iterator[list[bool]]:
    """A list that is filled when Ctrl-C is pressed; it goes on to do what it did."""
    pressed: list[bool] = []
    handler = signal.getsignal(signal.SIGINT)
    if not callable(handler) or threading.current_thread() is not threading.main_thread():
        yield pressed
        return

    def note(number: int, frame: FrameType | None) -> Any:
        pressed.append(True)
        return handler(number, frame)

    signal.signal(signal.SIGINT, note)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, handler)


def _in_words(error: BaseException) -> str:
    """Kind and message of an error on one line."""
    try:
        message = str(error)
    except BaseException:  # a message that fails is none
        message = ""
    text = "".join(c if c.isprintable() else " " for c in f"{type(error).__name__}: {message}")
    return " ".join(text.split())[:200].removesuffix(":")
