"""Processes: order, errors, what hangs or dies."""

import os
import time

import pytest

from ddvae import workers
from ddvae.workers import map_chunks


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
