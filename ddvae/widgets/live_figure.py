"""A plotly figure that code goes on changing."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from ..figures.export import plotly_javascript

__all__ = ["LiveFigure"]


class LiveFigure(anywidget.AnyWidget):
    """An empty figure for a page of widgets; `redraw` fills it.

    In place of plotly's own `FigureWidget`, whose module of 5 MB a busy page loads too late: it then shows
    nothing, and no later change.
    """

    _esm = Path(__file__).parent / "live_figure.js"
    library = traitlets.Bytes().tag(sync=True)
    figure: Any = traitlets.Dict({"data": [], "layout": {}}).tag(sync=True)
    hovered: traitlets.List[Any] = traitlets.List().tag(sync=True)

    @traitlets.default("library")
    def _library(self) -> bytes:
        return plotly_javascript().encode()

    def redraw(self, fig: Any) -> None:
        """Shows a plotly figure in place of what was shown."""
        self.hovered = []
        self.figure = json.loads(fig.to_json())

    def on_hover(self, answer: Callable[[list[Any]], None]) -> None:
        """Calls answer(customdata) of the point under the pointer, where it has some."""

        def hovered(change: Any) -> None:
            if change.new:
                answer(change.new)

        self.observe(hovered, "hovered")
