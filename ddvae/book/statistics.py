"""Mean and deviation over seeds, effects with intervals."""

import math
import statistics
from collections.abc import Iterable, Sequence
from typing import NamedTuple

__all__ = ["Pair", "amount", "effect_of", "mean", "pooled", "spread"]


def mean(values: Iterable[float]) -> float:
    """The mean; NaN of no values."""
    values = list(values)
    return statistics.fmean(values) if values else math.nan


def spread(values: Sequence[float], mean: str = ".4g", deviation: str = ".2g") -> str:
    """Mean and, of more than one value, standard deviation, as text in these formats."""
    if not values:
        return "–"
    more = f" ± {statistics.stdev(values):{deviation}}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):{mean}}{more}"


def pooled(groups: Iterable[Sequence[float]]) -> tuple[float, int]:
    """Standard deviation within groups, taken as the same for all, and its degrees of freedom; NaN if none.

    >>> pooled([[1.0, 3.0], [5.0, 7.0], [4.0]])
    (1.4142135623730951, 2)
    """
    several = [group for group in groups if len(group) > 1]
    freedom = sum(len(group) - 1 for group in several)
    squares = sum((len(group) - 1) * statistics.variance(group) for group in several)
    return (math.sqrt(squares / freedom) if freedom else math.nan), freedom


class Pair(NamedTuple):
    """A number as the text has it and as the released code has it, one a seed."""

    text: list[float]
    code: list[float]


def effect_of(pair: Pair, paired: bool, ratio: bool = False) -> tuple[float, float, float]:
    """What the code adds to the text's number, or multiplies it by, and the ends of the 95 % interval.

    NaN where there is none.
    """
    from scipy.stats import t, ttest_ind, ttest_rel

    if ratio:
        logarithms = Pair(*(list(map(math.log, values)) for values in pair))
        effect, low, high = map(math.exp, effect_of(logarithms, paired))
        return effect, low, high
    if not (pair.text and pair.code):
        return math.nan, math.nan, math.nan
    effect = statistics.fmean(pair.code) - statistics.fmean(pair.text)
    few, many = sorted(pair, key=len)
    if len(many) < 2 or (paired and len(few) < 2):
        return effect, math.nan, math.nan
    if len(few) < 2:
        half = t.ppf(0.975, len(many) - 1) * statistics.stdev(many) * math.sqrt(1 + 1 / len(many))
        return effect, effect - half, effect + half
    if paired and len({b - a for a, b in zip(*pair)}) == 1:  # no spread, no test
        return effect, effect, effect
    test = ttest_rel(pair.code, pair.text) if paired else ttest_ind(pair.code, pair.text, equal_var=False)
    low, high = test.confidence_interval()
    return effect, float(low), float(high)


def amount(effect: float, ratio: bool) -> str:
    """An effect in words: "+0.2", for a ratio "x 0.2"."""
    if math.isnan(effect):
        return "–"
    return f"x {effect:.3g}" if ratio else f"{effect:+.3g}"
