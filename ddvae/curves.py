"""Molecules along a training run: the curves behind Table 3."""

import json
import statistics
from collections.abc import Sequence

import numpy as np

from .files import replace_file
from .metrics import at_accuracy, evaluate
from .records import Record

__all__ = ["LEVELS", "curve", "table_three"]

LEVELS = (0.7, 0.8, 0.9)
"""Sequence-wise accuracies of Table 3."""


def curve(record: Record, **how) -> list[dict]:
    """One row a snapshot: epoch, molecules seen, accuracy, nats, and MOSES' metrics of its samples.

    The metrics of a snapshot without samples are missing. They are computed once and kept beside the
    record, as curve.json.

    Args:
        record: Of a run on molecules.
        how: Settings of `evaluate`: n_jobs, device, progress.
    """
    file = record.folder / "curve.json"
    if file.is_file():
        return json.loads(file.read_text())
    rows = []
    for name, kept in sorted(record.arrays.items()):
        if not name.startswith("snapshot_"):
            continue
        epoch = int(name.removeprefix("snapshot_"))
        seen = int(record.log[epoch - 1]["step"]) * record.settings["batch_size"]
        row = {"epoch": epoch, "molecules": seen, "n": len(kept["samples"])}
        row |= {key: float(kept[key]) for key in ("accuracy", "kl")}
        if len(kept["samples"]):
            row |= evaluate([string.decode() for string in kept["samples"]], **how)
        rows.append(row)
    with replace_file(file) as beside:
        beside.write_text(json.dumps(rows, indent=1) + "\n")
    return rows


def table_three(curves: Sequence[list[dict]], key: str) -> dict[float, tuple[float, float]]:
    """Mean and standard deviation over seeds of a metric at the levels of accuracy.

    Args:
        curves: Of one method, one a seed.
        key: Of a metric, such as "FCD/Test".

    Returns:
        By level; NaN where no run has a judged snapshot around it, or a single one no deviation.

    Source: Table 3; see `at_accuracy`.
    """
    found = {}
    for level in LEVELS:
        values = []
        for rows in curves:
            judged = [row for row in rows if key in row]
            value = at_accuracy([row["accuracy"] for row in judged], [row[key] for row in judged], level)
            values += [value] if np.isfinite(value) else []
        mean = statistics.mean(values) if values else np.nan
        found[level] = mean, statistics.stdev(values) if len(values) > 1 else np.nan
    return found
