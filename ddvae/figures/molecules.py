"""Figures of molecules: curves of training, maps of a latent space, searches in it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from .style import COLOURS, figure

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = [
    "aggregate_bars",
    "plane_map",
    "property_histograms",
    "quality_lines",
    "search_lines",
    "search_map",
    "training_lines",
    "validity_line",
]


def quality_lines(
    runs: dict[str, list[list[dict]]],
    x: str,
    x_title: str,
    lines: dict[str, dict[str, tuple[np.ndarray, np.ndarray]]] | None = None,
    keys: Sequence[str] = ("FCD/Test", "SNN/Test"),
) -> go.Figure:
    """Metrics of each method's snapshots: a panel a metric.

    Args:
        runs: Rows of snapshots by method, one list a seed; without the metric one is not drawn.
        x: Key of the horizontal axis; x_title says it in words.
        lines: What to draw through the snapshots of a method, by method and metric: (N,) x and (N,) y;
            snapshots before a run's most accurate one are then pale. None joins the snapshots of each run.
        keys: Of the metrics.
    """
    fig = figure(1, len(keys), titles=keys, width=960, height=420, horizontal_spacing=0.1)
    mode = "lines+markers" if lines is None else "markers"
    for i, (method, curves) in enumerate(runs.items()):
        look = {"name": method, "legendgroup": method, "line": {"color": COLOURS[i], "width": 1.5}}
        for column, key in enumerate(keys, start=1):
            place = {"row": 1, "col": column}
            for rows in curves:
                known = [row for row in rows if key in row]
                marker = {"symbol": i, "size": 7, "opacity": 1 if lines is None else _opacity(rows, key)}
                points = {"x": [row[x] for row in known], "y": [row[key] for row in known]}
                fig.add_scatter(**points, mode=mode, marker=marker, showlegend=False, **look, **place)
            line = dict(zip("xy", ([None], [None]) if lines is None else lines[method][key]))
            joined = {"mode": mode if lines is None else "lines", "marker": {"symbol": i}}
            fig.add_scatter(**line, **joined, showlegend=column == 1, **look, **place)
    fig.update_xaxes(title=x_title)
    fig.update_layout(legend={"orientation": "h", "x": 0, "y": 1.12, "yanchor": "bottom"})
    return fig


def _opacity(rows: list[dict], key: str) -> list[float]:
    """Of the snapshots that have the metric: pale before the most accurate one."""
    accuracy = [row["accuracy"] for row in rows]
    return [1 if i >= np.argmax(accuracy) else 0.25 for i, row in enumerate(rows) if key in row]


def training_lines(rows: list[dict]) -> go.Figure:
    """Accuracy and nats of training batches against epochs, of the rows of a run's log."""
    titles = ["sequence-wise accuracy (%)", "KL (nats a molecule)"]
    fig = figure(1, 2, titles=titles, width=960, height=360, horizontal_spacing=0.1)
    x = [row["epoch"] for row in rows]
    for column, y in enumerate(([100 * row["exact"] for row in rows], [row["kl"] for row in rows]), start=1):
        fig.add_scatter(
            x=x, y=y, mode="lines+markers", marker_size=5, line_color=COLOURS[0], row=1, col=column
        )
    fig.update_xaxes(title="epoch", rangemode="tozero")
    fig.update_yaxes(range=[0, 100], row=1, col=1)
    fig.update_layout(showlegend=False)
    return fig


def property_histograms(
    samples: Mapping[str, "ArrayLike"], reference: Mapping[str, "ArrayLike"], units: dict[str, str]
) -> go.Figure:
    """Densities of properties of samples over those of a reference set, a panel each.

    Args:
        samples, reference: (N,) values by property.
        units: Axis titles by property.
    """
    fig = figure(1, len(units), width=960, height=320, horizontal_spacing=0.06)
    looks = (("test set", reference, COLOURS[7]), ("decoded samples", samples, COLOURS[0]))
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


def validity_line(distance: "ArrayLike", valid: "ArrayLike", groups: int = 10) -> go.Figure:
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


def aggregate_bars(mean: "ArrayLike", variance: "ArrayLike") -> go.Figure:
    """Mean and variance of the aggregate proposal by dimension, those of the prior dashed."""
    order = np.argsort(np.asarray(variance))[::-1]
    fig = figure(1, 2, titles=["mean", "variance"], width=960, height=340)
    for column, (values, prior) in enumerate(((mean, 0), (variance, 1)), start=1):
        fig.add_bar(y=np.asarray(values)[order], marker_color=COLOURS[0], row=1, col=column)
        fig.add_hline(y=prior, line={"color": COLOURS[7], "dash": "dash"}, row=1, col=column)
    fig.update_xaxes(title="dimension, by variance")
    fig.update_layout(showlegend=False)
    return fig


def plane_map(valid: "ArrayLike", distinct: "ArrayLike", side: float) -> go.Figure:
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


def search_lines(searches: dict[str, list[np.ndarray]], title: str = "best score so far") -> go.Figure:
    """Best score against molecules scored: the mean over seeds, and the range between them shaded.

    Args:
        searches: Best scores so far (N,) by search, one array a seed.
        title: Of the vertical axis.
    """
    fig = figure(height=460)
    for i, (name, runs) in enumerate(searches.items()):
        length = max(len(run) for run in runs)
        if length == 0:
            continue
        held = np.array([np.pad(run, (0, length - len(run)), mode="edge") for run in runs if len(run)])
        x, colour = np.arange(1, length + 1), COLOURS[i % len(COLOURS)]
        if len(held) > 1:
            edge = np.concatenate([held.max(0), held.min(0)[::-1]])
            around = np.concatenate([x, x[::-1]])
            look = {"fill": "toself", "fillcolor": colour, "opacity": 0.15, "line": {"width": 0}}
            fig.add_scatter(x=around, y=edge, showlegend=False, hoverinfo="skip", **look)
        seeds = "1 seed" if len(held) == 1 else f"{len(held)} seeds"
        fig.add_scatter(x=x, y=held.mean(0), name=f"{name} ({seeds})", line_color=colour, mode="lines")
    fig.update_xaxes(title="molecules scored")
    fig.update_yaxes(title=title)
    fig.update_layout(legend={"x": 0.99, "y": 0.02, "xanchor": "right", "yanchor": "bottom"})
    return fig


def search_map(rows: list[dict], known: dict[str, list] | None = None) -> go.Figure:
    """Where a search looked, on the two principal axes of the known codes, and the path of its best molecule.

    Args:
        rows: A code each: round, status, smiles, score, and its place x, y.
        known: Columns x, y and score of codes to show behind, if any.
    """
    fig = figure(width=820, height=560)
    if known:
        _add_known(fig, known)
    grey = {"size": 4, "color": COLOURS[7], "symbol": "x-thin", "line": {"width": 1, "color": COLOURS[7]}}
    lost = [row for row in rows if row["status"] != "scored"]
    fig.add_scatter(**_places(lost), mode="markers", marker=grey, name="rejected")
    for index in sorted({row["round"] for row in rows}):
        here = [row for row in rows if row["round"] == index and row["status"] == "scored"]
        look = {"size": 8, "color": COLOURS[(index - 1) % len(COLOURS)], "symbol": index - 1}
        fig.add_scatter(**_places(here), **_hover(here), mode="markers", marker=look, name=f"round {index}")
    path: list[dict] = []
    best = -np.inf
    for row in rows:
        if row["status"] == "scored" and row["score"] > best:
            path, best = [*path, row], row["score"]
    fig.add_scatter(
        **_places(path),
        **_hover(path),
        mode="lines+markers",
        line={"color": "black", "width": 1.5},
        marker={"size": 12, "symbol": "circle-open"},
        name="best so far",
    )
    fig.update_xaxes(title="first principal axis of the codes")
    fig.update_yaxes(title="second principal axis")
    return fig


def _add_known(fig: go.Figure, known: dict[str, list]) -> None:
    """Codes of known molecules, coloured by score."""
    low, high = np.percentile(known["score"], (2, 98))
    bar = {"title": "score of<br>ZINC's own", "thickness": 14, "y": 0.3, "len": 0.6}
    look = {"size": 4, "color": known["score"], "colorscale": "Cividis", "cmin": low, "cmax": high}
    fig.add_scatter(
        x=known["x"],
        y=known["y"],
        mode="markers",
        marker=look | {"colorbar": bar, "opacity": 0.5},
        name="ZINC",
        hoverinfo="skip",
    )


def _places(rows: list[dict]) -> dict[str, list]:
    return {axis: [row[axis] for row in rows] for axis in "xy"}


def _hover(rows: list[dict]) -> dict:
    """What molecules show under the pointer; `customdata` serves a widget that draws them."""
    text = [f"{row['score']:.2f} {row['smiles']}" for row in rows]
    return {"text": text, "customdata": [[row["smiles"], row["score"]] for row in rows]}
