"""Code of a user's, called so that whatever it does is told and ends nothing."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["guarded"]


def guarded(call: Callable, *arguments: Any) -> tuple[Any, str | None]:
    """What a user's code returns and None, or None and what it raised, in words.

    Exits and a KeyboardInterrupt of its own are caught like any error; Ctrl-C still interrupts.

    >>> import sys
    >>> guarded(int, "4"), guarded(sys.exit, 1)
    ((4, None), (None, 'SystemExit: 1'))
    """
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
    pressed, handler = [], signal.getsignal(signal.SIGINT)

    def note(*arguments):
        pressed.append(True)
        return handler(*arguments)

    here = callable(handler) and threading.current_thread() is threading.main_thread()
    if here:
        signal.signal(signal.SIGINT, note)
    try:
        yield pressed
    finally:
        if here:
            signal.signal(signal.SIGINT, handler)


def _in_words(error: BaseException) -> str:
    """Kind and message of an error on one line."""
    try:
        message = str(error)
    except BaseException:  # a message that fails is none
        message = ""
    text = "".join(c if c.isprintable() else " " for c in f"{type(error).__name__}: {message}")
    return " ".join(text.split())[:200].removesuffix(":")
