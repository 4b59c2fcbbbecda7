"""What the differences between text and code do to printed numbers, measured."""

from collections.abc import Callable

import numpy as np
import torch

from ....book.statistics import Pair, mean
from ....experiments.molecule_runs import curve, from_most_accurate, load_codec
from ....experiments.record import Record
from ....molecules.moses import evaluate
from ....molecules.penalised_logp import score
from ..table_three import LEVELS, at_level, small_runs
from ..zinc.codes import on_record, zinc_models
from ..zinc.table_four import best_molecules

__all__ = ["EVIDENCE", "Runs", "greedy_and_sampled"]

Runs = Callable[[str], list[Record]]
"""Records of a preset, recorded or trained for the occasion."""


def _between(text: str, code: str, result: str) -> Callable[[Runs], Pair]:
    """A result of two presets."""
    return lambda runs: Pair(*([r.results[result] for r in runs(name)] for name in (text, code)))


def _within(name: str, text: str, code: str) -> Callable[[Runs], Pair]:
    """Two results of one preset."""
    return lambda runs: Pair(*([r.results[key] for r in runs(name)] for key in (text, code)))


def greedy_and_sampled(record: Record, n: int = 10_000) -> dict[str, dict[str, float]]:
    """MOSES' metrics of codes of the prior decoded greedily, and token by token at random ("drawn").

    They are kept beside the record.
    """

    def compute() -> dict[str, dict[str, float]]:
        codec = load_codec(record.folder)
        torch.manual_seed(0)
        codes = codec.model.prior().sample((n,))
        decoded = {"greedy": codec.decode(codes), "drawn": codec.sample_strings(codes)}
        return {way: evaluate(strings, ks=(n,), test_scaffolds=False) for way, strings in decoded.items()}

    return record.keep(f"ways-{n}", compute)


def _decoding(runs: Runs) -> Pair:
    found = [greedy_and_sampled(record) for record in runs("moses-sweep-vae-gaussian")]
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
    """Of each model the mean of its searches' best, and the best of all: no less, by construction."""
    kept = [list(on_record(record, "published").values()) for record in zinc_models().values()]
    kept = [searches for searches in kept if searches]
    single = [mean(best_molecules([run])[0][0] for run in searches) for searches in kept]
    return Pair(single, [best_molecules(searches)[0][0] for searches in kept])


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
            known = [row for row in from_most_accurate(rows) if "FCD/Test" in row]
            text.append(min(known, key=lambda row: abs(row["accuracy"] - level))["FCD/Test"])
            code.append(at_level(rows, "FCD/Test", level))
    return Pair(text, code)


_UNIFORM = "bricks-ddvae-uniform"

EVIDENCE: dict[int, Callable[[Runs], Pair]] = {
    1: _between("bricks-switch-scores", _UNIFORM, "kl"),
    2: _between("bricks-switch-reduction", _UNIFORM, "kl"),
    3: _between("bricks-switch-squash", _UNIFORM, "kl"),
    4: _between("bricks-switch-beta", "bricks-ddvae-tricube", "kl"),
    5: _within("mnist-ddvae-uniform", "knn_honest", "knn_released"),
    6: _decoding,
    7: _between("bricks-switch-tuned", _UNIFORM, "kl"),
    8: _empty_strings,
    9: _held_out,
    10: _pooled,
    11: _left_out,
    12: _rings,
    13: _features,
    14: _averaging,
}
"""The number as the text has it and as the code has it, by number of the difference."""
