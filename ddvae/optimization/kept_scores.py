"""Scores of molecules, kept in a file as they come: a scoring that is killed goes on where it was."""

import csv
import math
import os
import time
from pathlib import Path

from ..molecules.chemistry import canonical
from ..system.files import check_same_settings, replace_file
from .guarded_score import GuardedScore

__all__ = ["forget", "kept_scores", "score_molecules", "start_scores"]

START_SCORES = "start.csv"
EVALUATIONS, SETTINGS, START, UNFINISHED = "evaluations.csv", "search.json", "start.pt", "unfinished.csv"
"""What a search's folder holds beside: all of it is of the scores that it starts from."""
SPARE = 0.5
"""Seconds of scoring that may be lost: a file is written no more often."""


def start_scores(
    score: GuardedScore, smiles: list[str], folder: str | os.PathLike[str], resume: bool = False
) -> list[float]:
    """Scores of the molecules that a search starts from, kept in the folder's start.csv as they come.

    Args:
        score: The score, whose name is the name of the column.
        smiles: N molecules.
        folder: Of the search.
        resume: Take what start.csv holds and score the rest.

    Returns:
        N scores, NaN where there is none.

    Raises:
        ValueError: there are fewer than two distinct molecules, they all fail or have the same score, or
            the file holds other molecules or another score to resume.
    """
    distinct = {whole or one for one, whole in zip(smiles, canonical(smiles))}
    if len(distinct) < 2:
        raise ValueError(f"start holds {len(distinct)} distinct molecule; expected 2 or more")
    file = Path(folder) / START_SCORES
    known: dict[str, tuple[float, str]] = {}
    if not resume:
        file.unlink(missing_ok=True)
        forget(Path(folder))
    elif file.is_file():
        name, rows = _read(file)
        earlier, wanted = _described(name, [row[0] for row in rows]), _described(score.name, smiles)
        check_same_settings(earlier, wanted, f"{file} holds scores")
        known = _known(rows)
    found = score_molecules(score, smiles, file, known)
    values = [value for value, status in found if status == "scored"]
    if not values:
        file.unlink()  # nothing to go on from
        raise ValueError(f"score failed on all {len(smiles)} molecules; the first one {found[0][1]}")
    if len(set(values)) < 2:
        whom = f"all {len(smiles)} molecules"
        if len(values) < len(smiles):
            whom = f"all that it scored, {len(values)} of {len(smiles)} molecules"
        raise ValueError(f"score gave {values[0]:g} for {whom}; expected scores that differ")
    return [value for value, _ in found]


def score_molecules(
    score: GuardedScore, smiles: list[str], file: Path | None, known: dict[str, tuple[float, str]]
) -> list[tuple[float, str]]:
    """Number and status of each molecule, all of them kept in a file as they come.

    Args:
        score: The score.
        smiles: Molecules.
        file: A table of smiles, score and status, "" where a molecule is still to be scored; None for none.
        known: Numbers and statuses that are known already, by SMILES.
    """
    known = dict(known)
    missing = list(dict.fromkeys(one for one in smiles if one not in known))
    written, done = -math.inf, 0
    try:
        for rows in score.parts(missing):
            known |= zip(missing[done : done + len(rows)], rows)
            done += len(rows)
            if time.monotonic() - written > SPARE:
                _write(file, score.name, smiles, known)
                written = time.monotonic()
    finally:
        _write(file, score.name, smiles, known)
    return [known[one] for one in smiles]


def kept_scores(file: Path | None) -> dict[str, tuple[float, str]]:
    """Numbers and statuses by SMILES that `score_molecules` kept in a file; none if there is no file.

    Raises:
        ValueError: the file is damaged.
    """
    return _known(_read(file)[1]) if file is not None and file.is_file() else {}


def forget(folder: Path) -> None:
    """Removes an earlier search from a folder, but for the scores that it started from."""
    for name in (EVALUATIONS, SETTINGS, START, UNFINISHED):
        (folder / name).unlink(missing_ok=True)


def _described(name: str, smiles: list[str]) -> dict[str, str | int]:
    molecules = {f"molecule {i}": one for i, one in enumerate(smiles, start=1)}
    return {"score": name, "number of molecules": len(smiles), **molecules}


def _known(rows: list[list[str]]) -> dict[str, tuple[float, str]]:
    return {smiles: (float(value), status) for smiles, value, status in rows if status}


def _read(file: Path) -> tuple[str, list[list[str]]]:
    """The score's name, and rows of smiles, number and status."""
    try:
        with open(file, newline="", encoding="utf-8") as stream:
            (_, name, _), *rows = csv.reader(stream)
        _known(rows)
    except (ValueError, csv.Error) as error:
        raise ValueError(f"{file} is no table of scores ({error})") from None
    return name, rows


def _write(file: Path | None, name: str, smiles: list[str], known: dict[str, tuple[float, str]]) -> None:
    if file is None:
        return
    with replace_file(file) as path, open(path, "w", newline="", encoding="utf-8") as stream:
        rows = [(one, *known.get(one, ("", ""))) for one in smiles]
        csv.writer(stream).writerows([("smiles", name, "status"), *rows])
