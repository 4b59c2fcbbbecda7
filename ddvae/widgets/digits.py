"""Latent spaces of binary digits to play with."""

import functools
from collections.abc import Sequence

import ipywidgets as ui
import numpy as np
import torch

from ..experiments.record import recorded
from ..figures import rasters
from .pad import CopyButton, Pad

__all__ = ["DigitPlane", "DigitView"]


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
        return self.record.settings["proposal"] != "gaussian"

    @torch.no_grad()
    def decode(self, quantiles: np.ndarray) -> np.ndarray:
        """Images (N, 28, 28) of 0 and 1 at quantiles (N, 2) of the prior."""
        u = torch.as_tensor(np.asarray(quantiles), dtype=torch.float32).clamp(1e-4, 1 - 1e-4)
        return self.model.decode(self.prior.icdf(u)).clamp_min(0).view(-1, 28, 28).numpy()

    def strip(self, begin: Sequence[float], end: Sequence[float], count: int = 12) -> np.ndarray:
        """Images (count, 28, 28) on the line between two quantiles (2,)."""
        share = np.linspace(0, 1, count)[:, None]
        return self.decode(np.asarray(begin) * (1 - share) + np.asarray(end) * share)


@functools.cache
def _digits(name: str) -> DigitView:
    return DigitView(name)


class DigitPlane(ui.VBox):
    """Digits decoded from 2-D latent spaces, VAE and DD-VAE side by side (chapter 4).

    Both planes are drawn in quantiles of their prior, and a move of a point on one moves it on the other.

    Args:
        begin, end: Of a line, in quantiles.
        large: The end whose digit is shown large, "begin" or "end": the one moved last.

    Raises:
        ValueError: large has another value.
    """

    MODELS = {"DD-VAE": "mnist-ddvae-uniform", "VAE": "mnist-vae-gaussian"}

    ENDS = ("begin", "end")

    def __init__(
        self,
        begin: tuple[float, float] = (0.3, 0.5),
        end: tuple[float, float] = (0.7, 0.6),
        large: str = "begin",
    ):
        if large not in self.ENDS:
            raise ValueError(f"large is {large!r}; expected one of {', '.join(self.ENDS)}")
        self.large, self.points = large, [list(begin), list(end)]
        points = self.points
        self.digits = [_digits(name) for name in self.MODELS.values()]
        self.pads, self.pictures, self.strips, columns = [], [], [], []
        for title, digits in zip(self.MODELS, self.digits):
            pad = Pad(
                picture=rasters.code_raster(digits.quantiles, digits.labels),
                points=points,
                line=True,
                names=list(self.ENDS),
                description=f"codes of test digits, {title}",
            )
            pad.on_move(functools.partial(self._move, pad))
            picture, strip = ui.Image(width="70px"), ui.Image(width="340px")
            self.pads.append(pad)
            self.pictures.append(picture)
            self.strips.append(strip)
            columns.append(ui.VBox([ui.HTML(f"<b>{title}</b>"), pad, ui.HBox([picture, strip])]))
        self.copy = CopyButton()
        legend = (
            "axes: quantiles of the prior; below: the digit of the point moved last, and the way from the "
            "round point's to the square one's"
        )
        super().__init__([ui.HBox(columns), ui.HTML(legend), self.copy])
        self._show()

    def _move(self, moved: Pad) -> None:
        changed = [name for name, a, b in zip(self.ENDS, moved.points, self.points) if list(a) != list(b)]
        self.large = changed[0] if changed else self.large
        self.points = moved.points
        for pad in self.pads:
            if pad is not moved:
                pad.points = moved.points
        self._show()

    def _show(self) -> None:
        begin, end = self.pads[0].points
        for digits, picture, strip in zip(self.digits, self.pictures, self.strips):
            images = digits.strip(begin, end)
            picture.value = rasters.digit_raster(images[:1] if self.large == "begin" else images[-1:])
            strip.value = rasters.digit_raster(images, scale=2)
        rounded = [tuple(round(u, 4) for u in point) for point in (begin, end)]
        self.copy.text = f"DigitPlane(begin={rounded[0]}, end={rounded[1]}, large={self.large!r})"
