"""How well codes decode back to what they encode."""

from collections.abc import Iterator
from typing import Protocol

import torch
from torch import Tensor

from ..data.batches import Batch
from ..models.objectives import argmax_elbo
from ..models.vae import VAE

__all__ = ["image_accuracy", "reconstruction", "sequence_accuracy"]


class Sequences(Protocol):
    """A data set that can be gone through once, in batches."""

    def __len__(self) -> int: ...

    def in_order(self, batch_size: int) -> Iterator[tuple[Tensor, Batch]]:
        """Rows and their batches, every row once."""


def sequence_accuracy(model: VAE, tokens: Tensor, weights: Tensor | None = None, codes: int = 1) -> float:
    """Share of codes that free-running greedy decoding turns back into the whole sequence.

    Args:
        model: The model.
        tokens: (B, L).
        weights: (B,), how much each sequence counts; None for equally.
        codes: Draws from each proposal.

    Source: 1 - Delta, Eq. 14.
    """
    with torch.no_grad():
        z = model.encode(tokens).sample((codes,))
        decoded = model.decode(z.flatten(0, 1)).unflatten(0, (codes, -1))
    exact = (decoded == tokens).all(-1).double().mean(0)
    weights = torch.ones_like(exact) if weights is None else weights
    return ((exact * weights.double()).sum() / weights.double().sum()).item()


def reconstruction(model: VAE, sequences: Sequences, batch_size: int = 512) -> dict[str, float | int]:
    """How well strings come back from one draw of their code each.

    Args:
        model: A trained model, on any device.
        sequences: Such as `molecules.datasets.Molecules`.
        batch_size: Strings at a time.

    Returns:
        `accuracy`, the share of strings that greedy decoding returns whole (1 - Eq. 14); `kl`, the mean
        divergence from the prior in nats; `n`, the number of strings.
    """
    exact, kl, device = 0.0, 0.0, next(model.parameters()).device
    for _, batch in sequences.in_order(batch_size):
        terms = argmax_elbo(model, batch.to(device))
        exact += terms.exact.double().sum().item()
        kl += terms.kl.double().sum().item()
    n = len(sequences)
    return {"accuracy": exact / n, "kl": kl / n, "n": n}


def image_accuracy(model: VAE, tokens: Tensor) -> dict[str, float]:
    """Reconstruction of binary images from the proposals' means, decoded greedily.

    Returns:
        `pixel`, the share of right pixels, and `image`, the share of images without a wrong one.
    """
    with torch.no_grad():
        right = model.decode(model.encode(tokens).mean) == tokens
    return {
        "pixel": right.double().mean().item(),
        "image": right.all(1).double().mean().item(),
    }
