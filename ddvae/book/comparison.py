"""Our numbers beside printed ones."""

import csv
import math
import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import pandas

__all__ = ["Ours", "Printed", "cells", "compare", "read_printed"]

Ours: TypeAlias = float | Sequence[float]
"""A number of ours, or one a seed."""


@dataclass(frozen=True)
class Printed:
    """A number of the paper or of its released code's notebooks.

    Attributes:
        label: The quantity, for tables.
        value: As printed.
        source: Where it is printed.
        better: "lower" or "higher"; "equal" if neither side is better.
        tolerance: Distance that counts as agreement.
        unit: "nats", "%" or "".
        row, column: Where it stands, if the source is a table.
        deviation: Over the paper's runs, if it is printed; else NaN.
    """

    label: str
    value: float
    source: str
    better: str
    tolerance: float
    unit: str = ""
    row: str = ""
    column: str = ""
    deviation: float = math.nan

    def verdict(self, ours: Ours) -> str:
        """What a number of ours says beside the printed one.

        It "agrees" within the tolerance and is "within noise" as far as seeds lie apart; beyond that it is
        "better" or "worse", or "differs" where neither side is better. A NaN "differs" too.
        """
        values = _values(ours)
        difference = statistics.fmean(values) - self.value
        if abs(difference) <= self.tolerance:
            return "agrees"
        if abs(difference) <= self.noise(values):
            return "within noise"
        if self.better == "equal" or math.isnan(difference):
            return "differs"
        return "better" if (difference < 0) == (self.better == "lower") else "worse"

    def noise(self, ours: Ours) -> float:
        """Half of the 95 % interval of the difference of our mean and one run of the paper's, by Student's t.

        Where one side has no deviation it takes the other's; 0 where neither has.
        """
        from scipy.stats import t

        values = _values(ours)
        own = statistics.stdev(values) if len(values) > 1 else self.deviation
        theirs = own if math.isnan(self.deviation) else self.deviation
        if math.isnan(own):
            return 0.0
        freedom = len(values) - 1 or 2  # the paper's deviations are of three seeds, as far as is known
        return float(t.ppf(0.975, freedom) * math.sqrt(own**2 / len(values) + theirs**2))


def _values(ours: Ours) -> Sequence[float]:
    return ours if isinstance(ours, Sequence) else [ours]


def read_printed(path: str | os.PathLike[str]) -> dict[str, Printed]:
    """Printed numbers by key, from a table with the column key and the fields of `Printed`."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    found = {}
    for row in rows:
        key, value, tolerance = row.pop("key"), float(row.pop("value")), float(row.pop("tolerance"))
        deviation = float(row.pop("deviation") or math.nan)
        found[key] = Printed(value=value, tolerance=tolerance, deviation=deviation, **row)
    return found


def cells(printed: Mapping[str, Printed], source: str) -> dict[tuple[str, str], str]:
    """Keys of the numbers of a printed table, by row and column.

    Args:
        printed: What is printed, by key.
        source: The table, such as "Table 3".
    """
    return {(one.row, one.column): key for key, one in printed.items() if one.source == source}


def compare(
    ours: Mapping[str, Ours],
    printed: Mapping[str, Printed],
    recorded: Mapping[str, Ours] | None = None,
) -> "pandas.DataFrame":
    """Ours beside the printed numbers, one row each.

    Args:
        ours: Of this run by key, one number or one a seed.
        printed: What is printed, by key.
        recorded: Of the recorded run by the same keys; without any there is no such column.

    Returns:
        A pandas table: quantity, ours (the mean), ± (over seeds), recorded, paper, paper ±, difference,
        verdict (see `Printed.verdict`) with the number of seeds, printed in. Columns without a number are
        left out.

    Raises:
        ValueError: a key that the paper does not print.
    """
    import pandas as pd

    unknown = sorted((set(ours) | set(recorded or {})) - set(printed))
    if unknown:
        raise ValueError(f"no printed number {unknown[0]!r}; expected one of {', '.join(printed)}")
    rows = []
    for key, value in ours.items():
        one, values = printed[key], _values(value)
        mean = statistics.fmean(values)
        verdict = one.verdict(values)
        detail = f"±{one.tolerance:g}" if verdict == "agrees" else f"n = {len(values)}"
        rows.append(
            {
                "quantity": one.label + (f" ({one.unit})" if one.unit else ""),
                "ours": mean,
                "±": statistics.stdev(values) if len(values) > 1 else math.nan,
                "recorded": statistics.fmean(_values((recorded or {}).get(key, math.nan))),
                "paper": one.value,
                "paper ±": one.deviation,
                "difference": mean - one.value,
                "verdict": f"{verdict} ({detail})",
                "printed in": one.source,
            }
        )
    columns = ["quantity", "ours", "±", "recorded", "paper", "paper ±", "difference", "verdict", "printed in"]
    frame = pd.DataFrame(rows, columns=columns)
    empty = [name for name in ("±", "recorded", "paper ±") if frame[name].isna().all()]
    return frame.drop(columns=empty)
