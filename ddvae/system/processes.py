"""Work on many strings in other processes, in order, with a time limit a string."""

import pickle
from collections.abc import Callable, Sequence
from concurrent.futures import TimeoutError
from contextlib import nullcontext
from typing import Any, TypeVar

from .progress import ProgressBar

__all__ = ["map_chunks"]

Item = TypeVar("Item")
Result = TypeVar("Result")

CHUNK = 500
"""Items handed over at a time: enough to hide the transfer, few enough for a smooth progress bar."""
EACH = 0.1
"""Seconds granted to each item of a chunk beside the time limit, which is for one that hangs."""
_kept: dict[bytes, Any] = {}
"""Pools of one process, by what they call: for few items its start takes longer than they do."""


def map_chunks(
    function: Callable[[list[Item]], Sequence[Result | None]],
    items: Sequence[Item],
    *,
    n_jobs: int | None = None,
    time_limit: float = 10.0,
    label: str | None = None,
    keep: bool = False,
) -> tuple[list[Result | None], list[int]]:
    """function's results for all items, in order, computed in other processes.

    They are started anew, never forked: a fork of a process that holds torch's threads may hang. What takes
    too long, or brings its process down, is tried again alone and then given up.

    Args:
        function: List of items to list of results, importable by name; called with [] first.
        items: What it is called with, in chunks.
        n_jobs: Processes; None for one a core.
        time_limit: Seconds for one item.
        label: Of a progress bar; None shows none.
        keep: Whether a chunk alone goes to a process that stays for the next call: for functions that do not
            change while this process lives.

    Returns:
        The results, None in place of those given up, and the indices of these.

    Raises:
        ValueError: n_jobs or time_limit is not positive.
        Exception: whatever `function` raises.
    """
    from loky import cpu_count

    n_jobs = cpu_count() if n_jobs is None else n_jobs
    if n_jobs < 1:
        raise ValueError(f"n_jobs is {n_jobs}; expected a whole number from 1")
    if not time_limit > 0:
        raise ValueError(f"time_limit is {time_limit}; expected seconds above 0")
    results: list[Result | None] = []
    lost: list[int] = []
    chunks = [list(items[i : i + CHUNK]) for i in range(0, len(items), CHUNK)]
    keep = keep and len(chunks) < 2
    with nullcontext(_kept_pool(function)) if keep else _pool(function, min(n_jobs, len(chunks))) as pool:

        def start(chunk: list[Item], limit: float) -> Any:
            return pool.schedule(function, args=(chunk,), timeout=limit)

        futures = [start(chunk, time_limit + EACH * len(chunk)) for chunk in chunks]
        try:
            with ProgressBar(len(items), label, unit="molecule", shown=label is not None) as bar:
                for future, chunk in zip(futures, chunks):
                    found = _result(future)
                    if found is None:
                        alone = [_result(one) for one in [start([item], time_limit) for item in chunk]]
                        lost += [len(results) + i for i, one in enumerate(alone) if one is None]
                        found = [one[0] if one else None for one in alone]
                    results += found
                    bar.update(len(chunk))
        except BaseException:
            pool.stop()  # else leaving waits for all that is scheduled
            raise
    return results, lost


def _pool(function: Callable[[list[Item]], Sequence[Result]], processes: int) -> Any:
    from loky.backend.context import get_context
    from pebble import ProcessPool

    # a first call without items imports what the function needs, outside the time limit
    context = get_context("loky")
    return ProcessPool(max(1, processes), initializer=function, initargs=([],), context=context)


def _kept_pool(function: Callable[[list[Item]], Sequence[Result]]) -> Any:
    key = pickle.dumps(function)
    # a pool that was stopped is not active, nor is one in a fork, which has none of the threads that serve it
    if key not in _kept or not _kept[key].active:
        _kept[key] = _pool(function, 1)
    return _kept[key]


def _result(future: Any) -> list[Any] | None:
    """A task's result; None if it was stopped or its process died."""
    from pebble import ProcessExpired

    try:
        return future.result()
    except (TimeoutError, ProcessExpired):
        return None
