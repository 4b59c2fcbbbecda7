"""Where the text of the paper and its released code part ways, measured on printed numbers."""

import csv
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ....book.statistics import Pair, amount, effect_of, spread
from .evidence import EVIDENCE, Runs

__all__ = ["DIFFERENCES", "Difference", "audit_row"]


@dataclass(frozen=True)
class Difference:
    """One place where text and code differ.

    Args:
        number: As in the list of differences.
        what: Its name.
        text, code: What either has.
        moves: The number looked at.
        better: "lower" or "higher".
        paired: Whether both are read off the same runs, so that seeds cancel.
        measure: Both numbers.
        ratio: Whether they are compared by their ratio, as divergences are, whose deviation grows with them.
    """

    number: int
    what: str
    text: str
    code: str
    moves: str
    better: str
    paired: bool
    measure: Callable[[Runs], Pair]
    ratio: bool = False


def audit_row(difference: Difference, runs: Runs) -> dict:
    """A row of the audit's table: both numbers, what the code adds with a 95 % interval, whom it favours.

    The interval is Student's, of the differences of paired seeds, else Welch's, for a ratio that of the
    logarithms. Where one choice has a single seed, the other's deviation stands for both; two single seeds
    have none. A difference whose interval holds 0, or a ratio whose interval holds 1, is in nobody's favour.

    Args:
        difference: One of `DIFFERENCES`.
        runs: Where the records of the first seven come from; the others read what is kept beside records.
    """
    pair = difference.measure(runs)
    effect, low, high = effect_of(pair, difference.paired, difference.ratio)
    row = {"no.": difference.number, "difference": difference.what, "number": difference.moves}
    row |= {"as in the text": spread(pair.text), "as in the code": spread(pair.code)}
    interval = "–" if math.isnan(low) else f"{low:.3g} to {high:.3g}"
    row |= {"code against text": amount(effect, difference.ratio), "95 %": interval}
    none = 1.0 if difference.ratio else 0.0
    return row | {"in favour of": _favour(effect - none, low - none, high - none, difference.better)}


def _favour(effect: float, low: float, high: float, better: str) -> str:
    if math.isnan(low):
        return "unknown" if effect else "nobody"
    if low <= 0 <= high:
        return "nobody"
    return "the code" if (effect < 0) == (better == "lower") else "the text"


def _differences() -> tuple[Difference, ...]:
    with open(Path(__file__).with_name("differences.csv"), newline="", encoding="utf-8") as file:
        return tuple(map(_difference, csv.DictReader(file)))


def _difference(row: dict[str, str]) -> Difference:
    number = int(row.pop("number"))
    paired, ratio = (row.pop(name) == "yes" for name in ("paired", "ratio"))
    return Difference(number=number, paired=paired, ratio=ratio, measure=EVIDENCE[number], **row)


DIFFERENCES = _differences()
"""All of them, in the order of the list."""
