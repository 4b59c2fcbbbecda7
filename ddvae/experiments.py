"""The published runs, and ours beyond them, as presets with budgets."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Normal

from .data import (
    BinaryImages,
    StringLaw,
    StringSample,
    binary_mnist,
    six_bit_law,
    six_bit_sample,
)
from .kernels import KERNELS
from .layout import guillotine_cells, set_supports
from .metrics import (
    categorical_kl,
    classify_neighbours,
    image_accuracy,
    jensen_shannon,
    latent_evenness,
    lossless_limit,
)
from .molecules import published_smiles
from .nets import DenseDecoder, DenseEncoder, SequenceDecoder, SequenceEncoder
from .plane import decode_plane
from .presets import BUDGETS, READINGS, Preset
from .run import Run
from .schedules import Cosine, Linear, LogLinear, Piecewise, Step
from .vae import VAE
from .variations import switched, variations

__all__ = ["BUDGETS", "PRESETS", "READINGS", "Bricks", "Digits", "Preset", "find_preset"]


@dataclass(frozen=True)
class Bricks(Preset):
    """Six-bit strings in a 2-D latent space (Section 4.1).

    Args:
        codes: None draws 100,000 strings as published; a number takes the exact expectation over
            the 64 strings, with about that many codes a step.
        layout: A number sets the encoder, which is then not trained, to the layout that reaches the
            limit of lossless coding, boxes shrunk by that factor; the decoder learns it.
    """

    codes: int | None = None
    layout: float | None = None
    reach: ClassVar[dict] = {"gaussian": 4.0, "kernel": 1.5}

    def model(self) -> VAE:
        encoder = SequenceEncoder(2, 2, 128, 2, 8, self.proposal, self.squash)
        if self.layout is not None:
            tokens, probs = six_bit_law()
            low, high = guillotine_cells(probs)
            middle, half = (low + high) / 2, self.layout * (high - low) / 2
            set_supports(encoder, tokens, middle - half, middle + half)
            encoder.requires_grad_(False)
        return VAE(encoder, SequenceDecoder(2, 2, 128, 2, 8, length=6), self.prior())

    def data(self, budget: str) -> StringLaw | StringSample:
        if self.codes is None:
            return six_bit_sample(2_048 if budget == "smoke" else 100_000)
        tokens, probs = six_bit_law()
        return StringLaw(tokens, probs, self.codes, 4 if budget == "smoke" else 200)

    @property
    def window(self) -> float:
        """Half the side of the square that figures show, beyond where codes are trained."""
        return self.reach["gaussian" if self.proposal == "gaussian" else "kernel"]

    def evaluate(self, model: VAE, budget: str) -> tuple[dict, dict]:
        tokens, probs = six_bit_law()
        with torch.no_grad():
            q = model.encode(tokens)
            kl = torch.distributions.kl_divergence(q, model.prior())
        base, refine = {"smoke": (64, 1), "laptop": (512, 2)}.get(budget, (512, 3))
        plane = decode_plane(model.decode, self._quantile(), base, refine)
        *shares, undefined = plane.probs().tolist()
        # Ties are rare specks: the law of samples is compared over strings, their share told apart.
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

    def _quantile(self):
        if self.proposal == "gaussian":
            return Normal(torch.tensor(0.0).double(), torch.tensor(1.0).double()).icdf
        return lambda u: 2 * u - 1

    def _label_window(self, model: VAE, size: int) -> np.ndarray:
        """(size, size) uint8 labels of the window's squares, first axis z_1."""
        stretched = lambda u: self.window * (2 * u - 1)  # noqa: E731
        return decode_plane(model.decode, stretched, base=size, refine=0).labels.numpy()


_WIDTHS = (784, 256, 128, 32)


@dataclass(frozen=True)
class Digits(Preset):
    """Binary MNIST in a 2-D latent space (Section 4.2).

    Args:
        upright: See `binary_mnist`.
    """

    upright: bool = False

    def model(self) -> VAE:
        encoder = DenseEncoder(_WIDTHS, 2, self.proposal, self.squash)
        return VAE(encoder, DenseDecoder((2, *reversed(_WIDTHS))), self.prior())

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
        return model.encoder.head.linear(model.encoder.features(tokens.float()))


_RELEASED_RATE = Step(5e-3, factor=0.5, every=20)
_DIGITS_TEMPERATURE = LogLinear(0.01, 1e-3, begin=0, finish=100)
_BRICKS_EPOCHS = {"smoke": 1, "laptop": 6}


def _released_squash(proposal: str) -> str | None:
    return None if proposal == "gaussian" else READINGS["released"]["squash"]


def _published_bricks(title: str, proposal: str, beta: float, temperature: LogLinear | None) -> Bricks:
    return Bricks(
        title,
        "Section 4.1, released settings",
        proposal,
        Run(
            epochs=100,
            learning_rate=_RELEASED_RATE,
            beta=Linear(0.0, beta, begin=2, finish=100),
            temperature=temperature,
            scores=None if temperature is None else READINGS["released"]["scores"],
            reduction=READINGS["released"]["reduction"],
            clip_value=2.0,
        ),
        squash=_released_squash(proposal),
        epochs=_BRICKS_EPOCHS,
        seeds=5,
    )


def _published_digits(
    title: str,
    proposal: str,
    beta: float,
    temperature: LogLinear | None = None,
    clip_value: float | None = None,
    upright: bool = False,
) -> Digits:
    return Digits(
        title,
        "beyond the paper" if upright else "Section 4.2, released settings",
        proposal,
        Run(
            epochs=150,
            learning_rate=_RELEASED_RATE,
            beta=Linear(1e-5, beta, begin=4, finish=100),
            temperature=temperature,
            scores=None if temperature is None else READINGS["released"]["scores"],
            reduction=READINGS["released"]["reduction"],
            clip_value=clip_value,
        ),
        squash=_released_squash(proposal),
        epochs={"smoke": 1, "laptop": 15},
        seeds=5,
        upright=upright,
    )


def _packed_bricks(kernel: str) -> Bricks:
    epochs = 60
    return Bricks(
        f"DD-VAE {kernel}, exact expectation",
        "beyond the paper",
        kernel,
        Run(
            epochs=epochs,
            learning_rate=Cosine(3e-3, warmup=1, finish=epochs),
            beta=Piecewise(((1, 0.0), (0.3 * epochs, 3.0), (0.6 * epochs, 3.0), (0.9 * epochs, 1.0))),
            temperature=LogLinear(0.2, 1e-4, begin=0, finish=0.9 * epochs),
            scores="log_prob",
            clip_norm=1.0,
        ),
        squash="tanh",
        epochs={"smoke": 1, "laptop": 4},
        codes=96,
    )


def _laid_out_bricks(kernel: str) -> Bricks:
    epochs = 30
    return Bricks(
        f"DD-VAE {kernel}, optimal layout",
        "beyond the paper",
        kernel,
        Run(
            epochs=epochs,
            learning_rate=Cosine(3e-3, warmup=1, finish=epochs),
            temperature=LogLinear(0.3, 1e-3, begin=0, finish=0.8 * epochs),
            scores="log_prob",
            clip_norm=1.0,
        ),
        squash="tanh",
        epochs={"smoke": 1, "laptop": 10},
        codes=128,
        layout=0.985,
    )


PRESETS: dict[str, Preset] = {
    "bricks-ddvae-uniform": _published_bricks(
        "DD-VAE U/U", "uniform", 1.0, LogLinear(0.1, 1e-3, begin=0, finish=100)
    ),
    "bricks-ddvae-tricube": _published_bricks(
        "DD-VAE U/T", "tricube", 0.1, LogLinear(0.1, 1e-2, begin=0, finish=100)
    ),
    "bricks-vae-gaussian": _published_bricks("VAE", "gaussian", 0.1, None),
    "mnist-ddvae-uniform": _published_digits("DD-VAE", "uniform", 0.05, temperature=_DIGITS_TEMPERATURE),
    "mnist-vae-gaussian": _published_digits("VAE", "gaussian", 0.005, clip_value=10.0),
    "mnist-ddvae-upright": _published_digits(
        "DD-VAE, upright digits", "uniform", 0.05, upright=True, temperature=_DIGITS_TEMPERATURE
    ),
    **{f"bricks-packed-{kernel}": _packed_bricks(kernel) for kernel in KERNELS},
    **{f"bricks-layout-{kernel}": _laid_out_bricks(kernel) for kernel in ("uniform", "tricube")},
    **published_smiles(),
    **variations(),
}
"""Training runs by name."""
PRESETS |= switched(PRESETS["bricks-ddvae-uniform"], PRESETS["bricks-ddvae-tricube"])


def find_preset(name: str) -> Preset:
    """The preset of that name.

    Raises:
        ValueError: there is none.
    """
    if name not in PRESETS:
        raise ValueError(f"preset is {name!r}; expected one of {', '.join(PRESETS)}")
    return PRESETS[name]
