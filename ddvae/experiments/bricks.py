"""Runs on six-bit strings in a 2-D latent space."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Normal

from ..data.bits import StringDistribution, StringSample, six_bit_distribution, six_bit_sample
from ..evaluation.decoded_plane import decode_plane
from ..mathematics.coding import categorical_kl, guillotine_cells, jensen_shannon, lossless_limit
from ..mathematics.kernels import KERNELS
from ..models.networks import SequenceEncoder
from ..models.vae import VAE
from .preset import Preset

__all__ = ["Bricks", "set_supports", "window"]


@torch.no_grad()
def set_supports(
    encoder: SequenceEncoder, tokens: Tensor, low: Tensor, high: Tensor, gain: float = 5.0
) -> None:
    """Sets an untrained encoder so that its proposals have given supports, in closed form.

    The random recurrent features of different strings are told apart better with larger weights; the
    head that maps them to the supports is then a least-squares solution.

    Args:
        encoder: With a squash, changed in place.
        tokens: (N, L), fewer than the encoder has features.
        low, high: (N, D), ends of the supports inside (-1, 1).
        gain: Factor on the recurrent layers' initial weights.

    Raises:
        ValueError: the encoder has no squash.
    """
    if encoder.head.squash is None:
        raise ValueError("squash is None; expected an encoder whose supports lie in the unit cube")
    for parameter in encoder.gru.parameters():
        parameter.mul_(gain)
    stretch = {"tanh": 1.0, "sigmoid": 2.0}[encoder.head.squash]
    ends = stretch * torch.atanh(low), stretch * torch.atanh(high)
    raw = torch.cat([(ends[0] + ends[1]) / 2, ((ends[1] - ends[0]) / 2).log()], dim=1)
    features = encoder.features(tokens).double()
    features = torch.cat([features, torch.ones_like(features[:, :1])], dim=1)
    solution = torch.linalg.lstsq(features, raw, driver="gelsd").solution
    encoder.head.linear.weight.copy_(solution[:-1].T)
    encoder.head.linear.bias.copy_(solution[-1])


def window(proposal: str) -> float:
    """Half the side of the square that figures show, beyond where codes are trained."""
    return 4.0 if proposal == "gaussian" else 1.5


@dataclass(frozen=True)
class Bricks(Preset[VAE]):
    """Six-bit strings in a 2-D latent space (Section 4.1).

    Args:
        codes: None draws 100,000 strings as published; a number takes the exact expectation over
            the 64 strings, with about that many codes a step.
        layout: A number sets the encoder, which is then not trained, to the layout that reaches the
            limit of lossless coding, boxes shrunk by that factor; the decoder learns it.
    """

    codes: int | None = None
    layout: float | None = None

    @classmethod
    def architecture_of(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        prior = "standard-normal" if settings["proposal"] == "gaussian" else "unit-cube"
        sizes = {"length": 6, "latent_size": 2, "hidden_size": 128, "num_layers": 2, "embedding_size": 8}
        shape = {"proposal": settings["proposal"], "squash": settings["squash"], "prior": prior}
        return {"name": "sequence-vae", "symbols": "01"} | sizes | shape

    def model(self) -> VAE:
        model = super().model()
        if self.layout is not None:
            tokens, probs = six_bit_distribution()
            low, high = guillotine_cells(probs)
            middle, half = (low + high) / 2, self.layout * (high - low) / 2
            set_supports(cast(SequenceEncoder, model.encoder), tokens, middle - half, middle + half)
            model.encoder.requires_grad_(False)
        return model

    def data(self, budget: str) -> StringDistribution | StringSample:
        if self.codes is None:
            return six_bit_sample(2_048 if budget == "smoke" else 100_000)
        tokens, probs = six_bit_distribution()
        return StringDistribution(tokens, probs, self.codes, 4 if budget == "smoke" else 200)

    def evaluate(self, model: VAE, budget: str) -> tuple[dict, dict]:
        tokens, probs = six_bit_distribution()
        with torch.no_grad():
            q = model.encode(tokens)
            kl = torch.distributions.kl_divergence(q, model.prior())
        base, refine = {"smoke": (64, 1), "laptop": (512, 2)}.get(budget, (512, 3))
        plane = decode_plane(model.decode, self._quantile(), base, refine)
        *shares, undefined = plane.probs().tolist()
        # Ties are rare specks: the distribution of samples is compared over strings, their share told apart.
        decoded = torch.tensor(shares, dtype=torch.float64) / (1 - undefined)  # NaN if all is tied
        results = {
            "kl": categorical_kl(decoded, probs),
            "js": jensen_shannon(decoded, probs),
            "kl_reverse": categorical_kl(probs, decoded),
            "undefined": undefined,
            "sequence_error": plane.sequence_error(q, probs),
            "mean_kl": (probs.double() @ kl.double()).item(),
            "missing": int((decoded == 0).sum()),
            "grid": len(plane.labels),
        }
        if self.proposal != "gaussian":
            results["limit"] = -lossless_limit(probs, KERNELS[self.proposal], 2)
        arrays = {
            "loc": q.base_dist.loc.numpy(),
            "scale": q.base_dist.scale.numpy(),
            "decoded": decoded.numpy(),
            "window": self._label_window(model, 48 if budget == "smoke" else 320),
        }
        return results, arrays

    def snapshot(self, model: VAE, budget: str) -> np.ndarray:
        return self._label_window(model, 128)

    def _quantile(self) -> Callable[[Tensor], Tensor]:
        if self.proposal == "gaussian":
            return Normal(torch.tensor(0.0).double(), torch.tensor(1.0).double()).icdf
        return lambda u: 2 * u - 1

    def _label_window(self, model: VAE, size: int) -> np.ndarray:
        """(size, size) uint8 labels of the window's squares, first axis z_1."""
        side = window(self.proposal)
        stretched = lambda u: side * (2 * u - 1)  # noqa: E731
        return decode_plane(model.decode, stretched, base=size, refine=0).labels.numpy()
