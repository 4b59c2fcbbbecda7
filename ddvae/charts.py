"""Measurements drawn: rows of `speed` and `curves` in, figures out."""

from itertools import groupby

import numpy as np

from .plots import COLOURS, figure

__all__ = [
    "aggregate_bars",
    "cost_lines",
    "ladder_bars",
    "plane_map",
    "precision_lines",
    "progress_lines",
    "property_histograms",
    "quality_lines",
    "roofline_chart",
    "validity_line",
]


def ladder_bars(rows: list[dict]):
    """Sequences a second as one idea after another is added, the first at the top."""
    fig = figure(height=380)
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


def roofline_chart(rows: list[dict]):
    """GFLOP/s of the recurrence under the machine's two roofs: its matrix unit and its memory."""
    machine = rows[0]
    x = [row["operations_per_byte"] for row in rows]
    ends = [min(x) / 1.5, machine["matrix_rate"] / machine["bandwidth"], max(x) * 2]
    roof = [min(e * machine["bandwidth"], machine["matrix_rate"]) for e in ends]
    fig = figure()
    fig.add_scatter(
        x=ends, y=roof, name="roof: memory, matrix unit", line={"color": COLOURS[7], "dash": "dash"}
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
    fig.update_xaxes(title="operations a byte moved", type="log", dtick="D2")
    fig.update_yaxes(title="GFLOP/s", type="log", dtick="D2")
    fig.update_layout(legend={"x": 0.02, "y": 0.98})
    return fig


def cost_lines(rows: list[dict]):
    """Milliseconds against each size, the hidden units squared, with the line through the largest."""
    groups = {axis: list(found) for axis, found in groupby(rows, key=lambda row: row["axis"])}
    titles = [f"{axis} squared" if axis == "hidden units" else axis for axis in groups]
    fig = figure(1, len(groups), titles=titles, width=960, height=360, horizontal_spacing=0.08)
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
        fig.update_xaxes(rangemode="tozero", nticks=5, **place)
        fig.update_yaxes(rangemode="tozero", **place)
    fig.update_traces(showlegend=False, selector=lambda trace: trace.xaxis not in (None, "x"))
    fig.update_yaxes(title="ms a layer, both passes", row=1, col=1)
    fig.update_layout(legend={"x": 0.01, "y": 0.99})
    return fig


def precision_lines(rows: list[dict]):
    """Loss of one training with either precision, and distances from the first in percent."""
    fig = figure(1, 2, titles=["loss", "distance from float32 (%)"], width=960, height=380)
    x = [row["step"] for row in rows]
    names = [name for name in rows[0] if name not in ("model", "step")]
    lines = [{"color": COLOURS[7], "width": 6}, {"color": COLOURS[0]}]
    for name, line in zip(names, lines):
        y = [row[name] for row in rows]
        fig.add_scatter(x=x, y=y, name=name, line=line, row=1, col=1)
        gap = [100 * (value / row[names[0]] - 1) for value, row in zip(y, rows)]
        fig.add_scatter(x=x, y=gap, showlegend=False, line=line, row=1, col=2)
    fig.update_xaxes(title="step")
    fig.update_yaxes(title="negative objective", type="log", dtick="D2", row=1, col=1)
    fig.update_layout(legend={"x": 0.44, "y": 0.98, "xanchor": "right"})
    return fig


def progress_lines(ours: dict[str, list[dict]], released: dict[str, list[dict]]):
    """Sequence-wise accuracy against minutes of training, one colour a data set, the released way dashed.

    Args:
        ours, released: Rows with minutes and exact, by name.
    """
    fig = figure(height=440)
    lines = [(name, "this engine", rows) for name, rows in ours.items()]
    lines += [(name, "released way", rows) for name, rows in released.items()]
    for i, (name, way, rows) in enumerate(lines):
        line = {"color": COLOURS[i % len(ours)]}
        if way == "released way":
            line |= {"dash": "dot", "width": 3}
        x, y = [row["minutes"] for row in rows], [100 * row["exact"] for row in rows]
        mode = "lines" if way == "released way" else "lines+markers"
        fig.add_scatter(x=x, y=y, name=f"{name}, {way}", mode=mode, line=line)
    fig.update_xaxes(title="minutes of training", rangemode="tozero")
    fig.update_yaxes(title="sequence-wise accuracy (%)", range=[-2, 100])
    fig.update_layout(legend={"x": 0.98, "y": 0.04, "xanchor": "right", "yanchor": "bottom"})
    return fig


def quality_lines(runs: dict[str, list[list[dict]]], x: str, x_title: str, keys=("FCD/Test", "SNN/Test")):
    """Metrics of each method's snapshots against accuracy, nats or molecules: a panel a metric.

    Args:
        runs: Curves by method, one a seed (see `curves.curve`).
        x: Key of the horizontal axis; x_title says it in words.
        keys: Of the metrics.
    """
    fig = figure(1, len(keys), titles=keys, width=960, height=400, horizontal_spacing=0.1)
    for i, (method, curves) in enumerate(runs.items()):
        for seed, rows in enumerate(curves):
            judged = [row for row in rows if keys[0] in row]
            look = {"name": method, "legendgroup": method, "line": {"color": COLOURS[i], "width": 1.5}}
            for column, key in enumerate(keys, start=1):
                fig.add_scatter(
                    x=[row[x] for row in judged],
                    y=[row[key] for row in judged],
                    mode="lines+markers",
                    marker={"symbol": i, "size": 7},
                    showlegend=seed == 0 and column == 1,
                    row=1,
                    col=column,
                    **look,
                )
    fig.update_xaxes(title=x_title)
    return fig


def property_histograms(samples: dict, reference: dict, units: dict[str, str]):
    """Densities of properties of samples over those of a reference set, a panel each.

    Args:
        samples, reference: (N,) values by property.
        units: Axis titles by property.
    """
    fig = figure(1, len(units), width=1080, height=320, horizontal_spacing=0.05)
    looks = (("test set", reference, COLOURS[7]), ("decoded prior draws", samples, COLOURS[0]))
    for column, (key, title) in enumerate(units.items(), start=1):
        low, high = np.nanpercentile(np.concatenate([samples[key], reference[key]]), [0.2, 99.8])
        edges = np.linspace(low, high, 41)
        middles = (edges[1:] + edges[:-1]) / 2
        for name, values, colour in looks:
            density, _ = np.histogram(values[key], edges, density=True)
            fig.add_scatter(
                x=middles,
                y=density,
                name=name,
                line={"color": colour, "shape": "hvh"},
                fill="tozeroy" if name == "test set" else None,
                showlegend=column == 1,
                row=1,
                col=column,
            )
        fig.update_xaxes(title=title, row=1, col=column)
        fig.update_yaxes(showticklabels=False, rangemode="tozero", row=1, col=column)
    fig.update_yaxes(title="density", row=1, col=1)
    fig.update_layout(legend={"orientation": "h", "y": 1.15, "x": 0})
    return fig


def validity_line(distance, valid, groups: int = 10):
    """Share of valid molecules against the distance of their codes, with 95 % intervals (Wilson).

    Args:
        distance: (N,), of each code from the nearest proposal in its half-widths.
        valid: (N,) bool.
        groups: Of equal size that the codes are put in.
    """
    distance, valid = np.asarray(distance), np.asarray(valid)
    parts = np.array_split(np.argsort(distance), groups)
    x = [distance[part].mean() for part in parts]
    share = np.array([valid[part].mean() for part in parts])
    n = np.array([len(part) for part in parts])
    middle = (share + 1.96**2 / (2 * n)) / (1 + 1.96**2 / n)
    reach = 1.96 / (1 + 1.96**2 / n) * np.sqrt(share * (1 - share) / n + 1.96**2 / (4 * n**2))
    up, down = middle + reach - share, share - middle + reach
    fig = figure(height=380)
    error = {"symmetric": False, "array": 100 * up, "arrayminus": 100 * down, "thickness": 1.2}
    fig.add_scatter(x=x, y=100 * share, error_y=error, mode="lines+markers", line_color=COLOURS[0])
    fig.update_xaxes(title="distance from the nearest proposal (half-widths)")
    fig.update_yaxes(title="valid molecules (%)", range=[0, 100])
    return fig


def aggregate_bars(mean, variance):
    """Mean and variance of the aggregate proposal by dimension, those of the prior dashed."""
    order = np.argsort(np.asarray(variance))[::-1]
    fig = figure(1, 2, titles=["mean", "variance"], width=960, height=340)
    for column, (values, prior) in enumerate(((mean, 0), (variance, 1)), start=1):
        fig.add_bar(y=np.asarray(values)[order], marker_color=COLOURS[0], row=1, col=column)
        fig.add_hline(y=prior, line={"color": COLOURS[7], "dash": "dash"}, row=1, col=column)
    fig.update_xaxes(title="dimension, by variance")
    fig.update_layout(showlegend=False)
    return fig


def plane_map(valid, distinct, side: float):
    """A plane through the latent space: where codes decode to molecules, borders between these drawn.

    Args:
        valid: (N, N) bool, first axis horizontal.
        distinct: (N, N) strings decoded.
        side: The squares cover [-side, side]^2, in standard deviations of the prior.
    """
    labels = np.unique(distinct, return_inverse=True)[1].reshape(np.shape(distinct))
    border = np.zeros(labels.shape, dtype=bool)
    border[1:] |= labels[1:] != labels[:-1]
    border[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    steps = np.linspace(-side, side, len(labels))
    shade = np.where(border, 1.0, np.where(valid, 0.5, 0.0))
    scale = [[0, "#e6e6e6"], [0.5, "#85bcdc"], [1, "#2b2b2b"]]
    fig = figure(width=620, height=560)
    bar = {"tickvals": [1 / 6, 0.5, 5 / 6], "ticktext": ["invalid", "valid", "border"], "thickness": 14}
    stepped = [[edge, colour] for i, (_, colour) in enumerate(scale) for edge in (i / 3, (i + 1) / 3)]
    fig.add_heatmap(x=steps, y=steps, z=shade.T, colorscale=stepped, zmin=0, zmax=1, colorbar=bar)
    fig.update_xaxes(title="first principal axis of the codes", showgrid=False)
    fig.update_yaxes(title="second principal axis", showgrid=False, scaleanchor="x")
    return fig
