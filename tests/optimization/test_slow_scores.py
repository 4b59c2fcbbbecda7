"""A user's score that takes its time: loading, limits, lines of progress, sizes of chunks."""

import functools

import pytest
import user_scores
from user_scores import CHAINS

from ddvae.optimization import guarded_score as objective
from ddvae.optimization.guarded_score import GuardedScore
from ddvae.system.warm_process import WarmProcess

LOADS = [
    user_scores.global_model,
    user_scores.Model(),
    user_scores.Model().score,
    user_scores.SlowToRead(),
    user_scores.cached_model,
    functools.partial(user_scores.cached_model, size=2),
    user_scores.fussy_model,
    user_scores.dying_model,
    user_scores.failing_model,
    user_scores.generating_model,
]


@pytest.mark.parametrize("score", LOADS, ids=range(len(LOADS)))
def test_loading_is_held_against_no_molecule(score, monkeypatch):
    """Of the first process and of those that follow it, which are no more than the score brings down."""
    chains = ["Cl", *CHAINS[:8], "CCl", "C" * 9]
    started, start = [], WarmProcess._start
    monkeypatch.setattr(WarmProcess, "_start", lambda process: (started.append(process), start(process)))
    with GuardedScore(score, 0.6 * user_scores.LOADING) as guard:
        found = [status.partition(":")[0] for _, status in guard(chains)]
        again = [status for _, status in guard(CHAINS[:3])]
    chlorine = score in LOADS[6:9]
    assert again == ["scored"] * 3
    assert found == ["failed" if chlorine and "Cl" in one else "scored" for one in chains]
    deaths = found.count("failed") if score is user_scores.dying_model else 0
    assert 1 + deaths <= len(started) <= 1 + 2 * deaths  # of a group, whose size follows the time, and alone


def test_loading_has_a_limit_of_its_own(monkeypatch):
    monkeypatch.setattr(objective, "LOST_IN_A_ROW", 6)
    with GuardedScore(user_scores.never, 0.5, loading_limit=0.5) as score:
        with pytest.raises(
            ValueError, match=r"gave nothing for 3 molecules in a row, the last one CCC \(over"
        ):
            score(CHAINS)
    with GuardedScore(user_scores.dead, 5.0) as score:
        with pytest.raises(ValueError, match=r"for 6 molecules in a row, the last one C{6}Cl \(its process"):
            score(CHAINS)
        assert [status for _, status in score(["C"])] == ["failed: its process died, exit code 1"]


def test_given_up_in_time(tmp_path, monkeypatch):
    """A score slower than its limit is given up after three molecules, and what was scored is told."""
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    monkeypatch.setenv("EACH", "1.5")
    kept = []
    with GuardedScore(user_scores.recorded, 0.5) as score, pytest.raises(ValueError) as refused:
        for rows in score.parts(CHAINS):
            kept += rows
    assert kept == [(1.0, "scored")]
    assert "score gave nothing for 3 molecules in a row, the last one CCCC (over 0.5 s)" in str(refused.value)
    assert "expected a score that takes up to 0.5 s a molecule, and 600 s more when it loads" in str(
        refused.value
    )


def test_a_process_that_does_not_load_again(monkeypatch):
    with GuardedScore(user_scores.lengths, 1.0, loading_limit=1.0) as score:
        assert score(["CC"]) == [(2.0, "scored")]
        score._process.stop()
        monkeypatch.setattr(score._process, "_function", user_scores.never)
        with pytest.raises(ValueError, match=r"nothing any more for CC, which it scored before \(over 2 s\)"):
            score(["C"])


class Clock:
    """Seconds that pass only when a score lets them."""

    def __init__(self, cost, each):
        self.now, self.cost, self.each, self.calls = 0.0, cost, each, []

    def monotonic(self):
        return self.now

    def score(self, smiles):
        self.calls.append(len(smiles))
        self.now += self.cost + self.each * len(smiles)
        return [1.0] * len(smiles)


def test_a_line_at_least_every_so_often(monkeypatch):
    """Of a score that is called here, after each call."""
    clock, told = Clock(0.0, 0.6), []
    monkeypatch.setattr(objective, "time", clock)
    monkeypatch.setattr(objective, "LINE_EVERY", 0.5)
    GuardedScore(clock.score, told=lambda line: told.append((clock.now, line)))(CHAINS[:5])
    assert told == [
        (pytest.approx(0.6), "1 of 5 molecules scored in 1 s, 0 failed"),
        (pytest.approx(2.4), "4 of 5 molecules scored in 2 s, 0 failed"),
        (pytest.approx(3.0), "5 of 5 molecules scored in 3 s, 0 failed"),
    ]


def test_lines_come_while_another_process_scores(monkeypatch, tmp_path):
    monkeypatch.setattr(objective, "LINE_EVERY", 0.5)
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    monkeypatch.setenv("EACH", "3.5")  # three times as long as from one look to the next
    told = []
    with GuardedScore(user_scores.recorded, 600.0, told=told.append) as score:
        score(CHAINS[:2])
    loading = [line for line in told if line.startswith("0 of 2 molecules scored in ")]
    assert len(loading) > 1 and all(line.endswith("may load something") for line in loading)
    assert sum(line.startswith("1 of 2") and line.endswith("0 failed") for line in told) > 1


@pytest.mark.parametrize(
    "cost, each, sizes",
    [
        (0.0, 1e-4, [1, 8, 64, 500, 427]),  # quick: large chunks soon
        (0.0, 5.0, None),  # slow: no more is lost than a fifth of what was done, or a minute
        (30.0, 0.0, None),  # a call that costs much: chunks grow nevertheless
    ],
)
def test_chunks_suit_the_score(cost, each, sizes, monkeypatch):
    clock = Clock(cost, each)
    monkeypatch.setattr(objective, "time", clock)
    assert len(GuardedScore(clock.score)(["C"] * 1000)) == 1000
    if sizes:
        assert clock.calls == sizes
    elif each:
        done = 0.0
        for count in clock.calls:
            assert count == 1 or count * each <= min(60.0, 0.2 * done) + 1e-6
            done += count * each
        assert max(clock.calls) == 12
    else:
        assert len(clock.calls) < 25
