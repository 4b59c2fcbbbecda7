"""Lossless coding: divergences of categorical distributions, the limit, the layout that reaches it."""

import numpy as np
import torch
from torch import Tensor

from .kernels import Kernel, get_kernel

__all__ = ["categorical_kl", "guillotine_cells", "jensen_shannon", "lossless_limit"]


def guillotine_cells(probs: Tensor) -> tuple[Tensor, Tensor]:
    """Cuts [-1, 1]^2 into one rectangle an outcome, of a share of the area equal to its probability.

    The first dimension is cut by the first half of a string, the second, within each strip, by the
    rest, as arithmetic coding does on a line.

    Args:
        probs: (2^L,), of binary strings of even length L in lexicographic order.

    Returns:
        Lower and upper corners, (2^L, 2) each, in float64.

    Raises:
        ValueError: probs has another length.

    Source: derived in chapter 1.
    """
    half = round(len(probs) ** 0.5)
    if half * half != len(probs) or half & (half - 1):
        raise ValueError(f"probs has {len(probs)} entries; expected 2^L with L even")
    table = (probs.double() / probs.double().sum()).view(half, half)
    strips, within = table.sum(1), table / table.sum(1, keepdim=True)
    size = torch.stack([strips[:, None].expand(half, half), within], dim=-1)
    high = torch.stack([size[..., 0].cumsum(0), size[..., 1].cumsum(1)], dim=-1)
    low = high - size
    return (2 * low - 1).flatten(0, 1), (2 * high - 1).flatten(0, 1)


def categorical_kl(p: Tensor, q: Tensor) -> float:
    """KL(p || q) of two categorical distributions over the same (M,) outcomes, in nats; inf if q misses one.

    >>> categorical_kl(torch.tensor([1.0, 0.0]), torch.tensor([0.5, 0.5]))  # log 2
    0.6931471805599453
    """
    if p.shape != q.shape:
        raise ValueError(f"p and q have shapes {tuple(p.shape)} and {tuple(q.shape)}; expected the same")
    p, q = p.double(), q.double()
    return torch.where(p == 0, 0.0, torch.special.xlogy(p, p / q)).sum().item()


def jensen_shannon(p: Tensor, q: Tensor) -> float:
    """Jensen-Shannon divergence of two categorical distributions, in nats, at most log 2."""
    middle = (p.double() + q.double()) / 2
    return (categorical_kl(p, middle) + categorical_kl(q, middle)) / 2


def lossless_limit(probs: Tensor, kernel: str | Kernel, latent_size: int) -> float:
    r"""Highest possible L_* with the uniform prior and that kernel, in nats.

    .. math:: \sup L_* = -(H[p(x)] + D (\log 2 - H[K]))

    Args:
        probs: Of the data, (M,).
        kernel: A `Kernel` or its name.
        latent_size: D.

    Source: derived in chapter 1; disjoint boxes share a volume of one.
    """
    entropy = -torch.special.xlogy(probs.double(), probs.double()).sum().item()
    return -(entropy + latent_size * (np.log(2) - get_kernel(kernel).entropy))
