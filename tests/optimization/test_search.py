"""The loop: kept, killed, resumed; scores that fail in every way."""

import math
import signal
import sys
from dataclasses import astuple, replace
from functools import partial

import pytest
import torch

from ddvae.optimization import acquisitions as bo
from ddvae.optimization import guarded_score as objective
from ddvae.optimization import search as module
from ddvae.optimization.evaluations import read_evaluations
from ddvae.optimization.guarded_score import GuardedScore
from ddvae.optimization.kept_scores import EVALUATIONS
from ddvae.optimization.search import Search, optimize

SEARCH = Search(rounds=3, batch=4, acquisition="local", seed=2)


def decode(codes):
    """Chains of carbon and oxygen as long as the first two numbers tell; "?" beyond an end."""
    lengths = (30 + 40 * codes[:, :2]).round().int().tolist()
    return ["C" * a + "O" * b if min(a, b) > 0 else "?" for a, b in lengths]


def count_carbon(smiles):
    return [float(one.count("C")) for one in smiles]


@pytest.fixture
def start():
    torch.manual_seed(0)
    codes = torch.rand(50, 3) - 0.5
    return codes, count_carbon(decode(codes))


def same(found, expected):
    return str([astuple(one) for one in found]) == str([astuple(one) for one in expected])


def test_a_search_finds_longer_chains_and_counts_what_it_rejects(start):
    told = []
    found = optimize(count_carbon, decode, *start, search=replace(SEARCH, batch=12), told=told.append)
    scored = [one for one in found if one.status == "scored"]
    assert max(one.score for one in scored) > max(start[1])
    assert len({one.smiles for one in scored}) == len(scored)
    assert len(told) == 3 and told[0].startswith("round 1: 12 scored")
    assert all(one.score == one.smiles.count("C") and len(one.code) == 3 for one in scored)


def test_less_can_be_more(start):
    down = optimize(count_carbon, decode, *start, search=replace(SEARCH, maximize=False))
    best = min(one.score for one in down if one.status == "scored")
    assert best < min(start[1])
    predicted = [one.predicted_mean for one in down]
    assert 0 < sum(predicted) / len(predicted) < max(start[1])  # in the user's sign


def test_limits(start):
    small = optimize(count_carbon, decode, *start, search=replace(SEARCH, max_heavy_atoms=70))
    assert any(one.status == "too large" for one in small)
    assert all(len(one.smiles) <= 70 for one in small if one.status == "scored")
    first = optimize(count_carbon, decode, *start, search=replace(SEARCH, keep=1, attempts=1))
    assert sum(one.status == "scored" for one in first) == 3
    known = optimize(count_carbon, decode, *start, known=decode(start[0]), search=SEARCH)
    assert not {one.smiles for one in known if one.status == "scored"} & set(decode(start[0]))


@pytest.mark.parametrize("calls", [1, 2, 3, 5, 8, 12])
def test_interrupted_at_any_call_nothing_scored_is_lost(start, tmp_path, calls, monkeypatch):
    monkeypatch.setattr(objective, "CHUNK", 1)
    whole = optimize(count_carbon, decode, *start, search=SEARCH, out=tmp_path / "whole")
    count, scored = [0], []

    def failing(smiles):
        count[0] += 1
        if count[0] == calls:
            signal.raise_signal(signal.SIGINT)
        scored.extend(smiles)
        return count_carbon(smiles)

    with pytest.raises(KeyboardInterrupt):
        optimize(failing, decode, *start, search=SEARCH, out=tmp_path / "cut")
    resumed = optimize(failing, decode, *start, search=SEARCH, out=tmp_path / "cut", resume=True)
    assert same(resumed, whole) and same(read_evaluations(tmp_path / "cut"), whole)
    assert len(scored) == len(set(scored))  # nothing was scored twice
    assert sorted(path.name for path in (tmp_path / "cut").iterdir()) == [
        "evaluations.csv",
        "search.json",
        "start.pt",
    ]


def test_more_rounds_go_on_and_another_search_does_not(start, tmp_path):
    short = optimize(count_carbon, decode, *start, search=replace(SEARCH, rounds=1), out=tmp_path)
    longer = optimize(count_carbon, decode, *start, search=SEARCH, out=tmp_path, resume=True)
    assert same(longer[: len(short)], short) and len(longer) > len(short)
    with pytest.raises(ValueError, match="holds a search with seed 2, not 3; expected the same settings"):
        optimize(count_carbon, decode, *start, search=replace(SEARCH, seed=3), out=tmp_path, resume=True)
    (tmp_path / EVALUATIONS).write_text("round,attempt\n1\n")
    with pytest.raises(ValueError, match=r"evaluations.csv is no table of evaluations"):
        optimize(count_carbon, decode, *start, search=SEARCH, out=tmp_path, resume=True)


def test_nothing_valid(start):
    found = optimize(count_carbon, lambda codes: ["?"] * len(codes), *start, search=SEARCH)
    assert {one.status for one in found} == {"invalid"}
    assert len(found) == SEARCH.rounds * SEARCH.attempts * SEARCH.batch


def test_bad_settings(start):
    with pytest.raises(ValueError, match="rounds is 0; expected a whole number from 1"):
        Search(rounds=0)
    for name, value in (("max_heavy_atoms", 0), ("keep", -1), ("batch", 1.5)):
        with pytest.raises(ValueError, match=f"{name} is {value}; expected a whole number from 1"):
            Search(**{name: value})
    shapes = r"codes and values have shapes \(50, 3\) and \(49,\); expected \(N, D\) and \(N,\)"
    with pytest.raises(ValueError, match=shapes):
        optimize(count_carbon, decode, start[0], start[1][1:], search=SEARCH)


def test_a_score_that_always_fails_ends_nothing(start):
    def fails(smiles):
        raise OSError("no server")

    found = optimize(fails, decode, *start, search=replace(SEARCH, rounds=2))
    assert {one.round for one in found} == {1, 2} and "failed: OSError: no server" in {
        one.status for one in found
    }
    assert not {one.status.split(":")[0] for one in found} - {"failed", "invalid", "duplicate"}
    assert all(math.isnan(one.score) for one in found)


MOST = sys.float_info.max
SPREADS = {
    "the largest float": lambda n: [MOST, *range(1, n)],
    "both ends": lambda n: [MOST, -MOST, *range(2, n)],
    "all enormous": lambda n: [MOST / n * i for i in range(n)],
    "from the least to the largest": lambda n: [(-1) ** i * 10.0 ** (600 * i / n - 300) for i in range(n)],
    "1e154": lambda n: [1e154 * i for i in range(n)],
    "1e200 from zero": lambda n: [0.0, 1e200] * (n // 2),
    "1e100": lambda n: [1e100 * (i % 7) for i in range(n)],
    "1e-100": lambda n: [1e-100 * (i % 7) for i in range(n)],
    "the smallest floats": lambda n: [5e-324 * i for i in range(n)],
    "tiny but one": lambda n: [1e-300, *[0.0] * (n - 2), 1.0],
    "far from zero": lambda n: [1e300 + 1e290 * i for i in range(n)],
    "one is other": lambda n: [1.0] * (n - 1) + [1.0 + 1e-12],
}


@pytest.mark.parametrize("maximize", [True, False])
@pytest.mark.parametrize("kind", SPREADS)
def test_a_search_goes_on_whatever_the_spread(start, kind, maximize, monkeypatch):
    monkeypatch.setattr(bo, "GRID", 100)
    monkeypatch.setitem(bo.ACQUISITIONS, "trust-region", partial(bo.trust_region, candidates=50))
    values = SPREADS[kind](50)
    sizes = {}

    def score(smiles):
        return [values[sizes.setdefault(one, len(sizes) % 50)] for one in smiles]

    for acquisition in ("trust-region", "log-ei", "believer"):
        search = Search(2, 3, acquisition, maximize, attempts=1)
        found = optimize(score, decode, start[0], values, search=search)
        assert {one.round for one in found} == {1, 2} and "scored" in {one.status for one in found}
        assert not any(math.isnan(one.predicted_mean) or math.isnan(one.predicted_sd) for one in found)


@pytest.mark.parametrize("enormous", [MOST, -MOST, 1e160, -1e160, 1e77])
def test_a_score_may_become_enormous_on_the_way(start, enormous):
    def score(smiles):
        return [enormous if value % 3 == 0 else value for value in count_carbon(smiles)]

    found = optimize(score, decode, *start, search=replace(SEARCH, acquisition="uniform"))
    assert enormous in {one.score for one in found if one.round == 1}
    assert "scored" in {one.status for one in found if one.round == 3}


def test_enormous_scores_are_told_as_they_are(start):
    """What is predicted is in the user's units."""
    codes, values = start
    plain = optimize(count_carbon, decode, codes, values, search=SEARCH)
    factor = 2.0**900
    found = optimize(
        lambda smiles: [factor * one for one in count_carbon(smiles)],
        decode,
        codes,
        [factor * one for one in values],
        search=SEARCH,
    )
    assert [one.smiles for one in found] == [one.smiles for one in plain]
    for one, other in zip(found, plain):
        assert one.predicted_mean / factor == pytest.approx(other.predicted_mean, rel=0.5)
        assert one.predicted_sd / factor == pytest.approx(other.predicted_sd, rel=0.5)


BAD_STARTS = {
    "one code": (lambda codes, values: (codes[:1], values[:1]), "codes hold 1 distinct code with a value"),
    "no code": (lambda codes, values: (codes[:0], []), "codes hold 0 distinct code with a value; expected 2"),
    "one code many times": (lambda c, v: (c[:1].expand(50, 3), v), "codes hold 1 distinct code with a value"),
    "one value": (lambda c, v: (c, [v[0], *[math.nan] * 49]), "codes hold 1 distinct code with a value"),
    "no value": (lambda c, v: (c, [math.inf] * 50), "codes hold 0 distinct code with a value; expected 2"),
    "constant": (lambda c, v: (c, [1.0] * 50), "values are 1 for all 50 codes; expected values that differ"),
    "constant zero": (lambda c, v: (c, [0.0, -0.0] * 25), "values are 0 for all 50 codes; expected values"),
    "constant where known": (
        lambda c, v: (c, [2.0] * 9 + [math.nan] * 41),
        "values are 2 for all 9 codes; expected values that differ",
    ),
    "words": (lambda c, v: (c, ["a"] * 50), r"shapes \(50, 3\) and \(50,\); expected \(N, D\) and \(N,\)"),
    "a column": (lambda c, v: (c, torch.ones(50, 1)), r"shapes \(50, 3\) and \(50, 1\); expected"),
    "flat codes": (lambda c, v: (c[:, 0], v), r"shapes \(50,\) and \(50,\); expected"),
}


@pytest.mark.parametrize("kind", BAD_STARTS)
def test_errors_of_what_a_search_starts_from_name_its_arguments(start, kind):
    change, message = BAD_STARTS[kind]
    with pytest.raises(ValueError, match=message):
        optimize(count_carbon, decode, *change(*start), search=SEARCH)


def test_codes_and_values_with_gradient_and_codes_that_agree_in_a_dimension(start, monkeypatch):
    monkeypatch.setitem(bo.ACQUISITIONS, "trust-region", partial(bo.trust_region, candidates=50))
    codes, values = start
    whole = optimize(count_carbon, decode, codes, values, search=SEARCH)
    found = optimize(
        count_carbon,
        decode,
        codes.clone().requires_grad_(),
        torch.tensor(values, requires_grad=True),
        search=SEARCH,
    )
    assert same(found, whole)
    codes = torch.cat([codes, torch.ones(50, 1)], 1)
    found = optimize(count_carbon, decode, codes, values, search=replace(SEARCH, acquisition="trust-region"))
    assert "scored" in {one.status for one in found}
    assert all(abs(one.code[3] - 1) < 1e-5 for one in found)


def test_a_fit_that_fails_speaks_of_scores(start, monkeypatch):
    def refuse(*_, **__):
        raise ValueError("y holds something")

    monkeypatch.setattr(module.SparseGP, "fit", refuse)
    with pytest.raises(ValueError, match=r"^the scores of 50 molecules, from .* have no model \(y holds"):
        optimize(count_carbon, decode, *start, search=SEARCH)


def test_a_search_in_a_process_of_its_own(start):
    """The same molecules; the process is kept from round to round."""
    import user_scores

    plain = optimize(user_scores.lengths, decode, *start, search=SEARCH)
    with GuardedScore(user_scores.lengths, 20.0) as score:
        assert same(optimize(score, decode, *start, search=SEARCH), plain)
        assert score._process.alive
