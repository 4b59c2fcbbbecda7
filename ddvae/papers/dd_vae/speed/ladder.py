"""What made a GRU stack fast: one idea after another, each measured in a process of its own.

This module is run as that process.
"""

import os
import sys
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence

from ....engine import native
from ....engine.gru import GRU
from ....engine.precision import has_bfloat16_unit
from .rates import best_rate, number_of_a_process
from .recurrence import forward_and_backward

__all__ = ["RUNGS", "ladder"]

RUNGS = (
    "packed nn.GRU, mixed lengths",
    "batches of one length",
    "one autograd node a layer",
    "gates in one compiled pass",
    "first input product a look-up",
    "bfloat16 products",
    "memory used again",
)
"""Ideas, each on top of those before it."""


def ladder(
    size: int = 512, layers: int = 2, steps: int = 37, batch: int = 512, rungs: Sequence[str] = RUNGS
) -> list[dict]:
    """Sequences a second through one stack, forward and backward, as one idea after another is added.

    Memory that an earlier one left behind would help a later one, so that each has its process. A CPU without
    a unit for bfloat16 has no such rung, and goes on in float32.
    """
    rows = []
    for idea in rungs:
        if idea != "bfloat16 products" or has_bfloat16_unit("cpu"):
            found = number_of_a_process(__name__, RUNGS.index(idea), size, layers, steps, batch)
            rows.append({"idea": idea, "sequences_per_s": found})
    return rows


def _rung(i: int, size: int, layers: int, steps: int, batch: int) -> float:
    """Sequences a second with the first i ideas."""
    torch.manual_seed(0)
    gru, library = GRU(64, size, layers), nn.GRU(64, size, layers)
    table, tokens = torch.randn(30, 64, requires_grad=True), torch.randint(30, (steps, batch))
    _without_later_ideas(i)
    sequences: float = batch
    if i == 0:
        lengths = torch.linspace(1.4, 0.6, batch).mul(steps).round().long()
        ragged = pack_sequence([torch.randint(30, (n,)) for n in lengths.tolist()])
        sequences *= lengths.double().mean().item() / steps  # as if all were of the common length
        run = lambda: library(ragged._replace(data=table[ragged.data]))  # noqa: E731
    elif i == 1:
        run = lambda: library(table[tokens])  # noqa: E731
    else:
        run = lambda: gru(table[tokens]) if i < 4 else gru(table, tokens=tokens)  # noqa: E731
    precision = "bfloat16" if i >= 5 else "float32"
    return best_rate(lambda: forward_and_backward(run, precision), sequences * 1e9, times=4)


def _without_later_ideas(i: int) -> None:
    """Takes the compiled passes and the memory used again out of the engine, for good."""
    if i < 3:
        os.environ["DDVAE_NATIVE"] = "0"
        native.compiled.cache_clear()
    if i < 6:
        native.empty = lambda *shape, like: torch.empty(shape, dtype=like.dtype)


if __name__ == "__main__":
    print(_rung(*map(int, sys.argv[1:])))
