"""Latent spaces as PNG bytes, quick enough to change under a moving hand."""

import io

import numpy as np
from PIL import Image, ImageDraw

from .digit_planes import DIGIT_COLOURS, digit_places
from .latent_planes import brick_picture

__all__ = ["brick_raster", "certainty_raster", "code_raster", "digit_raster", "plane_raster"]

SIDE = 420
"""Pixels of a picture's side."""


def brick_raster(labels: np.ndarray) -> bytes:
    """Decoding regions of six-bit strings, (N, N) labels with first axis z_1, in the colours of Figure 5."""
    return _png(brick_picture(labels).convert("RGB").resize((SIDE, SIDE), Image.Resampling.NEAREST))


def certainty_raster(certainty: np.ndarray) -> bytes:
    """Values (N, N) in [0, 1], first axis z_1, from black over orange to white."""
    value = np.clip(certainty.T[::-1], 0, 1)[..., None]
    low, middle, high = np.array([[20, 20, 20], [213, 94, 0], [255, 255, 255]])
    shade = np.where(
        value < 0.5, low + (middle - low) * 2 * value, middle + (high - middle) * (2 * value - 1)
    )
    return _png(Image.fromarray(shade.astype(np.uint8)).resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def code_raster(places: np.ndarray, labels: np.ndarray) -> bytes:
    """Codes (N, 2) in the unit square as points in the colour of their digit, which stands among them."""
    image = Image.new("RGB", (SIDE, SIDE), "white")
    pen = ImageDraw.Draw(image)
    x, y = (places * SIDE).T
    for digit, colour in enumerate(DIGIT_COLOURS):
        for a, b in zip(x[labels == digit], SIDE - y[labels == digit]):
            pen.rectangle((a, b, a + 1, b + 1), fill=colour)
    for digit, (x, y) in digit_places(places, labels, apart=0.055).items():
        a, b = x * SIDE, SIDE - y * SIDE
        pen.ellipse((a - 9, b - 9, a + 9, b + 9), fill="white", outline="black")
        pen.text((a - 3, b - 6), str(digit), fill="black")
    return _png(image)


def digit_raster(images: np.ndarray, scale: int = 6) -> bytes:
    """Binary images (N, 28, 28) side by side, black on white."""
    row = np.concatenate(list(np.pad(images, ((0, 0), (1, 1), (1, 1)))), axis=1)
    picture = Image.fromarray(((1 - row) * 255).astype(np.uint8))
    return _png(picture.resize((scale * picture.width, scale * picture.height), Image.Resampling.NEAREST))


def plane_raster(valid: np.ndarray, distinct: np.ndarray) -> bytes:
    """A plane of molecules: valid squares blue, others grey, shades part neighbouring strings."""
    labels = np.unique(distinct, return_inverse=True)[1].reshape(distinct.shape)
    colours = np.array([[214, 214, 214], [133, 188, 220]], dtype=np.uint8)
    # neighbouring strings differ in shade, so that regions are seen without lines as thick as they are
    shade = colours[valid.astype(int)] - (labels % 4 * 9).astype(np.uint8)[..., None]
    picture = Image.fromarray(np.ascontiguousarray(shade.transpose(1, 0, 2)[::-1]))
    return _png(picture.resize((SIDE, SIDE), Image.Resampling.NEAREST))


def _png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "png")
    return stream.getvalue()
