"""Six-bit strings: all of them in expectation, or samples of them."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

from .batches import Batch, epoch_order

__all__ = ["StringDistribution", "StringSample", "six_bit_distribution", "six_bit_sample"]


@dataclass(frozen=True)
class StringDistribution:
    """All strings with known probabilities: every batch is the exact expectation over them.

    Args:
        tokens: (M, L), each possible string once.
        probs: (M,), their probabilities.
        codes: About so many codes a batch, shared out by probability, two at least for a string.
        epoch_steps: Batches that make an epoch.
    """

    tokens: Tensor
    probs: Tensor
    codes: int = 128
    epoch_steps: int = 200

    def __str__(self) -> str:
        return f"{len(self.tokens)} strings in expectation, {self.codes} codes"

    def steps(self, batch_size: int) -> int:
        return self.epoch_steps

    def batches(self, epoch: int, batch_size: int, seed: int) -> Iterator[Batch]:
        weights = self.probs * len(self.probs)
        repeats = (self.probs * self.codes).round().long().clamp_min(2)
        for _ in range(self.epoch_steps):
            yield Batch(self.tokens, weights=weights, repeats=repeats)


@dataclass(frozen=True)
class StringSample:
    """Samples of few strings; a batch holds each distinct string once, with its count.

    Args:
        tokens: (M, L), each possible string once.
        index: (N,), which string each draw is.
    """

    tokens: Tensor
    index: Tensor

    def __str__(self) -> str:
        return f"{len(self.index)} samples of {len(self.tokens)} strings"

    def steps(self, batch_size: int) -> int:
        return math.ceil(len(self.index) / batch_size)

    def batches(self, epoch: int, batch_size: int, seed: int) -> Iterator[Batch]:
        for rows in epoch_order(len(self.index), epoch, seed).split(batch_size):
            counts = self.index[rows].bincount(minlength=len(self.tokens))
            present = counts.nonzero().squeeze(1)
            repeats = counts[present]
            weights = repeats * (len(present) / len(rows))
            yield Batch(self.tokens[present], weights=weights, repeats=repeats)


def six_bit_distribution(p_one: float = 0.8, length: int = 6) -> tuple[Tensor, Tensor]:
    """All strings of independent bits and their probabilities.

    Returns:
        tokens (2^length, length) in lexicographic order, probs (2^length,).

    Source: Section 4.1.
    """
    tokens = torch.tensor(list(product((0, 1), repeat=length)))
    ones = tokens.sum(1)
    probs = torch.tensor(p_one).double() ** ones * torch.tensor(1 - p_one).double() ** (length - ones)
    return tokens, probs.float()


def six_bit_sample(n: int = 100_000, seed: int = 0) -> StringSample:
    """n samples of the six-bit distribution. Source: Section 4.1; 100,000 as in the released code."""
    tokens, probs = six_bit_distribution()
    generator = torch.Generator().manual_seed(seed)
    return StringSample(tokens, probs.multinomial(n, replacement=True, generator=generator))
