"""What MOSES' metrics compare with: sums over a set of molecules."""

import hashlib
import json
import zipfile
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ..system.files import replace_file
from ..system.locations import cache_folder
from .molsets import molsets_file

__all__ = ["PROPERTIES", "Reference", "moses_reference"]

PROPERTIES = {"logP": "logp", "SA": "sa", "QED": "qed", "weight": "weight"}
"""Properties whose distributions are compared, by molsets' key."""


@dataclass(frozen=True)
class Reference:
    """Sums over a set of N molecules.

    Attributes:
        mean, covariance: Of ChemNet's activations, (512,) and (512, 512).
        fingerprints: Packed bits (N, 128) uint8.
        fragments, scaffolds: How often each occurs.
        values: Values of each of `PROPERTIES`, (N,).
    """

    mean: np.ndarray
    covariance: np.ndarray
    fingerprints: np.ndarray
    fragments: Counter[str]
    scaffolds: Counter[str]
    values: dict[str, np.ndarray]


@cache
def moses_reference(split: str) -> Reference:
    """MOSES' own statistics of its split "test" or "test_scaffolds", from the molsets package.

    Raises:
        FileNotFoundError: molsets is not installed.
    """
    source = molsets_file("dataset", "data", f"{split}_stats.npz")
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    file = cache_folder("references") / f"{split}-{digest[:16]}.npz"
    with suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return _read(file)
    with np.load(source, allow_pickle=True) as stored:  # part of an installed package, not a user's file
        kept = stored["stats"].item()
    reference = Reference(
        kept["FCD"]["mu"],
        kept["FCD"]["sigma"],
        np.packbits(kept["SNN"]["fps"], axis=1),
        kept["Frag"]["frag"],
        kept["Scaf"]["scaf"],
        {key: np.array(kept[key]["values"]) for key in PROPERTIES},
    )
    with suppress(OSError):  # a package that may not write beside itself reads the slow way again
        _write(reference, file)
    return reference


def _read(file: Path) -> Reference:
    with open(file, "rb") as stream, np.load(stream, allow_pickle=False) as kept:
        fragments, scaffolds = json.loads(kept["counts"].tobytes())
        return Reference(
            kept["mean"],
            kept["covariance"],
            kept["fingerprints"],
            Counter(fragments),
            Counter(scaffolds),
            {key: kept[key] for key in PROPERTIES},
        )


def _write(reference: Reference, file: Path) -> None:
    counts = json.dumps([reference.fragments, reference.scaffolds]).encode()
    arrays: dict[str, Any] = {
        "mean": reference.mean,
        "covariance": reference.covariance,
        "fingerprints": reference.fingerprints,
        "counts": np.frombuffer(counts, np.uint8),
    }
    with replace_file(file) as beside, open(beside, "wb") as stream:
        np.savez(stream, **(arrays | reference.values))
