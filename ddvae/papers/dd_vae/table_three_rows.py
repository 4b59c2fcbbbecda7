"""Chapter 5's tables, from the curves of training runs (`curves.curve`)."""

import math
from collections.abc import Mapping, Sequence

from ...experiments.molecule_runs import from_most_accurate
from ...experiments.record import Record
from .printed import PRINTED
from .table_three import LEVELS, METHODS, table_three

__all__ = ["METRICS", "contest", "ours", "table_three_rows", "variation_rows"]

Curves = Mapping[str, Sequence[list[dict]]]
"""By row of Table 3, one a seed."""
METRICS = {"FCD/Test": "fcd", "SNN/Test": "snn"}
"""Of Table 3, with their part of a key of `PRINTED`."""


def table_three_rows(curves: Curves) -> list[dict]:
    """Table 3 as this companion finds it, the paper's row under each of ours; n strings a checkpoint."""
    rows = []
    for method, found in curves.items():
        row = {"method": method, "seeds": len(found), "n": max(r["n"] for run in found for r in run)}
        row["valid 80 % (%)"] = f"{100 * table_three(found, 'valid')[LEVELS[1]][0]:.1f}"
        printed = {"method": "  in the paper"}
        for metric in METRICS:
            for level, value in table_three(found, metric).items():
                column = f"{metric} {100 * level:.0f} %"
                row[column] = _spread(*value)
                printed[column] = f"{PRINTED[_key(method, metric, level)].value:.3f}"
        rows += [row, printed]
    return rows


def ours(curves: Curves) -> dict[str, float]:
    """Table 3's numbers by key of `PRINTED`, levels that no run reached left out."""
    return {
        _key(method, metric, level): mean
        for method, found in curves.items()
        for metric in METRICS
        for level, (mean, _) in table_three(found, metric).items()
        if not math.isnan(mean)
    }


def contest(curves: Curves) -> list[dict]:
    """VAE against DD-VAE with the same proposals at each level: a row a kernel, metric and level."""
    rows = []
    for letter in ("G", "T"):
        pair = [curves.get(f"{method} ({letter})") for method in ("VAE", "DD-VAE")]
        if None in pair:
            continue
        for metric in METRICS:
            for level in LEVELS:
                vae, ddvae = (table_three(found, metric)[level] for found in pair)
                gain = (vae[0] - ddvae[0]) * (1 if metric == "FCD/Test" else -1)
                verdict = "–" if math.isnan(gain) else "DD-VAE" if gain >= 0 else "VAE"
                row = {"proposals": letter, "metric": metric, "accuracy (%)": f"{100 * level:.0f}"}
                rows.append(row | {"VAE": _spread(*vae), "DD-VAE": _spread(*ddvae), "better": verdict})
    return rows


def variation_rows(runs: Mapping[str, Record], curves: Mapping[str, list[dict]]) -> list[dict]:
    """A row a variation: highest accuracy, metrics at Table 3's levels, and where the run ended.

    Args:
        runs: Records by title.
        curves: Of each.
    """
    rows = []
    for title, record in runs.items():
        points, results = curves[title], record.results
        best = from_most_accurate(points)[0]
        row = {"recipe": title, "highest accuracy (%)": 100 * best["accuracy"]}
        for metric, levels in (("FCD/Test", LEVELS[:2]), ("SNN/Test", LEVELS[:1])):
            values = table_three([points], metric)
            row |= {f"{metric} {100 * level:.0f} %": values[level][0] for level in levels}
        row |= {"accuracy at the end (%)": results["sequence_accuracy"], "KL (nats)": results["kl_nats"]}
        rows.append(row | {"valid (%)": results["valid"]})
    return rows


def _key(method: str, metric: str, level: float) -> str:
    return f"moses.{METHODS[method].replace('-', '.')}.{METRICS[metric]}.{100 * level:.0f}"


def _spread(mean: float, deviation: float) -> str:
    if math.isnan(mean):
        return "–"
    return f"{mean:.3f}" + ("" if math.isnan(deviation) else f" ± {deviation:.3f}")
