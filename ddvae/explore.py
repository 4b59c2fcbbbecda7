"""What the widgets ask of recorded models: a point of a latent space in, words and numbers out."""

import copy
from functools import cached_property
from itertools import groupby

import numpy as np
import torch
from torch import Tensor

from .chem import canonical, score_parts, similarities
from .codec import Codec
from .data import six_bit_law
from .latent import interpolate, principal_axes
from .records import recorded
from .relaxation import relaxed_argmax_log_prob
from .score import combine

__all__ = ["BrickView", "DigitView", "MoleculeView"]


class BrickView:
    """A recorded model of six-bit strings.

    Args:
        name: Of a preset with a record, such as "bricks-ddvae-uniform".
    """

    def __init__(self, name: str):
        self.record = recorded(name)[0]
        self.side = self.record.preset.window
        _, probs = six_bit_law()
        self.probs = probs.double().numpy()
        arrays = self.record.arrays
        steps = sorted(int(key.removeprefix("snapshot_")) for key in arrays if key.startswith("snapshot_"))
        self.frames = {step: arrays[f"snapshot_{step:04d}"] for step in steps}
        self.frames[self.record.settings["epochs"]] = arrays["window"]

    @property
    def has_weights(self) -> bool:
        """Whether the trained model is on record: `certainty` needs it."""
        return self.record.has_weights

    @property
    def epochs(self) -> list[int]:
        """Epochs whose decoding regions are known, the last one after training."""
        return list(self.frames)

    def at(self, point: tuple[float, float], epoch: int) -> dict:
        """What is known of a code.

        Args:
            point: (z_1, z_2).
            epoch: One of `epochs`.

        Returns:
            string ("undefined" on a tie), true probability, decoded probability (of the trained model), and
            the strings whose proposals cover it (for Gaussians: within one standard deviation).
        """
        labels = self.frames[epoch]
        place = [int(np.clip((z / self.side + 1) / 2 * len(labels), 0, len(labels) - 1)) for z in point]
        label = int(labels[tuple(place)])
        away = (np.asarray(point) - self.record.arrays["loc"]) / self.record.arrays["scale"]
        inside = (away**2).sum(1) < 1 if self.record.preset.proposal == "gaussian" else (abs(away) < 1).all(1)
        known = label < len(self.probs)
        return {
            "string": f"{label:06b}" if known else "undefined",
            "probability": float(self.probs[label]) if known else float("nan"),
            "decoded": float(self.record.arrays["decoded"][label]) if known else float("nan"),
            "covered by": [f"{i:06b}" for i in np.flatnonzero(inside)],
        }

    def certainty(self, temperature: float) -> np.ndarray:
        """exp(L_tau) of the decoded string on (N, N) codes of the window, in [0, 1]; first axis z_1.

        Near 1 the relaxation agrees with the hard decision; it blurs where scores are close.
        """
        scores, tokens = self._scores
        size = int(len(tokens) ** 0.5)
        return relaxed_argmax_log_prob(scores, tokens, temperature).exp().view(size, size).numpy()

    @cached_property
    @torch.no_grad()
    def _scores(self) -> tuple[Tensor, Tensor]:
        axis = torch.linspace(-self.side, self.side, 97)
        middles = (axis[1:] + axis[:-1]) / 2
        z = torch.cartesian_prod(middles, middles)
        model = self.record.model()
        tokens = model.decode(z).clamp_min(0)
        scores = model.decoder.score_tokens(z, tokens)
        released = self.record.settings["scores"] != "prob"
        return (scores if released else scores.exp()), tokens


class DigitView:
    """A recorded model of binary digits, its latent space in quantiles of the prior.

    Args:
        name: Of a preset with a record, such as "mnist-ddvae-uniform".
    """

    def __init__(self, name: str):
        self.record = recorded(name)[0]
        self.model = self.record.model()
        self.prior = self.model.prior().base_dist
        codes = torch.from_numpy(self.record.arrays["codes"])
        self.quantiles = self.prior.cdf(codes.clamp(-1, 1) if self._bounded else codes).numpy()
        self.labels = self.record.arrays["labels"]

    @property
    def _bounded(self) -> bool:
        return self.record.preset.proposal != "gaussian"

    @torch.no_grad()
    def decode(self, quantiles: np.ndarray) -> np.ndarray:
        """Images (N, 28, 28) of 0 and 1 at quantiles (N, 2) of the prior."""
        u = torch.as_tensor(np.asarray(quantiles), dtype=torch.float32).clamp(1e-4, 1 - 1e-4)
        return self.model.decode(self.prior.icdf(u)).clamp_min(0).view(-1, 28, 28).numpy()

    def strip(self, begin, end, count: int = 12) -> np.ndarray:
        """Images (count, 28, 28) on the line between two quantiles (2,)."""
        share = np.linspace(0, 1, count)[:, None]
        return self.decode(np.asarray(begin) * (1 - share) + np.asarray(end) * share)


class MoleculeView:
    """A plane through the latent space of a model of molecules.

    Args:
        codec: The model.
        smiles: Molecules whose codes' principal axes span the plane.
        through: Three molecules that span it instead; the first lies in its middle.
        side: Half the side of the shown square, in units of the code; at least so that it holds the three.
    """

    def __init__(
        self, codec: Codec, smiles: list[str], through: tuple[str, str, str] | None = None, side: float = 3.0
    ):
        self.codec, self.side = codec, side
        if through is None:
            self.middle, axes = principal_axes(codec.encode(smiles))
            self.axes = axes.T
        else:
            first, second, third = codec.encode(list(through))
            self.middle = first
            # orthonormal, so that distances on the plane are distances of codes
            away = torch.stack([second - first, third - first])
            self.axes = torch.linalg.qr(away.T).Q.T
            self.side = max(side, 1.1 * (away @ self.axes.T).abs().max().item())

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

    def near(self, point: tuple[float, float], radius: float, count: int = 12, seed: int = 0) -> list[dict]:
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
