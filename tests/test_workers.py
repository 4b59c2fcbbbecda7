"""Processes: order, errors, what hangs or dies."""

import os
import time

import pytest

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


def test_errors_come_through():
    with pytest.raises(KeyError, match="from the worker"):
        map_chunks(refuse, [1])


@pytest.mark.parametrize(
    "wrong, message",
    [({"n_jobs": 0}, "n_jobs is 0; expected"), ({"time_limit": 0}, "time_limit is 0; expected")],
)
def test_wrong_settings(wrong, message):
    with pytest.raises(ValueError, match=message):
        map_chunks(double, [1], **wrong)
