"""Where the text of the paper and its released code differ, measured on printed numbers."""

import csv
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ....book.statistics import Pair, amount, effect_of, mean, spread
from ....figures.style import COLOURS
from .evidence import EVIDENCE, Runs

__all__ = ["DIFFERENCES", "EFFECTS", "MARKS", "NONE", "Difference", "audit_row", "relative_effect"]

EFFECTS = {
    "model": ("improves the model", "worsens the model"),
    "measurement": ("flatters the number", "understates the number"),
}
"""What the code's choice does to the number, if it makes it better or worse, by what it changes."""
NONE = "no effect shown"
"""Where the 95 % interval holds no effect."""
MARKS = {
    EFFECTS["model"][0]: (COLOURS[2], "circle"),
    EFFECTS["model"][1]: (COLOURS[1], "circle"),
    EFFECTS["measurement"][0]: (COLOURS[4], "diamond"),
    EFFECTS["measurement"][1]: (COLOURS[0], "diamond"),
    NONE: (COLOURS[7], "circle-open"),
    "unknown": (COLOURS[7], "x"),
}
"""Colour and symbol in figures."""


@dataclass(frozen=True)
class Difference:
    """One place where text and code differ.

    Args:
        number: As in the list of differences.
        what: Its name.
        text, code: What either has.
        moves: The number looked at.
        better: "lower" or "higher".
        changes: "model" if the choice changes what is trained, decoded or searched, "measurement" if it
            changes only how the same models are judged.
        paired: Whether both numbers are read off the same runs, so that seeds cancel.
        measure: Both numbers.
        ratio: Whether they are compared by their ratio, as divergences are, whose deviation grows with them.
    """

    number: int
    what: str
    text: str
    code: str
    moves: str
    better: str
    changes: str
    paired: bool
    measure: Callable[[Runs], Pair]
    ratio: bool = False


def audit_row(difference: Difference, pair: Pair) -> dict:
    """A row of the audit's tables: both numbers, what the code adds with a 95 % interval, what that does.

    The interval is Student's, of the differences of paired seeds, else Welch's, for a ratio that of the
    logarithms. Where one choice has a single seed, the other's deviation stands for both; two single seeds
    have none. A difference whose interval holds 0, or a ratio whose interval holds 1, is no effect shown.

    Args:
        difference: One of `DIFFERENCES`.
        pair: What its `measure` gives.
    """
    effect, low, high = effect_of(pair, difference.paired, difference.ratio)
    sizes = sorted({len(values) for values in pair})
    row = {"no.": difference.number, "difference": difference.what, "number": difference.moves}
    row |= {"n": " / ".join(map(str, sizes))}
    row |= {"text's choice": spread(pair.text), "code's choice": spread(pair.code)}
    interval = "–" if math.isnan(low) else f"{low:.3g} to {high:.3g}"
    row |= {"code against text": amount(effect, difference.ratio), "95 %": interval}
    none = 1.0 if difference.ratio else 0.0
    return row | {"the code's choice": _word(difference, effect - none, low - none, high - none)}


def _word(difference: Difference, effect: float, low: float, high: float) -> str:
    if math.isnan(low):
        return "unknown" if effect else NONE
    if low <= 0 <= high:
        return NONE
    better, worse = EFFECTS[difference.changes]
    return better if (effect < 0) == (difference.better == "lower") else worse


def relative_effect(difference: Difference, pair: Pair) -> tuple[float, float, float]:
    """The code's number as a multiple of the text's, with the ends of its 95 % interval."""
    effect, low, high = effect_of(pair, difference.paired, difference.ratio)
    if difference.ratio:
        return effect, low, high
    text = mean(pair.text)
    middle, *ends = (1 + one / text for one in (effect, low, high))
    return middle, min(ends), max(ends)


def _differences() -> tuple[Difference, ...]:
    with open(Path(__file__).with_name("differences.csv"), newline="", encoding="utf-8") as file:
        return tuple(map(_difference, csv.DictReader(file)))


def _difference(row: dict[str, str]) -> Difference:
    number = int(row.pop("number"))
    paired, ratio = (row.pop(name) == "yes" for name in ("paired", "ratio"))
    return Difference(number=number, paired=paired, ratio=ratio, measure=EVIDENCE[number], **row)


DIFFERENCES = _differences()
"""All of them, in the order of the list."""
