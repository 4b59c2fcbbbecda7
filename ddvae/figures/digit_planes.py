"""Latent spaces of binary digits drawn: the codes of Figure 6, and what they decode to."""

from itertools import combinations

import numpy as np
import plotly.graph_objects as go
from PIL import Image

from .latent_planes import WIDEST, square_image
from .style import figure

__all__ = ["DIGIT_COLOURS", "code_maps", "digit_places", "digit_sheets"]


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
    fig = figure(1, len(codes), titles, min(530 * len(codes) + 60, WIDEST), 560, horizontal_spacing=0.09)
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
        for digit, (x, y) in digit_places(points, labels, 0.06 * 2 * side).items():
            fig.add_annotation(x=x, y=y, text=f"<b>{digit}</b>", row=1, col=column, **_BADGE)
        fig.update_xaxes(range=[-side, side], title="z<sub>1</sub>", row=1, col=column)
        fig.update_yaxes(range=[-side, side], title="z<sub>2</sub>", row=1, col=column)
    below = {"orientation": "h", "x": 0.5, "xanchor": "center", "y": -0.14, "yanchor": "top"}
    fig.update_layout(legend={"title": "digit", "itemsizing": "constant", **below}, margin={"t": 40})
    return fig


_BADGE = {"showarrow": False, "font": {"size": 14}, "bgcolor": "rgba(255,255,255,0.8)", "borderpad": 1}
DIGIT_COLOURS = (
    *("#8C8C8C", "#CC79A7", "#E69F00", "#56B4E9", "#009E73"),
    *("#D55E00", "#0072B2", "#7F3C8D", "#000000", "#F0E442"),
)
"""Of the digits: those of `COLOURS`, a purple and a yellow.

Digits whose codes lie among each other have colours that differ clearly. The order is the best found by
exchanging pairs: it has the least sum, over pairs of digits, of the share of one among the ten nearest
neighbours of the other, divided by the squared distance of their colours in CIELAB. That distance is the
smallest under normal vision and simulated protanopia, deuteranopia and tritanopia (Machado et al., 2009).
It is 60 for 4 and 9 (17 in the palette's own order), 89 for 3 and 5, 55 for 7 and 9. Like colours, such as
the grey of 0 and the pink of 1, go to digits that lie apart. Each digit is written on its points, too.
"""


def digit_places(points: np.ndarray, labels: np.ndarray, apart: float) -> dict[int, np.ndarray]:
    """Medians (2,) of the points of each digit, moved until any two are so far apart."""
    places = {int(digit): np.median(points[labels == digit], axis=0) for digit in np.unique(labels)}
    for _ in range(100):
        for a, b in combinations(places, 2):
            between = places[b] - places[a]
            distance = np.hypot(*between)
            if distance < apart:
                direction = between / distance if distance > 0 else np.array([1.0, 0.0])
                move = 0.5 * (apart - distance) * direction
                places[a], places[b] = places[a] - move, places[b] + move
    return places


def digit_sheets(sheets: list[np.ndarray], titles: list[str]) -> go.Figure:
    """Images decoded over 2-D latent spaces, tiled, one panel a model.

    Args:
        sheets: (N, N, 98) packed 28 x 28 images a model, first axis z_1.
        titles: Of the panels.
    """
    fig = figure(1, len(sheets), titles, min(600 * len(sheets) + 40, WIDEST), 520, horizontal_spacing=0.11)
    axis = {"tickvals": [0, 0.25, 0.5, 0.75, 1], "range": [0, 1], "showgrid": False}
    for column, sheet in enumerate(sheets, start=1):
        fig.add_trace(_tiled(sheet), row=1, col=column)
        fig.update_xaxes(title="prior quantile of z<sub>1</sub>", row=1, col=column, **axis)
        fig.update_yaxes(title="prior quantile of z<sub>2</sub>", row=1, col=column, **axis)
    fig.update_layout(margin={"t": 40})
    return fig


def _tiled(sheet: np.ndarray) -> go.Image:
    """All images of a sheet in one black-and-white PNG over the unit square, z_2 running up."""
    pixels = np.unpackbits(sheet, axis=-1).reshape(*sheet.shape[:2], 28, 28)[:, ::-1]
    side = 28 * len(sheet)
    dark = pixels.transpose(1, 2, 0, 3).reshape(side, side) == 1
    return square_image(Image.fromarray(~dark), 0, 1)
