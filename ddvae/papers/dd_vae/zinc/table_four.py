"""Table 4 and chapter 6's other tables, from what searches found: by model, then by kind, then by seed."""

from collections.abc import Iterable, Sequence

import numpy as np

from ....book.comparison import cells
from ....book.statistics import mean, spread
from ....experiments.record import Record
from ..printed import PRINTED

__all__ = [
    "KEYS",
    "TOP_THREE",
    "best_molecules",
    "decode_table",
    "held_out_table",
    "ours",
    "search_table",
    "table_four",
    "values_of",
]

KEYS = cells(PRINTED, "Table 4")
"""Of its numbers in `PRINTED`, by model and column."""
TOP_THREE = ("top 1", "top 2", "top 3")
"""Columns of the best molecules."""
_FIT = {"LL": "log_likelihood", "RMSE": "rmse"}


def best_molecules(runs: Iterable[dict]) -> list[tuple[float, str]]:
    """Score and string of each molecule that searches (`searches.run_search`) scored, the best first."""
    return sorted({(row["score"], row["smiles"]) for run in runs for row in _scored(run)}, reverse=True)


def table_four(models: dict[str, Record], fits: dict[str, dict], searches: dict[str, dict]) -> list[dict]:
    """Table 4 as this companion finds it, the paper's row under each of ours.

    Args:
        models: Records by row of Table 4.
        fits: Of each, what `codes.regression` returns, by seed.
        searches: Of each, what `searches.run_search` returns, by search and seed.
    """
    rows: list[dict[str, object]] = []
    for title, record in models.items():
        here, values = list(fits[title].values()), values_of(record, fits[title], searches[title])
        row = {"model": title, "splits": len(here)} | {
            "reconstruction (%)": record.results["sequence_accuracy"],
            "KL (nats)": record.results["kl_nats"],
            "valid (%)": record.results["valid"],
            "valid or empty (%)": record.results["valid_or_empty"],
        }
        best = {column: values[column][0] for column in TOP_THREE if column in values}
        rows.append(row | _fitted(here) | best)
        rows.append({"model": "  in the paper", **_printed_row(title)})
        rows.append({"model": "  a constant, same splits", **_fitted(here, "constant ")})
    return rows


def values_of(record: Record, fits: dict[int, dict], searches: dict[str, dict]) -> dict[str, list[float]]:
    """A model's row of Table 4 by column: one number, or one a split; without a search no best molecules.

    The best molecules are of the published searches of all seeds together, as the released code takes them.

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
    best = best_molecules(searches.get("published", {}).values())
    return values | {column: [value] for column, (value, _) in zip(TOP_THREE, best)}


def ours(models: dict[str, Record], fits: dict[str, dict], searches: dict[str, dict]) -> dict[str, float]:
    """Table 4's numbers by key of `PRINTED`.

    Args:
        models, fits, searches: As in `table_four`.
    """
    return {
        KEYS[title, column]: mean(values)
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
            row |= {"came": mean(line["score"] for lines in scored for line in lines)}
            best = [max(line["score"] for line in lines) for lines in scored]
            rows.append(row | {"best a seed": spread(best, ".2f", ".2f"), "best": max(best, default=np.nan)})
    return rows


def held_out_table(searches: dict[str, dict]) -> list[dict]:
    """A row a model and search: LL and RMSE on the held-out tenth before and after it.

    Args:
        searches: See `table_four`.
    """
    rows = []
    for title, kinds in searches.items():
        for kind, runs in kinds.items():
            row = {"model": title, "search": kind, "seeds": len(runs)}
            for name, key in _FIT.items():
                for when in ("before", "after"):
                    row[f"{name} {when}"] = mean(run["held_out"][when][key] for run in runs.values())
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
        for way in ("greedy", "drawn"):
            here = [run[way] for run in runs.values()]
            row: dict[str, object] = {"model": title, "decoded": way, "seeds": len(here)}
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
    row = {column: PRINTED[key].value for (model, column), key in KEYS.items() if model == title}
    return row | {name: f"{row[name]:.3f}" for name in _FIT}


def _fitted(fits: Sequence[dict], prefix: str = "") -> dict[str, str]:
    """LL and RMSE over fits."""
    return {name: spread([fit[prefix + key] for fit in fits], ".3f", ".3f") for name, key in _FIT.items()}
