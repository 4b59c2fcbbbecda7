"""Rates of work: two ways in turn, one at its best, one in a process of its own."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable

__all__ = ["best_rate", "number_of_a_process", "rates"]


def rates(baseline: Callable[[], int], ours: Callable[[], int], rounds: int) -> dict[str, float]:
    """Objects a second of two functions that return how many they did, in turn, after one warm-up."""

    def rate(work: Callable[[], int]) -> float:
        started = time.perf_counter()
        return work() / (time.perf_counter() - started)

    for work in (baseline, ours):
        work()
    pairs = [(rate(baseline), rate(ours)) for _ in range(rounds)]
    ratios = sorted(b / a for a, b in pairs)
    middle = {
        "baseline": statistics.median(a for a, _ in pairs),
        "ours": statistics.median(b for _, b in pairs),
    }
    return middle | {"ratio": statistics.median(ratios), "low": ratios[0], "high": ratios[-1]}


def best_rate(work: Callable[[], object], operations: float, times: int = 3) -> float:
    """Billions of operations a second in the fastest of so many runs, after one warm-up.

    Args:
        work: Does these operations.
        operations: How many.
        times: Runs.
    """

    def seconds() -> float:
        started = time.perf_counter()
        work()
        return time.perf_counter() - started

    work()
    return operations / min(seconds() for _ in range(times)) / 1e9


def number_of_a_process(module: str, *arguments: object) -> float:
    """The number that a module prints when it is run, in a process that nothing was done in before."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    return float(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
