"""Runs on binary MNIST in a 2-D latent space."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from ..data.images import BinaryImages, binary_mnist
from ..evaluation.codes import classify_neighbours, latent_evenness
from ..evaluation.reconstruction import image_accuracy
from ..models.networks import DenseEncoder
from ..models.vae import VAE
from .preset import Preset

__all__ = ["Digits"]


@dataclass(frozen=True)
class Digits(Preset[VAE]):
    """Binary MNIST in a 2-D latent space (Section 4.2).

    Args:
        upright: See `binary_mnist`.
    """

    upright: bool = False

    @classmethod
    def architecture_of(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        prior = "standard-normal" if settings["proposal"] == "gaussian" else "unit-cube"
        shape = {"proposal": settings["proposal"], "squash": settings["squash"], "prior": prior}
        return {"name": "dense-vae", "sizes": [784, 256, 128, 32], "latent_size": 2} | shape

    def data(self, budget: str) -> BinaryImages:
        return binary_mnist("train", upright=self.upright, first=1_024 if budget == "smoke" else None)

    def evaluate(self, model: VAE, budget: str) -> tuple[dict, dict]:
        few = 1_000 if budget == "smoke" else None
        train, test = (binary_mnist(split, upright=self.upright, first=few) for split in ("train", "test"))
        raw = [_raw_codes(model, images.tokens) for images in (train, test)]
        with torch.no_grad():
            q_train, q_test = (model.encode(images.tokens) for images in (train, test))
            test_kl = torch.distributions.kl_divergence(q_test, model.prior()).mean().item()
        means = [q_train.mean, q_test.mean]
        released = classify_neighbours(raw[0], train.labels, raw[1], test.labels, choose="test")
        honest = classify_neighbours(means[0], train.labels, means[1], test.labels, choose="train")
        accuracy = image_accuracy(model, test.tokens)
        u = model.prior().base_dist.cdf(means[1])
        results = {
            "knn_released": 100 * released["accuracy"],
            "knn_honest": 100 * honest["accuracy"],
            "neighbours": honest["k"],
            "metric": honest["metric"],
            "pixel_accuracy": 100 * accuracy["pixel"],
            "image_accuracy": 100 * accuracy["image"],
            "evenness": latent_evenness(u),
            "kl_nats": test_kl,
            "data": test.source,
        }
        arrays = {
            "codes": means[1].numpy().astype(np.float32),
            "labels": test.labels.numpy().astype(np.uint8),
            "digits": self._decode_sheet(model, 5 if budget == "smoke" else 20),
        }
        return results, arrays

    def _decode_sheet(self, model: VAE, size: int) -> np.ndarray:
        """(size, size, 784 / 8) packed images decoded at squares of equal prior mass, first axis z_1."""
        u = (torch.arange(size) + 0.5) / size
        z = model.prior().base_dist.icdf(torch.cartesian_prod(u, u))
        with torch.no_grad():
            images = model.decode(z).clamp_min(0).view(size, size, -1)
        return np.packbits(images.numpy().astype(np.uint8), axis=-1)


def _raw_codes(model: VAE, tokens: Tensor) -> Tensor:
    """(N, 4) location and log-scale before the map of Eq. 9-10, which the released code classified."""
    with torch.no_grad():
        encoder = cast(DenseEncoder, model.encoder)
        return encoder.head.linear(encoder.features(tokens.float()))
