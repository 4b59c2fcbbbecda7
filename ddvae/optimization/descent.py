"""Minimisation by L-BFGS of what has no value everywhere."""

import math
import warnings
from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["descend"]


def descend(
    loss: Callable[[dict[str, Tensor]], Tensor], start: dict[str, Tensor], steps: int
) -> dict[str, Tensor]:
    """The parameters of least loss that L-BFGS with a line search sees.

    Where the loss or a slope is no finite number, the line search is told that the step was too long.

    Args:
        loss: Parameters to a number, NaN where there is none.
        start: Parameters by name.
        steps: Most steps.

    Raises:
        ValueError: the loss at the start is no finite number.

    Warns:
        RuntimeWarning: the last step tried had no value, however short, so that no other was tried.

    >>> found = descend(lambda values: values["a"].log().square(), {"a": torch.tensor(9.0)}, 20)
    >>> round(found["a"].item(), 3)
    1.0
    """
    values = {name: value.detach().clone().requires_grad_() for name, value in start.items()}
    best: dict[str, Tensor] | None = None
    ceiling: float | None = None
    least, found = math.inf, math.nan

    def closure() -> float:
        nonlocal best, least, found, ceiling
        found = _evaluate(loss, values)
        if ceiling is None:
            # Above all that is accepted: a step too long. The line search computes with it, so not infinity.
            ceiling = found + max(1.0, abs(found))
        if found < least:
            best, least = {name: value.detach().clone() for name, value in values.items()}, found
        return ceiling if math.isnan(found) else found

    optimizer = torch.optim.LBFGS(
        values.values(), max_iter=steps, history_size=20, line_search_fn="strong_wolfe"
    )
    optimizer.step(closure)
    if best is None:
        raise ValueError("start has a loss that is no number; expected a finite one")
    if math.isnan(found):
        warnings.warn(
            "the fit ended early: no step from the best parameters so far has a loss; they are used",
            RuntimeWarning,
            stacklevel=2,
        )
    return best


def _evaluate(loss: Callable[[dict[str, Tensor]], Tensor], values: dict[str, Tensor]) -> float:
    """The loss, its slopes left with the parameters; NaN, and no slopes, where one is no finite number."""
    found = loss(values)
    for value in values.values():
        value.grad = None
    if found.isfinite():
        found.backward()
        if all(value.grad is None or value.grad.norm().isfinite() for value in values.values()):
            return found.item()
    for value in values.values():
        value.grad = None
    return math.nan
