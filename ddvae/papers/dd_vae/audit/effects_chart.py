"""The differences between text and code in one picture."""

from collections.abc import Mapping

import plotly.graph_objects as go

from ....figures.style import COLOURS, figure
from .differences import EFFECTS, NONE

__all__ = ["effects_chart"]

_MARKS = {
    EFFECTS["model"][0]: (COLOURS[2], "circle"),
    EFFECTS["model"][1]: (COLOURS[1], "circle"),
    EFFECTS["measurement"][0]: (COLOURS[4], "diamond"),
    EFFECTS["measurement"][1]: (COLOURS[0], "diamond"),
    NONE: (COLOURS[7], "circle-open"),
    "unknown": (COLOURS[7], "x"),
}
"""Colour and symbol of a point, by what the code's choice does."""


def effects_chart(effects: Mapping[str, tuple[float, float, float]], words: list[str]) -> go.Figure:
    """The code's number as a multiple of the text's, with its 95 % interval, one row a difference.

    Args:
        effects: Multiple and the ends of its interval, by the text of the row, the first at the top.
        words: What each choice does, as `audit_row` has it.
    """
    fig = figure(width=900, height=110 + 32 * len(effects))
    for word, (colour, symbol) in _MARKS.items():
        chosen = [(name, *effects[name]) for name, one in zip(effects, words) if one == word]
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
        fig.add_scatter(x=x, y=names, mode="markers", name=word, marker=marker, error_x=ends)
    fig.add_vline(x=1, line={"color": COLOURS[6], "dash": "dash", "width": 1})
    ticks = [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2]
    fig.update_xaxes(title="number with the code's choice / number with the text's choice", type="log")
    fig.update_xaxes(tickvals=ticks, ticktext=[f"{tick:g}" for tick in ticks])
    fig.update_yaxes(categoryorder="array", categoryarray=list(effects)[::-1])
    legend = {"orientation": "h", "x": 1, "xanchor": "right", "y": 1.02, "yanchor": "bottom"}
    legend |= {"font": {"size": 12}}
    fig.update_layout(legend=legend)
    return fig
