"""Diagrams of boxes and arrows: proposals that overlap or do not, and the relaxed objective."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from .style import COLOURS, figure

__all__ = ["ProposalPair", "proposal_pairs", "relaxed_objective"]

_TRAINING, _SAMPLING, _BOTH = COLOURS[0], COLOURS[1], "#444444"
_FILLS = {_TRAINING: "#e5f0f8", _SAMPLING: "#fbeee5", _BOTH: "#f4f4f4"}


@dataclass(frozen=True)
class ProposalPair:
    """The proposals of two objects over a line of codes, as `proposal_pairs` draws them.

    Attributes:
        title: Above the panel.
        z: (N,) codes, in rising order.
        densities: (2, N), q(z | x) and q(z | x').
        locs: Both centres.
        scale: Half-width of both supports; None for supports without an end.
        note: What the pair shows, at its middle.
    """

    title: str
    z: np.ndarray
    densities: np.ndarray
    locs: tuple[float, float]
    scale: float | None
    note: str


def proposal_pairs(pairs: list[ProposalPair], width: int = 980, height: int = 430) -> go.Figure:
    """The encoder's proposals for two objects, one panel a pair, what both cover filled.

    Args:
        pairs: One a panel, side by side.
        width, height: Pixels.

    Source: Figure 1.
    """
    titles = [pair.title for pair in pairs]
    fig = figure(1, len(pairs), titles, width, height, horizontal_spacing=0.06)
    for column, pair in enumerate(pairs, start=1):
        place = {"row": 1, "col": column}
        top = float(pair.densities.max())
        for i, density in enumerate(pair.densities):
            line = {"color": COLOURS[i], "width": 2.5}
            fig.add_scatter(x=pair.z, y=density / top, line=line, mode="lines", **place)
        both = pair.densities.min(0) / top
        fill = {"fill": "tozeroy", "fillcolor": COLOURS[6], "line": {"width": 0}}
        fig.add_scatter(x=pair.z, y=both, mode="lines", **fill, **place)
        _encoder(fig, pair, place)
        middle = sum(pair.locs) / 2
        at = float(np.interp(middle, pair.z, both)) + 0.02
        arrow = {"ax": middle, "ay": 0.95, "axref": f"x{column}", "ayref": f"y{column}", "arrowhead": 2}
        fig.add_annotation(x=middle, y=at, text=pair.note, yanchor="bottom", **arrow, **place)
        fig.update_xaxes(range=[float(pair.z[0]), float(pair.z[-1])], title="code z", **place)
    fig.update_xaxes(showticklabels=False, ticks="", showgrid=False)
    fig.update_yaxes(range=[-0.2, 1.75], visible=False)
    fig.update_layout(showlegend=False, margin={"l": 20, "r": 20, "t": 40, "b": 40})
    return fig


def _encoder(fig: go.Figure, pair: ProposalPair, place: dict[str, int]) -> None:
    """The encoder above both proposals, with an arrow to each centre, and the supports below."""
    for i, (name, loc) in enumerate(zip(("x", "x′"), pair.locs, strict=True)):
        box = {"bgcolor": _FILLS[_BOTH], "bordercolor": COLOURS[i], "borderpad": 5}
        text = f"<b>encoder({name})</b><br>μ({name}), σ({name})"
        fig.add_annotation(x=loc, y=1.55, text=text, showarrow=False, font_size=13, **box, **place)
        arrow = {"x": loc, "y": 1.02, "ax": 0, "ay": -52, "arrowhead": 2, "arrowcolor": COLOURS[i]}
        fig.add_annotation(text="", **arrow, **place)
        if pair.scale is None:
            continue
        ends = {"color": COLOURS[i], "width": 3}
        sides = [loc - pair.scale, loc + pair.scale]
        marker = {"symbol": "line-ns-open", "size": 12, "color": COLOURS[i]}
        support = {"x": sides, "y": [-0.07, -0.07], "line": ends, "marker": marker}
        fig.add_scatter(mode="lines+markers", **support, **place)
        text = f"μ({name}) ± σ({name})"
        fig.add_annotation(x=loc, y=-0.145, text=text, showarrow=False, font_size=12, **place)


_SIZE = (136, 104)
"""Width and height of a box, pixels."""
_ROWS = {"sampling": 378, "both": 222, "training": 66}
_COLUMNS = (76, 243, 410, 577, 744, 911)
_BOXES = (
    ("encoder", "both", 1, "encoder φ", "μ, σ", "Eq. 9–10"),
    ("proposal", "both", 2, "proposal", "q<sub>φ</sub>(z | x)", "Eq. 7"),
    ("code", "both", 3, "code", "z = μ + σ ε", "ε ~ K, Sec. 2.1"),
    ("decoder", "both", 4, "decoder θ", "reads z and x<sub>&lt;i</sub>", "Eq. 2"),
    ("scores", "both", 5, "scores", "π<sub>i,s</sub>, all s", "Eq. 3"),
    ("object", "both", 0, "object", "x = x<sub>1</sub> … x<sub>L</sub>", ""),
    ("prior", "sampling", 3, "prior", "z ~ p(z)", ""),
    ("argmax", "sampling", 5, "argmax", "argmax<sub>s</sub> π<sub>i,s</sub>", "Eq. 3, 11"),
    ("divergence", "training", 2, "divergence", "KL(q ‖ p)", "Eq. 8, Tables 1–2"),
    ("objective", "training", 3.5, "objective", "𝓛<sub>τ</sub>", "Eq. 13"),
    ("relaxation", "training", 5, "relaxed argmax", "log σ<sub>τ</sub>(margin)", "Eq. 12"),
)
"""Name, row, column, title, formula, where the paper has it."""
_ARROWS = (
    ("object", "encoder", _BOTH),
    ("encoder", "proposal", _BOTH),
    ("proposal", "code", _BOTH),
    ("code", "decoder", _BOTH),
    ("decoder", "scores", _BOTH),
    ("prior", "code", _SAMPLING),
    ("scores", "argmax", _SAMPLING),
    ("proposal", "divergence", _TRAINING),
    ("divergence", "objective", _TRAINING),
    ("scores", "relaxation", _TRAINING),
    ("relaxation", "objective", _TRAINING),
)
_COLOUR_OF = {"sampling": _SAMPLING, "both": _BOTH, "training": _TRAINING}


def relaxed_objective() -> go.Figure:
    """From an object to the relaxed objective, and what sampling does in its place.

    Source: Figure 2.
    """
    fig = figure(width=990, height=448)
    fig.update_layout(showlegend=False, margin={"l": 2, "r": 2, "t": 2, "b": 2})
    fig.update_xaxes(range=[0, 986], visible=False)
    fig.update_yaxes(range=[0, 444], visible=False)
    centres = {}
    for name, row, column, *words in _BOXES:
        centres[name] = (_column(column), _ROWS[row])
        _box(fig, centres[name], _COLOUR_OF[row], words)
    for start, end, colour in _ARROWS:
        _arrow(fig, centres[start], centres[end], colour)
    for place, colour, text in (
        ((76, _ROWS["sampling"]), _SAMPLING, "<b>sampling</b><br>greedy decoding,<br>no gradient"),
        ((76, _ROWS["training"]), _TRAINING, "<b>training</b><br>all of it smooth<br>in φ and θ"),
    ):
        _words(fig, place, text, 15, colour)
    for x, text in ((_column(4.26), "reconstruction"), (_column(2.76), "− KL")):
        _words(fig, (x, _ROWS["training"] + 14), text, 13, _TRAINING)
    _feedback(fig)
    return fig


def _column(place: float) -> float:
    return float(np.interp(place, range(len(_COLUMNS)), _COLUMNS))


def _box(fig: go.Figure, centre: tuple[float, float], colour: str, words: list[str]) -> None:
    (x, y), (width, height) = centre, _SIZE
    sides = {"x0": x - width / 2, "x1": x + width / 2, "y0": y - height / 2, "y1": y + height / 2}
    line = {"color": colour, "width": 2}
    fig.add_shape(type="rect", fillcolor=_FILLS[colour], line=line, layer="below", **sides)
    title, formula, source = words
    for text, above, size in ((f"<b>{title}</b>", 30, 14), (formula, 0, 15), (source, -32, 13)):
        _words(fig, (x, y + above), text, size, colour if size == 14 else "#222222")


def _words(fig: go.Figure, place: tuple[float, float], text: str, size: int, colour: str) -> None:
    x, y = place
    fig.add_annotation(x=x, y=y, text=text, showarrow=False, font={"size": size, "color": colour})


def _arrow(fig: go.Figure, start: tuple[float, float], end: tuple[float, float], colour: str) -> None:
    """Between the facing sides of two boxes."""
    (x0, y0), (x1, y1), (width, height) = start, end, _SIZE
    if y0 == y1:
        step = np.sign(x1 - x0) * width / 2
        ends = {"ax": x0 + step, "x": x1 - step, "ay": y0, "y": y1}
    else:
        step = np.sign(y1 - y0) * height / 2
        ends = {"ax": x0, "x": x1, "ay": y0 + step, "y": y1 - step}
    _line_with_head(fig, ends, colour)


def _line_with_head(fig: go.Figure, ends: dict[str, float], colour: str) -> None:
    style: dict[str, Any] = {"arrowhead": 2, "arrowwidth": 2, "arrowcolor": colour, "standoff": 2}
    fig.add_annotation(text="", axref="x", ayref="y", **ends, **style)


def _feedback(fig: go.Figure) -> None:
    """The decoded token is what the decoder reads next."""
    (width, height), (x1, x0) = _SIZE, _COLUMNS[4:]
    y = _ROWS["sampling"]
    line = {"color": _SAMPLING, "width": 2}
    fig.add_shape(type="line", x0=x0 - width / 2, x1=x1, y0=y, y1=y, line=line)
    down = {"ax": x1, "x": x1, "ay": y, "y": _ROWS["both"] + height / 2}
    _line_with_head(fig, down, _SAMPLING)
    _words(fig, (x1 + 14, y + 16), "x̃<sub>i</sub> is read next", 13, _SAMPLING)
