"""Processes: order, errors, what hangs or dies."""

import os
import subprocess
import sys
import time

import psutil
import pytest
from worker_functions import Counts, awkward, double, refuse, refuse_the_first, whose

from ddvae.system import processes as workers
from ddvae.system.processes import map_chunks
from ddvae.system.warm_process import WarmProcess


def test_results_come_in_order():
    items = list(range(1001))
    assert map_chunks(double, items, n_jobs=2) == (double(items), [])


def test_nothing_to_do():
    assert map_chunks(double, []) == ([], [])


def test_what_hangs_or_dies_is_lost_alone():
    found, lost = map_chunks(awkward, list(range(12)), n_jobs=2, time_limit=2)
    assert lost == [7, 8]
    assert found == [*range(7), None, None, *range(9, 12)]


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


def is_gone(process):
    """Whether a process ends, for which it has ten minutes."""
    limit = time.monotonic() + 600
    while psutil.pid_exists(process) and time.monotonic() < limit:
        time.sleep(0.1)
    return not psutil.pid_exists(process)


OWNER = """import os, psutil, signal, sys
from ddvae.molecules.penalised_logp import parts
parts(["C"])
print(*(child.pid for child in psutil.Process().children(recursive=True)), flush=True)
if sys.argv[1] == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("end", ["done", "killed"])
def test_a_kept_process_ends_with_its_owner(end):
    done = subprocess.run([sys.executable, "-c", OWNER, end], capture_output=True, text=True)
    children = [int(word) for word in done.stdout.split()]
    assert children and all(map(is_gone, children))
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
    done = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True)
    assert done.stdout.strip() == "the fork's status is 0", done.stderr


def test_errors_come_through_at_once(monkeypatch, tmp_path):
    """All that was scheduled would take two minutes more."""
    with pytest.raises(KeyError, match="from the worker"):
        map_chunks(refuse, [1])
    monkeypatch.setattr(workers, "CHUNK", 1)
    with pytest.raises(KeyError):
        map_chunks(refuse_the_first, [tmp_path / str(i) for i in range(25)], n_jobs=1)
    assert 0 < len(list(tmp_path.iterdir())) < 25


@pytest.mark.parametrize(
    "wrong, message",
    [({"n_jobs": 0}, "n_jobs is 0; expected"), ({"time_limit": 0}, "time_limit is 0; expected")],
)
def test_wrong_settings(wrong, message):
    with pytest.raises(ValueError, match=message):
        map_chunks(double, [1], **wrong)


def test_a_warm_process_keeps_what_its_function_keeps():
    waited = []
    process = WarmProcess(Counts())
    first, calls = process.call("count", 600.0)
    assert calls == 1 and first != os.getpid() and process.alive
    with pytest.raises(KeyError, match="from the worker"):
        process.call("raise", 600.0)
    assert process.call("count", 600.0) == (first, 3)
    with pytest.raises(ChildProcessError, match="its process died, exit code 5"):
        process.call("die", 600.0)
    second, calls = process.call("count", 600.0)
    assert calls == 1 and second != first and not psutil.pid_exists(first)
    with pytest.raises(TimeoutError, match=r"over 1\.5 s"):
        process.call("hang", 1.5, lambda: waited.append(1))
    assert waited and not process.alive and not psutil.pid_exists(second)
    third, _ = process.call("count", 600.0)
    os.kill(third, 9)
    process._process.join()
    fourth, calls = process.call("count", 600.0)
    assert calls == 1
    process.stop()
    process.stop()
    assert not psutil.pid_exists(fourth)


LEFT = """import os, sys, signal
from ddvae.system.warm_process import WarmProcess
process = WarmProcess(os.getpgid)
process.call(0, 600.0)
print(process._process.pid, flush=True)
{"done": lambda: None, "killed": lambda: os.kill(os.getpid(), 9), "raised": lambda: 1 / 0}[sys.argv[1]]()
"""


@pytest.mark.parametrize("end", ["done", "killed", "raised"])
def test_a_warm_process_ends_with_its_owner(end):
    done = subprocess.run([sys.executable, "-c", LEFT, end], capture_output=True, text=True)
    assert is_gone(int(done.stdout))
    assert (end == "raised") == bool(done.stderr)
