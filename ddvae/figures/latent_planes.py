"""Latent spaces of six-bit strings drawn, the bricks of Figure 5; pictures as parts of figures."""

import base64
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from PIL import Image

from .export import with_palette
from .style import COLOURS, figure

__all__ = ["WIDEST", "BrickMap", "brick_maps", "brick_picture", "brick_slider", "picture", "square_image"]

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

    Colours tell how many of the six bits are 1, that is how probable the string is. A string is written
    where its region has room for it, for bounded proposals inside [-1, 1]^2 alone.

    Args:
        maps: One a panel.
        columns: Panels a row.
        panel: Pixels of a panel's side; less where the figure would be wider than 1,000 px.

    Source: Figure 5.
    """
    columns = min(columns, len(maps))
    rows = -(-len(maps) // columns)
    panel = min(panel, (WIDEST - 80 - (columns - 1) * _GAP[0]) // columns)
    width, height = (panel * n + gap * (n - 1) for n, gap in zip((columns, rows), _GAP))
    spacing = {"horizontal_spacing": _GAP[0] / width, "vertical_spacing": _GAP[1] / height}
    fig = figure(rows, columns, [m.title for m in maps], width + 80, height + 170, **spacing)
    for i, brick_map in enumerate(maps):
        place = {"row": i // columns + 1, "col": i % columns + 1}
        coarser = -(-len(brick_map.labels) // panel)  # squares below a pixel would break the borders
        fig.add_trace(_brick_image(brick_map.labels[::coarser, ::coarser], brick_map.side), **place)
        if brick_map.loc is not None and brick_map.scale is not None:
            fig.add_trace(_outlines(brick_map.loc, brick_map.scale, brick_map.outline), **place)
        if brick_map.decoded is not None:
            fig.add_trace(_brick_text(brick_map, panel), **place)
        limits = [-brick_map.side, brick_map.side]
        fig.update_xaxes(range=limits, title="z<sub>1</sub>", showgrid=False, title_standoff=4, **place)
        title = "z<sub>2</sub>" if place["col"] == 1 else None
        fig.update_yaxes(range=limits, title=title, showgrid=False, title_standoff=4, **place)
    across = {"orientation": "h", "x": 1, "xanchor": "right", "len": 430, "lenmode": "pixels"}
    below = {"y": -60 / height, "yanchor": "top"}
    fig.add_trace(_brick_colours(**across, **below), row=1, col=1)
    legend = {"x": 0, "xanchor": "left", "y": -85 / height, "yanchor": "middle", "font": {"size": 12}}
    fig.update_layout(margin={"l": 60, "r": 20, "t": 40, "b": 130}, legend=legend)
    fig.for_each_xaxis(lambda axis: axis.update(tickfont_size=12))
    fig.for_each_yaxis(lambda axis: axis.update(tickfont_size=12))
    _show_each_once(fig)
    return fig


WIDEST = 1000
"""Pixels that a figure may take beside JupyterLab's sidebar."""
_GAP = (44, 80)  # between panels, across and down: room for ticks and titles


def _show_each_once(fig: go.Figure) -> None:
    """Leaves one entry of each name in the legend."""
    seen: set[str | None] = set()
    for trace in fig.select_traces(selector={"mode": "lines"}):
        trace.showlegend = trace.name not in seen
        seen.add(trace.name)


def brick_slider(frames: dict[str, np.ndarray], side: float, prefix: str) -> go.Figure:
    """Decoding regions as they change, under a slider; shows the last frame first.

    Args:
        frames: (N, N) labels by the slider's text.
        side: See `BrickMap`.
        prefix: Before the slider's text.
    """
    names = list(frames)
    fig = figure(width=560, height=590)
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
    fig.update_layout(sliders=[slider], margin={"t": 20})
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
    return square_image(brick_picture(labels), -side, side)


def _brick_colours(**place: Any) -> go.Scatter:
    """Nothing but the bar that explains the colours, at its place."""
    bar = {
        "title": {"text": "ones in the string" if place else "ones in<br>the string", "side": "top"},
        "tickvals": list(range(9)),
        "ticktext": [*map(str, range(7)), "tie", "border"],
        "tickfont": {"size": 12},
        "thickness": 12,
        "len": 0.85,
    }
    scale = [(edge, c) for i, c in enumerate(_COLOURS) for edge in (i / 9, (i + 1) / 9)]
    marker = {"color": [0], "cmin": -0.5, "cmax": 8.5, "colorscale": scale, "colorbar": bar | place}
    return go.Scatter(x=[None], y=[None], mode="markers", marker=marker, showlegend=False)


def square_image(picture: Image.Image, low: float, high: float) -> go.Image:
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


def _outlines(loc: np.ndarray, scale: np.ndarray, outline: str) -> go.Scatter:
    angle = np.linspace(0, 2 * np.pi, 33)
    if outline == "box":
        shape = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]], dtype=float)
    else:
        shape = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    paths = loc[:, None] + scale[:, None] * shape
    paths = np.concatenate([paths, np.full((len(paths), 1, 2), np.nan)], axis=1).reshape(-1, 2)
    bounded = outline == "box"
    return go.Scatter(
        x=paths[:, 0].astype(np.float32),
        y=paths[:, 1].astype(np.float32),
        mode="lines",
        line={"color": COLOURS[1], "width": 1.5, "dash": "dash" if bounded else "dot"},
        name="support of a bounded proposal" if bounded else "one standard deviation of a Gaussian proposal",
        hoverinfo="skip",
    )


def _brick_text(brick_map: BrickMap, panel: int) -> go.Scatter:
    """String and probability in the middle of each region that has room for them, or the string alone."""
    labels, decoded = brick_map.labels, brick_map.decoded
    assert decoded is not None
    centre = brick_map.side * ((np.arange(len(labels)) + 0.5) / len(labels) * 2 - 1)
    free = _free(brick_map, centre)
    x, y, text = [], [], []
    for label in np.unique(labels[labels < 64]):
        region = (labels == label) & free
        string, share = f"{label:06b}", f"{100 * decoded[label]:.1f} %"
        for written, height in ((f"{string}<br>{share}", 26), (string, 14)):
            size = [-(-pixels * len(labels) // panel) for pixels in (42, height)]
            if (middle := _room(region, *size)) is not None:
                x.append(centre[middle[0]])
                y.append(centre[middle[1]])
                text.append(written)
                break
    font = {"size": 9, "color": "black"}
    return go.Scatter(x=x, y=y, text=text, mode="text", textfont=font, showlegend=False, hoverinfo="text")


def _free(brick_map: BrickMap, centre: np.ndarray) -> np.ndarray:
    """Squares for text: of the square that is trained, or what Gaussian proposals leave."""
    if brick_map.outline == "box":
        trained = np.abs(centre) < 1
        return trained[:, None] & trained
    free = np.ones((len(centre), len(centre)), dtype=bool)
    if brick_map.loc is not None and brick_map.scale is not None:
        for loc, scale in zip(brick_map.loc, brick_map.scale):
            across, up = (np.abs(centre - loc[axis]) < scale[axis] for axis in (0, 1))
            free &= ~(across[:, None] & up)
    return free


def _room(region: np.ndarray, width: int, height: int) -> np.ndarray | None:
    """Square in the middle of those around which so many squares, across and up, are of the region."""
    if min(width, height) > len(region):
        return None
    total = np.pad(region, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    total = total[width:] - total[:-width]
    fits = np.argwhere(total[:, height:] - total[:, :-height] == width * height)
    if not len(fits):
        return None
    return fits[np.abs(fits - fits.mean(0)).sum(1).argmin()] + np.array([width // 2, height // 2])


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
