"""Chapter 7: where the text of the paper and its released code part ways, measured on printed numbers."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from ...book.statistics import Pair, amount, effect_of, spread
from ...experiments.molecule_runs import curve, from_most_accurate, load_codec
from ...experiments.record import Record
from ...molecules.moses import evaluate
from ...molecules.penalised_logp import score
from .table_three import LEVELS, small_runs, table_three
from .zinc.codes import on_record, zinc_models
from .zinc.table_four import best_molecules

__all__ = ["DIFFERENCES", "Difference", "audit_row", "greedy_and_drawn"]

Runs = Callable[[str], list[Record]]
"""Records of a preset, recorded or trained for the occasion."""


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


def _between(text: str, code: str, result: str) -> Callable[[Runs], Pair]:
    """A result of two presets."""
    return lambda runs: Pair(*([r.results[result] for r in runs(name)] for name in (text, code)))


def _within(name: str, text: str, code: str) -> Callable[[Runs], Pair]:
    """Two results of one preset."""
    return lambda runs: Pair(*([r.results[key] for r in runs(name)] for key in (text, code)))


def greedy_and_drawn(record: Record, n: int = 10_000) -> dict[str, dict[str, float]]:
    """MOSES' metrics of a model's prior draws decoded greedily and token by token, kept beside its record."""

    def judge() -> dict[str, dict[str, float]]:
        codec = load_codec(record.folder)
        torch.manual_seed(0)
        codes = codec.model.prior().sample((n,))
        ways = {"greedy": codec.decode, "drawn": codec.draw_strings}
        return {way: evaluate(decode(codes), ks=(n,), test_scaffolds=False) for way, decode in ways.items()}

    return record.keep(f"ways-{n}", judge)


def _decoding(runs: Runs) -> Pair:
    found = [greedy_and_drawn(record) for record in runs("moses-sweep-vae-gaussian")]
    return Pair(*([one[way]["FCD/Test"] for one in found] for way in ("drawn", "greedy")))


def _empty_strings(runs: Runs) -> Pair:
    results = [record.results for record in zinc_models().values()]
    return Pair(*([one[key] for one in results] for key in ("valid", "valid_or_empty")))


def _published_searches() -> list[dict]:
    return [run for record in zinc_models().values() for run in on_record(record, "published").values()]


def _held_out(runs: Runs) -> Pair:
    held = [run["held_out"] for run in _published_searches()]
    return Pair(*([one[when]["log_likelihood"] for one in held] for when in ("before", "after")))


def _pooled(runs: Runs) -> Pair:
    """The best of each search, and the best of all of a model's: no less, by construction."""
    kept = [list(on_record(record, "published").values()) for record in zinc_models().values()]
    single = [best_molecules([run])[0][0] for searches in kept for run in searches]
    return Pair(single, [best_molecules(searches)[0][0] for searches in kept if searches])


def _left_out(runs: Runs) -> Pair:
    states = [[row["status"] for row in run["proposed"]] for run in _published_searches()]
    scored = [float(one.count("scored")) for one in states]
    return Pair([n + one.count("left out") for n, one in zip(scored, states)], scored)


def _rings(runs: Runs) -> Pair:
    found = [
        [row["smiles"] for row in run["proposed"] if row["status"] == "scored"]
        for run in _published_searches()
    ]
    together = [string for one in found for string in one]  # scored in one pool, whose start costs a second
    ends = np.cumsum([len(one) for one in found])[:-1]
    scores = [np.split(score(together, cycle=cycle), ends) for cycle in ("sssr", "basis")]
    return Pair(*([float(one.max()) for one in way] for way in scores))


def _features(runs: Runs) -> Pair:
    pairs = [
        (fresh["log_likelihood"], on_record(record, "regression")[seed]["log_likelihood"])
        for record in zinc_models().values()
        for seed, fresh in on_record(record, "unseen").items()
    ]
    return Pair([text for text, _ in pairs], [code for _, code in pairs])


def _averaging(runs: Runs) -> Pair:
    level, text, code = LEVELS[0], [], []
    for records in small_runs().values():  # which come to 70 %
        for rows in map(curve, records):
            judged = [row for row in from_most_accurate(rows) if "FCD/Test" in row]
            text.append(min(judged, key=lambda row: abs(row["accuracy"] - level))["FCD/Test"])
            code.append(table_three([rows], "FCD/Test")[level][0])
    return Pair(text, code)


_UNIFORM, _FIGURE_5 = "bricks-ddvae-uniform", "Figure 5, U/U: KL of decoded samples (nats)"

DIFFERENCES = (
    Difference(
        1,
        "relaxation",
        "differences of probabilities (Eq. 3, 13)",
        "differences of log-probabilities",
        _FIGURE_5,
        "lower",
        False,
        _between("bricks-switch-scores", _UNIFORM, "kl"),
        ratio=True,
    ),
    Difference(
        2,
        "reduction",
        "sums over positions (Eq. 13)",
        "means over positions",
        _FIGURE_5,
        "lower",
        False,
        _between("bricks-switch-reduction", _UNIFORM, "kl"),
        ratio=True,
    ),
    Difference(
        3,
        "map into the cube",
        "tanh(mu ± sigma) (Eq. 9-10)",
        "tanh of half the argument",
        _FIGURE_5,
        "lower",
        False,
        _between("bricks-switch-squash", _UNIFORM, "kl"),
        ratio=True,
    ),
    Difference(
        4,
        "weight of the divergence",
        "beta = 1 (Section 4.1)",
        "0.1 for U/T",
        "Figure 5, U/T: KL of decoded samples (nats)",
        "lower",
        False,
        _between("bricks-switch-beta", "bricks-ddvae-tricube", "kl"),
        ratio=True,
    ),
    Difference(
        5,
        "neighbours of digits",
        "2-D codes, setting chosen on training data",
        "raw 4-D encoder outputs, best setting on the test set",
        "Figure 6: kNN accuracy (%)",
        "higher",
        True,
        _within("mnist-ddvae-uniform", "knn_honest", "knn_released"),
    ),
    Difference(
        6,
        "decoding of the VAE",
        "drawn token by token",
        "greedy",
        "Table 3, VAE (G) at 70 %: FCD",
        "lower",
        True,
        _decoding,
    ),
    Difference(
        7,
        "fine-tuning of the decoder",
        "after training (Eq. 24)",
        "never, a key is misspelt",
        _FIGURE_5,
        "lower",
        False,
        _between("bricks-switch-tuned", _UNIFORM, "kl"),
        ratio=True,
    ),
    Difference(
        8,
        "empty string",
        "no molecule",
        "a valid one",
        "Table 4: validity (%)",
        "higher",
        True,
        _empty_strings,
    ),
    Difference(
        9,
        "when the process is judged",
        "before the search, ten-fold",
        "after five rounds, ten random splits",
        "Table 4: LL (nats)",
        "higher",
        True,
        _held_out,
    ),
    Difference(
        10,
        "best molecule",
        "of a search",
        "of all searches together",
        "Table 4: top 1",
        "higher",
        False,
        _pooled,
    ),
    Difference(
        11,
        "batch of a round",
        "60 codes",
        "the first 50 molecules of 60 codes",
        "molecules scored a search",
        "higher",
        True,
        _left_out,
    ),
    Difference(
        12,
        "largest ring",
        "of the smallest rings (Eq. 26)",
        "of a cycle basis",
        "Table 4: top 1 of a search",
        "higher",
        True,
        _rings,
    ),
    Difference(
        13,
        "codes of the process",
        "molecules that the encoder has not seen are predicted",
        "training, validation and test molecules together",
        "Table 4: LL (nats)",
        "higher",
        True,
        _features,
    ),
    Difference(
        14,
        "level of accuracy",
        "not said; here the checkpoint nearest to it",
        "triangular average of the checkpoints around it",
        "Table 3 at 70 %: FCD",
        "lower",
        True,
        _averaging,
    ),
)
"""All of them, in the order of the list."""
