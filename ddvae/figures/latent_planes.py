"""Latent spaces drawn: the bricks of Figure 5, the codes of Figure 6 and what they decode to."""

import base64
import io
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from PIL import Image

from .export import with_palette
from .style import COLOURS, figure

__all__ = ["BrickMap", "brick_maps", "brick_picture", "brick_slider", "code_maps", "digit_sheets", "picture"]

_SHADES = ("#f7fbff", "#e9f2fa", "#d8e7f5", "#c3dbef", "#a8cee5", "#85bcdc", "#62a8d2")
_COLOURS = (*_SHADES, "#9a9a9a", "#2b2b2b")  # by number of ones; undefined; border


@dataclass(frozen=True)
class BrickMap:
    """A decoded 2-D latent space of six-bit strings, as `brick_maps` draws it.

    Attributes:
        title: Above the panel.
        labels: (N, N) uint8, index of the string decoded at each square, 64 if undefined; first
            axis z_1.
        side: The squares cover [-side, side]^2.
        decoded: (64,), probability of each string under the prior, for the text; None for no text.
        loc, scale: (64, 2) proposals, drawn dashed; None for none.
        outline: "box" or "ellipse", the proposals' shape.
    """

    title: str
    labels: np.ndarray
    side: float
    decoded: np.ndarray | None = None
    loc: np.ndarray | None = None
    scale: np.ndarray | None = None
    outline: str = "box"


def brick_maps(maps: list[BrickMap], columns: int = 3, panel: int = 480) -> go.Figure:
    """Decoding regions with solid borders, proposals dashed, strings and probabilities as text.

    Colours tell how many of the six bits are 1, that is how probable the string is.

    Args:
        maps: One a panel.
        columns: Panels a row.
        panel: Pixels of a panel's side.

    Source: Figure 5.
    """
    columns = min(columns, len(maps))
    rows = -(-len(maps) // columns)
    titles = [m.title for m in maps]
    fig = figure(rows, columns, titles, columns * panel + 140, rows * (panel + 30) + 50)
    for i, brick_map in enumerate(maps):
        place = {"row": i // columns + 1, "col": i % columns + 1}
        coarser = -(-len(brick_map.labels) // panel)  # squares below a pixel would break the borders
        fig.add_trace(_brick_image(brick_map.labels[::coarser, ::coarser], brick_map.side), **place)
        if brick_map.loc is not None and brick_map.scale is not None:
            outlines = _outlines(brick_map.loc, brick_map.scale, brick_map.outline, legend=i == 0)
            fig.add_trace(outlines, **place)
        if brick_map.decoded is not None:
            fig.add_trace(_brick_text(brick_map.labels, brick_map.side, brick_map.decoded, panel), **place)
        limits = [-brick_map.side, brick_map.side]
        fig.update_xaxes(range=limits, title="z<sub>1</sub>", showgrid=False, **place)
        title = "z<sub>2</sub>" if place["col"] == 1 else None
        fig.update_yaxes(range=limits, title=title, showgrid=False, **place)
    fig.add_trace(_brick_colours(), row=1, col=1)
    fig.update_layout(
        legend={"orientation": "h", "y": 1 + 75 / fig.layout.height, "x": 1, "xanchor": "right"}
    )
    return fig


def brick_slider(frames: dict[str, np.ndarray], side: float, prefix: str) -> go.Figure:
    """Decoding regions as they change, under a slider; shows the last frame first.

    Args:
        frames: (N, N) labels by the slider's text.
        side: See `BrickMap`.
        prefix: Before the slider's text.
    """
    names = list(frames)
    fig = figure(width=560, height=600)
    fig.add_trace(_brick_image(frames[names[-1]], side))
    fig.add_trace(_brick_colours())
    fig.frames = [
        go.Frame(name=name, data=[_brick_image(labels, side)], traces=[0]) for name, labels in frames.items()
    ]
    steps = [
        {
            "label": name,
            "method": "animate",
            "args": [[name], {"mode": "immediate", "frame": {"redraw": True}}],
        }
        for name in names
    ]
    slider = {"active": len(names) - 1, "currentvalue": {"prefix": prefix}, "steps": steps, "pad": {"t": 50}}
    fig.update_layout(sliders=[slider])
    fig.update_xaxes(title="z<sub>1</sub>", range=[-side, side], showgrid=False)
    fig.update_yaxes(title="z<sub>2</sub>", range=[-side, side], showgrid=False)
    return fig


def _shade(labels: np.ndarray) -> np.ndarray:
    """Number of ones of each string, 7 where undefined, 8 on the borders between regions."""
    ones = np.array([bin(i).count("1") for i in range(64)] + [7], dtype=np.uint8)
    shade = ones[labels]
    for axis in (0, 1):
        change = np.diff(labels.astype(np.int16), axis=axis) != 0
        shade[tuple(slice(1, None) if a == axis else slice(None) for a in (0, 1))][change] = 8
    return shade


def brick_picture(labels: np.ndarray) -> Image.Image:
    """Decoding regions, (N, N) labels with first axis z_1, as a picture with z_2 running up."""
    picture = Image.fromarray(np.ascontiguousarray(_shade(labels).T[::-1]))
    picture.putpalette([int(c[i : i + 2], 16) for c in _COLOURS for i in (1, 3, 5)])
    return picture


def _brick_image(labels: np.ndarray, side: float) -> go.Image:
    return _image(brick_picture(labels), -side, side)


def _brick_colours() -> go.Scatter:
    """Nothing but the bar that explains the colours."""
    bar = {
        "title": "ones in<br>the string",
        "tickvals": list(range(9)),
        "ticktext": [*map(str, range(7)), "undefined", "border"],
        "len": 0.8,
        "thickness": 14,
    }
    scale = [(edge, c) for i, c in enumerate(_COLOURS) for edge in (i / 9, (i + 1) / 9)]
    marker = {"color": [0], "cmin": -0.5, "cmax": 8.5, "colorscale": scale, "colorbar": bar}
    return go.Scatter(x=[None], y=[None], mode="markers", marker=marker, showlegend=False)


def _image(picture: Image.Image, low: float, high: float) -> go.Image:
    """A square picture over [low, high]^2, as a PNG, which is a tenth of an array's size.

    Its rows are stored from the lowest up: plotly in a browser takes a negative `dy` for a positive one.
    """
    png = io.BytesIO()
    picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM).save(png, "png", optimize=True)
    step = (high - low) / picture.width
    return go.Image(
        source="data:image/png;base64," + base64.b64encode(png.getvalue()).decode(),
        x0=low + step / 2,
        dx=step,
        y0=low + step / 2,
        dy=step,
        hoverinfo="skip",
    )


def _outlines(loc: np.ndarray, scale: np.ndarray, outline: str, legend: bool) -> go.Scatter:
    angle = np.linspace(0, 2 * np.pi, 33)
    if outline == "box":
        shape = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]], dtype=float)
    else:
        shape = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    paths = loc[:, None] + scale[:, None] * shape
    paths = np.concatenate([paths, np.full((len(paths), 1, 2), np.nan)], axis=1).reshape(-1, 2)
    return go.Scatter(
        x=paths[:, 0].astype(np.float32),
        y=paths[:, 1].astype(np.float32),
        mode="lines",
        line={"color": COLOURS[1], "width": 1.5, "dash": "dash"},
        name="proposals (Gaussian: one standard deviation)",
        showlegend=legend,
        hoverinfo="skip",
    )


def _brick_text(labels: np.ndarray, side: float, decoded: np.ndarray, panel: int) -> go.Scatter:
    """String and probability where each region has most room, if it has enough."""
    depth = _depth(labels) * (0.9 * panel / len(labels))
    centre = side * ((np.arange(len(depth)) + 0.5) / len(depth) * 2 - 1)
    trained = (np.abs(centre)[:, None] < 1) & (np.abs(centre) < 1)
    x, y, text = [], [], []
    for label in np.unique(labels[labels < 64]):
        region = labels == label
        inside = region & trained
        room = np.where(inside if depth[inside].max(initial=0) > 16 else region, depth, 0)
        if room.max() < 16:
            continue
        middle = np.argwhere(room == room.max())
        i, j = middle[np.abs(middle - middle.mean(0)).sum(1).argmin()]
        share = f"<br>{100 * decoded[label]:.1f} %" if room.max() > 17 else ""
        x.append(centre[i])
        y.append(centre[j])
        text.append(f"{label:06b}{share}")
    font = {"size": 8, "color": "black"}
    return go.Scatter(x=x, y=y, text=text, mode="text", textfont=font, showlegend=False, hoverinfo="text")


def _depth(labels: np.ndarray) -> np.ndarray:
    """Squares from each square to the nearest of another label, along the axes' erosion."""
    depth = np.ones(labels.shape, dtype=np.int16)
    inside = np.zeros(labels.shape, dtype=bool)
    inside[1:-1, 1:-1] = True
    for axis in (0, 1):
        for shift in (-1, 1):
            inside &= np.roll(labels, shift, axis) == labels
    while inside.any():
        depth += inside
        eroded = inside.copy()
        for axis in (0, 1):
            for shift in (-1, 1):
                eroded &= np.roll(inside, shift, axis)
        inside = eroded
    return depth


def code_maps(
    codes: list[np.ndarray], labels: np.ndarray, titles: list[str], sides: list[float]
) -> go.Figure:
    """Latent codes of labelled images as points, one panel a model.

    Args:
        codes: (N, 2) a model.
        labels: (N,) digits from 0 to 9.
        titles: Of the panels.
        sides: Half the side of each panel.

    Source: Figure 6.
    """
    fig = figure(1, len(codes), titles, 560 * len(codes) + 60, 600)
    for column, (points, side) in enumerate(zip(codes, sides), start=1):
        for digit in range(10):
            chosen = points[labels == digit].astype(np.float32)
            fig.add_scattergl(
                x=chosen[:, 0],
                y=chosen[:, 1],
                mode="markers",
                marker={"size": 3, "color": DIGIT_COLOURS[digit]},
                name=str(digit),
                legendgroup=str(digit),
                showlegend=column == 1,
                row=1,
                col=column,
            )
            middle = np.median(chosen, axis=0)
            fig.add_annotation(x=middle[0], y=middle[1], text=f"<b>{digit}</b>", row=1, col=column, **_BADGE)
        fig.update_xaxes(range=[-side, side], title="z<sub>1</sub>", row=1, col=column)
        fig.update_yaxes(range=[-side, side], title="z<sub>2</sub>", row=1, col=column)
    fig.update_layout(legend={"title": "digit", "itemsizing": "constant"})
    return fig


_BADGE = {"showarrow": False, "font": {"size": 15}, "bgcolor": "rgba(255,255,255,0.75)", "borderpad": 1}
DIGIT_COLOURS = (*COLOURS, "#7F3C8D", "#F0E442")
"""Ten digits need two more; labels on the points tell them apart without colour."""


def digit_sheets(sheets: list[np.ndarray], titles: list[str]) -> go.Figure:
    """Images decoded over 2-D latent spaces, tiled, one panel a model.

    Args:
        sheets: (N, N, 98) packed 28 x 28 images a model, first axis z_1.
        titles: Of the panels.
    """
    fig = figure(1, len(sheets), titles, 600 * len(sheets) + 40, 650)
    axis = {"tickvals": [0, 0.25, 0.5, 0.75, 1], "range": [0, 1], "showgrid": False}
    for column, sheet in enumerate(sheets, start=1):
        fig.add_trace(_tiled(sheet), row=1, col=column)
        fig.update_xaxes(title="prior quantile of z<sub>1</sub>", row=1, col=column, **axis)
        fig.update_yaxes(title="prior quantile of z<sub>2</sub>", row=1, col=column, **axis)
    return fig


def _tiled(sheet: np.ndarray) -> go.Image:
    """All images of a sheet in one black-and-white PNG over the unit square, z_2 running up."""
    pixels = np.unpackbits(sheet, axis=-1).reshape(*sheet.shape[:2], 28, 28)[:, ::-1]
    side = 28 * len(sheet)
    dark = pixels.transpose(1, 2, 0, 3).reshape(side, side) == 1
    return _image(Image.fromarray(~dark), 0, 1)


def picture(png: bytes) -> go.Figure:
    """A finished picture, such as a grid of molecules, as a figure without axes."""
    with Image.open(io.BytesIO(png)) as image:
        fig = figure(width=image.width, height=image.height)
    source = "data:image/png;base64," + base64.b64encode(with_palette(png)).decode()
    whole = {"xref": "paper", "yref": "paper", "x": 0, "y": 1, "sizex": 1, "sizey": 1}
    fig.add_layout_image(source=source, **whole)
    fig.update_xaxes(visible=False)
    fig.update_yaxes(visible=False)
    fig.update_layout(margin={"l": 0, "r": 0, "t": 0, "b": 0})
    return fig
