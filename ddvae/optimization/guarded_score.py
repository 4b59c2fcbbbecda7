"""A user's score of molecules, called so that whatever it does is told and ends nothing.

Free of torch, for it is imported anew by each process that a score runs in.
"""

import math
from collections.abc import Callable

import numpy as np

from ..system.processes import map_chunks

__all__ = ["apply_score"]


def apply_score(
    score: Callable, smiles: list[str], time_limit: float | None = None
) -> list[tuple[float, str]]:
    """Number and status ("scored" or "failed: ...") of each molecule.

    A function that fails on all together is asked for one at a time.

    Args:
        score: List of SMILES to floats.
        smiles: Molecules.
        time_limit: Seconds for a molecule; score then runs in another process and must be importable. None
            calls it here.

    Raises:
        ValueError: it returns something else than one number a molecule.
    """
    if not smiles:
        return []
    guarded = _Guarded(score)
    if time_limit is None:
        found = guarded(smiles)
    else:
        found, lost = map_chunks(guarded, smiles, n_jobs=1, time_limit=time_limit)
        for i in lost:
            found[i] = (math.nan, f"failed: over {time_limit:g} s, or its process died")
    return found


class _Guarded:
    """A user's function whose failures are told and not raised, and whose answer is checked."""

    def __init__(self, score: Callable):
        self.score = score

    def __call__(self, smiles: list[str]) -> list[tuple[float, str]]:
        if not smiles:
            return []
        try:
            answer = self.score(list(smiles))
        except Exception as error:  # whatever a user's function raises
            if len(smiles) > 1:
                return [self([one])[0] for one in smiles]
            return [(math.nan, f"failed: {type(error).__name__}: {error}".replace("\n", " ")[:200])]
        try:
            values = np.asarray(answer, dtype=np.float64)
        except (TypeError, ValueError):
            values = None
        if values is None or values.shape != (len(smiles),):
            raise ValueError(
                f"score returned {answer!r:.80} for {len(smiles)} molecules; expected one number each"
            )
        return [
            (float(v), "scored") if math.isfinite(v) else (math.nan, "failed: no finite score")
            for v in values
        ]
