"""Latent spaces to play with: wiring of controls to `explore`, in JupyterLab or a served page.

Each widget is made without arguments from the recorded models, and with arguments as its copy button tells.
"""

import functools
import html

import ipywidgets as ui

from . import rasters
from .chem import canonical, draw_grid, score_parts
from .explore import BrickView, DigitView, MoleculeView
from .kernels import KERNELS
from .optimization import zinc_models
from .pad import CopyButton, Pad
from .records import load_codec
from .score import combine

__all__ = ["BrickExplorer", "DigitPlane", "MoleculeExplorer"]

_WIDE = ui.Layout(width="420px")
_LABELS = {"description_width": "110px"}


@functools.cache
def _bricks(name: str) -> BrickView:
    return BrickView(name)


@functools.cache
def _digits(name: str) -> DigitView:
    return DigitView(name)


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

    def __init__(self, model="DD-VAE, uniform", epoch=None, point=(0.1, 0.1), temperature=None):
        if model not in self.MODELS:
            raise ValueError(f"model is {model!r}; expected one of {', '.join(self.MODELS)}")
        self.model = ui.Dropdown(options=list(self.MODELS), value=model, description="model", style=_LABELS)
        epochs = self.bricks.epochs
        if epoch is not None and epoch not in epochs:
            raise ValueError(f"epoch is {epoch!r}; expected one of {epochs}")
        self.epoch = ui.SelectionSlider(
            options=epochs, value=epochs[-1] if epoch is None else epoch, description="epoch", style=_LABELS
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
            style=_LABELS,
        )
        self.pad = Pad(
            names=["code"], description="latent plane of six-bit strings", points=[self._unit(point)]
        )
        self.told, self.copy = ui.HTML(), CopyButton()
        for control in (self.epoch, self.blurred, self.temperature):
            control.observe(lambda _: self._show(), "value")
        self.model.observe(lambda _: self._change_model(), "value")
        self.pad.on_move(self._tell)
        controls = [self.model, self.epoch, self.blurred, self.temperature, self.told, self.copy]
        super().__init__([ui.HBox([self.pad, ui.VBox(controls, layout=_WIDE)])])
        self._show()

    @property
    def bricks(self) -> BrickView:
        return _bricks(self.MODELS[self.model.value])

    @property
    def point(self) -> tuple[float, float]:
        """(z_1, z_2) of the moved point."""
        return tuple(round((2 * u - 1) * self.bricks.side, 4) for u in self.pad.points[0])

    @property
    def _blurs(self) -> bool:
        return self.blurred.value and self.bricks.has_weights

    def _unit(self, point) -> list[float]:
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
        self.told.value = (
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

    def __init__(self, begin=(0.3, 0.5), end=(0.7, 0.6), large="begin"):
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
        told = (
            "axes: quantiles of the prior; below: the digit of the point moved last, and the way from the "
            "round point's to the square one's"
        )
        super().__init__([ui.HBox(columns), ui.HTML(told), self.copy])
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


@functools.cache
def _zinc_plane() -> MoleculeView:
    """The plane of the principal axes of codes of the recorded ZINC model."""
    record = zinc_models()["DD-VAE (T)"]
    drawn = [string.decode() for string in record.arrays["samples"][:2_000]]
    return MoleculeView(load_codec(record.folder), [one for one in canonical(drawn) if one])


def _space(through: tuple[str, str, str] | None) -> MoleculeView:
    return _zinc_plane() if through is None else MoleculeView(_zinc_plane().codec, [], through)


class MoleculeExplorer(ui.VBox):
    """A plane through the latent space of molecules (chapters 5 and 6).

    Args:
        smiles: A molecule; its code lies in the middle of the plane, unless three others span it.
        other: Where an interpolation ends.
        third: With the two above, what a plane through three molecules is laid through.
        point: On the plane, in units of the code; None for the molecule's place.
        radius: Of the neighbourhood, in units of the code.
        through: Three molecules that span the plane; None for the principal axes of codes.

    Raises:
        ValueError: a string that is no molecule, or that the model does not know.
    """

    def __init__(
        self,
        smiles="CC(=O)Nc1ccc(O)cc1",
        other="COc1ccc2cc(C(C)C(=O)O)ccc2c1",
        third="CCN(CC)CCNC(=O)c1ccc(N)cc1",
        point=None,
        radius=3.0,
        through=None,
    ):
        self.through = through and tuple(through)
        self.space = self._plane(smiles)
        place = self.space.place(smiles) if point is None else point
        look = {"continuous_update": False, "layout": _WIDE, "style": _LABELS}
        self.smiles = ui.Text(smiles, description="molecule", **look)
        self.other = ui.Text(self.space.checked(other), description="other", **look)
        self.third = ui.Text(self.space.checked(third), description="third", **look)
        self.accepted = {"smiles": smiles, "other": other, "third": third}
        self.radius = ui.FloatSlider(radius, min=0.5, max=8, step=0.25, description="radius", **look)
        self.buttons = {
            "neighbours": self._button("Neighbours at this radius", self._show_neighbours),
            "way": self._button("Way to the other molecule", self._show_way),
            "distance": self._button("Where decoding changes", self._show_distance),
        }
        self.planes = {
            "three": self._button("Plane through these three molecules", lambda: self._lay_plane(three=True)),
            "one": self._button("Plane around the molecule", lambda: self._lay_plane(three=False)),
        }
        self.pad = Pad(
            picture=rasters.plane_raster(*self.space.map()),
            points=[self._unit(place)],
            names=["code"],
            description="plane through the latent space: blue decodes to molecules, grey does not",
        )
        self.told, self.message, self.copy = ui.HTML(), ui.HTML(), CopyButton()
        self.drawn = ui.Image(width="380px")
        self.heading, self.grid = ui.HTML(), ui.Image(width="860px")
        self.smiles.observe(lambda _: self._guarded(self._take), "value")
        for name in ("other", "third"):
            getattr(self, name).observe(
                lambda _, name=name: self._guarded(lambda: self._accept(name)), "value"
            )
        self.radius.observe(lambda _: self._tell_code(), "value")
        self.pad.on_move(self._show)
        controls = [self.smiles, self.drawn, self.told, self.message, self.radius, self.other, self.third]
        controls += [*self.buttons.values(), *self.planes.values(), self.copy]
        self.scale = ui.HTML(layout=ui.Layout(width="420px"))
        left = ui.VBox([self.pad, self.scale])
        both = ui.HBox([left, ui.VBox(controls)], layout=ui.Layout(flex_flow="row wrap"))
        super().__init__([both, self.heading, self.grid])
        self._show()

    @property
    def point(self) -> tuple[float, float]:
        """The moved point on the plane, in units of the code."""
        return tuple(round((2 * u - 1) * self.space.side, 4) for u in self.pad.points[0])

    def _button(self, text: str, answer) -> ui.Button:
        button = ui.Button(description=text, layout=_WIDE)
        button.on_click(lambda _: self._guarded(answer))
        return button

    def _plane(self, smiles: str) -> MoleculeView:
        space = _space(self.through)
        return space if self.through else space.around(smiles)

    def _unit(self, place) -> list[float]:
        return [min(1.0, max(0.0, (z / self.space.side + 1) / 2)) for z in place]

    def _guarded(self, answer) -> None:
        """What a user's input may cause is told in the widget."""
        self.message.value = ""
        try:
            answer()
        except ValueError as error:
            self.message.value = f'<p role="alert"><b>{html.escape(str(error))}</b></p>'

    def _accept(self, name: str) -> str:
        """The string in a field, kept for the copied code once the model can encode it."""
        self.accepted[name] = self.space.checked(getattr(self, name).value)
        self._tell_code()
        return self.accepted[name]

    def _lay_plane(self, three: bool) -> None:
        chosen = tuple(self._accept(name) for name in ("smiles", "other", "third"))
        self.through = chosen if three else None
        self._take()

    def _take(self) -> None:
        string = self._accept("smiles")
        self.space = self._plane(string)
        self.pad.points = [self._unit(self.space.place(string))]
        (back,) = self.space.codec.decode(self.space.codec.encode([string]))
        same = "comes back as it is" if canonical([back]) == canonical([string]) else "comes back as"
        self._draw([string, back], ["molecule", same])
        self._tell_decoded(back)
        self.pad.picture = rasters.plane_raster(*self.space.map())  # last: it takes longest

    def _show(self) -> None:
        self.message.value = ""
        (string,) = self.space.codec.decode(self.space.code(self.point)[None])
        valid = canonical([string])[0] is not None
        self._draw([string], ["decoded" if valid else "no molecule"])
        self._tell_decoded(string)

    def _tell_decoded(self, string: str) -> None:
        (score,) = combine(score_parts([string]))
        scored = f"penalised logP {score:.2f}" if score == score else "which is no molecule"
        self.told.value = f"<p>decodes to <code>{html.escape(string)}</code>, {scored}</p>"
        self.scale.value = (
            f"axes: the code, ±{self.space.side:.3g} units; blue decodes to molecules, grey does not, shades "
            "part the strings"
        )
        self.heading.layout.display = self.grid.layout.display = "none"  # it was of another code
        self._tell_code()

    def _draw(self, strings: list[str], captions: list[str]) -> None:
        count = len(strings)
        self.drawn.value = draw_grid(strings, captions, columns=count, size=(380 // count, 190))

    def _draw_grid(self, heading: str, strings: list[str], captions: list[str]) -> None:
        self.heading.value = f"<p><b>{heading}</b></p>"
        self.grid.value = draw_grid(strings, captions, columns=6, size=(143, 120))
        self.heading.layout.display = self.grid.layout.display = None

    def _show_neighbours(self) -> None:
        rows = self.space.near(self.point, self.radius.value)
        if not rows:
            raise ValueError(f"all directions decode to the same molecule at radius {self.radius.value}")
        captions = [_neighbour(row) for row in rows]
        heading = (
            f"neighbours at radius {self.radius.value}: penalised logP, Tanimoto similarity to the centre"
        )
        self._draw_grid(heading, [row["smiles"] for row in rows], captions)

    def _show_way(self) -> None:
        way = self.space.way(self._accept("smiles"), self._accept("other"))
        shown = way if len(way) <= 18 else [way[round(i * (len(way) - 1) / 17)] for i in range(18)]
        heading = f"on the way from the molecule to the other one: {len(shown)} of {len(way)} molecules"
        self._draw_grid(heading, shown, [""] * len(shown))

    def _show_distance(self) -> None:
        distance = self.space.radius(self.point)
        self.message.value = f"<p>decoding changes at distance {distance:.2f} (median of 32 directions)</p>"

    def _tell_code(self) -> None:
        texts = ", ".join(repr(text) for text in self.accepted.values())
        place = f"point={self.point}, radius={self.radius.value}, through={self.through!r}"
        self.copy.text = f"MoleculeExplorer({texts}, {place})"


def _neighbour(row: dict) -> str:
    if not row["valid"]:
        return "no molecule"
    alike = f", similarity {row['similarity']:.2f}" if row["similarity"] == row["similarity"] else ""
    return f"{row['score']:.2f}{alike}"
