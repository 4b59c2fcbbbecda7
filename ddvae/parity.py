"""MOSES' metrics, ours against molsets' own on the same molecules."""

import resource
import time

import numpy as np

from .metrics import evaluate
from .smiles import moses_strings

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
    middle, memory = time.perf_counter(), _peak_gib()
    theirs = evaluate(strings, n_jobs=n_jobs, path="reference")
    took = {"n": n, "our seconds": middle - begin, "molsets' seconds": time.perf_counter() - middle}
    return [
        {"metric": key, "ours": ours[key], "molsets": value, "difference": ours[key] - value}
        | took
        | {"our GiB": memory}
        for key, value in theirs.items()
    ]


def _peak_gib() -> float:
    """Of this process and the largest of those it started."""
    kib = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(kib) / 2**20
