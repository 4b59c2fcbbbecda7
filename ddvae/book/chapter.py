"""The page that a notebook writes on."""

import json
import math
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..experiments.preset import BUDGETS
from ..figures import export
from ..system.files import replace_file
from ..system.provenance import provenance
from .comparison import Ours, Printed, compare

if TYPE_CHECKING:
    import pandas

__all__ = ["Chapter"]

_SIGNIFICANT, _DECIMALS = 6, 12
"""Digits of a CSV file: what follows them differs between processors and versions of libraries."""


class Chapter:
    """The page that a notebook writes on: figures, tables and comparisons, shown and saved.

    Args:
        name: Of the notebook, such as "01_kl_tables".
        budget: "recorded", "smoke", "laptop", "hours" or "full".
        out: Folder that receives figures and tables; "" shows them only.
        seed, device: Of the run, for its provenance.

    Raises:
        ValueError: unknown budget.
    """

    def __init__(
        self, name: str, budget: str, out: str | os.PathLike[str] = "", seed: int = 1, device: str = "cpu"
    ):
        if budget not in BUDGETS:
            raise ValueError(f"budget is {budget!r}; expected one of {', '.join(BUDGETS)}")
        self.name, self.budget = name, budget
        self.folder = Path(out) / name if os.fspath(out) else None
        self.page: dict[str, Any] = {
            "chapter": name,
            "budget": budget,
            "seed": seed,
            "provenance": provenance(device),
            "items": [],
            "comparisons": [],
        }
        self.started = time.monotonic()

    def figure(self, fig: Any, name: str, caption: str) -> None:
        """Shows a plotly figure with its caption below and saves it as HTML, PNG and SVG."""
        from IPython.display import display

        png = export.static_image(fig)
        display(export.mimebundle(fig, png), raw=True)
        self._caption(caption)
        if self.folder is not None:
            files = export.save_figure(fig, self.folder, name, png)
            size = [fig.layout.width, fig.layout.height]
            self._record({"kind": "figure", "name": name, "caption": caption, "files": files, "size": size})

    def live(self, draw: Callable[[list[dict[str, float]]], Any]) -> Callable[..., None]:
        """What shows draw(rows) in the notebook when called with rows, in place of what it showed before."""
        from IPython.display import DisplayHandle

        handle = DisplayHandle()
        show = [handle.display, handle.update]  # the first time, then always the last

        def redraw(rows: list[dict[str, float]]) -> None:
            (show.pop(0) if len(show) > 1 else show[0])(export.mimebundle(draw(rows)), raw=True)

        return redraw

    def table(self, frame: "pandas.DataFrame", name: str, caption: str, digits: int = 4) -> None:
        """Shows a pandas table with its caption and saves it as CSV, Markdown and LaTeX.

        The CSV has six significant digits, the others are rounded.

        Args:
            frame: The table; a column of whole numbers is shown without a point.
            name: Of its files.
            caption: Below it.
            digits: After the point, of what is shown.
        """
        from IPython.display import display

        frame = frame.assign(
            **{column: frame[column].round().astype("Int64") for column in frame if _whole(frame[column])}
        )
        rounded = frame.round(digits).map(lambda cell: _rounded(cell, digits))
        styled = rounded.style.hide(axis="index").format(precision=digits, na_rep="–").set_uuid(name)
        plain = rounded.to_string(index=False, na_rep="–")  # in place of the style's address in memory
        display({"text/html": styled.to_html(), "text/plain": plain}, raw=True)
        self._caption(caption)
        if self.folder is None:
            return
        contents = {
            "csv": _csv(frame),
            "md": rounded.astype(object)
            .where(rounded.notna(), None)
            .to_markdown(index=False, floatfmt=f".{digits}f", missingval="–"),
            "tex": rounded.to_latex(index=False, float_format=f"%.{digits}f", escape=True),
        }
        files = self._write(name, contents)
        shown = rounded.to_html(index=False, border=0, float_format=f"{{:.{digits}f}}".format, na_rep="–")
        self._record({"kind": "table", "name": name, "caption": caption, "files": files, "html": shown})

    def keep(self, frame: "pandas.DataFrame", name: str, caption: str) -> None:
        """Saves a table that is too long for the page as CSV, and shows its caption alone."""
        self._caption(f"{caption} {len(frame):,} rows, in {name}.csv.")
        if self.folder is not None:
            files = self._write(name, {"csv": _csv(frame)})
            self._record({"kind": "table", "name": name, "caption": caption, "files": files, "html": ""})

    def compare(
        self,
        ours: Mapping[str, Ours],
        printed: Mapping[str, Printed],
        recorded: Mapping[str, Ours] | None = None,
        digits: int = 4,
    ) -> None:
        """Shows ours, recorded, paper, difference and verdict, and keeps them for the summary.

        At budget "recorded" ours are the recorded ones, and have no column of their own.
        """
        frame = compare(ours, printed, None if self.page["budget"] == "recorded" else recorded)
        self.page["comparisons"] = frame[["quantity", "ours", "paper", "verdict"]].to_dict("records")
        self.table(frame, "comparison", "Ours against the printed numbers.", digits)

    def _caption(self, text: str) -> None:
        from IPython.display import display

        display({"text/markdown": f"*{text}*", "text/plain": text}, raw=True)

    def _write(self, name: str, contents: Mapping[str, str]) -> list[str]:
        """Writes contents by kind of file; returns the names of the files."""
        assert self.folder is not None
        for kind, content in contents.items():
            with replace_file(self.folder / f"{name}.{kind}") as path:
                path.write_text(content)
        return [f"{name}.{kind}" for kind in contents]

    def _record(self, item: dict[str, Any]) -> None:
        if self.folder is None:
            return
        self.page["items"].append(item)
        self.page["seconds"] = round(time.monotonic() - self.started, 1)
        with replace_file(self.folder / "page.json") as path:
            path.write_text(json.dumps(self.page, indent=1))


def _whole(column: Any) -> bool:
    """Whether a column of floats holds whole numbers alone, as means of counts are."""
    return (
        column.dtype.kind == "f"
        and column.notna().any()
        and (column.dropna().round(_DECIMALS) % 1 == 0).all()
    )


def _rounded(cell: Any, digits: int) -> Any:
    """A float rounded, never to -0.0, for whether a difference of nothing has a sign is chance."""
    return round(cell, digits) + 0.0 if isinstance(cell, float) else cell


def _csv(frame: "pandas.DataFrame") -> str:
    return frame.map(_significant).to_csv(index=False)


def _significant(cell: Any) -> Any:
    """A float to the digits that do not depend on the machine, whole ones and all else as they are."""
    if not isinstance(cell, float) or not math.isfinite(cell) or cell.is_integer():
        return _rounded(cell, _DECIMALS)
    return float(f"{_rounded(cell, _DECIMALS):.{_SIGNIFICANT}g}")
