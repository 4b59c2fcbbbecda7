"""Molecules along a training run: the curves behind Table 3."""

import statistics
from collections.abc import Callable, Sequence
from contextlib import suppress

import numpy as np

from ...experiments.molecule_runs import from_most_accurate
from ...experiments.record import Record, recorded_methods
from ...experiments.runner import obtain
from .presets import PRESETS
from .variations import VARIATIONS

__all__ = [
    "LEVELS",
    "METHODS",
    "at_accuracy",
    "averages",
    "small_runs",
    "table_runs",
    "table_three",
    "variation_runs",
]

LEVELS = (0.7, 0.8, 0.9)
"""Sequence-wise accuracies of Table 3."""
METHODS = {
    "VAE (G)": "vae-gaussian",
    "VAE (T)": "vae-triweight",
    "DD-VAE (G)": "ddvae-gaussian",
    "DD-VAE (T)": "ddvae-triweight",
}
"""Rows of Table 3, with the part of a preset's name."""


def table_runs(
    budget: str = "recorded",
    out: str = "",
    seed: int = 1,
    device: str = "cpu",
    watch: Callable[[list[dict]], None] | None = None,
) -> dict[str, list[Record]]:
    """The runs behind Table 3 by method, one a seed: published ones at "full", else small ones.

    At "recorded" a method has what there is, published runs before shorter ones of that size, and is missing
    if there is none; at "laptop" and "smoke" DD-VAE (T) is trained alone.

    Args:
        seed: Of small runs to train; published runs have several.
        budget, out, device, watch: See `obtain`.
    """
    if budget == "recorded":
        return recorded_methods(METHODS, ("moses-", ("full",)), ("moses-large-", ("hours", "full")))
    chosen = METHODS if budget in ("hours", "full") else {"DD-VAE (T)": METHODS["DD-VAE (T)"]}
    found = {}
    for title, name in chosen.items():
        preset = f"moses-{name}" if budget == "full" else f"moses-sweep-{name}"
        seeds = range(1, PRESETS[preset].seeds + 1) if budget == "full" else (seed,)
        found[title] = obtain(PRESETS[preset], budget, out, seeds, device, watch)
    return found


def small_runs() -> dict[str, list[Record]]:
    """The recorded runs of a quarter of the published units by method, one a seed, which fall to 70 %."""
    return recorded_methods(METHODS, ("moses-sweep-", ("hours", "full")))


def variation_runs(
    budget: str = "recorded", out: str = "", seed: int = 1, device: str = "cpu"
) -> dict[str, Record]:
    """The variations of DD-VAE (T) by title: trained at "hours" and "full", else those on record.

    Args:
        seed: Of those to train.
        budget, out, device: See `obtain`.
    """
    found = {}
    for word, change in VARIATIONS.items():
        with suppress(FileNotFoundError):
            kept = budget if budget in ("hours", "full") else "recorded"
            found[change.title] = obtain(PRESETS[f"moses-variation-{word}"], kept, out, (seed,), device)[0]
    return found


def table_three(curves: Sequence[list[dict]], key: str) -> dict[float, tuple[float, float]]:
    """Mean and standard deviation over seeds of a metric at the levels of accuracy.

    A run counts from its most accurate checkpoint on, for Section 4.3 looks at models while beta rises and
    accuracy falls. (The released code takes the epochs after 20, from when beta rises.)

    Args:
        curves: Of one method, one a seed.
        key: Of a metric, such as "FCD/Test".

    Returns:
        By level; NaN where no run comes to it, that is, where the average accuracy of the snapshots around it
        is off by more than 2.5 %, or a single one has no deviation.

    Source: Table 3; see `at_accuracy`.
    """
    found = {}
    for level in LEVELS:
        values = [value for value in (_around(rows, key, level) for rows in curves) if np.isfinite(value)]
        mean = statistics.mean(values) if values else np.nan
        found[level] = mean, statistics.stdev(values) if len(values) > 1 else np.nan
    return found


def averages(curves: Sequence[list[dict]], key: str) -> tuple[np.ndarray, np.ndarray]:
    """Accuracies, and there the mean over seeds of the averages that Table 3 takes at three of them.

    Args:
        curves, key: As in `table_three`.
    """
    levels = np.linspace(0.5, 1, 101)
    found = np.array([[_around(rows, key, level) for level in levels] for rows in curves])
    known = np.isfinite(found).any(0)
    return levels[known], np.nanmean(found[:, known], axis=0)


def _around(rows: list[dict], key: str, level: float) -> float:
    judged = [row for row in from_most_accurate(rows) if np.isfinite(row.get(key, np.nan))]
    accuracy = [row["accuracy"] for row in judged]
    if not abs(at_accuracy(accuracy, accuracy, level) - level) <= 0.025:
        return np.nan
    return at_accuracy(accuracy, [row[key] for row in judged], level)


def at_accuracy(accuracy: np.ndarray, values: np.ndarray, level: float, half_width: float = 0.05) -> float:
    r"""A metric at a level of sequence-wise accuracy, averaged over the checkpoints around it.

    .. math:: \sum_i w_i v_i / \sum_i w_i, \quad w_i = \max(0, 1 - |a_i - level| / half\_width)

    Args:
        accuracy: Of each checkpoint, (N,), in [0, 1].
        values: Of the metric, (N,).
        level: Accuracy asked for.
        half_width: Of the triangular kernel.

    Returns:
        The average; NaN if no checkpoint lies within half_width.

    Source: Table 3; item 14 of the differences between paper and code.
    """
    weights = np.maximum(0, 1 - abs(np.asarray(accuracy) - level) / half_width)
    return float(weights @ np.asarray(values) / weights.sum()) if weights.any() else float("nan")
