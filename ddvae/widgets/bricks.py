"""The latent space of six-bit strings to play with."""

import functools
from collections.abc import Iterable
from functools import cached_property
from typing import Any

import ipywidgets as ui
import numpy as np
import torch
from torch import Tensor

from ..data.bits import six_bit_distribution
from ..experiments.bricks import window
from ..experiments.record import recorded
from ..figures import rasters
from ..mathematics.kernels import KERNELS
from ..mathematics.relaxation import relaxed_argmax_log_prob
from .pad import LABELS, WIDE, CopyButton, Pad

__all__ = ["BrickExplorer", "BrickView"]


class BrickView:
    """A recorded model of six-bit strings.

    Args:
        name: Of a preset with a record, such as "bricks-ddvae-uniform".
    """

    def __init__(self, name: str):
        self.record = recorded(name)[0]
        self.side = window(self.record.settings["proposal"])
        _, probs = six_bit_distribution()
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

    def at(self, point: tuple[float, float], epoch: int) -> dict[str, Any]:
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
        inside = (
            (away**2).sum(1) < 1 if self.record.settings["proposal"] == "gaussian" else (abs(away) < 1).all(1)
        )
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


@functools.cache
def _bricks(name: str) -> BrickView:
    return BrickView(name)


class BrickExplorer(ui.VBox):
    """The latent space of six-bit strings as it is laid out in training (chapter 3).

    Args:
        model: A key of `MODELS`.
        epoch: Of the training; None for its end.
        point: (z_1, z_2).
        temperature: Shows how L_tau sees the plane at its base-10 logarithm; None shows the decoded strings,
            and must be None for models recorded without weights (those of exact expectation).

    Raises:
        ValueError: there is no such model or epoch, or a temperature for a model without weights.
    """

    MODELS = {
        "DD-VAE, uniform": "bricks-ddvae-uniform",
        "DD-VAE, tricube": "bricks-ddvae-tricube",
        "DD-VAE, best layout": "bricks-layout-uniform",
        "VAE, Gaussian": "bricks-vae-gaussian",
    } | {f"DD-VAE, {kernel}, exact expectation": f"bricks-packed-{kernel}" for kernel in KERNELS}

    def __init__(
        self,
        model: str = "DD-VAE, uniform",
        epoch: int | None = None,
        point: tuple[float, float] = (0.1, 0.1),
        temperature: float | None = None,
    ):
        if model not in self.MODELS:
            raise ValueError(f"model is {model!r}; expected one of {', '.join(self.MODELS)}")
        self.model = ui.Dropdown(options=list(self.MODELS), value=model, description="model", style=LABELS)
        epochs = self.bricks.epochs
        if epoch is not None and epoch not in epochs:
            raise ValueError(f"epoch is {epoch!r}; expected one of {epochs}")
        self.epoch = ui.SelectionSlider(
            options=epochs, value=epochs[-1] if epoch is None else epoch, description="epoch", style=LABELS
        )
        if temperature is not None and not self.bricks.has_weights:
            raise ValueError(f"temperature is {temperature!r}; expected None, for {model} has no weights")
        self.blurred = ui.Checkbox(temperature is not None, description="as L_τ sees it", indent=False)
        self.temperature = ui.FloatSlider(
            -1.0 if temperature is None else temperature,
            min=-4,
            max=-0.3,
            step=0.1,
            description="log₁₀ τ",
            style=LABELS,
        )
        self.pad = Pad(
            names=["code"], description="latent plane of six-bit strings", points=[self._unit(point)]
        )
        self.facts, self.copy = ui.HTML(), CopyButton()
        for control in (self.epoch, self.blurred, self.temperature):
            control.observe(lambda _: self._show(), "value")
        self.model.observe(lambda _: self._change_model(), "value")
        self.pad.on_move(self._tell)
        controls = [self.model, self.epoch, self.blurred, self.temperature, self.facts, self.copy]
        super().__init__([ui.HBox([self.pad, ui.VBox(controls, layout=WIDE)])])
        self._show()

    @property
    def bricks(self) -> BrickView:
        return _bricks(self.MODELS[self.model.value])

    @property
    def point(self) -> tuple[float, float]:
        """(z_1, z_2) of the moved point."""
        x, y = (round((2 * u - 1) * self.bricks.side, 4) for u in self.pad.points[0])
        return x, y

    @property
    def _blurs(self) -> bool:
        return self.blurred.value and self.bricks.has_weights

    def _unit(self, point: Iterable[float]) -> list[float]:
        return [(z / self.bricks.side + 1) / 2 for z in point]

    def _change_model(self) -> None:
        self.epoch.options = self.bricks.epochs
        self.epoch.value = self.bricks.epochs[-1]
        self._show()

    def _show(self) -> None:
        blurred = self._blurs
        self.epoch.disabled = blurred  # weights are kept of the trained model alone, and not of all
        self.blurred.disabled = not self.bricks.has_weights
        self.temperature.disabled = not blurred
        if blurred:
            self.pad.picture = rasters.certainty_raster(self.bricks.certainty(10**self.temperature.value))
        else:
            self.pad.picture = rasters.brick_raster(self.bricks.frames[self.epoch.value])
        self._tell()

    def _tell(self) -> None:
        last = self.bricks.epochs[-1]
        epoch = last if self._blurs else self.epoch.value  # weights, and so L_tau, are of the trained model
        found = self.bricks.at(self.point, epoch)
        covered = ", ".join(found["covered by"]) or "none"
        shade = "how sure L_τ is after training" if self._blurs else "the string's probability"
        when = "" if epoch == last else " (after training)"
        lacks = (
            ""
            if self.bricks.has_weights
            else "<p>L_τ is not shown: this model is on record without weights</p>"
        )
        self.facts.value = (
            f"<p>both axes: the code, from −{self.bricks.side:g} to {self.bricks.side:g}; shade: {shade}</p>"
            f"<p>code ({self.point[0]:.2f}, {self.point[1]:.2f}) decodes to <b>{found['string']}</b></p>"
            f"<p>its probability: {found['probability']:.2%} true, {found['decoded']:.2%} decoded{when}</p>"
            f"<p>proposals that cover the point{when}: {covered}</p>{lacks}"
        )
        temperature = round(self.temperature.value, 2) if self._blurs else None
        self.copy.text = (
            f"BrickExplorer({self.model.value!r}, epoch={self.epoch.value}, point={self.point}, "
            f"temperature={temperature})"
        )
