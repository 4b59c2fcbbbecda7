"""What is read from and kept beside runs on molecules: codecs, curves of training, final metrics."""

import os
from pathlib import Path

import numpy as np

from ..data.vocabulary import Vocabulary
from ..molecules.codec import Codec
from ..molecules.moses import evaluate
from ..system.files import replace_file
from ..training.state import CHECKPOINT
from .record import SETTINGS, WEIGHTS, Record, load_weights, read_settings

__all__ = ["curve", "final_metrics", "from_most_accurate", "load_codec", "thin"]


def load_codec(path: str | os.PathLike[str], precision: str = "bfloat16") -> Codec:
    """Encoder and decoder of strings from a run's folder or its weights.

    Args:
        path: A folder that `train` wrote, or the checkpoint or weights in it.
        precision: See `Codec`.

    Raises:
        FileNotFoundError: there is no such run, or it was kept without weights.
        ValueError: it is damaged, or not a run on molecules.
    """
    path = Path(path)
    folder = path.parent if path.suffix == ".pt" else path
    mark = next((folder / name for name in ("run.json", SETTINGS) if (folder / name).is_file()), None)
    if path == folder:
        if mark is None:
            raise FileNotFoundError(
                f"{folder} holds no {SETTINGS} or run.json; expected a folder that train wrote"
            )
        path = folder / (WEIGHTS if (folder / WEIGHTS).is_file() else CHECKPOINT)
    model = load_weights(path, None if mark is None else read_settings(mark))
    architecture = model.architecture or {}
    if not architecture.get("ends"):
        raise ValueError(f"{path} is a model of {architecture.get('name')!r}; expected a model of molecules")
    return Codec(model, Vocabulary(architecture["symbols"], ends=True), precision)


def curve(record: Record, progress: bool = False) -> list[dict]:
    """One row a snapshot: epoch, molecules seen, accuracy, nats, and MOSES' metrics against its test set.

    The metrics of a snapshot without samples are missing. They are computed once and kept with the record.

    Args:
        record: Of a run on molecules.
        progress: Whether to show bars.

    Raises:
        ValueError: a run on something else, or one without snapshots.
    """

    def compute() -> list[dict]:
        rows = [_row(record, *kept, progress) for kept in _snapshots(record)]
        if not rows:
            raise ValueError(f"{record.folder} holds no snapshots; expected a run that keeps them")
        return rows

    return record.keep("curve", compute)


def thin(record: Record) -> None:
    """Drops the strings of snapshots, most of a record's weight, once its curve says what they are worth.

    Raises:
        FileNotFoundError: it does not yet.
    """
    if not record.kept("curve"):
        raise FileNotFoundError(f"{record.folder} has no curve yet; expected one that `curve` computed")
    arrays = dict(record.arrays)
    for epoch, kept in _snapshots(record):
        kinds = [("accuracy", "f8"), ("kl", "f8"), ("samples", "S1", (0,)), ("thinned", "i8")]
        drawn = max(len(kept["samples"]), _thinned(kept))
        arrays[f"snapshot_{epoch:04d}"] = np.array((kept["accuracy"], kept["kl"], [], drawn), dtype=kinds)
    with replace_file(record.folder / "arrays.npz") as path, open(path, "wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def final_metrics(record: Record, progress: bool = False) -> dict[str, float]:
    """MOSES' metrics of the trained model's samples, kept with the record; arguments as in `curve`."""
    return record.keep("metrics", lambda: evaluate(_strings(record.arrays["samples"]), progress=progress))


def _snapshots(record: Record) -> list[tuple[int, np.ndarray]]:
    names = sorted(name for name in record.arrays if name.startswith("snapshot_"))
    for name in names:
        if "samples" not in (record.arrays[name].dtype.names or ()):
            raise ValueError(f"{record.folder} holds a run of {record.name}; expected a run on molecules")
    return [(int(name.removeprefix("snapshot_")), record.arrays[name]) for name in names]


def _thinned(kept: np.ndarray) -> int:
    """How many strings a snapshot has lost."""
    return int(kept["thinned"]) if "thinned" in (kept.dtype.names or ()) else 0


def _row(record: Record, epoch: int, kept: np.ndarray, progress: bool) -> dict:
    seen = int(record.log[epoch - 1]["step"]) * record.settings["batch_size"]
    row = {"epoch": epoch, "molecules": seen, "n": len(kept["samples"])}
    if _thinned(kept):
        raise ValueError(
            f"{record.folder} was thinned and has lost its curve; expected it, or the run trained anew"
        )
    row |= {key: float(kept[key]) for key in ("accuracy", "kl")}
    if not row["n"]:
        return row
    return row | evaluate(_strings(kept["samples"]), test_scaffolds=False, progress=progress)


def _strings(samples: np.ndarray) -> list[str]:
    return [string.decode() for string in samples]


def from_most_accurate(rows: list[dict]) -> list[dict]:
    """A run's snapshots from the most accurate one on."""
    accuracy = [row["accuracy"] for row in rows]
    return rows[accuracy.index(max(accuracy)) :]
