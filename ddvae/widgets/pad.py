"""A picture with points to drag, and a copy button: what plotly and ipywidgets do not have."""

from collections.abc import Callable
from pathlib import Path

import anywidget
import ipywidgets as ui
import traitlets

__all__ = ["LABELS", "WIDE", "CopyButton", "Pad"]

_HERE = Path(__file__).parent
WIDE = ui.Layout(width="420px")
"""Of the controls beside a pad."""
LABELS = {"description_width": "110px"}
"""Style of their labels."""


class Pad(anywidget.AnyWidget):
    """A picture with points that are dragged, clicked or moved by arrow keys.

    While a move is answered, only the latest position waits: a drag never queues.

    Args:
        picture: PNG bytes.
        points: Places (u, v) in the unit square, v upwards.
        line: Whether the first two points are joined.
        names: Of the points, for screen readers.
        description: Of the picture, for screen readers.
    """

    _esm = _HERE / "pad.js"
    _css = _HERE / "pad.css"
    kind = traitlets.Unicode("pad").tag(sync=True)
    picture = traitlets.Bytes(b"").tag(sync=True)
    points: traitlets.List[list[float]] = traitlets.List().tag(sync=True)
    line = traitlets.Bool(False).tag(sync=True)
    names: traitlets.List[str] = traitlets.List().tag(sync=True)
    description = traitlets.Unicode("").tag(sync=True)
    asked = traitlets.Int(0).tag(sync=True)
    answered = traitlets.Int(0).tag(sync=True)

    def on_move(self, answer: Callable[[], None]) -> None:
        """Calls answer() after each move; the next one is sent when it has returned."""

        def asked(_: object) -> None:
            try:
                answer()
            finally:
                self.answered = self.asked

        self.observe(asked, "asked")


class CopyButton(anywidget.AnyWidget):
    """A button that copies a text."""

    _esm = _HERE / "pad.js"
    _css = _HERE / "pad.css"
    kind = traitlets.Unicode("copy").tag(sync=True)
    text = traitlets.Unicode("").tag(sync=True)
