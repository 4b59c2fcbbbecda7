"""MOSES' metrics of a set of molecules, each molecule looked at once."""

import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from typing import Any, Literal, TypeVar

import numpy as np

from .chemistry import canonical
from .chemnet import extrapolated_fcd, fcd, fcd_interval
from .datasets import moses_strings
from .fingerprints import mean_similarities, nearest_similarities
from .moses_statistics import Reference, moses_reference
from .profile import Profile, checked_strings, profile

__all__ = ["Profile", "evaluate", "molecules_behind", "profile", "validity"]

Strings = Iterable[str | None]
Given = TypeVar("Given")
Metrics = dict[str, Any]
"""By molsets' keys: a number each, of an interval its two ends."""


def evaluate(
    smiles: Strings | Profile,
    *,
    n_jobs: int | None = None,
    device: str = "cpu",
    ks: Sequence[int] = (1000, 10000),
    train: Iterable[str] | Literal[False] | None = None,
    test: Iterable[str] | Profile | None = None,
    test_scaffolds: Iterable[str] | Profile | Literal[False] | None = None,
    path: str = "fast",
    extrapolate: bool = False,
    resamples: int = 0,
    time_limit: float = 10.0,
    progress: bool = False,
) -> Metrics:
    """All metrics of MOSES, under molsets' keys and in its order.

    A metric that has no value for this set is NaN, and a warning names it and the reason. FCD depends on
    the number of molecules: state it beside; 30,000 is MOSES' convention.

    Args:
        smiles: The set, of strings or its `profile`; None and the empty string count as invalid.
        n_jobs, device, time_limit, progress: As in `profile`.
        ks: Each gives a key unique@k, the share of distinct ones among the first k molecules.
        train: Reference for Novelty, canonical strings; None for MOSES' training set, False leaves it out.
        test: Reference; None for MOSES' test set.
        test_scaffolds: Second reference; None for MOSES' scaffold test set, False leaves it out.
        path: "fast", or "reference": molsets' own functions, which know none of the options below.
        extrapolate: Adds FCD/... (n to infinity).
        resamples: Adds bootstrapped 95 % intervals (low, high) of FCD and SNN from that many resamples.

    Raises:
        ValueError, TypeError: as in `profile`, or an argument has another value.

    Source: Polykovskiy et al. (2018a), molsets 0.3.1.
    """
    ks = tuple(ks)
    if not all(type(k) is int and k > 0 for k in ks):
        raise ValueError(f"ks is {ks}; expected whole numbers from 1")
    if resamples < 0:
        raise ValueError(f"resamples is {resamples}; expected a whole number from 0")
    if path == "reference":
        if extrapolate or resamples:
            raise ValueError("extrapolate and resamples are set; expected them with path 'fast' alone")
        return _by_molsets(smiles, ks, n_jobs, device, test, test_scaffolds, train)
    if path != "fast":
        raise ValueError(f"path is {path!r}; expected 'fast' or 'reference'")
    look = partial(profile, n_jobs=n_jobs, device=device, time_limit=time_limit, progress=progress)
    found = smiles if isinstance(smiles, Profile) else look(smiles)
    references = {"Test": _reference(test, "test", look)}
    if test_scaffolds is not False:
        references["TestSF"] = _reference(test_scaffolds, "test_scaffolds", look)

    results: Metrics = {"valid": len(found.traits) / found.given}
    for k in ks:
        results[f"unique@{k}"] = _ratio(len(set(found.smiles[:k])), len(found.smiles[:k]))
    for name, reference in references.items():
        results |= _against(found, reference, name, device, extrapolate, resamples)
    diversity = 1 - _mean_roots(found, device)
    results |= {"IntDiv": diversity[0], "IntDiv2": diversity[1]}
    results["Filters"] = _ratio(sum(one.passes for one in found.traits), len(found.traits))
    for key, values in found.values.items():
        results[key] = _wasserstein(references["Test"].values[key], values)
    if train is not False:
        known = _training_set() if train is None else checked_strings(train, "train")
        fresh = set(found.smiles)
        results["Novelty"] = _ratio(len(fresh.difference(known)), len(fresh))
    _tell_missing(results, found)
    return results


def molecules_behind(results: Mapping[str, Any], given: int) -> dict[str, int]:
    """How many molecules each figure of `evaluate` rests on.

    Args:
        results: What it returned.
        given: Number of strings it was given.
    """
    valid = round(results["valid"] * given)
    counts = {key: min(valid, int(key[7:])) for key in results if key.startswith("unique@")}
    return {key: counts.get(key, valid) for key in results} | {"valid": given}


@cache
def _training_set() -> frozenset[str]:
    return frozenset(moses_strings("train"))


def _reference(
    given: Iterable[str] | Profile | None, split: str, look: Callable[[Strings], Profile]
) -> Reference:
    if given is None:
        return moses_reference(split)
    return (given if isinstance(given, Profile) else look(checked_strings(given, split))).reference()


def _against(
    found: Profile, reference: Reference, name: str, device: str, extrapolate: bool, resamples: int
) -> Metrics:
    """The four metrics that compare with a reference, and what was asked for beside."""
    nearest = nearest_similarities(found.fingerprints, reference.fingerprints, device)
    gaussian = reference.mean, reference.covariance
    results: Metrics = {
        f"FCD/{name}": fcd(found.activations, *gaussian),
        f"SNN/{name}": _mean(nearest),
        f"Frag/{name}": _cosine(found.fragments, reference.fragments),
        f"Scaf/{name}": _cosine(found.scaffolds, reference.scaffolds),
    }
    if extrapolate:
        results[f"FCD/{name} (n to infinity)"] = extrapolated_fcd(found.activations, *gaussian)
    if resamples:
        results[f"FCD/{name} 95 %"] = fcd_interval(found.activations, *gaussian, resamples)
        results[f"SNN/{name} 95 %"] = _mean_interval(nearest, resamples)
    return results


def _mean_interval(values: np.ndarray, resamples: int, seed: int = 0) -> tuple[float, float]:
    if len(values) == 0:
        return np.nan, np.nan
    generator = np.random.default_rng(seed)
    means = [values[generator.integers(len(values), size=len(values))].mean() for _ in range(resamples)]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def _cosine(a: Counter[str], b: Counter[str]) -> float:
    """Cosine of the angle between two sets of counts; NaN if one is empty."""
    lengths = [np.sqrt(sum(count**2 for count in counts.values())) for counts in (a, b)]
    return _ratio(sum(count * b[key] for key, count in a.items() if key in b), lengths[0] * lengths[1])


def _mean_roots(found: Profile, device: str) -> np.ndarray:
    """Mean over molecules of the p-th root of their mean similarity^p to all, p = 1 and 2."""
    means = mean_similarities(found.fingerprints, device)
    return np.array([_mean(means[0]), _mean(np.sqrt(means[1]))])


def _wasserstein(reference: np.ndarray, values: np.ndarray) -> float:
    """Distance between two samples of a property; values that RDKit could not give are left out."""
    from scipy.stats import wasserstein_distance

    values = values[~np.isnan(values)]
    return float(wasserstein_distance(reference[~np.isnan(reference)], values)) if len(values) else np.nan


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else np.nan


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else np.nan


def _tell_missing(results: Metrics, found: Profile) -> None:
    missing = [key for key, value in results.items() if np.isnan(value).any()]
    if missing:
        counts = f"{len(found.traits)} valid of {found.given} strings"
        needs = "FCD takes 2 molecules, its limit 2,000, Scaf a scaffold of two rings, the others a molecule"
        warnings.warn(f"{', '.join(missing)}: no value for {counts} ({needs})", stacklevel=3)


def _by_molsets(
    smiles: Strings | Profile,
    ks: Sequence[int],
    n_jobs: int | None,
    device: str,
    test: Iterable[str] | Profile | None,
    test_scaffolds: Iterable[str] | Profile | Literal[False] | None,
    train: Iterable[str] | Literal[False] | None,
) -> dict[str, float]:
    from .molsets import reference_metrics

    smiles = _no_profile(smiles, "smiles")
    sets = {
        "test": _no_profile(test, "test"),
        "test_scaffolds": _no_profile(test_scaffolds, "test_scaffolds"),
        "train": _no_profile(train, "train"),
    }
    # molsets would take None for an error and the empty string for a molecule; this is neither
    strings = [string or "?" for string in checked_strings(smiles)]
    given = {
        name: [string for string in checked_strings(some, name) if string]
        for name, some in sets.items()
        if some is not None and some is not False
    }
    n_jobs = os.cpu_count() if n_jobs is None else n_jobs
    results = reference_metrics(strings, k=list(ks), n_jobs=n_jobs, device=device, **given)
    left_out = ("/TestSF" if test_scaffolds is False else "?", "Novelty" if train is False else "?")
    return {key: value for key, value in results.items() if not key.endswith(left_out)}


def _no_profile(given: Given | Profile, name: str) -> Given:
    if isinstance(given, Profile):
        raise TypeError(f"{name} is a Profile; expected strings where path is 'reference'")
    return given


def validity(strings: list[str]) -> dict[str, float | None]:
    """Percentages of strings that are molecules, and of distinct ones among these; None without RDKit.

    The empty string is none; `valid_or_empty` counts it as the released code did on ZINC.
    """
    try:
        found = canonical(strings)
    except ImportError:
        return {"valid": None, "valid_or_empty": None, "unique": None}
    valid = [s for s in found if s is not None]
    empty = strings.count("")
    return {
        "valid": 100 * len(valid) / len(strings),
        "valid_or_empty": 100 * (len(valid) + empty) / len(strings),
        "unique": 100 * len(set(valid)) / max(len(valid), 1),
    }
