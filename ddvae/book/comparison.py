"""Our numbers beside printed ones."""

import csv
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas

__all__ = ["Printed", "cells", "compare", "read_printed"]


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
    """

    label: str
    value: float
    source: str
    better: str
    tolerance: float
    unit: str = ""
    row: str = ""
    column: str = ""

    def verdict(self, value: float) -> str:
        """Whether a number "agrees", within the tolerance, or is "better" or "worse".

        It "differs" where neither side is better, and if it is NaN.
        """
        difference = value - self.value
        if abs(difference) <= self.tolerance:
            return "agrees"
        if self.better == "equal" or difference != difference:
            return "differs"
        return "better" if (difference < 0) == (self.better == "lower") else "worse"


def read_printed(path: str | os.PathLike[str]) -> dict[str, Printed]:
    """Printed numbers by key, from a table with the column key and the fields of `Printed`."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    found = {}
    for row in rows:
        key, value, tolerance = row.pop("key"), float(row.pop("value")), float(row.pop("tolerance"))
        found[key] = Printed(value=value, tolerance=tolerance, **row)
    return found


def cells(printed: Mapping[str, Printed], source: str) -> dict[tuple[str, str], str]:
    """Keys of the numbers of a printed table, by row and column.

    Args:
        printed: What is printed, by key.
        source: The table, such as "Table 3".
    """
    return {(one.row, one.column): key for key, one in printed.items() if one.source == source}


def compare(
    ours: Mapping[str, float],
    printed: Mapping[str, Printed],
    recorded: Mapping[str, float] | None = None,
) -> "pandas.DataFrame":
    """Ours beside the printed numbers, one row each.

    Args:
        ours: Value of this run by key.
        printed: What is printed, by key.
        recorded: Value of the recorded run by the same keys; without any there is no such column.

    Returns:
        A pandas table: quantity, ours, recorded, paper, difference, verdict, printed in. The verdict is
        "agrees" within the tolerance, else "better" or "worse" where a side is better, or "differs".

    Raises:
        ValueError: a key that the paper does not print.
    """
    import pandas as pd

    unknown = sorted((set(ours) | set(recorded or {})) - set(printed))
    if unknown:
        raise ValueError(f"no printed number {unknown[0]!r}; expected one of {', '.join(printed)}")
    rows = []
    for key, value in ours.items():
        one = printed[key]
        verdict = one.verdict(value)
        rows.append(
            {
                "quantity": one.label + (f" ({one.unit})" if one.unit else ""),
                "ours": value,
                "recorded": (recorded or {}).get(key, float("nan")),
                "paper": one.value,
                "difference": value - one.value,
                "verdict": f"{verdict} (±{one.tolerance:g})" if verdict == "agrees" else verdict,
                "printed in": one.source,
            }
        )
    columns = ["quantity", "ours", "recorded", "paper", "difference", "verdict", "printed in"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame if recorded else frame.drop(columns="recorded")
