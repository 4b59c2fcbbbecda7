"""Figures as HTML, PNG and SVG, in a notebook and on disk."""

import asyncio
import atexit
import base64
import functools
import io
import threading
import warnings
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import plotly.graph_objects as go

from ..system.files import replace_file

if TYPE_CHECKING:
    from kaleido import Kaleido

__all__ = ["mimebundle", "plotly_javascript", "save_figure", "static_image", "with_palette"]

Result = TypeVar("Result")


def static_image(fig: go.Figure, kind: str = "png") -> bytes | None:
    """The figure as PNG or SVG bytes; None, with a warning, where no browser is found or it draws none."""
    if kind == "png" and (embedded := _embedded(fig)):
        return embedded
    browser = _browser()
    if browser is None:
        return None
    try:
        image = browser.draw(fig, kind)
    except Exception as error:  # whatever kaleido raises, or a browser that died, HTML still works
        _browser.cache_clear()  # the next figure has a new one
        warnings.warn(f"a figure is HTML alone, for no {kind.upper()} was drawn: {error!r}", stacklevel=2)
        return None
    return with_palette(image) if kind == "png" else image


def _embedded(fig: go.Figure) -> bytes | None:
    """The PNG that is all of a figure: a browser would draw more pixels with no more in them."""
    head, images = "data:image/png;base64,", fig.layout.images
    if fig.data or len(images) != 1 or not images[0].source.startswith(head):
        return None
    return base64.b64decode(images[0].source.removeprefix(head))


def with_palette(png: bytes) -> bytes:
    """The picture in 128 colours, rare ones such as an atom's letter kept, at a third of the size."""
    from PIL import Image

    small = io.BytesIO()
    with Image.open(io.BytesIO(png)) as image:
        coverage = Image.Quantize.MAXCOVERAGE  # a median cut would mix rare colours into a grey
        few = image.convert("RGB").quantize(128, coverage, kmeans=1, dither=Image.Dither.NONE)
        few.save(small, "png", optimize=True)
    return small.getvalue()


class _Browser:
    """Draws figures one after another, in a thread: the notebook's own has an event loop already.

    Plotly's way to keep a browser, kaleido's server, waits for ever for one that does not start.
    """

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.kaleido = self._wait_for(self._opened())
        atexit.register(lambda: self._wait_for(self.kaleido.close()))

    def draw(self, fig: go.Figure, kind: str) -> bytes:
        options = {"format": kind, "scale": 1.5 if kind == "png" else 1}
        return self._wait_for(self.kaleido.calc_fig(fig, options))

    async def _opened(self) -> "Kaleido":
        import kaleido

        browser = kaleido.Kaleido(mathjax=False)  # which it would look for on the Internet
        await asyncio.wait_for(browser.open(), 60)
        return browser

    def _wait_for(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()


@functools.cache
def _browser() -> _Browser | None:
    """The browser of this process; None, with a warning, where none can be started."""
    try:
        return _Browser()
    except Exception as error:  # whatever a missing or broken browser raises, HTML still works
        warnings.warn(
            f"no browser to draw PNG and SVG with ({type(error).__name__}); figures are HTML alone. "
            "Install Chromium or Chrome to have them",
            stacklevel=3,
        )
        return None


def mimebundle(fig: go.Figure, png: bytes | None = None) -> dict:
    """What a notebook displays: interactive in JupyterLab, and its PNG, if given, on GitHub and nbviewer."""
    bundle = {"application/vnd.plotly.v1+json": _single_precision(fig).to_plotly_json()}
    if png is not None:
        bundle["image/png"] = base64.b64encode(png).decode()
    return bundle


def _single_precision(fig: go.Figure) -> go.Figure:
    """A copy whose traces hold float32 arrays, which keep notebooks small."""
    copy = go.Figure(fig)
    for trace in copy.data:
        for axis in {"x", "y"} & set(trace):
            values = np.asarray(trace[axis])
            if values.dtype.kind == "f":
                trace[axis] = None  # plotly keeps an old array that equals the new one
                trace[axis] = values.astype(np.float32)
    return copy


def save_figure(fig: go.Figure, folder: Path, name: str, png: bytes | None) -> list[str]:
    """Writes HTML, its PNG if given and, where a browser is found, SVG; returns the files' names."""
    contents = {
        "html": fig.to_html(include_plotlyjs="../plotly.min.js", full_html=True).encode(),
        "png": png,
        "svg": static_image(fig, "svg"),
    }
    written = []
    for kind, content in contents.items():
        if content is not None:
            with replace_file(folder / f"{name}.{kind}") as path:
                path.write_bytes(content)
            written.append(f"{name}.{kind}")
    return written


def plotly_javascript() -> str:
    """The library that saved HTML figures load from the folder above theirs."""
    from plotly.offline import get_plotlyjs

    return get_plotlyjs()
