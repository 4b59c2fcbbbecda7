"""The numbers that the paper prints, and how ours are held against them."""

import csv
import math
from pathlib import Path

from ...book.comparison import read_printed

__all__ = ["PRINTED", "TABLE_1", "TABLE_2", "moses_baselines", "printed_kl"]

_NORMAL = "mu**2/2 + {m2}*sigma**2 - log(sigma) + log(2*pi)/2 {constant}"
_CONSTANTS_1 = {
    "uniform": ("1/6", "- log(2)"),
    "triangular": ("1/12", "- 1/2"),
    "epanechnikov": ("1/10", "- 5/3 + log(3)"),
    "quartic": ("1/14", "- 47/15 + log(15)"),
    "triweight": ("1/18", "- 319/70 + log(70)"),
    "tricube": ("35/486", "+ pi*sqrt(3)/2 - 1111/140 + log(70*sqrt(3))"),
    "cosine": ("(1/2 - 4/pi**2)", "- 1 + log(pi/2)"),
}

TABLE_1: dict[str, str] = {
    name: _NORMAL.format(m2=m2, constant=constant) for name, (m2, constant) in _CONSTANTS_1.items()
} | {"gaussian": "mu**2/2 + sigma**2/2 - log(sigma) - 1/2"}
"""Table 1 as printed: divergence from N(0, 1), formulas in mu and sigma."""

TABLE_2: dict[str, str] = {
    "uniform": "-log(sigma)",
    "triangular": "-1/2 + log(2) - log(sigma)",
    "epanechnikov": "-5/3 + log(6) - log(sigma)",
    "quartic": "-47/15 + log(30) - log(sigma)",
    "triweight": "-319/70 + log(140) - log(sigma)",
    "tricube": "-1111/140 + pi*sqrt(3)/2 + log(140*sqrt(3)) - log(sigma)",
    "cosine": "-1 + log(pi) - log(sigma)",
}
"""Table 2 as printed: divergence from U[-1, 1], formulas in sigma."""


def printed_kl(formula: str, mu: float, sigma: float) -> float:
    """The value of a formula of `TABLE_1` or `TABLE_2`, in nats.

    >>> round(printed_kl(TABLE_2["uniform"], mu=0.0, sigma=0.5), 4)
    0.6931
    """
    names = {"mu": mu, "sigma": sigma, "log": math.log, "sqrt": math.sqrt, "pi": math.pi}
    return eval(formula, {"__builtins__": {}}, names)  # the formulas are this module's own


PRINTED = read_printed(Path(__file__).with_name("printed.csv"))
"""What the paper and its released notebooks print, by key: "<experiment>.<method>.<quantity>"."""


def moses_baselines() -> list[dict[str, str | float]]:
    """MOSES' metrics of its own baselines: a row a metric, a column a model; NaN where its authors give none.

    Source: Polykovskiy et al. (2018a), see data/README.md.
    """
    with open(Path(__file__).with_name("moses_baselines.csv"), newline="") as file:
        return [
            {k: v if k == "metric" else float(v or math.nan) for k, v in row.items()}
            for row in csv.DictReader(file)
        ]
