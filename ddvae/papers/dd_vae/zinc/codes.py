"""ZINC's molecules as a recorded model sees them, and regression on their codes."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from ....evaluation.codes import principal_axes
from ....experiments.molecule_runs import load_codec
from ....experiments.record import Record, recorded_methods
from ....molecules.datasets import zinc
from ....molecules.penalised_logp import score
from ....optimization.search import Search
from ....optimization.sparse_gp import SparseGP
from ....system.provenance import provenance

__all__ = [
    "SEARCHES",
    "SPREADS",
    "ZINC_METHODS",
    "Coded",
    "axes",
    "decodes",
    "encoded",
    "on_record",
    "plane",
    "regression",
    "table_by_rows",
    "unseen",
    "zinc_models",
]

Result = TypeVar("Result", bound=dict)

ZINC_METHODS = {
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
    "prior samples, 38 atoms": Search(acquisition="prior", max_heavy_atoms=38),
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

    def keep(self, kind: str, seed: int, compute: Callable[[], Result]) -> Result:
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

        return self.record.keep(_name(kind, seed), costed) if self.whole else compute()


def zinc_models() -> dict[str, Record]:
    """The recorded models by row of Table 4, first seeds; those without a record are missing.

    Of a method the published run, or else the shorter one of the same size.
    """
    found = recorded_methods(ZINC_METHODS, ("zinc-", ("full",)), ("zinc-large-", ("hours", "full")))
    return {title: records[0] for title, records in found.items()}


def encoded(record: Record, n: int | None = None) -> Coded:
    """All molecules of ZINC with their codes and scores, or the first n of each of its parts."""
    codec = load_codec(record.folder)
    parts = [zinc(split) for split in ("train", "valid", "test")]
    smiles = [string for part in parts for string in (part if n is None else part.first(n)).strings()]
    values = torch.from_numpy(score(smiles))
    codes, seen = codec.encode(smiles).double(), len(parts[0]) if n is None else min(n, len(parts[0]))
    maps = (codec.encode, codec.decode, codec.sample_strings)
    return Coded(record, smiles, codes, values, *maps, n is None, seen)


def on_record(record: Record, kind: str) -> dict[int, dict]:
    """Results kept beside a record, by seed: of a kind of `compute`, one of `SEARCHES` included."""
    kept = record.kept(_name(kind, "*"))
    found = dict(sorted((int(name.rpartition(".")[2]), content) for name, content in kept.items()))
    return {seed: table_by_rows(one) if kind in SEARCHES else one for seed, one in found.items()}


def _name(kind: str, seed: int | str) -> str:
    return f"{kind.replace(', ', '-').replace(' ', '-').lower()}.{seed}"


def regression(coded: Coded, seed: int) -> dict[str, float]:
    """Log-likelihood and RMSE of the sparse Gaussian process, and of a constant, on a held-out tenth.

    Args:
        coded: A model's molecules.
        seed: Of the split.

    Source: Table 4, its LL and RMSE, before any search.
    """

    def compute() -> dict[str, float]:
        train, test = coded.split(seed)
        known, unseen = coded.values[train], coded.values[test]
        process = SparseGP.fit(coded.codes[train], known, seed=seed)
        return process.judge(coded.codes[test], unseen) | _constant(known, unseen)

    return coded.keep("regression", seed, compute)


def unseen(coded: Coded, seed: int) -> dict[str, float]:
    """Log-likelihood and RMSE of the Gaussian process on molecules that the encoder was not trained on.

    ZINC's validation and test molecules; the Gaussian process knows nine tenths of the others.

    Args:
        coded: A model's molecules.
        seed: Of the choice of the nine tenths, and of the fit.
    """

    def compute() -> dict[str, float]:
        train, _ = coded.split(seed)
        train = train[train < coded.seen]
        process = SparseGP.fit(coded.codes[train], coded.values[train], seed=seed)
        return process.judge(coded.codes[coded.seen :], coded.values[coded.seen :])

    return coded.keep("unseen", seed, compute)


def decodes(coded: Coded, seed: int) -> dict[str, dict[str, float]]:
    """Regression on codes of the scores of their molecules, decoded greedily and token by token at random.

    Codes that either way gives no molecule are left out, the same for both.

    Args:
        coded: A model's molecules; the codes of 10,000 at random are decoded.
        seed: Of the molecules, the random decoding and the split.

    Returns:
        By way ("greedy", "drawn"): valid, share of codes that decode to a molecule; same, share that decode
        to the string that they encode; and where twenty codes are left, how many they are, and
        log_likelihood and rmse on a tenth of them, of the Gaussian process and of a constant.
    """

    def compute() -> dict[str, dict[str, float]]:
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

    return coded.keep("decodes", seed, compute)


def _constant(known: Tensor, unseen: Tensor) -> dict[str, float]:
    normal = torch.distributions.Normal(known.mean(), known.std())
    return {
        "constant log_likelihood": normal.log_prob(unseen).mean().item(),
        "constant rmse": (unseen - known.mean()).square().mean().sqrt().item(),
    }


def plane(coded: Coded, seed: int, n: int = 3_000) -> dict[str, list]:
    """Places x and y of n of a search's known codes on their principal axes, and their score.

    Under "best" score and string of the three best of all known molecules.
    """

    def compute() -> dict[str, list]:
        train, _ = coded.split(seed)
        best = train[coded.values[train].argsort(descending=True)[:3]]
        middle, axes = principal_axes(coded.codes[train])
        shown = train[:n]
        x, y = ((coded.codes[shown] - middle) @ axes).T.tolist()
        columns = {"x": x, "y": y, "score": coded.values[shown].tolist()}
        found = {name: [round(value, 3) for value in column] for name, column in columns.items()}
        return found | {"best": [(coded.values[i].item(), coded.smiles[i]) for i in best.tolist()]}

    return coded.keep("plane", seed, compute)


def axes(coded: Coded, seed: int) -> dict[str, list]:
    """The mean of a search's known codes and their two principal axes, on which its own codes have places."""

    def compute() -> dict[str, list]:
        middle, directions = principal_axes(coded.codes[coded.split(seed)[0]])
        return {"middle": middle.tolist(), "axes": directions.T.tolist()}

    return coded.keep("axes", seed, compute)


def table_by_rows(kept: dict) -> dict:
    """A search as it is kept, with its table column by column, as `run_search` returns it."""
    table = kept["proposed"]
    return kept | {"proposed": [dict(zip(table, values)) for values in zip(*table.values())]}
