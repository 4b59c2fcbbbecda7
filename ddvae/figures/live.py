"""A figure that a page shows and code goes on changing."""

from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go

__all__ = ["live_figure", "redraw"]


def live_figure() -> go.FigureWidget:
    """An empty figure for a page of widgets; `redraw` fills it."""
    return go.FigureWidget()


def redraw(live: go.FigureWidget, fig: go.Figure, on_point: Callable[[Any], None] | None = None) -> None:
    """Shows a figure in place of what a live one showed.

    Args:
        live: Of `live_figure`, changed in place.
        fig: What it is to show.
        on_point: Called with the `customdata` of the point under the pointer, where it has some.
    """
    with live.batch_update():
        live.data = []
        live.add_traces(fig.data)
        live.update_layout(fig.layout, overwrite=True)

    if on_point is None:
        return

    def answer(trace: Any, points: Any, _: object) -> None:
        if trace.customdata is not None and points.point_inds:
            on_point(trace.customdata[points.point_inds[0]])

    for trace in live.data:
        trace.on_hover(answer)
