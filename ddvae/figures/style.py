"""The house style of figures and how they are shown and saved."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go
import plotly.io as pio
from plotly.subplots import make_subplots

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["COLOURS", "curves", "figure"]

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C8C8C")
"""Okabe and Ito's palette, which the colour-blind can tell apart."""

_AXIS = {
    "showline": True,
    "linecolor": "#444444",
    "ticks": "outside",
    "gridcolor": "#e6e6e6",
    "zeroline": False,
    "automargin": True,
}
# Curves keep all their points: dropping some makes dashes in static images look bent.
_TEMPLATE = go.layout.Template(pio.templates["plotly_white"])
_TEMPLATE.data.scatter = [go.Scatter(line_simplify=False)]
_LAYOUT = {
    "template": _TEMPLATE,
    "colorway": COLOURS,
    "font": {"family": "DejaVu Sans, Arial, sans-serif", "size": 14, "color": "#222222"},
    "paper_bgcolor": "white",
    "plot_bgcolor": "white",
    "margin": {"l": 70, "r": 30, "t": 60, "b": 60},
    "legend": {"bgcolor": "rgba(255,255,255,0.8)"},
}


def figure(
    rows: int = 1,
    columns: int = 1,
    titles: Sequence[str] | None = None,
    width: int = 760,
    height: int = 460,
    **kwargs: Any,
) -> go.Figure:
    """An empty figure in the house style.

    Args:
        rows, columns: Panels.
        titles: One a panel.
        width, height: Pixels.
        kwargs: For plotly's `make_subplots`.
    """
    fig = make_subplots(rows, columns, subplot_titles=titles, **kwargs)
    fig.update_layout(width=width, height=height, **_LAYOUT)
    fig.update_xaxes(**_AXIS)
    fig.update_yaxes(**_AXIS)
    return fig


def curves(
    x: "ArrayLike",
    lines: Mapping[str, "ArrayLike"],
    x_title: str,
    y_title: str,
    title: str | None = None,
    width: int = 760,
    height: int = 460,
) -> go.Figure:
    """Lines over a shared x.

    Args:
        x: (N,) values.
        lines: (N,) values by legend entry.
        x_title, y_title: Axis titles with units.
        title: Of the figure.
        width, height: Pixels.
    """
    fig = figure(width=width, height=height)
    for i, (name, y) in enumerate(lines.items()):
        fig.add_scatter(x=np.asarray(x), y=np.asarray(y), name=name, line_color=COLOURS[i % 8])
    fig.update_layout(title=title)
    fig.update_xaxes(title=x_title)
    fig.update_yaxes(title=y_title)
    return fig
