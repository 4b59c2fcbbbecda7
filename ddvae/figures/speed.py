"""Measurements of speed drawn: rows in, figures out."""

from itertools import groupby

import plotly.graph_objects as go

from .style import COLOURS, figure

__all__ = [
    "cost_lines",
    "ladder_bars",
    "precision_lines",
    "progress_lines",
    "roofline_chart",
]

_ABOVE = {"orientation": "h", "x": 0.5, "xanchor": "center", "y": 1.02, "yanchor": "bottom"}
"""Where a legend covers no curve."""


def ladder_bars(rows: list[dict]) -> go.Figure:
    """Sequences a second as one idea after another is added, the first at the top."""
    fig = figure(width=900, height=380)
    rates = [row["sequences_per_s"] for row in rows]
    fig.add_bar(
        x=rates,
        y=[row["idea"] for row in rows],
        orientation="h",
        marker_color=[COLOURS[7], *[COLOURS[0]] * (len(rows) - 1)],
        text=[f" {rate:,.0f}  ({rate / rates[0]:.1f}x)" for rate in rates],
        textposition="outside",
        cliponaxis=False,
    )
    fig.update_yaxes(autorange="reversed", ticks="")
    fig.update_xaxes(title="sequences a second, forward and backward", range=[0, 1.4 * max(rates)])
    return fig


def roofline_chart(rows: list[dict]) -> go.Figure:
    """GFLOP/s of the recurrence under the machine's two limits: its matrix unit and its memory."""
    machine = rows[0]
    x = [row["operations_per_byte"] for row in rows]
    ends = [min(x) / 1.5, machine["matrix_rate"] / machine["bandwidth"], max(x) * 2]
    roof = [min(e * machine["bandwidth"], machine["matrix_rate"]) for e in ends]
    fig = figure()
    fig.add_scatter(
        x=ends,
        y=roof,
        name="limit: memory (rising), matrix unit (flat)",
        mode="lines",
        line={"color": COLOURS[7], "dash": "dash"},
    )
    fig.add_scatter(
        x=x,
        y=[row["gflops"] for row in rows],
        name="recurrence, forward and backward",
        mode="lines+markers+text",
        line_color=COLOURS[0],
        text=[f"H = {row['hidden units']}" for row in rows],
        textposition="bottom right",
        cliponaxis=False,
    )
    ticks = [one * 10**power for power in range(5) for one in (1, 2, 5)]
    fig.update_xaxes(title="operations a byte moved", type="log", tickvals=ticks)
    fig.update_yaxes(title="GFLOP/s", type="log", tickvals=ticks)
    fig.update_layout(legend=_ABOVE)
    return fig


def cost_lines(rows: list[dict]) -> go.Figure:
    """Milliseconds against each size, the hidden units squared, with the line through the largest."""
    groups = {axis: list(found) for axis, found in groupby(rows, key=lambda row: row["axis"])}
    fig = figure(1, len(groups), width=960, height=360, horizontal_spacing=0.08)
    for column, (axis, found) in enumerate(groups.items(), start=1):
        power = 2 if axis == "hidden units" else 1
        x, y = [row["value"] ** power for row in found], [row["ms"] for row in found]
        place = {"row": 1, "col": column}
        slope = y[-1] / x[-1]
        line = {"color": COLOURS[7], "dash": "dash"}
        fig.add_scatter(
            x=[0, x[-1]], y=[0, slope * x[-1]], mode="lines", line=line, name="proportional", **place
        )
        fig.add_scatter(
            x=x, y=y, mode="markers", marker={"color": COLOURS[0], "size": 9}, name="measured", **place
        )
        title = {"hidden units": "hidden units squared", "length": "length (tokens)"}.get(axis, axis)
        fig.update_xaxes(title=title, rangemode="tozero", nticks=5, **place)
        fig.update_yaxes(rangemode="tozero", **place)
    fig.update_traces(showlegend=False, selector=lambda trace: trace.xaxis not in (None, "x"))
    fig.update_yaxes(title="ms a layer, both passes", row=1, col=1)
    fig.update_layout(legend=_ABOVE)
    return fig


def precision_lines(rows: list[dict]) -> go.Figure:
    """Loss of one training with either precision, and distances from the first in percent."""
    fig = figure(1, 2, width=960, height=380, horizontal_spacing=0.12)
    x = [row["step"] for row in rows]
    names = [name for name in rows[0] if name not in ("model", "step")]
    lines = [{"color": COLOURS[7], "width": 6}, {"color": COLOURS[0]}]
    for name, line in zip(names, lines):
        y = [row[name] for row in rows]
        fig.add_scatter(x=x, y=y, name=name, line=line, row=1, col=1)
        gap = [100 * (value / row[names[0]] - 1) for value, row in zip(y, rows)]
        fig.add_scatter(x=x, y=gap, showlegend=False, line=line, row=1, col=2)
    fig.update_xaxes(title="step")
    ticks = [0.5, 1, 2, 5, 10]
    fig.update_yaxes(title="loss (negative objective)", type="log", tickvals=ticks, row=1, col=1)
    fig.update_yaxes(title="difference from float32 (%)", row=1, col=2)
    fig.update_layout(legend=_ABOVE)
    return fig


def progress_lines(runs: dict[str, list[dict]], slower: dict[str, float]) -> go.Figure:
    """Sequence-wise accuracy against the time of training, and the same trainings at a slower rate, dashed.

    Args:
        runs: Rows with minutes and exact, by name.
        slower: How many times as long the same training takes the released way, by the same names.
    """
    fig = figure(width=900, height=480)
    for i, (name, rows) in enumerate(runs.items()):
        y = [100 * row["exact"] for row in rows]
        for times, way, dash in (
            (1.0, "this engine, measured", "solid"),
            (slower[name], f"released way, projected ({slower[name]:.1f} times as long)", "dash"),
        ):
            x = [times * row["minutes"] for row in rows]
            line, mark = {"color": COLOURS[i], "dash": dash}, {"size": 6}
            fig.add_scatter(x=x, y=y, name=f"{name}: {way}", mode="lines+markers", line=line, marker=mark)
    ticks = {1: "1 min", 10: "10 min", 60: "1 h", 360: "6 h", 1440: "1 day", 4320: "3 days"}
    fig.update_xaxes(
        title="time of training", type="log", tickvals=list(ticks), ticktext=list(ticks.values())
    )
    fig.update_yaxes(title="sequence-wise accuracy (%)", range=[-2, 100])
    fig.update_layout(legend=_ABOVE | {"orientation": "v"}, margin_t=130)
    return fig
