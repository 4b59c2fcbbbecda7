"""Annealing schedules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddvae.training.schedules import Constant, Cosine, Linear, LogLinear, Piecewise, Step, stretch

SCHEDULES = [
    Constant(0.3),
    Linear(0.0, 1.0, 2, 100),
    LogLinear(0.1, 1e-3, 0, 100),
    Piecewise(((1, 0.0), (30, 6.0), (90, 1.0))),
    Step(5e-3, 0.5, 20),
    Cosine(2e-3, 5, 100),
]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: type(s).__name__)
@given(epoch=st.floats(0, 200), factor=st.floats(0.01, 10))
def test_stretch_keeps_the_course(schedule, epoch, factor):
    stretched = stretch(schedule, factor)
    if isinstance(schedule, Step):  # away from its jumps
        epoch = 20 * (epoch // 20) + 10
    assert stretched(epoch * factor) == pytest.approx(schedule(epoch), rel=1e-6, abs=1e-9)


def test_courses():
    linear = Linear(1.0, 3.0, 10, 20)
    assert [linear(e) for e in (0, 10, 15, 20, 99)] == [1, 1, 2, 3, 3]
    assert LogLinear(1e-1, 1e-3, 0, 2)(1) == pytest.approx(1e-2)
    assert [Step(8.0, 0.5, 20, times=2)(e) for e in (0, 19.9, 20, 40, 60)] == [8, 8, 4, 2, 2]
    piecewise = Piecewise(((1, 0.0), (3, 6.0), (5, 1.0)))
    assert [piecewise(e) for e in (0, 1, 2, 3, 4, 5, 9)] == [0, 0, 3, 6, 3.5, 1, 1]
    cosine = Cosine(1.0, 10, 110)
    assert [cosine(e) for e in (0, 5, 10)] == [0, 0.5, 1]
    assert cosine(60) == pytest.approx(0.5) and cosine(110) == pytest.approx(0, abs=1e-12)


def test_wrong_settings():
    with pytest.raises(ValueError, match="begin, finish are 5, 5; expected begin < finish"):
        Linear(0.0, 1.0, 5, 5)
    with pytest.raises(ValueError, match=r"start, end are 0.0, 1.0; expected positive"):
        LogLinear(0.0, 1.0, 0, 5)
    with pytest.raises(ValueError, match=r"knots are .*; expected two or more, in order"):
        Piecewise(((2, 1.0), (1, 0.0)))
