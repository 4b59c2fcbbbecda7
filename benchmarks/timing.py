"""Times two ways of doing the same, in turn, so that a drifting machine slows both."""

import csv
import statistics
import time
from collections.abc import Callable


def ratio(baseline: Callable[[], object], ours: Callable[[], object], rounds: int = 9) -> dict[str, float]:
    """Median seconds of both and the median, least and greatest of their ratios, round by round.

    Args:
        baseline, ours: Do the work once.
        rounds: Pairs counted, after one that is not.
    """
    pairs = []
    for _ in range(rounds + 1):
        seconds = []
        for work in (baseline, ours):
            started = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - started)
        pairs.append(tuple(seconds))
    pairs = pairs[1:]
    ratios = [a / b for a, b in pairs]
    return {
        "baseline_s": statistics.median(a for a, _ in pairs),
        "ours_s": statistics.median(b for _, b in pairs),
        "ratio": statistics.median(ratios),
        "low": min(ratios),
        "high": max(ratios),
    }


def show(name: str, found: dict[str, float]) -> None:
    """One line of a benchmark's table."""
    print(
        f"{name:44} {1e3 * found['baseline_s']:9.2f} ms {1e3 * found['ours_s']:9.2f} ms "
        f"{found['ratio']:6.2f}x ({found['low']:.2f} to {found['high']:.2f})",
        flush=True,
    )


def write_csv(path: str, rows: list[dict]) -> None:
    """A benchmark's table as a file, a column a key of the first row."""
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
