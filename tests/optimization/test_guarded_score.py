"""A user's score: whatever it raises, returns, or takes its time for."""

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
from user_scores import CHAINS

from ddvae.optimization.guarded_score import GuardedScore
from ddvae.optimization.user_code import guarded

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
