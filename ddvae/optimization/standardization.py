"""Numbers of any size brought to mean 0 and deviation 1, and back."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["ONE", "Standardization"]

LARGEST, SMALLEST = torch.finfo(torch.float64).max, torch.finfo(torch.float64).tiny


@dataclass(frozen=True)
class Standardization:
    """What brings numbers to mean 0 and deviation 1, in factors of which none overflows.

    What would lie beyond the range of floats outside of them is the largest float.

    Attributes:
        largest: Power of two next to the largest number, so that division by it loses no digit.
        center: Mean of each column, in parts of largest.
        deviation: Of all columns together, in parts of largest.

    >>> values = torch.tensor([-1.7e308, 1.7e308, 1.7e308], dtype=torch.float64)
    >>> standard = Standardization.of(values)
    >>> round(standard.enter(values).std().item(), 12)
    1.0
    >>> torch.equal(standard.leave(standard.enter(values)), values)
    True
    """

    largest: Tensor
    center: Tensor
    deviation: Tensor

    @classmethod
    def of(cls, values: Tensor) -> "Standardization":
        """Of numbers (N,), or of (N, D) with one deviation for all columns; float64, N at least 2."""
        exponent = math.frexp(values.abs().max().item())[1]
        largest = values.new_tensor(math.ldexp(1.0, exponent - 1))
        parts = values / largest
        deviation = parts.var(0).mean().sqrt()
        return cls(largest, parts.mean(0), deviation if deviation > 0 else torch.ones_like(deviation))

    @property
    def log(self) -> Tensor:
        """Logarithm of the unit."""
        return self.largest.log() + self.deviation.log()

    def enter(self, values: Tensor) -> Tensor:
        """Numbers, in these units."""
        return (values / self.largest - self.center) / self.deviation

    def leave(self, values: Tensor) -> Tensor:
        """Numbers in these units, back."""
        return ((self.center + self.deviation * values) * self.largest).clamp(-LARGEST, LARGEST)

    def size(self, values: Tensor) -> Tensor:
        """Differences in these units, back."""
        return (values * self.deviation * self.largest).clamp(-LARGEST, LARGEST)

    def square(self, values: Tensor) -> Tensor:
        """Products of two differences in these units, back."""
        return self.size(self.size(values))

    def variance(self, values: Tensor) -> Tensor:
        """Squares in these units, back, none of which vanishes."""
        return self.square(values).clamp_min(SMALLEST)


ONE = Standardization(*torch.tensor([1.0, 0.0, 1.0], dtype=torch.float64))
"""The one that changes nothing."""
