"""Table 3: runs on MOSES, their metrics where they reach a level of accuracy, and the table of these."""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

import numpy as np

from ...book.comparison import cells
from ...book.statistics import mean, pooled, spread
from ...experiments.molecule_runs import curve, from_most_accurate
from ...experiments.record import Record, recorded_methods
from ...experiments.runner import obtain
from .presets import PRESETS
from .printed import PRINTED
from .variations import VARIATIONS

__all__ = [
    "LEVELS",
    "METRICS",
    "MOSES_METHODS",
    "Cell",
    "at_accuracy",
    "at_level",
    "averages",
    "contest",
    "curves_of",
    "noise",
    "ours",
    "small_runs",
    "table_runs",
    "table_three",
    "table_three_rows",
    "variation_rows",
    "variation_runs",
]

LEVELS = (0.7, 0.8, 0.9)
"""Sequence-wise accuracies of Table 3."""
METRICS = ("FCD/Test", "SNN/Test")
"""Of Table 3."""
MOSES_METHODS = {
    "VAE (G)": "vae-gaussian",
    "VAE (T)": "vae-triweight",
    "DD-VAE (G)": "ddvae-gaussian",
    "DD-VAE (T)": "ddvae-triweight",
}
"""Rows of Table 3, with the part of a preset's name."""
Curves = Mapping[str, Sequence[list[dict]]]
"""Curves of training (`molecule_runs.curve`) by row of Table 3, one a seed."""
_KEYS = cells(PRINTED, "Table 3")


class Cell(NamedTuple):
    """A place in Table 3: a method, a metric and a level of accuracy."""

    method: str
    metric: str
    level: float

    @property
    def column(self) -> str:
        """The title of its column."""
        return f"{self.metric} {100 * self.level:.0f} %"

    @property
    def key(self) -> str:
        """What `PRINTED` has of it."""
        return _KEYS[self.method, self.column]


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
        return recorded_methods(MOSES_METHODS, ("moses-", ("full",)), ("moses-large-", ("hours", "full")))
    chosen = MOSES_METHODS if budget in ("hours", "full") else {"DD-VAE (T)": MOSES_METHODS["DD-VAE (T)"]}
    found = {}
    for title, name in chosen.items():
        preset = f"moses-{name}" if budget == "full" else f"moses-sweep-{name}"
        seeds = range(1, PRESETS[preset].seeds + 1) if budget == "full" else (seed,)
        found[title] = obtain(PRESETS[preset], budget, out, seeds, device, watch)
    return found


def small_runs() -> dict[str, list[Record]]:
    """The recorded runs of a quarter of the published units by method, one a seed, which fall to 70 %."""
    return recorded_methods(MOSES_METHODS, ("moses-sweep-", ("hours", "full")))


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


def curves_of(runs: Mapping[str, Sequence[Record]]) -> dict[str, list[list[dict]]]:
    """Curves of training by method, one a seed, of its runs."""
    return {method: [curve(record) for record in records] for method, records in runs.items()}


def table_three(curves: Curves, metrics: Sequence[str] = METRICS) -> dict[Cell, list[float]]:
    """Metrics at the levels of accuracy, by place in the table: one a seed whose run reaches the level.

    Args:
        curves: By method.
        metrics: Of the curves' columns.

    Source: Table 3; see `at_level`.
    """
    return {
        cell: [value for rows in found if math.isfinite(value := at_level(rows, cell.metric, cell.level))]
        for method, found in curves.items()
        for cell in (Cell(method, metric, level) for metric in metrics for level in LEVELS)
    }


def at_level(rows: list[dict], metric: str, level: float) -> float:
    """A metric of one run at a level of accuracy; NaN where the run does not reach it.

    A run counts from its most accurate checkpoint on, for Section 4.3 looks at models while beta rises and
    accuracy falls. (The released code takes the epochs after 20, from when beta rises.) It reaches a level
    if the average accuracy of the checkpoints around it is off by at most 2.5 %.

    Args:
        rows: Its curve of training.
        metric: A column of it, such as "FCD/Test".
        level: In [0, 1].

    Source: Table 3; see `at_accuracy`.
    """
    known = [row for row in from_most_accurate(rows) if math.isfinite(row.get(metric, math.nan))]
    accuracy = [row["accuracy"] for row in known]
    if not abs(at_accuracy(accuracy, accuracy, level) - level) <= 0.025:
        return math.nan
    return at_accuracy(accuracy, [row[metric] for row in known], level)


def at_accuracy(
    accuracy: Sequence[float] | np.ndarray,
    values: Sequence[float] | np.ndarray,
    level: float,
    half_width: float = 0.05,
) -> float:
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


def averages(curves: Curves) -> dict[str, dict[str, tuple[np.ndarray, np.ndarray]]]:
    """Lines through the values of Table 3, by method and metric: accuracies, and means over seeds there.

    Args:
        curves: By method.
    """
    return {
        method: {metric: _average(found, metric) for metric in METRICS} for method, found in curves.items()
    }


def _average(curves: Sequence[list[dict]], metric: str) -> tuple[np.ndarray, np.ndarray]:
    levels = np.linspace(0.5, 1, 101)
    found = np.array([[at_level(rows, metric, level) for level in levels] for rows in curves])
    known = np.isfinite(found).any(0)
    return levels[known], np.nanmean(found[:, known], axis=0)


def table_three_rows(curves: Curves, size: str = "") -> list[dict]:
    """Table 3 as this companion finds it, the paper's row under each of ours; n strings a checkpoint.

    Args:
        curves: By method.
        size: Of the models, such as "small", which the names of our rows then tell.
    """
    values, valid, rows = table_three(curves), table_three(curves, ["valid"]), []
    for method, found in curves.items():
        here = {cell: one for cell, one in values.items() if cell.method == method}
        row: dict = {"method": f"{method}, {size}" if size else method, "seeds": len(found)}
        row["n"] = max(row["n"] for run in found for row in run)
        row["valid 80 % (%)"] = f"{100 * mean(valid[Cell(method, 'valid', 0.8)]):.1f}"
        rows.append(row | {cell.column: spread(one, ".3f", ".3f") for cell, one in here.items()})
        rows.append({"method": "  in the paper"} | {cell.column: _printed(cell) for cell in here})
    return rows


def _printed(cell: Cell) -> str:
    printed = PRINTED[cell.key]
    return f"{printed.value:.3f} ± {printed.deviation:.3f}"


def ours(curves: Curves) -> dict[str, list[float]]:
    """Values by key of `PRINTED`, one a seed, levels that no run reaches left out."""
    return {cell.key: values for cell, values in table_three(curves).items() if values}


def noise(curves: Curves, metric: str, level: float, counts: tuple[int, int] = (1, 1)) -> float:
    """How far two means over seeds lie apart by chance: half of the 95 % interval of their difference.

    By Student's t from the deviation over seeds, taken as the same for all methods; NaN if none has several.

    Args:
        curves: By method, those with several seeds.
        metric, level: A place in Table 3.
        counts: Seeds of either mean.
    """
    from scipy.stats import t

    values = table_three(curves, [metric])
    deviation, freedom = pooled(values[Cell(method, metric, level)] for method in curves)
    if not (freedom and all(counts)):
        return math.nan
    return float(t.ppf(0.975, freedom) * deviation * math.sqrt(sum(1 / count for count in counts)))


def contest(curves: Curves, seeds: Curves | None = None) -> list[dict]:
    """VAE against DD-VAE with the same proposals at each level: a row a kernel, metric and level.

    Args:
        curves: By method.
        seeds: Curves that tell how far seeds lie apart (see `noise`); None for the same.
    """
    values, rows = table_three(curves), []
    for vae, ddvae in (("VAE (G)", "DD-VAE (G)"), ("VAE (T)", "DD-VAE (T)")):
        if vae not in curves or ddvae not in curves:
            continue
        for cell in (cell for cell in values if cell.method == vae):
            pair = values[cell], values[cell._replace(method=ddvae)]
            row = {"proposals": vae[-2], "metric": cell.metric, "accuracy (%)": f"{100 * cell.level:.0f}"}
            row |= {name: spread(one, ".3f", ".3f") for name, one in zip(("VAE", "DD-VAE"), pair)}
            difference, counts = mean(pair[1]) - mean(pair[0]), (len(pair[0]), len(pair[1]))
            apart = noise(curves if seeds is None else seeds, cell.metric, cell.level, counts)
            verdict = {"better": _better(cell, difference), "beyond noise": _beyond(difference, apart)}
            rows.append({**row, "DD-VAE - VAE": difference, "noise": apart, **verdict})
    return rows


def _better(cell: Cell, difference: float) -> str:
    gain = -difference if PRINTED[cell.key].better == "lower" else difference
    return "–" if math.isnan(gain) else "DD-VAE" if gain >= 0 else "VAE"


def _beyond(difference: float, apart: float) -> str:
    return "–" if math.isnan(difference + apart) else "yes" if abs(difference) > apart else "no"


def variation_rows(runs: Mapping[str, Record], curves: Mapping[str, list[dict]]) -> list[dict]:
    """A row a variation: highest accuracy, metrics at Table 3's levels, and where the run ended.

    Args:
        runs: Records by title.
        curves: Of each.
    """
    rows = []
    for title, record in runs.items():
        points, results = curves[title], record.results
        row = {"recipe": title, "highest accuracy (%)": 100 * from_most_accurate(points)[0]["accuracy"]}
        for metric, levels in (("FCD/Test", LEVELS[:2]), ("SNN/Test", LEVELS[:1])):
            row |= {Cell(title, metric, level).column: at_level(points, metric, level) for level in levels}
        row |= {"accuracy at the end (%)": results["sequence_accuracy"], "KL (nats)": results["kl_nats"]}
        rows.append(row | {"valid (%)": results["valid"]})
    return rows
