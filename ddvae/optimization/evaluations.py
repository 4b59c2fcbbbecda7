"""What became of each proposed code of a search, and the table that keeps it."""

import csv
import os
from dataclasses import dataclass
from pathlib import Path

from ..system.files import replace_file
from .kept_scores import EVALUATIONS, UNFINISHED

__all__ = ["Evaluation", "read_evaluations", "write_evaluations"]


@dataclass(frozen=True)
class Evaluation:
    """One proposed code and what became of it.

    Attributes:
        round: From 1.
        attempt: From 0; a round tries again where codes were rejected.
        smiles: Canonical, or as decoded if it is no molecule.
        score: As the user's function gave it; NaN without one.
        status: "scored", "invalid", "duplicate", "too large", "left out" or "failed: ...".
        predicted_mean, predicted_sd: Of the score, before it was known.
        code: (D,) numbers.
    """

    round: int
    attempt: int
    smiles: str
    score: float
    status: str
    predicted_mean: float
    predicted_sd: float
    code: tuple[float, ...]


def read_evaluations(folder: str | os.PathLike[str]) -> list[Evaluation]:
    """The evaluations that a folder holds.

    Raises:
        ValueError: its evaluations.csv is damaged.
    """
    path = Path(folder) / EVALUATIONS
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    try:
        return [_parsed(row) for row in rows]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is no table of evaluations ({error!r})") from None


def write_evaluations(folder: Path, done: list[Evaluation]) -> None:
    """Keeps evaluations, after which the scores of an unfinished attempt are no longer needed."""
    head = [name for name in vars(done[0]) if name != "code"]
    with replace_file(folder / EVALUATIONS) as path, open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(head + [f"z{i}" for i in range(len(done[0].code))])
        writer.writerows([*(getattr(one, name) for name in head), *one.code] for one in done)
    (folder / UNFINISHED).unlink(missing_ok=True)


def _parsed(row: dict[str, str]) -> Evaluation:
    numbers = [float(value) for name, value in row.items() if name.startswith("z")]
    return Evaluation(
        int(row["round"]),
        int(row["attempt"]),
        row["smiles"],
        float(row["score"]),
        row["status"],
        float(row["predicted_mean"]),
        float(row["predicted_sd"]),
        tuple(numbers),
    )
