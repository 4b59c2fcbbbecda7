"""A figure that a page shows and code goes on changing."""

from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go

__all__ = ["live_figure", "redraw"]

_OWN = {"type", "uid"}
"""What stays a trace's own."""


def live_figure() -> go.FigureWidget:
    """An empty figure for a page of widgets; `redraw` fills it."""
    return go.FigureWidget()


def redraw(live: go.FigureWidget, fig: go.Figure, on_point: Callable[[Any], None] | None = None) -> None:
    """Shows a figure in place of what a live one showed.

    Traces are changed in place, and those too many hidden: one message a figure, in place of three.

    Args:
        live: Of `live_figure`, changed in place.
        fig: What it is to show, each trace of the kind of the one in its place before.
        on_point: Called with the `customdata` of the point under the pointer, where it has some.
    """
    known = len(live.data)
    with live.batch_update():
        for trace, other in zip(live.data, fig.data):
            _become(trace, other.to_plotly_json())
        for trace in live.data[len(fig.data) :]:
            _become(trace, {"visible": False})
        live.update_layout(fig.layout, overwrite=True)
    live.add_traces(fig.data[known:])

    if on_point is None:
        return

    def answer(trace: Any, points: Any, _: object) -> None:
        if trace.customdata is not None and points.point_inds:
            on_point(trace.customdata[points.point_inds[0]])

    for trace in live.data:
        trace.on_hover(answer)


def _become(trace: Any, properties: dict[str, Any]) -> None:
    """Gives a trace these properties and no others."""
    for name in trace.to_plotly_json().keys() - properties.keys() - _OWN:
        trace[name] = None
    for name in properties.keys() - _OWN:
        trace[name] = properties[name]
