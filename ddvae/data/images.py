"""Binary images: MNIST."""

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..system.downloads import published
from ..system.locations import cache_folder
from .batches import Batch, epoch_order

__all__ = ["BinaryImages", "binary_mnist", "deskew"]

MNIST_ADDRESS = "https://ossci-datasets.s3.amazonaws.com/mnist/"
# sha256 of the uncompressed bytes: the same images travel in differently packed gzip files.
MNIST_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


@dataclass(frozen=True)
class BinaryImages:
    """Labelled binary images.

    Args:
        tokens: (N, pixels), 0 or 1, uint8.
        labels: (N,), classes; for evaluation alone.
        source: Where they come from, to be named in every figure and table.
    """

    tokens: Tensor
    labels: Tensor
    source: str

    def __str__(self) -> str:
        return f"{len(self)} images of {self.source}"

    def __len__(self) -> int:
        return len(self.tokens)

    def steps(self, batch_size: int) -> int:
        return math.ceil(len(self) / batch_size)

    def batches(self, epoch: int, batch_size: int, seed: int) -> Iterator[Batch]:
        for rows in epoch_order(len(self), epoch, seed).split(batch_size):
            yield Batch(self.tokens[rows])


def binary_mnist(
    split: str, threshold: float = 0.3, upright: bool = False, first: int | None = None
) -> BinaryImages:
    """MNIST thresholded to black and white (Section 4.2).

    From the folder `mnist` in $DDVAE_DATA if that is set, else a checked download kept in the
    user's cache, else, where there is no network and nothing was downloaded before, scikit-learn's
    8 x 8 digits as a stand-in, with a warning.

    Args:
        split: "train" (60,000 images) or "test" (10,000).
        threshold: A pixel is white where its grey value in [0, 1] is above it.
        upright: Whether to centre digits and take out their slant first (`deskew`); not in the paper.
        first: How many images to take; None for all.

    Raises:
        ValueError: unknown split, first below 1, or a file whose content is not MNIST's.
        FileNotFoundError: $DDVAE_DATA is set and holds no such file, or a part of the download failed.
    """
    if split not in ("train", "test"):
        raise ValueError(f"split is {split!r}; expected 'train' or 'test'")
    if first is not None and first < 1:
        raise ValueError(f"first is {first}; expected a whole number from 1, or None")
    prefix = {"train": "train", "test": "t10k"}[split]
    try:
        images = _mnist_array(f"{prefix}-images-idx3-ubyte", offset=16).reshape(-1, 784)
        labels = _mnist_array(f"{prefix}-labels-idx1-ubyte", offset=8)
    except ConnectionError as error:
        if any((cache_folder("mnist") / f"{name}.gz").exists() for name in MNIST_SHA256):
            raise FileNotFoundError(f"MNIST's {split} files could not be downloaded ({error})") from None
        warnings.warn(f"no network ({error}): small digits stand in for MNIST", stacklevel=2)
        images, labels = _stand_in_digits(split)
        source = "scikit-learn digits (stand-in for MNIST)"
        return _threshold(images[:first], labels[:first], threshold, upright, source)
    return _threshold(images[:first] / np.float32(255), labels[:first], threshold, upright, "MNIST")


def deskew(images: Tensor) -> Tensor:
    """Centres each image's mass and shears it so that rows have no trend sideways.

    Args:
        images: Grey values (N, side, side) in [0, 1], of a few thousand images at a time.

    Source: moment-based deskewing, as in LeCun et al. (1998), section III.
    """
    n, side = images.shape[:2]
    place = torch.linspace(-1, 1, side)
    mass = images.sum((1, 2)).clamp_min(1e-6)
    x, y = ((images * axis).sum((1, 2)) / mass for axis in (place, place[:, None]))
    across, down = place - x[:, None], place - y[:, None]
    covariance = (images * down[:, :, None] * across[:, None, :]).sum((1, 2))
    slant = covariance / (images * down[:, :, None] ** 2).sum((1, 2)).clamp_min(1e-6)
    zero = torch.zeros_like(x)
    sampling = torch.stack([zero + 1, slant, x, zero, zero + 1, y], dim=1).view(n, 2, 3)
    grid = F.affine_grid(sampling, [n, 1, side, side], align_corners=True)
    return F.grid_sample(images[:, None], grid, align_corners=True)[:, 0]


def _threshold(
    images: np.ndarray, labels: np.ndarray, threshold: float, upright: bool, source: str
) -> BinaryImages:
    """Grey (N, 784) arrays as binary images."""
    grey = torch.from_numpy(images).float()
    if upright:
        parts = [deskew(part.view(-1, 28, 28)).flatten(1) for part in grey.split(4096)]
        grey, source = torch.cat(parts), f"{source}, deskewed"
    return BinaryImages((grey > threshold).to(torch.uint8), torch.from_numpy(labels.astype(np.int64)), source)


def _mnist_array(name: str, offset: int) -> np.ndarray:
    content = published("mnist", f"{name}.gz", MNIST_SHA256[name], MNIST_ADDRESS)
    return np.frombuffer(content, dtype=np.uint8, offset=offset)


def _stand_in_digits(split: str) -> tuple[np.ndarray, np.ndarray]:
    """1,797 digits of 8 x 8 pixels, enlarged to 24 x 24 and framed to MNIST's 28 x 28."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = np.pad(digits.images.repeat(3, axis=1).repeat(3, axis=2), ((0, 0), (2, 2), (2, 2)))
    rows = slice(0, 1500) if split == "train" else slice(1500, None)
    return images[rows].reshape(-1, 784) / 16, digits.target[rows]
