"""A latent space of molecules looked at: planes through it, lines in it, what lies around a code."""

import copy
from itertools import groupby
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..evaluation.codes import principal_axes
from .chemistry import canonical, score_parts, similarities
from .codec import Codec
from .penalised_logp import combine

__all__ = ["MoleculeView", "interpolate", "neighbourhood"]


class MoleculeView:
    """A plane through the latent space of a model of molecules.

    Args:
        codec: The model.
        middle: Code (D,) in the middle.
        axes: Orthonormal (2, D), so that distances on the plane are distances of codes.
        side: Half the side of the shown square, in units of the code.
    """

    def __init__(self, codec: Codec, middle: Tensor, axes: Tensor, side: float = 3.0):
        self.codec, self.middle, self.axes, self.side = codec, middle, axes, side

    @classmethod
    def principal(cls, codec: Codec, smiles: list[str]) -> "MoleculeView":
        """The plane of the two principal axes of molecules' codes."""
        middle, axes = principal_axes(codec.encode(smiles))
        return cls(codec, middle, axes.T)

    @classmethod
    def through(cls, codec: Codec, three: tuple[str, str, str]) -> "MoleculeView":
        """The plane through the codes of three molecules, the first in its middle, all in the square."""
        first, second, third = codec.encode(list(three))
        away = torch.stack([second - first, third - first])
        axes = torch.linalg.qr(away.T).Q.T
        return cls(codec, first, axes, max(3.0, 1.1 * (away @ axes.T).abs().max().item()))

    def around(self, smiles: str) -> "MoleculeView":
        """The parallel plane with a molecule's code in its middle; the errors of `checked`."""
        plane = copy.copy(self)
        plane.middle = self.codec.encode([self.checked(smiles)])[0]
        return plane

    def code(self, point: tuple[float, float]) -> Tensor:
        """Code (D,) of a point of the plane, in units of the code."""
        return self.middle + torch.tensor(point, dtype=torch.float32) @ self.axes

    def place(self, smiles: str) -> tuple[float, float]:
        """The point of the plane nearest to a molecule's code.

        Raises:
            ValueError: no molecule, or one with a character that the model does not know.
        """
        return tuple((self.axes @ (self.codec.encode([self.checked(smiles)])[0] - self.middle)).tolist())

    def checked(self, smiles: str) -> str:
        """The string, if the model can encode it.

        Raises:
            ValueError: it cannot.
        """
        if canonical([smiles.strip()])[0] is None:
            raise ValueError(f"{smiles.strip()[:60]!r} is no molecule; expected a SMILES string")
        if unknown := self.codec.vocabulary.lacks(smiles.strip()):
            known = self.codec.vocabulary.symbols
            raise ValueError(f"the model knows no {unknown!r} of {smiles.strip()[:60]!r}; expected {known}")
        return smiles.strip()

    def map(self, size: int = 41) -> tuple[np.ndarray, np.ndarray]:
        """Validity (size, size) and decoded strings of the square, first axis the widest direction."""
        steps = torch.linspace(-self.side, self.side, size)
        points = torch.cartesian_prod(steps, steps)
        found = self.codec.decode(self.middle + points @ self.axes)
        valid = np.array([string is not None for string in canonical(found)])
        return valid.reshape(size, size), np.array(found).reshape(size, size)

    def near(
        self, point: tuple[float, float], radius: float, count: int = 12, seed: int = 0
    ) -> list[dict[str, Any]]:
        """What decodes at random directions and a distance from a point of the plane.

        Each molecule once, however it is written, and not the point's own.

        Returns:
            Rows with smiles, valid, score (penalised logP), similarity (Tanimoto, to the point's own; NaN
            if either is no molecule).
        """
        generator = torch.Generator().manual_seed(seed)
        middle = self.code(point)
        away = torch.randn(4 * count, len(middle), generator=generator)
        centre, *around = self.codec.decode(
            torch.cat([middle[None], middle + radius * away / away.norm(dim=1, keepdim=True)])
        )
        own, *names = canonical([centre, *around])
        valid = {name or string: name is not None for name, string in zip(names, around)}
        valid.pop(own or centre, None)
        others = list(valid)[:count]
        scores, alike = combine(score_parts(others)), similarities(centre, others)
        return [
            {"smiles": one, "valid": valid[one], "score": float(value), "similarity": like}
            for one, value, like in zip(others, scores, alike)
        ]

    def way(self, first: str, last: str) -> list[str]:
        """Molecules decoded on the straight line between the codes of two, canonical, repetitions merged.

        Raises:
            ValueError: see `checked`.
        """
        decoded = canonical(interpolate(self.codec, self.checked(first), self.checked(last)))
        return [one for one, _ in groupby(name for name in decoded if name is not None)]

    def radius(self, point: tuple[float, float], directions: int = 32, seed: int = 0) -> float:
        """Median over random directions of the distance at which another string decodes, up to 8."""
        generator = torch.Generator().manual_seed(seed)
        middle = self.code(point)
        away = torch.randn(directions, len(middle), generator=generator)
        away /= away.norm(dim=1, keepdim=True)
        (centre,) = self.codec.decode(middle[None])
        low, high = torch.zeros(directions), torch.full((directions,), 8.0)
        for _ in range(7):
            half = (low + high) / 2
            same = torch.tensor([one == centre for one in self.codec.decode(middle + half[:, None] * away)])
            low, high = torch.where(same, half, low), torch.where(same, high, half)
        return ((low + high) / 2).median().item()


def interpolate(codec: Codec, first: str, last: str, steps: int = 50) -> list[str]:
    """What decodes on the straight line from one string's code to another's, repetitions merged.

    Args:
        codec: A trained model.
        first, last: SMILES.
        steps: Codes on the way, both ends included.
    """
    begin, end = codec.encode([first, last])
    share = torch.linspace(0, 1, steps)[:, None]
    decoded = codec.decode(begin + share * (end - begin))
    return [string for i, string in enumerate(decoded) if i == 0 or string != decoded[i - 1]]


def neighbourhood(codec: Codec, string: str, radius: float, count: int, seed: int = 0) -> list[str]:
    """Strings decoded at random directions and a distance from one string's code, each once, itself left out.

    Args:
        codec: A trained model.
        string: SMILES.
        radius: Distance, in units of the code.
        count: Directions.
        seed: Of the directions.
    """
    generator = torch.Generator().manual_seed(seed)
    (code,) = codec.encode([string])
    directions = torch.randn(count, len(code), generator=generator)
    decoded = codec.decode(code + radius * directions / directions.norm(dim=1, keepdim=True))
    return [other for other in dict.fromkeys(decoded) if other != string]
