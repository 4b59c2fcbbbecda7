"""The committed book: notebooks with their outputs, figures and tables, all made anew from the records."""

import base64
import itertools
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..system import locations
from ..system.files import replace_file
from .notebooks import chapters, execute, failure

__all__ = ["refresh"]

_FIGURE, _PICTURE = "application/vnd.plotly.v1+json", "image/png"
_WIDGET = "application/vnd.jupyter.widget-view+json"  # lives in its kernel: kept, it would show an error
_COMMITTED = {".csv", ".md", ".png", ".tex"}
"""Kinds of files of figures and tables that git keeps; readers make the others by `reproduce`."""


def refresh(chosen: Sequence[str]) -> None:
    """Executes committed notebooks in place and writes their figures and tables, at budget "recorded".

    What changes from run to run without meaning (times, versions, paths) is taken out, and a figure whose
    data are as they were keeps its picture: another browser would draw other pixels.

    Args:
        chosen: Names out of `chapters()` and `PAGES`.

    Raises:
        FileNotFoundError: no browser drew the pictures; the notebook and its figures stay as they were.
        ValueError: a cell failed; likewise.
    """
    from papermill.exceptions import PapermillExecutionError

    for name in chosen:
        with tempfile.TemporaryDirectory() as folder:
            try:
                _refresh(name, Path(folder))
            except PapermillExecutionError as problem:
                raise ValueError(
                    f"{name} stays as it was, for a cell failed ({failure(problem)})"
                ) from problem
        size = (locations.notebooks() / f"{name}.ipynb").stat().st_size
        print(f"{name}: {size / 1e6:.2f} MB", flush=True)


def _refresh(name: str, made: Path) -> None:
    """One notebook, executed first into a folder for what it makes."""
    import nbformat

    source, executed = locations.notebooks() / f"{name}.ipynb", made / "executed.ipynb"
    execute(source, executed, {"out": str(made)} if name in chapters() else None)
    notebook = nbformat.read(executed, as_version=4)
    if any(_PICTURE not in output.data for output in _figures(notebook)):
        raise FileNotFoundError(
            f"no browser drew the figures of {name}, which stays as it was; expected Chromium or Chrome"
        )
    _tidy(notebook)
    pictures = _keep_pictures(notebook, nbformat.read(source, as_version=4))
    if (made / name).is_dir():
        _publish(made / name, locations.figures() / name, pictures)
    with replace_file(source) as beside:
        nbformat.write(notebook, beside)


def _figures(notebook: Any) -> Iterator[Any]:
    """Outputs that are figures."""
    for cell in notebook.cells:
        yield from (output for output in cell.get("outputs", []) if _FIGURE in output.get("data", {}))


def _tidy(notebook: Any) -> None:
    """Takes out what belongs to this run alone."""
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    notebook.cells = [c for c in notebook.cells if "injected-parameters" not in c.metadata.get("tags", [])]
    count = itertools.count(1)
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        cell.metadata = {"tags": tags} if tags else {}
        if cell.cell_type == "code":
            cell.execution_count = next(count)
            cell.outputs = _merged(cell.outputs)
        for output in cell.get("outputs", []):
            if "execution_count" in output:
                output.execution_count = cell.execution_count
            if output.get("data", {}).pop(_WIDGET, None):
                output.data = _film(output.data["text/plain"].partition("(")[0])


def _film(widget: str) -> dict[str, str]:
    """What stands for a widget where no kernel runs: its film, if there is one."""
    told = {"text/plain": f"{widget}: a widget. Run this cell in JupyterLab to use it."}
    if not (locations.figures() / "widgets" / f"{widget}.webp").exists():
        return told
    film = f"![{widget}, filmed](../figures/widgets/{widget}.webp)"
    return told | {"text/markdown": f"{film}\n\n*The widget, filmed. Run this cell in JupyterLab to use it.*"}


def _merged(outputs: list[Any]) -> list[Any]:
    """What is printed arrives in as many parts as the moment has it."""
    merged: list[Any] = []
    for output in outputs:
        if merged and output.output_type == "stream" and output.name == merged[-1].get("name"):
            merged[-1].text += output.text
        else:
            merged.append(output)
    return merged


def _keep_pictures(notebook: Any, before: Any) -> dict[bytes, bytes]:
    """Gives figures whose data are as before their pictures of then; returns what became of those drawn."""
    old = {_data(output): output.data[_PICTURE] for output in _figures(before) if _PICTURE in output.data}
    became = {}
    for output in _figures(notebook):
        drawn = output.data[_PICTURE]
        output.data[_PICTURE] = old.get(_data(output), drawn)
        became[base64.b64decode(drawn)] = base64.b64decode(output.data[_PICTURE])
    return became


def _data(figure: Any) -> str:
    return json.dumps(figure.data[_FIGURE], sort_keys=True)


def _publish(made: Path, folder: Path, pictures: dict[bytes, bytes]) -> None:
    """Replaces the committed files of a chapter by those that were made."""
    new = {path.name: path.read_bytes() for path in made.iterdir() if path.suffix in _COMMITTED}
    for name, content in new.items():
        content = pictures.get(content, content)
        with replace_file(folder / name) as path:
            path.write_bytes(content)
    for path in folder.iterdir():
        if path.suffix in _COMMITTED and path.name not in new:
            path.unlink()
