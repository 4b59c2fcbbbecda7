"""The penalised logP that chapter 6 optimises (Eq. 25 and 26)."""

import hashlib
import warnings
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from ..system.files import replace_file
from ..system.locations import cache_folder
from ..system.processes import map_chunks
from .chemistry import library_versions, score_parts

__all__ = ["COMMON", "Constants", "combine", "parts", "score"]

WORTH_KEEPING = 10_000
"""Molecules from which on a set's parts are kept."""


@dataclass(frozen=True)
class Constants:
    """Mean and standard deviation of logP, of -SA and of -cycle, by which they are normalised."""

    logp: tuple[float, float]
    sa: tuple[float, float]
    cycle: tuple[float, float]

    @classmethod
    def estimate(cls, found: np.ndarray) -> "Constants":
        """Of a set of molecules.

        Args:
            found: Its `parts` (N, 3); rows of NaN are left out.

        Raises:
            ValueError: a part does not vary.
        """
        rows = found[~np.isnan(found).any(1)] * [1, -1, -1]
        if len(rows) < 2 or not (rows.std(0) > 0).all():
            raise ValueError(f"parts are of {len(rows)} molecules; expected several that differ in each part")
        return cls(*zip(rows.mean(0).tolist(), rows.std(0).tolist()))


COMMON = Constants(
    (2.4570953396190123, 1.434324401111988),
    (-3.0525811293166134, 0.8335207024513095),
    (-0.0485696876403053, 0.2860212110245455),
)
"""Of the 250,000 molecules, as most published scores have them (Kusner et al., 2017)."""


def score(
    smiles: Sequence[str | None],
    *,
    constants: Constants = COMMON,
    cycle: str = "basis",
    n_jobs: int | None = None,
    time_limit: float = 10.0,
    progress: bool = False,
) -> np.ndarray:
    r"""Penalised logP of each string, higher is better; NaN for what is no molecule.

    .. math:: score(m) = \log P(m) - SA(m) - \max(0, |R_{max}(m)| - 6)

    Args:
        smiles: N strings; None and the empty string are no molecules.
        constants: By which each part is normalised.
        cycle: "basis", the longest ring of networkx's cycle basis, as in all published scores, though it
            depends on the order of atoms; or "sssr", of RDKit's smallest rings.
        n_jobs, time_limit, progress: As in `parts`.

    Returns:
        (N,) float64.

    Source: Eq. 25 and 26; Kusner et al. (2017).
    """
    found = parts(smiles, cycle=cycle, n_jobs=n_jobs, time_limit=time_limit, progress=progress)
    return combine(found, constants)


def combine(
    found: np.ndarray | Sequence[tuple[float, float, float] | None], constants: Constants = COMMON
) -> np.ndarray:
    """Scores (N,) of N parts, None or NaN for what is no molecule."""
    rows = np.array([(np.nan,) * 3 if row is None else row for row in found], dtype=np.float64)
    means, deviations = np.array([constants.logp, constants.sa, constants.cycle]).T
    return ((rows.reshape(-1, 3) * [1, -1, -1] - means) / deviations).sum(1)


def parts(
    smiles: Sequence[str | None],
    *,
    cycle: str = "basis",
    n_jobs: int | None = None,
    time_limit: float = 10.0,
    progress: bool = False,
) -> np.ndarray:
    """logP, SA and max(0, ring - 6) of each string, (N, 3) float64; rows of NaN for what is no molecule.

    The parts of a large set are kept in the user's cache.

    Args:
        smiles: N strings or None.
        cycle: As in `score`.
        n_jobs: Processes; None for one a core.
        time_limit: Seconds a string may take before it counts as no molecule.
        progress: Whether to show a bar.

    Raises:
        ValueError: cycle has another value.
        TypeError: smiles is one string.
    """
    if isinstance(smiles, str):
        raise TypeError(f"smiles is one string, {smiles[:60]!r}; expected a list of strings")
    if cycle not in ("basis", "sssr"):
        raise ValueError(f"cycle is {cycle!r}; expected 'basis' or 'sssr'")
    strings = [string or "" for string in smiles]
    file = None
    if len(strings) >= WORTH_KEEPING:
        text = "\n".join([library_versions(), cycle, *strings])
        key = hashlib.sha256(text.encode("utf-8", "surrogatepass"))
        file = cache_folder("scores") / f"{key.hexdigest()[:32]}.npy"
        kept = _kept(file, len(strings))
        if kept is not None:
            return kept
    rows, lost = map_chunks(
        partial(score_parts, cycle=cycle),
        strings,
        n_jobs=n_jobs,
        time_limit=time_limit,
        label="scores" if progress else None,
        keep=True,
    )
    found = np.array([row or (np.nan,) * 3 for row in rows], dtype=np.float64).reshape(-1, 3)
    if lost:
        warnings.warn(
            f"{len(lost)} strings took over {time_limit:g} s or crashed and have no score, "
            f"the first one {strings[lost[0]][:60]!r}",
            stacklevel=3,
        )
    elif file is not None:
        with suppress(OSError), replace_file(file) as beside, open(beside, "wb") as stream:
            np.save(stream, found)  # a package that may not write beside itself computes anew
    return found


def _kept(file: Path, n: int) -> np.ndarray | None:
    try:
        found = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None
    return found if found.shape == (n, 3) else None
