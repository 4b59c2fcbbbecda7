"""A process that is kept for one function."""

import signal
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from multiprocessing.util import Finalize
from typing import Generic, TypeVar

__all__ = ["WarmProcess"]

Argument = TypeVar("Argument")
Result = TypeVar("Result")


class WarmProcess(Generic[Argument, Result]):
    """A process for one function, kept from call to call and started anew after it hung or died.

    Args:
        function: Of one argument, importable by name; what it keeps stays with the process.
    """

    _process: BaseProcess
    _ours: connection.Connection

    def __init__(self, function: Callable[[Argument], Result]):
        self._function = function
        self._end: Callable[[], object] | None = None

    @property
    def alive(self) -> bool:
        """Whether the process of earlier calls still is."""
        return self._end is not None and self._process.is_alive()

    def call(self, argument: Argument, limit: float, waiting: Callable[[], None] = lambda: None) -> Result:
        """The function's result.

        Args:
            argument: What it is called with.
            limit: Seconds, the start of a process included.
            waiting: Called each second until there is a result.

        Raises:
            TimeoutError: it took longer.
            ChildProcessError: the process died.
            Exception: whatever the function raises.
        """
        if not self.alive:
            self.stop()
            self._start()
        try:
            self._ours.send(argument)
            if not self._answered(time.monotonic() + limit, waiting):
                raise TimeoutError(f"over {limit:g} s")
            result, error = self._ours.recv()
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise ChildProcessError(f"its process died, {self._how_it_ended()}") from None
        except BaseException:
            self.stop()
            raise
        if error is not None:
            raise error
        return result

    def stop(self) -> None:
        """Ends the process, and those that it began."""
        if self._end is not None:
            self._end()
        self._end = None

    def _answered(self, deadline: float, waiting: Callable[[], None]) -> bool:
        """Whether there is an answer, or none can come any more, before the deadline."""
        ends: list[connection.Connection | int] = [self._ours, self._process.sentinel]
        while not connection.wait(ends, max(0.0, min(1.0, deadline - time.monotonic()))):
            waiting()
            if not self.alive:  # what it forked may hold its sentinel
                break
            if time.monotonic() > deadline:
                return False
        if not self._ours.poll():
            raise EOFError
        return True

    def _how_it_ended(self) -> str:
        process = self._process
        process.join(5)
        self.stop()
        names: dict[int | None, str] = {-one.value: one.name for one in signal.Signals}
        return names.get(process.exitcode, f"exit code {process.exitcode}")

    def _start(self) -> None:
        from loky.backend.context import get_context

        context = get_context("loky")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(self._function, theirs))
        self._process.start()
        theirs.close()
        # whoever leaves without stop would wait for it
        self._end = Finalize(self, _end, (self._process, self._ours), exitpriority=10)


def _serve(function: Callable[[Argument], Result], calls: connection.Connection) -> None:
    """Answers calls until their other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for its owner
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            argument = calls.recv()
            try:
                answer: tuple[Result | None, Exception | None] = function(argument), None
            except Exception as error:
                answer = None, error
            calls.send(answer)


def _end(process: BaseProcess, ours: connection.Connection) -> None:
    from loky.backend.utils import kill_process_tree

    ours.close()
    if process.is_alive():
        kill_process_tree(process)
    process.join()
