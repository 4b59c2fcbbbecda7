"""What the paper claims, and what the recorded runs have to say about it."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from ....book.statistics import Pair, amount, effect_of, mean, spread
from ....experiments.record import recorded
from ..table_three import LEVELS, METRICS, Cell, contest, curves_of, small_runs, table_runs, table_three
from ..zinc.codes import on_record, zinc_models

__all__ = ["CLAIMS", "Claim"]


@dataclass(frozen=True)
class Claim:
    """Something the paper says, and what the recorded runs have to say about it.

    Args:
        what: The claim.
        where: Section or equation.
        finding: What the evidence amounts to, with its limits.
        evidence: Tells the numbers in a line.
    """

    what: str
    where: str
    finding: str
    evidence: Callable[[], str]


def _apart(first: list[float], second: list[float], unit: str, ratio: bool = False) -> str:
    """Two means and the 95 % interval of their difference, or of their ratio."""
    effect, low, high = effect_of(Pair(second, first), paired=False, ratio=ratio)
    interval = "one seed" if math.isnan(low) else f"95 %: {low:.3g} to {high:.3g}"
    return f"{spread(first)} against {spread(second)}{unit}, {amount(effect, ratio)} ({interval})"


def _results(name: str, key: str) -> list[float]:
    return [record.results[key] for record in recorded(name)]


def _digits_claim() -> str:
    ddvae, vae = (_results(f"mnist-{name}", "knn_honest") for name in ("ddvae-uniform", "vae-gaussian"))
    return f"kNN accuracy, setting chosen on training data: {_apart(ddvae, vae, unit=' %')}"


def _contest_claim() -> str:
    parts = []
    for size, runs in (("the published size", table_runs()), ("a quarter of the units", small_runs())):
        better = [row["better"] for row in contest(curves_of(runs)) if row["better"] != "–"]
        parts.append(f"{better.count('DD-VAE')} of {len(better)} with {size}")
    return f"DD-VAE at least as good in {', '.join(parts)} (cells: metric, accuracy, proposals)"


def _support_claim() -> str:
    curves, level, parts = curves_of(table_runs()), LEVELS[1], []
    values = table_three(curves)
    for method, pair in (("VAE", ("VAE (G)", "VAE (T)")), ("DD-VAE", ("DD-VAE (G)", "DD-VAE (T)"))):
        if set(pair) <= set(curves):
            means = [[mean(values[Cell(one, key, level)]) for one in pair] for key in METRICS]
            words = [f"{key} {g:.3f} to {t:.3f}" for key, (g, t) in zip(METRICS, means)]
            parts.append(f"{method}: {', '.join(words)}")
    return f"from Gaussian to triweight at {100 * level:.0f} %: {'; '.join(parts)}"


def _lossless_claim() -> str:
    """Errors of bounded boxes set by hand, and what either proposal reaches where nothing is lossless."""
    error = 100 * mean(_results("bricks-layout-uniform", "sequence_error"))
    parts = []
    for title, name in (("Gaussian", "gaussian"), ("triweight", "triweight")):
        accuracy, nats = (
            spread(_results(f"moses-sweep-ddvae-{name}", key), ".1f", ".1f")
            for key in ("sequence_accuracy", "kl_nats")
        )
        parts.append(f"{title} {accuracy} % of unseen molecules at {nats} nats")
    return f"six-bit strings, boxes set by hand: error {error:.2f} %; DD-VAE on MOSES: {', '.join(parts)}"


def _regression_claim() -> str:
    fits = {title: list(on_record(record, "regression").values()) for title, record in zinc_models().items()}
    parts = [
        f"{title} {spread([fit['log_likelihood'] for fit in here])}" for title, here in fits.items() if here
    ]
    return (
        "LL of the Gaussian process (nats, ten splits): "
        + ", ".join(parts)
        + ("; no VAE on record" if len(parts) < 2 else "")
    )


def _validity_claim() -> str:
    record = recorded("moses-large-ddvae-triweight")[0]
    rows = record.kept("densities-10000")["densities-10000"]
    return "valid: " + ", ".join(f"{100 * row['valid']:.1f} % of codes from {row['density']}" for row in rows)


def _switch_claim(word: str) -> Callable[[], str]:
    def evidence() -> str:
        switched, uniform = (_results(f"bricks-{name}", "kl") for name in (f"switch-{word}", "ddvae-uniform"))
        apart = _apart(switched, uniform, unit=" nats", ratio=True)
        return f"Figure 5, U/U, KL of decoded samples: {apart}"

    return evidence


CLAIMS = (
    Claim(
        "Deterministic decoding separates classes better",
        "Section 4.2",
        "supported (5 seeds); decoder, proposals and prior change together",
        _digits_claim,
    ),
    Claim(
        "DD-VAE has the better FCD and SNN at equal accuracy",
        "Section 4.3",
        "supported in small models, not at the published size (1 seed)",
        _contest_claim,
    ),
    Claim(
        "Lossless auto-encoding is impossible with proposals of full support",
        "Section 2.1",
        "consistent; on MOSES, far from lossless, the two proposals do not differ",
        _lossless_claim,
    ),
    Claim(
        "Bounded proposals improve FCD and SNN slightly", "Section 4.3", "not seen (1 seed)", _support_claim
    ),
    Claim(
        "Codes of a DD-VAE regress better",
        "Section 4.4",
        "supported; ten splits of one model each",
        _regression_claim,
    ),
    Claim(
        "Lower validity comes from regions that no proposal covers",
        "Section 5",
        "consistent (1 model)",
        _validity_claim,
    ),
    Claim(
        "Log-linear annealing is slightly better than linear",
        "Section 5",
        "not settled (3 seeds): the interval holds 1",
        _switch_claim("linear"),
    ),
    Claim(
        "Fine-tuning the decoder is optional",
        "Eq. 24",
        "consistent (3 seeds): the interval holds 1",
        _switch_claim("tuned"),
    ),
)
"""Of the sections on experiments; chapter 2 answers for Theorem 1 and the starting temperature."""
