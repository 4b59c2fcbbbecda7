"""Chapter 6's tables, from what `optimization` found: by model, then by kind, then by seed."""

import statistics
from collections.abc import Iterable

import numpy as np

from ....book.statistics import spread
from ....experiments.record import Record
from ..printed import PRINTED
from .codes import METHODS

__all__ = [
    "best_molecules",
    "decode_table",
    "held_out_table",
    "ours",
    "printed_key",
    "search_table",
    "table_four",
]

_FIT = {"LL": "log_likelihood", "RMSE": "rmse"}


def best_molecules(runs: Iterable[dict]) -> list[tuple[float, str]]:
    """Score and string of each molecule that searches (`optimization.hunt`) scored, the best first."""
    return sorted({(row["score"], row["smiles"]) for run in runs for row in _scored(run)}, reverse=True)


def table_four(models: dict[str, Record], fits: dict[str, dict], hunts: dict[str, dict]) -> list[dict]:
    """Table 4 as this companion finds it, the paper's row under each of ours.

    Args:
        models: Records by row of Table 4.
        fits: Of each, what `optimization.regression` returns, by seed.
        hunts: Of each, what `optimization.hunt` returns, by search and seed.
    """
    rows = []
    for title, record in models.items():
        here = list(fits[title].values())
        row = {"model": title, "splits": len(here)} | {
            "reconstruction (%)": record.results["sequence_accuracy"],
            "KL (nats)": record.results["kl_nats"],
            "valid (%)": record.results["valid"],
            "valid or empty (%)": record.results["valid_or_empty"],
        }
        rows.append(row | _fitted(here))
        rows[-1] |= dict(zip(("top 1", "top 2", "top 3"), _top_three(hunts[title])))
        rows.append({"model": "  in the paper"} | _printed_row(title))
        rows.append({"model": "  a constant, same splits"} | _fitted(here, "constant "))
    return rows


def search_table(hunts: dict[str, dict]) -> list[dict]:
    """A row a model and search: codes, molecules, how many scored; predicted and real score.

    Args:
        hunts: See `table_four`.
    """
    rows = []
    for title, kinds in hunts.items():
        for kind, runs in kinds.items():
            every = [run["proposed"] for run in runs.values()]
            scored = [lines for lines in map(_scored, runs.values()) if lines]
            found = [sum(row["status"] != "invalid" for row in lines) for lines in every]
            row = {"model": title, "search": kind, "seeds": len(every), "codes": _mean(map(len, every))}
            row |= {"molecules": _mean(found), "new, scored": sum(map(len, scored)) / len(every)}
            row |= {"predicted": _mean(line["mean"] for lines in scored for line in lines)}
            row |= {"came": _mean(line["score"] for lines in scored for line in lines)}
            best = [max(line["score"] for line in lines) for lines in scored]
            rows.append(row | {"best a seed": spread(best, ".2f", ".2f"), "best": max(best, default=np.nan)})
    return rows


def held_out_table(hunts: dict[str, dict]) -> list[dict]:
    """A row a model and search: LL and RMSE on the held-out tenth before and after it.

    Args:
        hunts: See `table_four`.
    """
    rows = []
    for title, kinds in hunts.items():
        for kind, runs in kinds.items():
            row = {"model": title, "search": kind, "seeds": len(runs)}
            for name, key in _FIT.items():
                for when in ("before", "after"):
                    row[f"{name} {when}"] = _mean(run["held_out"][when][key] for run in runs.values())
            rows.append(row)
    return rows


def decode_table(decoded: dict[str, dict]) -> list[dict]:
    """A row a model with such runs and way of decoding (`optimization.decodes`): means over seeds.

    Args:
        decoded: By model and seed.
    """
    rows = []
    for title, runs in decoded.items():
        if not runs:
            continue
        for way in ("greedy", "drawn"):
            here = [run[way] for run in runs.values()]
            row = {"model": title, "decoded": way, "seeds": len(here)}
            row |= {"valid (%)": 100 * _mean(one["valid"] for one in here)}
            row |= {"same (%)": 100 * _mean(one["same"] for one in here)}
            row |= {"codes": _mean(one.get("codes", 0) for one in here)}
            for name, key in _FIT.items():
                row[name] = _mean(one[key] for one in here if key in one)
                row[f"{name} of a constant"] = _mean(one[f"constant {key}"] for one in here if key in one)
            rows.append(row)
    return rows


def ours(models: dict[str, Record], fits: dict[str, dict], hunts: dict[str, dict]) -> dict[str, float]:
    """Table 4's numbers by key of `PRINTED`.

    Args:
        models, fits, hunts: As in `table_four`.
    """
    found = {}
    for title, record in models.items():
        here = list(fits[title].values())
        values = {"accuracy": record.results["sequence_accuracy"], "valid": record.results["valid_or_empty"]}
        values |= {name.lower(): _mean(fit[key] for fit in here) for name, key in _FIT.items()}
        values |= dict(zip(("top1", "top2", "top3"), _top_three(hunts[title])))
        found |= {f"{printed_key(title)}.{name}": value for name, value in values.items()}
    return found


def _scored(run: dict) -> list[dict]:
    return [row for row in run["proposed"] if row["status"] == "scored"]


def _top_three(kinds: dict[str, dict]) -> list[float]:
    """Of the published searches of all seeds together, as the released code takes them."""
    return [value for value, _ in best_molecules(kinds.get("published", {}).values())[:3]]


def printed_key(title: str) -> str:
    """Where `PRINTED` has a model's row of Table 4, by name of `METHODS`: the first part of its keys."""
    return f"zinc.{METHODS[title].replace('-', '.')}"


def _printed_row(title: str) -> dict:
    columns = {
        "reconstruction (%)": "accuracy",
        "valid or empty (%)": "valid",
        "LL": "ll",
        "RMSE": "rmse",
        "top 1": "top1",
        "top 2": "top2",
        "top 3": "top3",
    }
    row = {column: PRINTED[f"{printed_key(title)}.{name}"].value for column, name in columns.items()}
    return row | {name: f"{row[name]:.3f}" for name in _FIT}


def _fitted(fits: list[dict], prefix: str = "") -> dict[str, str]:
    """LL and RMSE over fits."""
    return {name: spread([fit[prefix + key] for fit in fits], ".3f", ".3f") for name, key in _FIT.items()}


def _mean(values: Iterable[float]) -> float:
    values = list(values)
    return statistics.fmean(values) if values else float("nan")
