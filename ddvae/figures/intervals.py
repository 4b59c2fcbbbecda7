"""Numbers with intervals, one row each."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from .style import COLOURS, figure

__all__ = ["interval_rows"]


def interval_rows(
    rows: Mapping[str, tuple[float, float, float]],
    kinds: Sequence[str],
    marks: Mapping[str, tuple[str, str]],
    x_title: str,
    ticks: Sequence[float],
) -> go.Figure:
    """Ratios with their intervals on a logarithmic axis, with a line at 1.

    Args:
        rows: Ratio and the ends of its interval, by the text of the row, the first at the top.
        kinds: Of each row, for the legend.
        marks: Colour and symbol of each kind, in the order of the legend.
        x_title: Axis title with units.
        ticks: Of the axis.
    """
    fig = figure(width=900, height=110 + 32 * len(rows))
    for kind, (colour, symbol) in marks.items():
        chosen = [(name, *rows[name]) for name, one in zip(rows, kinds) if one == kind]
        if not chosen:
            continue
        names, x, low, high = zip(*chosen)
        ends = {
            "array": [b - a for a, b in zip(x, high)],
            "arrayminus": [a - b for a, b in zip(x, low)],
            "symmetric": False,
            "thickness": 2,
        }
        marker = {"color": colour, "symbol": symbol, "size": 11, "line": {"width": 2}}
        fig.add_scatter(x=x, y=names, mode="markers", name=kind, marker=marker, error_x=ends)
    fig.add_vline(x=1, line={"color": COLOURS[6], "dash": "dash", "width": 1})
    fig.update_xaxes(title=x_title, type="log", tickvals=ticks, ticktext=[f"{tick:g}" for tick in ticks])
    fig.update_yaxes(categoryorder="array", categoryarray=list(rows)[::-1])
    legend = {"orientation": "h", "x": 1, "xanchor": "right", "y": 1.02, "yanchor": "bottom"}
    fig.update_layout(legend=legend | {"font": {"size": 12}})
    return fig
