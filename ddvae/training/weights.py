"""Weights at one byte each, for files that are to be small: the matrices' rows in 127 steps either way."""

import torch
from torch import Tensor

__all__ = ["compacted", "expanded"]

LEVELS = 127
STEPS = "steps"
"""Where `compacted` puts the size of a step, beside the weights."""


def compacted(weights: dict[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Weights by name to what is kept of them: matrices as int8 and a step a row, the rest as it is.

    A weight moves by half a step at most, that is by 0.4 % of the largest one of its row.

    >>> kept = compacted({"w": torch.tensor([[1.27, -0.5]]), "b": torch.ones(1)})
    >>> kept["model"]["w"], expanded(kept)["w"]
    (tensor([[127, -50]], dtype=torch.int8), tensor([[ 1.2700, -0.5000]]))
    """
    model, steps = dict(weights), {}
    for name, weight in weights.items():
        if weight.dim() == 2:
            steps[name] = weight.float().abs().amax(1, keepdim=True).clamp_min(1e-30) / LEVELS
            model[name] = (weight.float() / steps[name]).round().to(torch.int8)
    return {"model": model, STEPS: steps}


def expanded(content: dict) -> dict[str, Tensor]:
    """The weights of a file, be they compacted or not; their average where a checkpoint holds one.

    Raises:
        KeyError: it holds none.
    """
    if "average" in content:
        average = content["average"]
        return {name.removeprefix("module."): w for name, w in average.items() if name != "n_averaged"}
    steps = content.get(STEPS, {})
    return {name: w * steps[name] if name in steps else w for name, w in content["model"].items()}
