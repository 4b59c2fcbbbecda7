"""Chapter 6's experiments on a recorded ZINC model: regression on its codes, searches among them."""

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from .bo import Box
from .curves import kept_beside
from .gp import Hyperparameters, SparseGP
from .latent import principal_axes
from .provenance import provenance
from .records import Record, load_codec, recorded_methods
from .score import score
from .search import Evaluation, Search, optimize
from .smiles import zinc

__all__ = [
    "METHODS",
    "SEARCHES",
    "SPREADS",
    "Coded",
    "axes",
    "best_so_far",
    "compute",
    "decodes",
    "encoded",
    "go_on",
    "hunt",
    "on_record",
    "plane",
    "regression",
    "unseen",
    "zinc_models",
]

METHODS = {
    "VAE (G)": "vae-gaussian",
    "VAE (T)": "vae-tricube",
    "DD-VAE (G)": "ddvae-gaussian",
    "DD-VAE (T)": "ddvae-tricube",
}
"""Rows of Table 4, with the part of a preset's name."""
SEARCHES: dict[str, Search] = {
    "published": Search(acquisition="believer", attempts=1, keep=50),
    "published, shared box": Search(acquisition="believer", attempts=1, keep=50),
    "trust region": Search(),
    "trust region, 38 atoms": Search(max_heavy_atoms=38),
    "log EI, 38 atoms": Search(acquisition="log-ei", max_heavy_atoms=38),
    "local steps, 38 atoms": Search(acquisition="local", max_heavy_atoms=38),
    "prior draws, 38 atoms": Search(acquisition="prior", max_heavy_atoms=38),
    "uniform in the box, 38 atoms": Search(acquisition="uniform", max_heavy_atoms=38),
}
"""Searches by name; the last three use no model of the score."""
SPREADS = {"published, shared box": 3.0}
"""Searches in a box of as many deviations of the codes around their mean, for all models the same; the others
look in the smallest box that holds all codes, as published."""


@dataclass(frozen=True)
class Coded:
    """ZINC's molecules as a model sees them.

    Attributes:
        record: Of the model.
        smiles: N strings: training, validation and test molecules together, as published.
        codes: (N, D), locations of their proposals.
        values: (N,) penalised logP.
        encode: Strings to codes.
        decode: Codes to strings, greedily.
        draw: Codes to strings, token by token at random.
        whole: Whether these are all of ZINC's molecules, so that results are worth keeping.
        seen: How many of them, the first ones, the model was trained on.
    """

    record: Record
    smiles: list[str]
    codes: Tensor
    values: Tensor
    encode: Callable[[list[str]], Tensor]
    decode: Callable[[Tensor], list[str]]
    draw: Callable[[Tensor], list[str]]
    whole: bool
    seen: int

    def split(self, seed: int) -> tuple[Tensor, Tensor]:
        """Rows of nine tenths to train on and of one tenth to test, at random."""
        order = torch.randperm(len(self.values), generator=torch.Generator().manual_seed(seed))
        return order[len(order) // 10 :], order[: len(order) // 10]

    def keep(self, kind: str, seed: int, compute: Callable):
        """The result of a kind and seed from beside the record, or computed, and kept if worth it.

        What is kept says under "seconds" and "provenance" what it cost and with what it was computed.
        """

        def costed() -> dict:
            started = time.perf_counter()
            found = compute()
            return found | {
                "seconds": round(time.perf_counter() - started, 1),
                "provenance": provenance("cpu"),
            }

        return kept_beside(self.record, _file(kind, seed), costed) if self.whole else compute()


def zinc_models() -> dict[str, Record]:
    """The recorded models by row of Table 4, first seeds; those without a record are missing.

    Of a method the published run, or else the shorter one of the same size.
    """
    found = recorded_methods(METHODS, ("zinc-", ("full",)), ("zinc-large-", ("hours", "full")))
    return {title: records[0] for title, records in found.items()}


def encoded(record: Record, n: int | None = None) -> Coded:
    """All molecules of ZINC with their codes and scores, or the first n of each of its parts."""
    codec = load_codec(record.folder)
    parts = [zinc(split) for split in ("train", "valid", "test")]
    smiles = [string for part in parts for string in (part if n is None else part.first(n)).strings()]
    values = torch.from_numpy(score(smiles))
    codes, seen = codec.encode(smiles).double(), len(parts[0]) if n is None else min(n, len(parts[0]))
    ways = (codec.encode, codec.decode, codec.draw_strings)
    return Coded(record, smiles, codes, values, *ways, n is None, seen)


def on_record(record: Record, kind: str) -> dict[int, dict]:
    """Results kept beside a record, by seed: of a kind of `compute`, one of `SEARCHES` included."""
    stem = _file(kind, "*").removesuffix("*.json")
    files = {int(path.stem.removeprefix(stem)): path for path in record.folder.glob(f"{stem}*.json")}
    found = {seed: json.loads(files[seed].read_text()) for seed in sorted(files)}
    return {seed: _whole(one) if kind in SEARCHES else one for seed, one in found.items()}


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
        return process.judge(coded.codes[test], unseen) | _constant(known, unseen)

    return coded.keep("regression", seed, judge)


def unseen(coded: Coded, seed: int) -> dict[str, float]:
    """Log-likelihood and RMSE of the process on molecules that the encoder was not trained on.

    ZINC's validation and test molecules; the process knows nine tenths of the others.

    Args:
        coded: A model's molecules.
        seed: Of the choice of the nine tenths, and of the fit.
    """

    def judge() -> dict[str, float]:
        train, _ = coded.split(seed)
        train = train[train < coded.seen]
        process = SparseGP.fit(coded.codes[train], coded.values[train], seed=seed)
        return process.judge(coded.codes[coded.seen :], coded.values[coded.seen :])

    return coded.keep("unseen", seed, judge)


def decodes(coded: Coded, seed: int) -> dict[str, dict[str, float]]:
    """Regression of the score of what codes decode to: greedily, and drawn token by token.

    Codes that either way gives no molecule are left out, the same for both.

    Args:
        coded: A model's molecules; the codes of 10,000 at random are decoded.
        seed: Of the molecules, the draws and the split.

    Returns:
        By way ("greedy", "drawn"): valid, share of codes that decode to a molecule; same, share that decode
        to the string that they encode; and where twenty codes are left, how many they are, and
        log_likelihood and rmse on a tenth of them, of the process and of a constant.
    """

    def judge() -> dict[str, dict[str, float]]:
        order = torch.randperm(len(coded.codes), generator=torch.Generator().manual_seed(seed))[:10_000]
        codes = coded.codes[order]
        torch.manual_seed(seed)
        strings = {"greedy": coded.decode(codes.float()), "drawn": coded.draw(codes.float())}
        values = {way: torch.from_numpy(score(found)) for way, found in strings.items()}
        usable = torch.stack(list(values.values())).isfinite().all(0)
        x = codes[usable]
        test = torch.arange(len(x)) % 10 == 0
        found = {}
        for way, scores in values.items():
            same = [coded.smiles[i] == one for i, one in zip(order.tolist(), strings[way])]
            found[way] = {"valid": scores.isfinite().double().mean().item(), "same": sum(same) / len(same)}
            if len(x) >= 20:
                known, unseen = scores[usable][~test], scores[usable][test]
                process = SparseGP.fit(x[~test], known, seed=seed)
                found[way] |= {"codes": len(x)} | process.judge(x[test], unseen) | _constant(known, unseen)
        return found

    return coded.keep("decodes", seed, judge)


def _constant(known: Tensor, unseen: Tensor) -> dict[str, float]:
    law = torch.distributions.Normal(known.mean(), known.std())
    return {
        "constant log_likelihood": law.log_prob(unseen).mean().item(),
        "constant rmse": (unseen - known.mean()).square().mean().sqrt().item(),
    }


def hunt(coded: Coded, name: str, seed: int, start: Hyperparameters | None = None, **changes) -> dict:
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
        "held_out" what a process with the first hyper-parameters makes of the other tenth, knowing what was
        known "before" and "after" the rounds: the released code reads Table 4's LL and RMSE after them.

    Raises:
        ValueError: there is no such search.
    """
    if name not in SEARCHES:
        raise ValueError(f"search is {name!r}; expected one of {', '.join(SEARCHES)}")

    def search() -> dict:
        return _hunt(coded, name, seed, start, changes)

    return _whole(search() if changes else coded.keep(name, seed, search))


def plane(coded: Coded, seed: int, n: int = 3_000) -> dict[str, list]:
    """Places x and y of n of a search's known codes on their principal axes, and their score.

    Under "best" score and string of the three best of all known molecules.
    """

    def judge() -> dict[str, list]:
        train, _ = coded.split(seed)
        best = train[coded.values[train].argsort(descending=True)[:3]]
        middle, axes = principal_axes(coded.codes[train])
        shown = train[:n]
        x, y = ((coded.codes[shown] - middle) @ axes).T.tolist()
        columns = {"x": x, "y": y, "score": coded.values[shown].tolist()}
        found = {name: [round(value, 3) for value in column] for name, column in columns.items()}
        return found | {"best": [(coded.values[i].item(), coded.smiles[i]) for i in best.tolist()]}

    return coded.keep("plane", seed, judge)


def axes(coded: Coded, seed: int) -> dict[str, list]:
    """The mean of a search's known codes and their two principal axes, on which `hunt` places its own."""

    def judge() -> dict[str, list]:
        middle, directions = principal_axes(coded.codes[coded.split(seed)[0]])
        return {"middle": middle.tolist(), "axes": directions.T.tolist()}

    return coded.keep("axes", seed, judge)


def go_on(
    coded: Coded, name: str, seed: int, before: list[dict], acquisition: str | None = None, batch: int = 20
) -> list[dict]:
    """One more round after those of a recorded search, from what it found and a part of ZINC.

    Args:
        coded: Molecules to start from, beside those found.
        name, seed: Of the search.
        before: Its rows so far (see `hunt`).
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


def _whole(kept: dict) -> dict:
    """A search as it is kept, with its table column by column, as `hunt` returns it."""
    table = kept["proposed"]
    return kept | {"proposed": [dict(zip(table, values)) for values in zip(*table.values())]}


def _hunt(coded: Coded, name: str, seed: int, start: Hyperparameters | None, changes: dict) -> dict:
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


def compute(coded: Coded, kind: str, seed: int, **changes) -> dict:
    """The result of a kind as `on_record` names it; changes as the kind's own function takes them."""
    kinds = {"regression": regression, "unseen": unseen, "decodes": decodes, "plane": plane, "axes": axes}
    return kinds[kind](coded, seed, **changes) if kind in kinds else hunt(coded, kind, seed, **changes)


def best_so_far(rows: list[dict]) -> np.ndarray:
    """Highest score after each scored molecule of a search."""
    scores = [row["score"] for row in rows if row["status"] == "scored"]
    return np.maximum.accumulate(scores) if scores else np.array([])
