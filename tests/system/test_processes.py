"""Processes: order, errors, what hangs or dies."""

import os
import subprocess
import sys
import time

import psutil
import pytest

from ddvae.system import processes as workers
from ddvae.system.processes import map_chunks
from ddvae.system.warm_process import WarmProcess


def double(items):
    return [2 * item for item in items]


def awkward(items):
    """Hangs on 7, dies on 8, is quick on all others."""
    for item in items:
        if item == 7:
            time.sleep(60)
        if item == 8:
            os._exit(1)
    return items


def refuse(items):
    if items:
        raise KeyError("from the worker")


def test_results_come_in_order():
    items = list(range(1001))
    assert map_chunks(double, items, n_jobs=2) == (double(items), [])


def test_nothing_to_do():
    assert map_chunks(double, []) == ([], [])


def test_what_hangs_or_dies_is_lost_alone():
    found, lost = map_chunks(awkward, list(range(12)), n_jobs=2, time_limit=2)
    assert lost == [7, 8]
    assert found == [*range(7), None, None, *range(9, 12)]


def whose(items):
    """Its process, and how often that was asked; hangs on 7."""
    whose.asked = getattr(whose, "asked", -1) + 1
    if 7 in items:
        time.sleep(60)
    return [(os.getpid(), whose.asked)] * len(items)


def test_a_kept_process_serves_many_calls(monkeypatch):
    """One for each function; another after it was stopped or failed, and for several chunks."""
    ((first, asked),), _ = map_chunks(whose, [1], keep=True)
    assert first != os.getpid() and asked == 1
    assert map_chunks(whose, [1, 2], keep=True)[0] == [(first, 2)] * 2
    assert map_chunks(whose, [1])[0][0][0] != first
    assert map_chunks(double, [1], keep=True) == ([2], [])
    assert map_chunks(whose, [7], keep=True, time_limit=0.2) == ([None], [0])
    ((second, asked),), _ = map_chunks(whose, [1], keep=True)
    assert second != first and asked == 1
    for _ in range(2):
        with pytest.raises(KeyError, match="from the worker"):
            map_chunks(refuse, [1], keep=True)
    monkeypatch.setattr(workers, "CHUNK", 1)
    assert second not in [process for process, _ in map_chunks(whose, [1, 2], n_jobs=1, keep=True)[0]]


OWNER = """import os, psutil, signal, sys
from ddvae.molecules.penalised_logp import parts
parts(["C"])
print(*(child.pid for child in psutil.Process().children(recursive=True)), flush=True)
if sys.argv[1] == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("end", ["done", "killed"])
def test_a_kept_process_ends_with_its_owner(end):
    done = subprocess.run([sys.executable, "-c", OWNER, end], capture_output=True, text=True, timeout=100)
    children = [int(word) for word in done.stdout.split()]
    limit = time.monotonic() + 30
    while any(map(psutil.pid_exists, children)) and time.monotonic() < limit:
        time.sleep(0.1)
    assert children and not any(map(psutil.pid_exists, children))
    assert end == "killed" or not done.stderr


FORK = """import os
from ddvae.molecules.penalised_logp import score
known = score(["CCO"])
child = os.fork()
if not child:
    os._exit(0 if score(["CCO"]) == known else 1)
print("the fork's status is", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_fork_starts_a_process_of_its_own():
    """The threads that serve its parent's are not forked."""
    done = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "the fork's status is 0", done.stderr


def slow_then_refused(items):
    """Refuses the first chunk; the others take a while."""
    if 0 in items:
        raise KeyError("from the worker")
    time.sleep(5 if items else 0)
    return items


def test_errors_come_through_at_once(monkeypatch):
    with pytest.raises(KeyError, match="from the worker"):
        map_chunks(refuse, [1])
    monkeypatch.setattr(workers, "CHUNK", 1)
    begin = time.monotonic()
    with pytest.raises(KeyError):
        map_chunks(slow_then_refused, list(range(40)), n_jobs=1)
    assert time.monotonic() - begin < 60  # not the 195 s of all that was scheduled


@pytest.mark.parametrize(
    "wrong, message",
    [({"n_jobs": 0}, "n_jobs is 0; expected"), ({"time_limit": 0}, "time_limit is 0; expected")],
)
def test_wrong_settings(wrong, message):
    with pytest.raises(ValueError, match=message):
        map_chunks(double, [1], **wrong)


class Counts:
    """How often it was called, and what it is told to do."""

    calls = 0

    def __call__(self, what):
        self.calls += 1
        if what == "raise":
            raise KeyError("from the worker")
        if what == "die":
            os._exit(5)
        if what == "hang":
            time.sleep(60)
        return os.getpid(), self.calls


def test_a_warm_process_keeps_what_its_function_keeps():
    waited = []
    process = WarmProcess(Counts())
    first, calls = process.call("count", 30.0)
    assert calls == 1 and first != os.getpid() and process.alive
    with pytest.raises(KeyError, match="from the worker"):
        process.call("raise", 30.0)
    assert process.call("count", 30.0) == (first, 3)
    with pytest.raises(ChildProcessError, match="its process died, exit code 5"):
        process.call("die", 30.0)
    second, calls = process.call("count", 30.0)
    assert calls == 1 and second != first and not psutil.pid_exists(first)
    with pytest.raises(TimeoutError, match=r"over 1\.5 s"):
        process.call("hang", 1.5, lambda: waited.append(1))
    assert waited and not process.alive and not psutil.pid_exists(second)
    third, _ = process.call("count", 30.0)
    os.kill(third, 9)
    process._process.join()
    fourth, calls = process.call("count", 30.0)
    assert calls == 1
    process.stop()
    process.stop()
    assert not psutil.pid_exists(fourth)


LEFT = """import os, sys, signal
from ddvae.system.warm_process import WarmProcess
process = WarmProcess(os.getpgid)
process.call(0, 30.0)
print(process._process.pid, flush=True)
{"done": lambda: None, "killed": lambda: os.kill(os.getpid(), 9), "raised": lambda: 1 / 0}[sys.argv[1]]()
"""


@pytest.mark.parametrize("end", ["done", "killed", "raised"])
def test_a_warm_process_ends_with_its_owner(end):
    done = subprocess.run([sys.executable, "-c", LEFT, end], capture_output=True, text=True, timeout=100)
    limit = time.monotonic() + 30
    while psutil.pid_exists(int(done.stdout)) and time.monotonic() < limit:
        time.sleep(0.1)
    assert not psutil.pid_exists(int(done.stdout))
    assert (end == "raised") == bool(done.stderr)
