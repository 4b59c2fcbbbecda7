"""The numbers that the paper prints, and how ours are held against them."""

import math
from dataclasses import dataclass
from pathlib import Path

__all__ = ["PRINTED", "TABLE_1", "TABLE_2", "Printed", "compare", "moses_baselines", "printed_kl"]

BASELINES = Path(__file__).resolve().parents[1] / "data" / "moses-baselines.csv"

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
    """

    label: str
    value: float
    source: str
    better: str
    tolerance: float
    unit: str = ""


_RELEASED = "released notebooks"
_MU, _SIGMA = 0.25, 0.5
# FCD/Test and SNN/Test at 70, 80 and 90 % accuracy.
_TABLE_3 = {
    "vae.gaussian": ("VAE (G)", (0.205, 0.344, 0.772), (0.550, 0.525, 0.488)),
    "vae.triweight": ("VAE (T)", (0.207, 0.335, 0.753), (0.550, 0.526, 0.490)),
    "ddvae.gaussian": ("DD-VAE (G)", (0.198, 0.312, 0.711), (0.555, 0.531, 0.494)),
    "ddvae.triweight": ("DD-VAE (T)", (0.194, 0.311, 0.690), (0.555, 0.532, 0.495)),
}

_COLUMNS_4 = (
    ("accuracy", "sequence-wise reconstruction", "higher", 0.5, "%"),
    ("valid", "valid samples, empty ones counted", "higher", 0.5, "%"),
    ("ll", "log-likelihood of the sparse process", "higher", 0.02, "nats"),
    ("rmse", "RMSE of the sparse process", "lower", 0.05, ""),
    ("top1", "best score found", "higher", 0.1, ""),
    ("top2", "second best score", "higher", 0.1, ""),
    ("top3", "third best score", "higher", 0.1, ""),
)
_TABLE_4 = {
    "vae.gaussian": ("VAE (G)", 87.01, 78.32, -1.558, 1.273, 5.76, 5.74, 5.67),
    "vae.tricube": ("VAE (T)", 90.3, 73.52, -1.562, 1.265, 5.41, 5.38, 5.35),
    "ddvae.gaussian": ("DD-VAE (G)", 89.39, 63.07, -1.481, 1.199, 5.13, 4.84, 4.80),
    "ddvae.tricube": ("DD-VAE (T)", 89.89, 61.38, -1.470, 1.186, 5.86, 5.77, 5.64),
}

PRINTED: dict[str, Printed] = (
    {
        f"table{number}.{name}": Printed(
            f"KL of {name} from {prior} at mu = {_MU}, sigma = {_SIGMA}",
            printed_kl(formula, _MU, _SIGMA),
            f"Table {number}",
            "equal",
            1e-6,
            "nats",
        )
        for number, prior, table in ((1, "N(0, 1)", TABLE_1), (2, "U[-1, 1]", TABLE_2))
        for name, formula in table.items()
    }
    | {
        f"bricks.{key}.{quantity}": Printed(
            f"{quantity.upper()} of decoded samples, {label}", value, _RELEASED, "lower", 0.0005, "nats"
        )
        for key, label, values in (
            ("uniform", "DD-VAE U/U", (0.0033, 0.0008)),
            ("tricube", "DD-VAE U/T", (0.0066, 0.0017)),
            ("gaussian", "VAE G/G", (0.0073, 0.0019)),
        )
        for quantity, value in zip(("kl", "js"), values)
    }
    | {
        "mnist.ddvae.knn": Printed("kNN accuracy, DD-VAE", 87.8, "Section 4.2", "higher", 1.0, "%"),
        "mnist.vae.knn": Printed("kNN accuracy, VAE", 86.1, "Section 4.2", "higher", 1.0, "%"),
    }
    | {
        "theorem1.exponent": Printed(
            "power of 1 / log(1/tau) in the error's decay, slowest kernel", 1.0, "Theorem 1", "higher", 0.02
        ),
        "theorem1.error": Printed("error as tau -> 0, worst kernel", 0.0, "Theorem 1", "lower", 1e-5),
    }
    | {
        f"moses.{method}.{metric}.{level}": Printed(
            f"MOSES, {label}: {title}/Test at {level} %", value, "Table 3", better, tolerance
        )
        for method, (label, *values) in _TABLE_3.items()
        for metric, title, better, tolerance, row in (
            ("fcd", "FCD", "lower", 0.02, values[0]),
            ("snn", "SNN", "higher", 0.002, values[1]),
        )
        for level, value in zip((70, 80, 90), row)
    }
    | {
        f"zinc.{method}.{quantity}": Printed(
            f"ZINC, {label}: {title}", value, "Table 4", better, tolerance, unit
        )
        for method, (label, *values) in _TABLE_4.items()
        for (quantity, title, better, tolerance, unit), value in zip(_COLUMNS_4, values)
    }
    | {
        f"section5.start.{reading}": Printed(
            f"log10 of the starting temperature, {label}", -1.0, "released settings", "equal", 0.5
        )
        for reading, label in (("text", "balance in the text's reading"), ("released", "in the code's"))
    }
)
"""What the paper prints, by key: "<experiment>.<method>.<quantity>"."""


def compare(ours: dict[str, float], recorded: dict[str, float] | None = None):
    """Ours beside the printed numbers, one row each.

    Args:
        ours: Value of this run by key of `PRINTED`.
        recorded: Value of the recorded run by the same keys; without any there is no such column.

    Returns:
        A pandas table: quantity, ours, recorded, paper, difference, verdict, printed in. The verdict is
        "agrees" within the tolerance, else "better" or "worse" where a side is better, or "differs".

    Raises:
        ValueError: a key that the paper does not print.
    """
    import pandas as pd

    unknown = sorted((set(ours) | set(recorded or {})) - set(PRINTED))
    if unknown:
        raise ValueError(f"no printed number {unknown[0]!r}; expected one of {', '.join(PRINTED)}")
    rows = []
    for key, value in ours.items():
        printed = PRINTED[key]
        rows.append(
            {
                "quantity": printed.label + (f" ({printed.unit})" if printed.unit else ""),
                "ours": value,
                "recorded": (recorded or {}).get(key, float("nan")),
                "paper": printed.value,
                "difference": value - printed.value,
                "verdict": _verdict(value, printed),
                "printed in": printed.source,
            }
        )
    columns = ["quantity", "ours", "recorded", "paper", "difference", "verdict", "printed in"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame if recorded else frame.drop(columns="recorded")


def moses_baselines():
    """MOSES' metrics of its own baselines, a pandas table with a row a metric and a column a model.

    Source: Polykovskiy et al. (2018a), see data/README.md.
    """
    import pandas as pd

    return pd.read_csv(BASELINES)


def _verdict(value: float, printed: Printed) -> str:
    difference = value - printed.value
    if abs(difference) <= printed.tolerance:
        return f"agrees (±{printed.tolerance:g})"
    if printed.better == "equal" or difference != difference:
        return "differs"
    return "better" if (difference < 0) == (printed.better == "lower") else "worse"
