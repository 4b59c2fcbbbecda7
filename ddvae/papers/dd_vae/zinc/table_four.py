"""Table 4 and chapter 6's other tables, from what searches found: by model, then by kind, then by seed."""

import math
from collections.abc import Iterable, Sequence

from ....book.comparison import cells
from ....book.statistics import mean, spread
from ....experiments.record import Record
from ....molecules.chemistry import heavy_atoms
from ..printed import PRINTED

__all__ = [
    "KEYS",
    "TOP_THREE",
    "best_molecules",
    "decode_table",
    "held_out_table",
    "ours",
    "round_table",
    "search_table",
    "seed_table",
    "table_four",
    "values_of",
]

KEYS = cells(PRINTED, "Table 4")
"""Of its numbers in `PRINTED`, by model and column."""
TOP_THREE = ("top 1", "top 2", "top 3")
"""Columns of the best molecules."""
LARGEST = 38
"""Heavy atoms of ZINC's largest molecule."""
_FIT = {"LL": "log_likelihood", "RMSE": "rmse"}


def best_molecules(runs: Iterable[dict]) -> list[tuple[float, str]]:
    """Score and string of each molecule that searches (`searches.run_search`) scored, the best first."""
    return sorted({(row["score"], row["smiles"]) for run in runs for row in _scored(run)}, reverse=True)


def table_four(models: dict[str, Record], fits: dict[str, dict], searches: dict[str, dict]) -> list[dict]:
    """Table 4 as this companion finds it, the paper's row under each of ours.

    The best molecules are of the published searches of all seeds together, as the released code takes them.

    Args:
        models: Records by row of Table 4.
        fits: Of each, what `codes.regression` returns, by seed.
        searches: Of each, what `searches.run_search` returns, by search and seed.
    """
    rows: list[dict[str, object]] = []
    for title, record in models.items():
        here = list(fits[title].values())
        row = {"model": title, "splits": len(here)} | {
            "reconstruction (%)": record.results["sequence_accuracy"],
            "KL (nats)": record.results["kl_nats"],
            "valid (%)": record.results["valid"],
            "valid or empty (%)": record.results["valid_or_empty"],
        }
        together = best_molecules(searches[title].get("published", {}).values())
        best = {column: value for column, (value, _) in zip(TOP_THREE, together)}
        rows.append(row | _fitted(here) | best)
        rows.append({"model": "  in the paper", "splits": 10, **_printed_row(title)})
        rows.append({"model": "  a constant", "splits": len(here), **_fitted(here, "constant ")})
    return rows


def values_of(record: Record, fits: dict[int, dict], searches: dict[str, dict]) -> dict[str, list[float]]:
    """A model's row of Table 4 by column: one number, one a split, or one a seed of the published search.

    The best three scores are each search's own; a column that no search fills is missing.

    Args:
        record: The model's.
        fits: What `codes.regression` returns, by seed.
        searches: What `searches.run_search` returns, by search and seed.
    """
    results = record.results
    values = {
        "reconstruction (%)": [results["sequence_accuracy"]],
        "valid or empty (%)": [results["valid_or_empty"]],
    }
    values |= {name: [fit[key] for fit in fits.values()] for name, key in _FIT.items()}
    each = [best_molecules([run]) for run in searches.get("published", {}).values()]
    for i, column in enumerate(TOP_THREE):
        found = [best[i][0] for best in each if len(best) > i]
        values |= {column: found} if found else {}
    return values


def ours(
    models: dict[str, Record], fits: dict[str, dict], searches: dict[str, dict]
) -> dict[str, list[float]]:
    """Table 4's numbers by key of `PRINTED`, as `values_of` gives them.

    Args:
        models, fits, searches: As in `table_four`.
    """
    return {
        KEYS[title, column]: values
        for title, record in models.items()
        for column, values in values_of(record, fits[title], searches[title]).items()
    }


def search_table(searches: dict[str, dict]) -> list[dict]:
    """A row a model and search: codes, molecules, how many scored; predicted and real score.

    Args:
        searches: See `table_four`.
    """
    rows = []
    for title, kinds in searches.items():
        for kind, runs in kinds.items():
            every = [run["proposed"] for run in runs.values()]
            scored = [lines for lines in map(_scored, runs.values()) if lines]
            found = [sum(row["status"] != "invalid" for row in lines) for lines in every]
            row = {"model": title, "search": kind, "seeds": len(every), "codes": mean(map(len, every))}
            row |= {"molecules": mean(found), "new, scored": sum(map(len, scored)) / len(every)}
            row |= {"predicted": mean(line["mean"] for lines in scored for line in lines)}
            row |= {"true": mean(line["score"] for lines in scored for line in lines)}
            best = [max(line["score"] for line in lines) for lines in scored]
            row |= {"best of a seed": spread(best, ".2f", ".2f"), "best of all": max(best, default=math.nan)}
            rows.append(row)
    return rows


def round_table(
    now: dict[str, list[dict]], package: dict[str, list[dict]], recorded: dict[str, list[list[dict]]]
) -> list[dict]:
    """A row an acquisition and quantity of first rounds, computed in two ways and recorded.

    Args:
        now, package: Rows by acquisition, a proposed code each: status, mean (predicted) and score.
        recorded: The same of recorded searches, one list a seed, of which the first round counts.
    """
    rows = []
    for name in now:
        first = [_round([row for row in every if row["round"] == 1]) for every in recorded.get(name, [])]
        for quantity, value in _round(now[name]).items():
            seeds = [one[quantity] for one in first if not math.isnan(one[quantity])]
            row = {"acquisition": name, "quantity": quantity, "cells, now": value}
            row |= {"package, now": _round(package[name])[quantity], "recorded": spread(seeds, ".2f", ".2f")}
            rows.append(row | {"seeds": len(seeds), "cells less recorded": value - mean(seeds)})
    return rows


def _round(rows: list[dict]) -> dict[str, float]:
    scores = [row["score"] for row in rows if row["status"] == "scored"]
    molecules = mean(row["status"] != "invalid" for row in rows)
    predicted = mean(row["mean"] for row in rows)
    return {
        "molecules (%)": 100 * molecules,
        "predicted": predicted,
        "true": mean(scores),
        "best": max(scores, default=math.nan),
    }


def seed_table(runs: dict[int, dict]) -> list[dict]:
    """A row a seed: codes, molecules scored, the best one with its size, and the best of ZINC's sizes.

    Args:
        runs: Of one search, by seed.
    """
    rows = []
    for seed, run in runs.items():
        best = best_molecules([run])
        sizes = heavy_atoms(string for _, string in best)
        row: dict[str, float] = {"seed": seed, "codes": len(run["proposed"]), "molecules scored": len(best)}
        row |= {"best score": best[0][0], "its heavy atoms": sizes[0]} if best else {}
        within = [value for (value, _), size in zip(best, sizes) if size <= LARGEST]
        rows.append(row | {f"best up to {LARGEST} atoms": max(within, default=math.nan)})
    return rows


def held_out_table(fits: dict[str, dict], searches: dict[str, dict]) -> list[dict]:
    """A row a model and search: LL and RMSE on a held-out tenth, means over the search's own splits.

    The Gaussian process has its variance free as in Table 4, or capped as searches have it, then before the
    search and after it.

    Args:
        fits, searches: See `table_four`.
    """
    rows = []
    for title, kinds in searches.items():
        for kind, runs in kinds.items():
            both = [seed for seed in runs if seed in fits[title]]
            row = {"model": title, "search": kind, "splits": len(both)}
            for name, key in _FIT.items():
                row[f"{name} free"] = mean(fits[title][seed][key] for seed in both)
                for when in ("before", "after"):
                    row[f"{name} capped, {when}"] = mean(runs[seed]["held_out"][when][key] for seed in both)
            rows.append(row)
    return rows


def decode_table(decoded: dict[str, dict]) -> list[dict]:
    """A row a model with such runs and way of decoding (`codes.decodes`): means over seeds.

    Args:
        decoded: By model and seed.
    """
    rows = []
    for title, runs in decoded.items():
        if not runs:
            continue
        for way, name in (("greedy", "greedily"), ("drawn", "token by token at random")):
            here = [run[way] for run in runs.values()]
            row: dict[str, object] = {"model": title, "decoded": name, "seeds": len(here)}
            row |= {"valid (%)": 100 * mean(one["valid"] for one in here)}
            row |= {"same (%)": 100 * mean(one["same"] for one in here)}
            row |= {"codes": mean(one.get("codes", 0) for one in here)}
            for name, key in _FIT.items():
                row[name] = mean(one[key] for one in here if key in one)
                row[f"{name} of a constant"] = mean(one[f"constant {key}"] for one in here if key in one)
            rows.append(row)
    return rows


def _scored(run: dict) -> list[dict]:
    return [row for row in run["proposed"] if row["status"] == "scored"]


def _printed_row(title: str) -> dict:
    printed = {column: PRINTED[key] for (model, column), key in KEYS.items() if model == title}
    fitted = {name: f"{printed[name].value:.3f} ± {printed[name].deviation:.3f}" for name in _FIT}
    return {column: one.value for column, one in printed.items()} | fitted


def _fitted(fits: Sequence[dict], prefix: str = "") -> dict[str, str]:
    """LL and RMSE over fits."""
    return {name: spread([fit[prefix + key] for fit in fits], ".3f", ".3f") for name, key in _FIT.items()}
