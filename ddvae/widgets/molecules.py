"""The latent space of molecules to play with."""

import functools
import html
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import ipywidgets as ui
import torch

from ..experiments.molecule_runs import load_codec
from ..figures import rasters
from ..molecules.chemistry import canonical, draw_grid, score_parts
from ..molecules.latent_plane import MoleculeView
from ..molecules.penalised_logp import combine
from ..papers.dd_vae.zinc.codes import zinc_models
from .pad import LABELS, WIDE, CopyButton, Pad

__all__ = ["MoleculeExplorer"]


@functools.cache
def _zinc_plane() -> MoleculeView:
    """The plane of the principal axes of codes of the recorded ZINC model, which are on record."""
    record = zinc_models()["DD-VAE (T)"]
    codec = load_codec(record.folder)

    def axes() -> dict[str, list]:
        decoded = canonical([string.decode() for string in record.arrays["samples"][:2_000]])
        plane = MoleculeView.principal(codec, [one for one in decoded if one])
        return {"middle": plane.middle.tolist(), "axes": plane.axes.tolist()}

    kept = record.keep("principal-plane", axes)
    return MoleculeView(codec, torch.tensor(kept["middle"]), torch.tensor(kept["axes"]))


def _space(through: tuple[str, str, str] | None) -> MoleculeView:
    plane = _zinc_plane()
    return plane if through is None else MoleculeView.through(plane.codec, through)


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
        smiles: str = "CC(=O)Nc1ccc(O)cc1",
        other: str = "COc1ccc2cc(C(C)C(=O)O)ccc2c1",
        third: str = "CCN(CC)CCNC(=O)c1ccc(N)cc1",
        point: tuple[float, float] | None = None,
        radius: float = 3.0,
        through: tuple[str, str, str] | None = None,
    ):
        self.through = None if through is None else (through[0], through[1], through[2])  # a list, too
        self.space = self._plane(smiles)
        place = self.space.place(smiles) if point is None else point
        look = {"continuous_update": False, "layout": WIDE, "style": LABELS}
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
        self.facts, self.message, self.copy = ui.HTML(), ui.HTML(), CopyButton()
        self.drawn = ui.Image(width="380px")
        self.heading, self.grid = ui.HTML(), ui.Image(width="860px")
        self.smiles.observe(lambda _: self._guarded(self._take), "value")
        for name in ("other", "third"):
            getattr(self, name).observe(
                lambda _, name=name: self._guarded(lambda: self._accept(name)), "value"
            )
        self.radius.observe(lambda _: self._tell_code(), "value")
        self.pad.on_move(self._show)
        controls = [self.smiles, self.drawn, self.facts, self.message, self.radius, self.other, self.third]
        controls += [*self.buttons.values(), *self.planes.values(), self.copy]
        self.scale = ui.HTML(layout=ui.Layout(width="420px"))
        left = ui.VBox([self.pad, self.scale])
        both = ui.HBox([left, ui.VBox(controls)], layout=ui.Layout(flex_flow="row wrap"))
        super().__init__([both, self.heading, self.grid])
        self._show()

    @property
    def point(self) -> tuple[float, float]:
        """The moved point on the plane, in units of the code."""
        x, y = (round((2 * u - 1) * self.space.side, 4) for u in self.pad.points[0])
        return x, y

    def _button(self, text: str, answer: Callable[[], object]) -> ui.Button:
        button = ui.Button(description=text, layout=WIDE)
        button.on_click(lambda _: self._guarded(answer))
        return button

    def _plane(self, smiles: str) -> MoleculeView:
        space = _space(self.through)
        return space if self.through else space.around(smiles)

    def _unit(self, place: Iterable[float]) -> list[float]:
        return [min(1.0, max(0.0, (z / self.space.side + 1) / 2)) for z in place]

    def _guarded(self, answer: Callable[[], object]) -> None:
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
        chosen = self._accept("smiles"), self._accept("other"), self._accept("third")
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
        self.facts.value = f"<p>decodes to <code>{html.escape(string)}</code>, {scored}</p>"
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


def _neighbour(row: Mapping[str, Any]) -> str:
    if not row["valid"]:
        return "no molecule"
    alike = f", similarity {row['similarity']:.2f}" if row["similarity"] == row["similarity"] else ""
    return f"{row['score']:.2f}{alike}"
