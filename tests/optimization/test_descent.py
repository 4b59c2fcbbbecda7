"""What a descent does where there is nothing to descend on."""

import math

import pytest
import torch

from ddvae.optimization.descent import descend


def start(*values):
    return {"a": torch.tensor(values, dtype=torch.float64)}


def valley(a):
    """Rosenbrock's, whose least value is 0 at (1, 1)."""
    return 100 * (a[1] - a[0] ** 2) ** 2 + (1 - a[0]) ** 2


LOST = {
    "no number": lambda a: valley(a) * math.nan,
    "infinite": lambda a: a.sum() * math.inf,
    "infinitely low": lambda a: -a.square().sum() * math.inf,
    "no slope": lambda a: valley(a) - 1_000 + (0 * a).sum().sqrt(),
}


@pytest.mark.parametrize("kind", LOST)
def test_a_step_without_a_loss_is_too_long(kind, recwarn):
    """There is none beyond a wall behind the minimum; on even slopes, steps grow and go there."""
    beyond = []

    def loss(values):
        a = values["a"]
        if a.detach().max() < 1.3:
            return (1 + (a - 1).square()).sqrt().sum()
        beyond.append(a)
        return LOST[kind](a)

    found = descend(loss, start(-9.0, -7.0), 100)["a"]
    torch.testing.assert_close(found, torch.ones(2).double(), atol=1e-4, rtol=0)
    assert beyond and not recwarn


@pytest.mark.parametrize("evaluations", [1, 2, 7])
def test_the_best_is_kept_where_nothing_follows(evaluations):
    seen = []

    def loss(values):
        if len(seen) == evaluations:
            return torch.tensor(math.nan)
        seen.append((valley(values["a"]).item(), values["a"].detach().clone()))
        return valley(values["a"])

    with pytest.warns(RuntimeWarning, match="the fit ended early") as told:
        found = descend(loss, start(-1.2, 1.0), 50)["a"]
    assert len(told) == 1 and torch.equal(found, min(seen, key=lambda one: one[0])[1])


def test_what_is_given_stays_as_it_is():
    given = start(-1.2, 1.0)
    first, again = (descend(lambda values: valley(values["a"]), given, 10)["a"] for _ in range(2))
    assert torch.equal(first, again) and given["a"].tolist() == [-1.2, 1.0] and not given["a"].requires_grad


def test_a_start_without_a_loss():
    with pytest.raises(ValueError, match="start has a loss that is no number; expected a finite one"):
        descend(lambda values: values["a"].sum() * math.nan, start(1.0), 5)
