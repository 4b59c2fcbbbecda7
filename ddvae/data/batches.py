"""What an objective sees of the data, and the order in which data sets hand it out."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

__all__ = ["Batch", "epoch_order"]


class Batch(NamedTuple):
    """What an objective sees of the data.

    Attributes:
        tokens: (B, L) integers.
        mask: (B, L), False where a position is padding; None if none is.
        weights: (B,) of mean 1, how much each sequence counts; None if all count the same.
        repeats: (B,) integers from 1, codes drawn for each sequence; None for one each.
    """

    tokens: Tensor
    mask: Tensor | None = None
    weights: Tensor | None = None
    repeats: Tensor | None = None

    def to(self, device: str | torch.device) -> "Batch":
        moved: list[Any] = [None if x is None else x.to(device, non_blocking=True) for x in self]
        return Batch(*moved)


def epoch_order(n: int, epoch: int, seed: int) -> Tensor:
    """The order (N,) in which an epoch takes n rows: random, a pure function of epoch and seed."""
    generator = torch.Generator().manual_seed(1_000_003 * seed + epoch)
    return torch.randperm(n, generator=generator)
