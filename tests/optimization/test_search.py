"""The loop: kept, killed, resumed; scores that fail in every way."""

import math
import sys
import time
from dataclasses import astuple, replace

import pytest
import torch

from ddvae.__main__ import main
from ddvae.optimization.guarded_score import apply_score
from ddvae.optimization.search import EVALUATIONS, Search, optimize, read_evaluations

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


@pytest.mark.parametrize("calls", [1, 2, 3])
def test_killed_at_any_call_nothing_evaluated_is_lost(start, tmp_path, calls):
    whole = optimize(count_carbon, decode, *start, search=SEARCH, out=tmp_path / "whole")
    count, scored = [0], []

    def failing(smiles):
        count[0] += 1
        if count[0] == calls:
            raise KeyboardInterrupt
        scored.extend(smiles)
        return count_carbon(smiles)

    with pytest.raises(KeyboardInterrupt):
        optimize(failing, decode, *start, search=SEARCH, out=tmp_path / "cut")
    kept = read_evaluations(tmp_path / "cut") if (tmp_path / "cut" / EVALUATIONS).exists() else []
    assert [one.smiles for one in kept if one.status == "scored"] == scored
    resumed = optimize(failing, decode, *start, search=SEARCH, out=tmp_path / "cut", resume=True)
    assert same(resumed, whole) and same(read_evaluations(tmp_path / "cut"), whole)
    assert len(scored) == len(set(scored))  # nothing was scored twice


def test_more_rounds_go_on_and_another_search_does_not(start, tmp_path):
    short = optimize(count_carbon, decode, *start, search=replace(SEARCH, rounds=1), out=tmp_path)
    longer = optimize(count_carbon, decode, *start, search=SEARCH, out=tmp_path, resume=True)
    assert same(longer[: len(short)], short) and len(longer) > len(short)
    with pytest.raises(ValueError, match="holds a search with seed 2, not 3; expected the same search"):
        optimize(count_carbon, decode, *start, search=replace(SEARCH, seed=3), out=tmp_path, resume=True)
    (tmp_path / EVALUATIONS).write_text("round,attempt\n1\n")
    with pytest.raises(ValueError, match=r"evaluations.csv is no table of evaluations"):
        optimize(count_carbon, decode, *start, search=SEARCH, out=tmp_path, resume=True)


def picky(smiles):
    if any("O" in one for one in smiles):
        raise RuntimeError("no oxygen\nplease")
    return [math.nan if one == "CC" else 1.0 for one in smiles]


def slow(smiles):
    if "CCC" in smiles:
        time.sleep(60)
    return [1.0] * len(smiles)


def test_failures_are_named():
    assert apply_score(picky, ["C", "CO", "CC"]) == [
        (1.0, "scored"),
        (pytest.approx(math.nan, nan_ok=True), "failed: RuntimeError: no oxygen please"),
        (pytest.approx(math.nan, nan_ok=True), "failed: no finite score"),
    ]
    found = apply_score(slow, ["C", "CCC"], time_limit=1.0)
    assert found[0] == (1.0, "scored") and found[1][1].startswith("failed: over 1 s")
    assert apply_score(picky, ["O"])[0][1] == "failed: RuntimeError: no oxygen please"


@pytest.mark.parametrize("answer", [[1.0], "text", None, [[1.0], [2.0]], ["a", "b"]])
def test_wrong_answers(answer):
    with pytest.raises(ValueError, match="for 2 molecules; expected one number each"):
        apply_score(lambda smiles: answer, ["C", "CC"])


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
    with pytest.raises(ValueError, match="expected targets that differ"):
        optimize(count_carbon, decode, start[0], [1.0] * 50, search=SEARCH)


def test_command(tmp_path, monkeypatch, capsys):
    """A user's own score, in a file in the working directory, on the recorded model."""
    (tmp_path / "rings.py").write_text("def count(smiles):\n    return [s.count('1') for s in smiles]\n")
    monkeypatch.chdir(tmp_path)
    words = ["optimize", "--score", "rings:count", "--n-start", "60", "--rounds", "1", "--batch", "3"]
    assert main([*words, "--acquisition", "local", "--out", "found"]) == 0
    found = read_evaluations(tmp_path / "found")
    assert {"scored"} <= {one.status for one in found} and len(found[0].code) == 64
    assert main([*words, "--score", "rings:nothing"]) == 2
    assert "expected module:function, importable" in capsys.readouterr().err
    (tmp_path / "wrong.py").write_text("a = lambda smiles: [0.0] * len(smiles)\n")
    assert main([*words, "--score", "wrong:a"]) == 2
    assert "expected a function that def makes" in capsys.readouterr().err
    (tmp_path / "broken.py").write_text("def count(smiles:\n")
    assert main([*words, "--score", "broken:count"]) == 2
    assert "expected module:function, importable" in capsys.readouterr().err
    (tmp_path / "rings.py").write_text(
        "def count(smiles):\n    raise OSError\ndef fails(smiles):\n    raise OSError('no server')\n"
    )
    monkeypatch.delitem(sys.modules, "rings")
    words = [*words, "--acquisition", "local", "--out", "found", "--resume"]
    assert main(words) == 0  # the molecules to begin with are not scored again
    assert same(read_evaluations(tmp_path / "found"), found)
    assert main([*words, "--score", "rings:fails"]) == 2
    assert "another score of them than 'rings:fails'; expected the same" in capsys.readouterr().err
    assert main(words) == 0  # the refused search left the other one whole
    capsys.readouterr()
    assert main([*words, "--score", "rings:fails", "--out", "other"]) == 2
    assert "score failed on all 60 molecules; the first one failed: OSError" in capsys.readouterr().err


def test_a_score_that_always_fails_ends_nothing(start):
    def fails(smiles):
        raise OSError("no server")

    found = optimize(fails, decode, *start, search=replace(SEARCH, rounds=2))
    assert {one.round for one in found} == {1, 2} and "failed: OSError: no server" in {
        one.status for one in found
    }
    assert not {one.status.split(":")[0] for one in found} - {"failed", "invalid", "duplicate"}
    assert all(math.isnan(one.score) for one in found)
