"""Chapter 6's experiments on a recorded ZINC model: regression on its codes, searches among them."""

import json
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from .curves import kept_beside
from .gp import Hyperparameters, SparseGP
from .records import Record, load_codec, recorded
from .score import score
from .search import Evaluation, Search, optimize
from .smiles import zinc

__all__ = [
    "METHODS",
    "SEARCHES",
    "Coded",
    "best_so_far",
    "encoded",
    "hunt",
    "on_record",
    "regression",
    "zinc_models",
]

METHODS = {
    "VAE (G)": "zinc-vae-gaussian",
    "VAE (T)": "zinc-vae-tricube",
    "DD-VAE (G)": "zinc-ddvae-gaussian",
    "DD-VAE (T)": "zinc-ddvae-tricube",
}
"""Rows of Table 4 and their presets."""
SEARCHES: dict[str, Search] = {
    "published": Search(acquisition="believer", attempts=1, keep=50),
    "trust region": Search(),
    "trust region, 38 atoms": Search(max_heavy_atoms=38),
    "log EI, 38 atoms": Search(acquisition="log-ei", max_heavy_atoms=38),
    "local steps, 38 atoms": Search(acquisition="local", max_heavy_atoms=38),
    "prior draws, 38 atoms": Search(acquisition="prior", max_heavy_atoms=38),
    "uniform in the box, 38 atoms": Search(acquisition="uniform", max_heavy_atoms=38),
}
"""Searches by name; the last three use no model of the score."""


@dataclass(frozen=True)
class Coded:
    """ZINC's molecules as a model sees them.

    Attributes:
        record: Of the model.
        smiles: N strings: training, validation and test molecules together, as published.
        codes: (N, D), locations of their proposals.
        values: (N,) penalised logP.
        decode: Codes to strings.
        whole: Whether these are all of ZINC's molecules, so that results are worth keeping.
    """

    record: Record
    smiles: list[str]
    codes: Tensor
    values: Tensor
    decode: Callable[[Tensor], list[str]]
    whole: bool

    def split(self, seed: int) -> tuple[Tensor, Tensor]:
        """Rows of nine tenths to train on and of one tenth to test, at random."""
        order = torch.randperm(len(self.values), generator=torch.Generator().manual_seed(seed))
        return order[len(order) // 10 :], order[: len(order) // 10]

    def keep(self, kind: str, seed: int, compute: Callable):
        """The result of a kind and seed from beside the record, or computed, and kept if worth it."""
        return kept_beside(self.record, _file(kind, seed), compute) if self.whole else compute()


def zinc_models() -> dict[str, Record]:
    """The recorded models by row of Table 4, the first seed of each; those without a record are missing."""
    models = {}
    for title, name in METHODS.items():
        with suppress(FileNotFoundError):
            models[title] = recorded(name)[0]
    return models


def encoded(record: Record, n: int | None = None) -> Coded:
    """All molecules of ZINC with their codes and scores, or the first n of each of its parts."""
    codec = load_codec(record.folder)
    parts = [zinc(split) for split in ("train", "valid", "test")]
    smiles = [string for part in parts for string in (part if n is None else part.first(n)).strings()]
    values = torch.from_numpy(score(smiles))
    return Coded(record, smiles, codec.encode(smiles).double(), values, codec.decode, n is None)


def on_record(record: Record, kind: str) -> dict[int, object]:
    """Results of a kind that are kept beside a record, by seed: "regression" or one of `SEARCHES`."""
    stem = _file(kind, "*").removesuffix("*.json")
    files = {int(path.stem.removeprefix(stem)): path for path in record.folder.glob(f"{stem}*.json")}
    return {seed: json.loads(files[seed].read_text()) for seed in sorted(files)}


def _file(kind: str, seed: int | str) -> str:
    return f"{kind.replace(', ', '-').replace(' ', '-').lower()}.{seed}.json"


def regression(coded: Coded, seed: int) -> dict[str, float]:
    """Log-likelihood and RMSE of the sparse process, and of a constant, on a held-out tenth.

    Args:
        coded: A model's molecules.
        seed: Of the split.

    Source: Table 4, its LL and RMSE, before any search.
    """

    def judge() -> dict[str, float]:
        train, test = coded.split(seed)
        known, unseen = coded.values[train], coded.values[test]
        process = SparseGP.fit(coded.codes[train], known, seed=seed)
        law = torch.distributions.Normal(known.mean(), known.std())
        return process.judge(coded.codes[test], unseen) | {
            "constant log_likelihood": law.log_prob(unseen).mean().item(),
            "constant rmse": (unseen - known.mean()).square().mean().sqrt().item(),
        }

    return coded.keep("regression", seed, judge)


def hunt(coded: Coded, name: str, seed: int, start: Hyperparameters | None = None, **changes) -> list[dict]:
    """What one search proposed.

    Args:
        coded: A model's molecules, nine tenths of which the search knows.
        name: One of `SEARCHES`.
        seed: Of the search and the split.
        start: Hyper-parameters fitted to what it knows; None fits them.
        changes: Settings in place of the search's own.

    Returns:
        A row a proposed code: round, status, smiles ("" for what is no molecule), score, predicted mean and
        deviation, and the code's place (x, y) on the two principal axes of the known codes.

    Raises:
        ValueError: there is no such search.
    """
    if name not in SEARCHES:
        raise ValueError(f"search is {name!r}; expected one of {', '.join(SEARCHES)}")

    def run() -> list[dict]:
        train, _ = coded.split(seed)
        codes = coded.codes[train]
        done = optimize(
            partial(score, n_jobs=1),
            coded.decode,
            codes,
            coded.values[train],
            known=coded.smiles,
            search=replace(SEARCHES[name], seed=seed, **changes),
            start=start,
        )
        middle, axes = _principal_axes(codes)
        places = (torch.tensor([one.code for one in done], dtype=torch.float64) - middle) @ axes
        return [_row(one, *place) for one, place in zip(done, places.tolist())]

    return coded.keep(name, seed, run)


def _principal_axes(codes: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (D,) and the two widest directions (D, 2) of codes."""
    middle = codes.mean(0)
    _, vectors = torch.linalg.eigh((codes - middle).T @ (codes - middle))
    return middle, vectors[:, [-1, -2]]


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


def best_so_far(rows: list[dict]) -> np.ndarray:
    """Highest score after each scored molecule of a search."""
    scores = [row["score"] for row in rows if row["status"] == "scored"]
    return np.maximum.accumulate(scores) if scores else np.array([])
