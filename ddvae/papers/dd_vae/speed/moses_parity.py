"""MOSES' metrics, ours against molsets' own on the same molecules."""

import sys
import time

import numpy as np

from ....molecules.datasets import moses_strings
from ....molecules.moses import evaluate

__all__ = ["parity"]


def parity(n: int = 10_000, n_jobs: int = 2) -> list[dict]:
    """Both values of each metric, and on every row the seconds of both ways and our peak memory.

    The molecules are drawn from MOSES' training set and every tenth is cut short, as a model would have it.

    Args:
        n: Molecules.
        n_jobs: Processes, for both.
    """
    chosen = np.random.default_rng(1).choice(moses_strings("train"), n, replace=False).tolist()
    strings = [string[:-1] if i % 10 == 0 else string for i, string in enumerate(chosen)]
    begin = time.perf_counter()
    ours = evaluate(strings, n_jobs=n_jobs)
    middle, memory = time.perf_counter(), _peak_gib(n_jobs)
    theirs = evaluate(strings, n_jobs=n_jobs, path="reference")
    took = {"n": n, "our seconds": middle - begin, "molsets' seconds": time.perf_counter() - middle}
    return [
        {"metric": key, "ours": ours[key], "molsets": value, "difference": ours[key] - value}
        | took
        | {"our GiB": memory}
        for key, value in theirs.items()
    ]


def _peak_gib(n_jobs: int) -> float:
    """Of this process and, times their number, of the largest of those it started."""
    try:
        import resource
    except ImportError:  # Windows
        return float("nan")
    unit = 2**30 if sys.platform == "darwin" else 2**20
    kib = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return (kib[0] + n_jobs * kib[1]) / unit
