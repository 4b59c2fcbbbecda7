"""Molecules along a training run: the curves behind Table 3."""

import json
import statistics
from collections.abc import Callable, Sequence
from contextlib import suppress

import numpy as np

from .experiments import PRESETS
from .files import replace_file
from .metrics import at_accuracy, evaluate
from .molecules import Smiles
from .recorder import obtain
from .records import CURVE, METRICS, Record, recorded_methods
from .variations import VARIATIONS

__all__ = [
    "LEVELS",
    "METHODS",
    "averages",
    "curve",
    "final_metrics",
    "from_most_accurate",
    "kept_beside",
    "small_runs",
    "table_runs",
    "table_three",
    "thin",
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
        found[title] = obtain(preset, budget, out, seeds, device, watch)
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
            found[change.title] = obtain(f"moses-variation-{word}", kept, out, (seed,), device)[0]
    return found


def curve(record: Record, progress: bool = False) -> list[dict]:
    """One row a snapshot: epoch, molecules seen, accuracy, nats, and MOSES' metrics against its test set.

    The metrics of a snapshot without samples are missing. They are computed once and kept beside the
    record, as curve.json.

    Args:
        record: Of a run on molecules.
        progress: Whether to show bars.

    Raises:
        ValueError: a run on something else, or one without snapshots.
    """

    def judge() -> list[dict]:
        rows = [_judge(record, *kept, progress) for kept in _snapshots(record)]
        if not rows:
            raise ValueError(f"{record.folder} holds no snapshots; expected a run that keeps them")
        return rows

    return kept_beside(record, CURVE, judge)


def thin(record: Record) -> None:
    """Drops the strings of snapshots, most of a record's weight, once curve.json says what they are worth.

    Raises:
        FileNotFoundError: it does not yet.
    """
    if not (record.folder / CURVE).is_file():
        raise FileNotFoundError(f"{record.folder / CURVE} is missing; expected snapshots that are judged")
    arrays = dict(record.arrays)
    for epoch, kept in _snapshots(record):
        kinds = [("accuracy", "f8"), ("kl", "f8"), ("samples", "S1", (0,)), ("thinned", "i8")]
        drawn = max(len(kept["samples"]), kept["thinned"] if "thinned" in kept.dtype.names else 0)
        arrays[f"snapshot_{epoch:04d}"] = np.array((kept["accuracy"], kept["kl"], [], drawn), dtype=kinds)
    with replace_file(record.folder / "arrays.npz") as path, open(path, "wb") as file:
        np.savez_compressed(file, **arrays)


def final_metrics(record: Record, progress: bool = False) -> dict[str, float]:
    """MOSES' metrics of the trained model's samples, kept as metrics.json; arguments as in `curve`."""
    return kept_beside(
        record, METRICS, lambda: evaluate(_strings(record.arrays["samples"]), progress=progress)
    )


def _snapshots(record: Record) -> list[tuple[int, np.ndarray]]:
    names = sorted(name for name in record.arrays if name.startswith("snapshot_"))
    return [(int(name.removeprefix("snapshot_")), record.arrays[name]) for name in names]


def _judge(record: Record, epoch: int, kept: np.ndarray, progress: bool) -> dict:
    seen = int(record.log[epoch - 1]["step"]) * record.settings["batch_size"]
    row = {"epoch": epoch, "molecules": seen, "n": len(kept["samples"])}
    if "thinned" in kept.dtype.names and kept["thinned"]:
        raise ValueError(
            f"{record.folder} was thinned and has lost {CURVE}; expected it, or the run trained anew"
        )
    row |= {key: float(kept[key]) for key in ("accuracy", "kl")}
    if not row["n"]:
        return row
    return row | evaluate(_strings(kept["samples"]), test_scaffolds=False, progress=progress)


def _strings(samples: np.ndarray) -> list[str]:
    return [string.decode() for string in samples]


def kept_beside(record: Record, name: str, compute: Callable):
    """What a JSON file beside a molecular record holds, else what is computed and then kept there.

    Args:
        record: Of a run on molecules.
        name: Of the file.
        compute: Called without arguments.

    Raises:
        ValueError: a run on something else.
    """
    if not isinstance(PRESETS[record.name], Smiles):
        raise ValueError(f"{record.folder} holds a run of {record.name}; expected a model of molecules")
    file = record.folder / name
    if not file.is_file():
        content = json.dumps(compute(), indent=1) + "\n"
        with replace_file(file) as beside:
            beside.write_text(content)
    return json.loads(file.read_text())


def from_most_accurate(rows: list[dict]) -> list[dict]:
    """A run's snapshots from the most accurate one on."""
    accuracy = [row["accuracy"] for row in rows]
    return rows[accuracy.index(max(accuracy)) :]


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
