"""Chapter 6's experiments on a recorded ZINC model: regression on its codes, searches among them."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ....evaluation.codes import principal_axes
from ....molecules.penalised_logp import score
from ....optimization.acquisitions import Box
from ....optimization.evaluations import Evaluation
from ....optimization.search import optimize
from ....optimization.sparse_gp import Hyperparameters, SparseGP
from .codes import (
    SEARCHES,
    SPREADS,
    Coded,
    axes,
    decodes,
    on_record,
    plane,
    regression,
    table_by_rows,
    unseen,
)

__all__ = ["best_so_far", "compute", "one_more_round", "run_search"]


def run_search(
    coded: Coded, name: str, seed: int, start: Hyperparameters | None = None, **changes: Any
) -> dict:
    """What one search proposed.

    Args:
        coded: A model's molecules, nine tenths of which the search knows.
        name: One of `SEARCHES`.
        seed: Of the search and the split.
        start: Hyper-parameters fitted to what it knows; None fits them.
        changes: Settings in place of the search's own; what they give is not kept.

    Returns:
        Under "proposed" a row a code: round, status, smiles ("" for what is no molecule), score, predicted
        mean and deviation, and the code's place (x, y) on the two principal axes of the known codes. Under
        "held_out" what a Gaussian process with the first hyper-parameters makes of the other tenth, knowing
        what was known "before" and "after" the rounds: the released code reads Table 4's LL and RMSE after.

    Raises:
        ValueError: there is no such search.
    """
    if name not in SEARCHES:
        raise ValueError(f"search is {name!r}; expected one of {', '.join(SEARCHES)}")

    def search() -> dict:
        return _search(coded, name, seed, start, changes)

    return table_by_rows(search() if changes else coded.keep(name, seed, search))


def one_more_round(
    coded: Coded, name: str, seed: int, before: list[dict], acquisition: str | None = None, batch: int = 20
) -> list[dict]:
    """One more round after those of a recorded search, from what it found and a part of ZINC.

    Args:
        coded: Molecules to start from, beside those found.
        name, seed: Of the search.
        before: Its rows so far (see `run_search`).
        acquisition: Another one than the search's.
        batch: Molecules wanted.

    Returns:
        Rows of the new round, on the recorded axes where these are kept.
    """
    number = 1 + max((row["round"] for row in before), default=0)
    search = replace(SEARCHES[name], rounds=1, batch=batch, seed=seed + 1_000 * number)
    if acquisition is not None:
        search = replace(search, acquisition=acquisition)
    scored = {row["smiles"]: row["score"] for row in before if row["status"] == "scored"}
    codes, values = coded.codes, coded.values
    if scored:
        codes = torch.cat([codes, coded.encode(list(scored)).double()])
        values = torch.cat([values, torch.tensor(list(scored.values()), dtype=torch.float64)])
    known = [*coded.smiles, *scored]
    box, objective = _box(name, coded.codes), partial(score, n_jobs=1)
    done = optimize(objective, coded.decode, codes, values, known=known, search=search, box=box)
    kept = on_record(coded.record, "axes").get(seed)
    frame = principal_axes(coded.codes)
    if kept is not None:
        frame = (torch.tensor(kept["middle"]).double(), torch.tensor(kept["axes"]).double().T)
    return [row | {"round": number} for row in _rows(done, *frame)]


def _box(name: str, codes: Tensor) -> Box | None:
    """Where a search looks, from the codes that it begins with; None for the smallest box of all it knows."""
    return Box.spread(codes, SPREADS[name]) if name in SPREADS else None


def _search(
    coded: Coded, name: str, seed: int, start: Hyperparameters | None, changes: dict[str, Any]
) -> dict:
    search = replace(SEARCHES[name], seed=seed, **changes)
    train, test = coded.split(seed)
    codes, values, unseen = coded.codes[train], coded.values[train], (coded.codes[test], coded.values[test])
    start = start or SparseGP.fit(codes, values, seed=seed, amplitude=search.amplitude).hyper
    done = optimize(
        partial(score, n_jobs=1),
        coded.decode,
        codes,
        values,
        known=coded.smiles,
        search=search,
        box=_box(name, codes),
        start=start,
    )
    scored = [one for one in done if one.status == "scored"]
    own = torch.tensor([one.code for one in scored], dtype=torch.float64).view(-1, codes.shape[1])
    gained = torch.tensor([one.score for one in scored], dtype=torch.float64)
    after = SparseGP(start, torch.cat([codes, own]), torch.cat([values, gained]))
    rows = _rows(done, *principal_axes(codes))
    return {
        "held_out": {"before": SparseGP(start, codes, values).judge(*unseen), "after": after.judge(*unseen)},
        "proposed": {key: [row[key] for row in rows] for key in rows[0]},
    }


def _rows(done: list[Evaluation], middle: Tensor, directions: Tensor) -> list[dict]:
    places = (torch.tensor([one.code for one in done], dtype=torch.float64) - middle) @ directions
    return [_row(one, *place) for one, place in zip(done, places.tolist())]


def _row(one: Evaluation, x: float, y: float) -> dict:
    return {
        "round": one.round,
        "status": one.status.split(":")[0],
        "smiles": "" if one.status == "invalid" else one.smiles,
        "score": None if math.isnan(one.score) else one.score,
        "mean": round(one.predicted_mean, 4),
        "sd": round(one.predicted_sd, 4),
        "x": round(x, 3),
        "y": round(y, 3),
    }


def compute(coded: Coded, kind: str, seed: int, **changes: Any) -> dict:
    """The result of a kind as `on_record` names it; changes as the kind's own function takes them."""
    kinds: dict[str, Callable[..., dict]] = {
        "regression": regression,
        "unseen": unseen,
        "decodes": decodes,
        "plane": plane,
        "axes": axes,
    }
    return kinds[kind](coded, seed, **changes) if kind in kinds else run_search(coded, kind, seed, **changes)


def best_so_far(rows: list[dict]) -> np.ndarray:
    """Highest score after each scored molecule of a search."""
    scores = [row["score"] for row in rows if row["status"] == "scored"]
    return np.maximum.accumulate(scores) if scores else np.array([])
