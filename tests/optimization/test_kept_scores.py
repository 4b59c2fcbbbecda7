"""Scores to begin with: kept as they come, gone on with, refused in the user's words."""

import csv
import math
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import user_scores

from ddvae.optimization import kept_scores as module
from ddvae.optimization.guarded_score import GuardedScore
from ddvae.optimization.kept_scores import EVALUATIONS, SETTINGS, START_SCORES, score_molecules, start_scores

CHAINS = ["C" * i for i in range(1, 21)]
SCORING = """import sys, user_scores
from ddvae.optimization.kept_scores import start_scores
from ddvae.optimization.guarded_score import GuardedScore
limit = None if sys.argv[2] == "here" else 20.0
with GuardedScore(user_scores.recorded, limit) as score:
    start_scores(score, ["C" * i for i in range(1, 21)], sys.argv[1], resume=True)
"""


def read(folder):
    with open(folder / START_SCORES, newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize("where, count", [("process", 1), ("process", 9), ("here", 4), ("here", 12)])
def test_killed_while_scoring_what_is_done_is_kept(tmp_path, monkeypatch, where, count):
    calls = tmp_path / "calls"
    monkeypatch.setenv("CALLS", str(calls))
    monkeypatch.setenv("EACH", "0.4")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), *sys.path]))
    process = subprocess.Popen([sys.executable, "-c", SCORING, tmp_path, where])
    while not calls.exists() or len(calls.read_text().split()) < count:
        assert process.poll() is None
        time.sleep(0.05)
    process.kill()
    process.wait()
    done = calls.read_text().split()
    kept = [row[0] for row in read(tmp_path)[1:] if row[2]] if (tmp_path / START_SCORES).exists() else []
    assert kept == CHAINS[: len(kept)] and len(done) - len(kept) <= 6  # two seconds, and one just begun
    monkeypatch.setenv("CALLS", str(tmp_path / "later"))  # the other process goes on to its chunk's end
    monkeypatch.setenv("EACH", "0")
    with GuardedScore(user_scores.recorded) as score:
        assert start_scores(score, CHAINS, tmp_path, resume=True) == user_scores.lengths(CHAINS)
    assert (tmp_path / "later").read_text().split() == CHAINS[len(kept) :]


def test_kept_as_they_come(tmp_path, monkeypatch):
    """The table names all molecules from the first write on."""
    seen = []

    def score(smiles):
        if (tmp_path / START_SCORES).exists():
            seen.append([row[2] for row in read(tmp_path)[1:]])
        return user_scores.exits(smiles)

    names = ["Cl", *CHAINS[:9], "CCl"]
    monkeypatch.setattr(module, "SPARE", 0.0)
    found = start_scores(GuardedScore(score, name="mine:score"), names, tmp_path)
    assert math.isnan(found[0]) and found[1:10] == user_scores.lengths(CHAINS[:9])
    failed = "failed: SystemExit: 1"
    assert seen[0] == [failed] + [""] * 10 and seen[-1] == [failed] + ["scored"] * 9 + [""]
    head, *rows = read(tmp_path)
    assert head == ["smiles", "mine:score", "status"] and rows[-1] == ["CCl", "nan", failed]
    again = start_scores(GuardedScore(None, name="mine:score"), names, tmp_path, resume=True)
    assert str(again) == str(found)  # nothing is called


@pytest.mark.parametrize("raised", [KeyboardInterrupt, OSError])
def test_what_was_scored_before_an_interruption_is_kept(tmp_path, raised):
    class Interrupted(GuardedScore):
        def parts(self, smiles):
            yield [(1.0, "scored")]
            yield [(2.0, "scored"), (3.0, "scored")]
            raise raised

    score = Interrupted(user_scores.lengths)
    with pytest.raises(raised):
        start_scores(score, CHAINS[:5], tmp_path)
    assert [row[2] for row in read(tmp_path)[1:]] == ["scored"] * 3 + [""] * 2


def test_a_molecule_given_twice_is_scored_once(tmp_path):
    asked = []

    def score(smiles):
        asked.extend(smiles)
        return user_scores.lengths(smiles)

    assert start_scores(GuardedScore(score), ["C", "CC", "C", "CC"], tmp_path) == [1.0, 2.0, 1.0, 2.0]
    assert asked == ["C", "CC"] and len(read(tmp_path)) == 5
    assert score_molecules(GuardedScore(score), ["CCC", "C"], None, {"C": (9.0, "scored")}) == [
        (3.0, "scored"),
        (9.0, "scored"),
    ]


def constant(smiles):
    return [1.0] * len(smiles)


def only(*known):
    """Scores some molecules and fails on others."""

    def score(smiles):
        if not set(smiles) <= set(known):
            raise ValueError("unknown")
        return constant(smiles)

    return score


BAD = {
    "one": (["CCO"], user_scores.lengths, "start holds 1 distinct molecule; expected 2 or more"),
    "one twice": (["CCO"] * 2, user_scores.lengths, "start holds 1 distinct molecule; expected 2 or more"),
    "one many times": (["CCO"] * 50, constant, "start holds 1 distinct molecule; expected 2 or more"),
    "one, written in two ways": (["CCO", "OCC"], constant, "start holds 1 distinct molecule; expected 2"),
    "one, with charges": (["C[N+](=O)[O-]", "[O-][N+](C)=O"], constant, "start holds 1 distinct molecule"),
    "none": ([], constant, "start holds 0 distinct molecule; expected 2 or more"),
    "constant": (["CCO", "CCN", "CCC"], constant, "score gave 1 for all 3 molecules; expected scores that"),
    "constant and repeated": (["CCO", "CCN", "CCO"], constant, "score gave 1 for all 3 molecules; expected"),
    "constant zero": (["C", "CC"], lambda s: [0.0, -0.0][: len(s)], "score gave 0 for all 2 molecules"),
    "constant but for failures": (
        ["C", "CC", "CCC"],
        only("C", "CC"),
        "score gave 1 for all that it scored, 2 of 3 molecules; expected scores that differ",
    ),
    "one score": (["C", "CC", "CCC"], only("CC"), "score gave 1 for all that it scored, 1 of 3 molecules"),
    "no score": (
        ["C", "CC"],
        only(),
        "score failed on all 2 molecules; the first one failed: ValueError",
    ),
    "no number": (
        ["C", "CC"],
        lambda s: [math.nan] * len(s),
        "score failed on all 2 molecules; .* no fin",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_starts_are_told_in_the_users_words(tmp_path, kind):
    smiles, score, message = BAD[kind]
    with pytest.raises(ValueError, match=f"^{message}"):
        start_scores(GuardedScore(score), smiles, tmp_path)
    if message.startswith(("start", "score failed")):
        assert not list(tmp_path.iterdir())  # nothing to go on from


OTHERS = {
    "score": ("mine:b", CHAINS, "score 'mine:a', not 'mine:b'"),
    "fewer": ("mine:a", CHAINS[:5], "number of molecules 20, not 5"),
    "more": ("mine:a", [*CHAINS, "O"], "number of molecules 20, not 21"),
    "other": ("mine:a", [*CHAINS[:3], "O", *CHAINS[4:]], "molecule 4 'CCCC', not 'O'"),
    "order": ("mine:a", CHAINS[::-1], f"molecule 1 'C', not '{'C' * 20}'"),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_other_scores_are_not_gone_on_with(tmp_path, kind):
    name, smiles, message = OTHERS[kind]
    start_scores(GuardedScore(user_scores.lengths, name="mine:a"), CHAINS, tmp_path)
    before = read(tmp_path)
    with pytest.raises(
        ValueError, match=f"start.csv holds scores with {message}; expected the same settings"
    ):
        start_scores(GuardedScore(user_scores.lengths, name=name), smiles, tmp_path, resume=True)
    assert read(tmp_path) == before


DAMAGED = [
    "",
    "smiles\n",
    "a,b\nC,1\n",
    "smiles,s,status\nC,x,scored\n",
    "smiles,s,status\nC,1\n",
    "\0\1",
    "é",
]


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_table_is_named(tmp_path, content):
    (tmp_path / START_SCORES).write_text(content, encoding="latin-1")
    with pytest.raises(ValueError, match=r"start\.csv is no table of scores"):
        start_scores(GuardedScore(user_scores.lengths), CHAINS, tmp_path, resume=True)


def test_a_new_start_forgets_the_search_that_was(tmp_path):
    """Else a search that is killed before its first score would not go on."""
    for name in (EVALUATIONS, SETTINGS, START_SCORES, "start.pt", "unfinished.csv", "notes.txt"):
        (tmp_path / name).write_text("of another search")

    left = []

    def score(smiles):
        left.append(sorted(path.name for path in tmp_path.iterdir()))
        return user_scores.lengths(smiles)

    assert start_scores(GuardedScore(score), CHAINS, tmp_path) == user_scores.lengths(CHAINS)
    assert left[0] == ["notes.txt"]
