"""A user's score: whatever it raises, returns, or takes its time for."""

import functools
import math
import os
import signal
import threading
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas
import psutil
import pytest
import torch
import user_scores

from ddvae.optimization import guarded_score as objective
from ddvae.optimization.guarded_score import GuardedScore
from ddvae.optimization.user_code import guarded
from ddvae.system.warm_process import WarmProcess

CHAINS = ["C" * i + ("Cl" if i in (5, 6) else "") for i in range(1, 12)]
RAISED = {
    "exits": "SystemExit: 1",
    "exits_well": "SystemExit: 0",
    "exits_with_words": "SystemExit: usage: prepare.py FILE",
    "interrupts": "KeyboardInterrupt",
    "mine": "Mine: mine alone",
    "unspeakable": "Unspeakable",
    "takes_two": "TakesTwo: 1 and 2",
    "multiline": "ValueError: bad molecule here",
    "stops_iteration": "StopIteration",
    "generator_ends": "GeneratorExit",
    "recursive": "RecursionError: maximum recursion depth exceeded",
    "group": "BaseExceptionGroup: two (2 sub-exceptions)",
    "out_of_memory": "MemoryError",
}
DIED = {
    "dies": "its process died, exit code 3",
    "dies_well": "its process died, exit code 0",
    "aborts": "its process died, SIGABRT",
    "crashes": "its process died, SIGSEGV",
    "killed": "its process died, SIGKILL",
    "ended": "its process died, SIGTERM",
    "closes_all": "its process died, exit code 1",
    "forks_and_dies": "its process died, exit code 4",
    "hangs": "over 1 s",
    "busy": "over 1 s",
    "deaf": "over 1 s",
    "waits_for_a_program": "over 1 s",
}


def expect_chlorine_failed(found, status):
    for one, (value, said) in zip(CHAINS, found, strict=True):
        if "Cl" in one:
            assert math.isnan(value) and said.startswith(f"failed: {status}")
        else:
            assert (value, said) == (len(one), "scored")


@pytest.mark.parametrize("limit", [None, 20.0])
@pytest.mark.parametrize("name", RAISED)
def test_whatever_is_raised_is_named_and_stops_nothing(name, limit):
    with GuardedScore(getattr(user_scores, name), limit) as score:
        expect_chlorine_failed(score(CHAINS), RAISED[name])


@pytest.mark.parametrize("name", DIED)
def test_whatever_ends_or_holds_a_process_stops_nothing(name):
    with GuardedScore(getattr(user_scores, name), 1.0) as score:
        expect_chlorine_failed(score(CHAINS), DIED[name])
    if name != "forks_and_dies":
        left = [child.cmdline() for child in psutil.Process().children(recursive=True)]
        assert not [words for words in left if "time.sleep(60)" in str(words) or "LokyProcess" in str(words)]


def test_ctrl_c_is_no_failure():
    """Pressed while a score runs here, even one that hides it."""

    def hiding(smiles):
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise ValueError("hidden") from None

    def swallowing(smiles):
        try:
            signal.raise_signal(signal.SIGINT)
        except BaseException:
            return [1.0]

    for score in (lambda smiles: signal.raise_signal(signal.SIGINT), hiding, swallowing):
        with pytest.raises(KeyboardInterrupt):
            GuardedScore(score)(["C"])
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_ends_the_process_of_a_score():
    timer = threading.Timer(1.5, os.kill, [os.getpid(), signal.SIGINT])
    timer.start()
    with GuardedScore(user_scores.never, 50.0) as score, pytest.raises(KeyboardInterrupt):
        score(["C"])
    assert not score._process.alive


def test_a_score_in_a_thread():
    """Where no handler of Ctrl-C can be set."""
    found = []
    thread = threading.Thread(target=lambda: found.append(GuardedScore(user_scores.interrupts)(["C", "Cl"])))
    thread.start()
    thread.join()
    assert [status for _, status in found[0]] == ["scored", "failed: KeyboardInterrupt"]


TAKEN = {
    "list": lambda n: [float(i) for i in range(n)],
    "whole numbers": lambda n: list(range(n)),
    "tuple": lambda n: tuple(range(n)),
    "truths": lambda n: [bool(i) for i in range(n)],
    "numpy float32": lambda n: np.arange(n, dtype=np.float32),
    "numpy objects": lambda n: np.array([Decimal(i) for i in range(n)], dtype=object),
    "numpy objects that are tensors": lambda n: _objects(torch.arange(float(n), requires_grad=True)),
    "list of numpy scalars": lambda n: list(np.arange(n)),
    "tensor": lambda n: torch.arange(n),
    "gradient": lambda n: torch.arange(float(n), requires_grad=True) * 1,
    "half precision": lambda n: torch.arange(n).bfloat16(),
    "list of tensors": lambda n: list(torch.arange(n)),
    "list of tensors with gradient": lambda n: list(torch.arange(float(n), requires_grad=True)),
    "tuple of arrays": lambda n: tuple(np.array(i) for i in range(n)),
    "fractions": lambda n: [Fraction(i) for i in range(n)],
    "pandas": lambda n: pandas.Series(range(n), index=[f"m{i}" for i in range(n)]),
    "pandas of objects": lambda n: pandas.Series([Decimal(i) for i in range(n)], dtype=object),
    "pandas with gaps": lambda n: pandas.Series(range(n), dtype="Float64"),
    "pandas categories": lambda n: pandas.Series(range(n)).astype("category"),
    "generator": lambda n: (i for i in range(n)),
    "map": lambda n: map(float, range(n)),
    "values of a dictionary": lambda n: {str(i): i for i in range(n)}.values(),
    "range": lambda n: range(n),
    "read-only view": lambda n: memoryview(np.arange(float(n))),
}


def _objects(tensors):
    found = np.empty(len(tensors), dtype=object)
    for i, one in enumerate(tensors):
        found[i] = one
    return found


@pytest.mark.filterwarnings("ignore:Converting a tensor")
@pytest.mark.parametrize("kind", TAKEN)
def test_numbers_of_any_library_are_taken(kind):
    found = GuardedScore(lambda smiles: TAKEN[kind](len(smiles)))
    found._size = 5
    truth = kind == "truths"
    assert found(CHAINS[:5]) == [(min(i, 1) if truth else i, "scored") for i in range(5)]


class Elsewhere:
    """A tensor on another device, as far as numpy sees it."""

    def detach(self):
        return self

    def __array__(self, *_, **__):
        raise TypeError("can't convert cuda:0 device type tensor to numpy")

    def __getitem__(self, i):
        raise TypeError("no scalar indexing")

    def tolist(self):
        return [3.0]


MISSING = {
    "NaN": lambda: [math.nan],
    "infinity": lambda: [math.inf],
    "minus infinity": lambda: np.array([-np.inf]),
    "None": lambda: [None],
    "numpy object None": lambda: np.array([None]),
    "masked": lambda: np.ma.array([7.0], mask=[True]),
    "pandas NA": lambda: pandas.Series([pandas.NA], dtype="Float64"),
    "pandas NaN": lambda: pandas.Series([np.nan]),
    "tensor NaN": lambda: torch.tensor([math.nan], requires_grad=True),
    "list of NaN tensors": lambda: [torch.tensor(math.nan)],
    "signalling NaN": lambda: [-math.nan],
}


@pytest.mark.parametrize("kind", MISSING)
def test_what_is_no_finite_number_is_a_failure(kind):
    ((value, status),) = GuardedScore(lambda smiles: MISSING[kind]())(["C"])
    assert math.isnan(value) and status == "failed: no finite score"


def test_a_tensor_on_another_device_is_moved_and_one_without_data_fails():
    assert GuardedScore(lambda smiles: Elsewhere())(["C"]) == [(3.0, "scored")]
    ((_, status),) = GuardedScore(lambda smiles: torch.ones(1, device="meta"))(["C"])
    assert status.startswith("failed: NotImplementedError: Cannot copy out of meta tensor")
    ((_, status),) = GuardedScore(lambda smiles: [10**400])(["C"])
    assert status == "failed: OverflowError: int too large to convert to float"


class Unprintable(list):
    def __repr__(self):
        raise SystemExit(5)


WRONG = {
    "too few": ([1.0], r"\[1.0\] of shape \(1,\)"),
    "too many": (np.ones(3), r"array\(\[1., 1., 1.\]\) of shape \(3,\)"),
    "none": ([], r"\[\] of shape \(0,\)"),
    "one number": (1.0, "1.0"),
    "nothing": (None, "None"),
    "text": ("12", "'12'"),
    "bytes": (b"12", "b'12'"),
    "column": (torch.ones(2, 1), r"tensor\(\[\[1.\],\s+\[1.\]\]\) of shape \(2, 1\)"),
    "pairs": ([[1.0, 2.0], [3.0, 4.0]], r"\[\[1.0, 2.0\], \[3.0, 4.0\]\] of shape \(2, 2\)"),
    "ragged": ([[1.0], [2.0, 3.0]], r"\[\[1.0\], \[2.0, 3.0\]\]"),
    "words": (["good", "bad"], r"\['good', 'bad'\]"),
    "dictionary": ({"C": 1.0, "CC": 2.0}, r"\{'C': 1.0, 'CC': 2.0\}"),
    "set": ({1.0, 2.0}, r"\{1.0, 2.0\}"),
    "complex": (np.array([1j, 2j]), r"array\(\[0.\+1.j, 0.\+2.j\]\)"),
    "table": (pandas.DataFrame({"a": [1.0, 2.0]}), r".* of shape \(2, 1\)"),
    "whole tensor": (torch.tensor(3.0), r"tensor\(3.\) of shape \(\)"),
    "function": (len, "<built-in function len>"),
    "unprintable": (Unprintable([1.0]), r"SystemExit: 5 of shape \(1,\)"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_an_answer_of_another_kind_is_one_error(kind):
    answer, said = WRONG[kind]
    score = GuardedScore(lambda smiles: answer)
    score._size = 2
    with pytest.raises(ValueError, match=rf"(?s)^score returned {said} for 2 molecules; expected one number"):
        score(["C", "CC"])


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


def test_only_a_chunk_that_fails_is_scored_again(tmp_path, monkeypatch):
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    asked = []

    def score(smiles):
        asked.append(list(smiles))
        return user_scores.exits(smiles)

    expect_chlorine_failed(GuardedScore(score)(CHAINS), "SystemExit: 1")
    chunk = CHAINS[1:9]
    assert asked[:2] == [CHAINS[:1], chunk] and asked[2:10] == [[one] for one in chunk]


def test_the_score_cannot_change_what_it_is_given():
    def greedy(smiles):
        count = len(smiles)
        smiles.clear()
        return range(count)

    mine = ["C", "CC"]
    assert len(GuardedScore(greedy)(mine)) == 2 and mine == ["C", "CC"]
    assert GuardedScore(greedy)([]) == []


def test_wrong_settings():
    for wrong in ({"time_limit": 0}, {"time_limit": -1.0}, {"loading_limit": math.nan}):
        ((name, value),) = wrong.items()
        with pytest.raises(ValueError, match=f"{name} is {value}; expected seconds above 0"):
            GuardedScore(user_scores.lengths, **wrong)
    with pytest.raises(ValueError, match=r"score is '.*lambda>' \(.*\); expected a function that def makes"):
        GuardedScore(lambda smiles: smiles, 1.0)
    assert GuardedScore(user_scores.lengths).name == "user_scores:lengths"
    assert guarded(len, 3) == (None, "TypeError: object of type 'int' has no len()")
