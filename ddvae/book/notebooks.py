"""The notebooks of the book: which there are, one run of one, and what its outcome depends on."""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ..system import locations

__all__ = [
    "PAGES",
    "TUTORIALS",
    "chapters",
    "choose_chapters",
    "duration",
    "execute",
    "failure",
    "fingerprint",
]

PAGES = ("00_start_here", "widgets")
"""Notebooks that are no chapters: the start, and the page that `make app` serves."""
TUTORIALS = tuple(f"tutorials/own_{name}" for name in ("molecules", "density", "score"))
"""Short notebooks on the package, each on its own."""


def chapters() -> tuple[str, ...]:
    """Names of the chapters' notebooks, in order."""
    found = locations.notebooks().glob("[0-9][0-9]_*.ipynb")
    return tuple(sorted(path.stem for path in found if path.stem not in PAGES))


def choose_chapters(text: str) -> tuple[str, ...]:
    """The chapters that a text such as "1,3-4" names; all of them for "".

    Raises:
        ValueError: it names none, or is no such text.
    """
    numbers = {int(name[:2]): name for name in chapters()}
    chosen = set() if text else set(numbers)
    for part in text.split(",") if text else ():
        if not re.fullmatch(r"\d+(-\d+)?", part.strip()):
            raise ValueError(f"chapters is {text!r}; expected numbers such as 1,3-4")
        first, _, last = part.partition("-")
        chosen |= set(range(int(first), int(last or first) + 1))
    if not chosen or chosen - set(numbers):
        raise ValueError(f"chapters is {text!r}; expected numbers out of {sorted(numbers)}")
    return tuple(numbers[n] for n in sorted(chosen))


def duration(name: str, budget: str) -> str:
    """What a chapter's own table of budgets says it takes; "unknown" without such a row."""
    cells = json.loads((locations.notebooks() / f"{name}.ipynb").read_text())["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    found = re.search(rf"^\| `{budget}` \|.*\| *(.+?) *\|$", text, re.MULTILINE)
    return found[1] if found else "unknown"


def execute(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    parameters: Mapping[str, Any] | None = None,
) -> None:
    """Runs a notebook with the interpreter that runs this, in the folder of the notebooks.

    A kernel that does not start is started once more.

    Args:
        source: The notebook.
        target: Receives it executed, with its outputs up to an error if there is one.
        parameters: Override those of the cell that is tagged so.

    Raises:
        PapermillExecutionError: a cell failed.
        RuntimeError: the kernel did not start, twice, or died.
    """
    import papermill

    options: dict[str, Any] = {
        "kernel_name": "python3",
        "language": "python",
        "kernel_manager_class": _own_kernel(),
        "resources": {"metadata": {"path": str(locations.notebooks())}},
        "progress_bar": False,
        "start_timeout": 600,  # a minute is little where all cores are busy
    }
    # papermill fills in what stands in braces
    paths = [os.fspath(path).replace("{", "{{").replace("}", "}}") for path in (source, target)]
    for attempt in ("first", "last"):
        try:
            papermill.execute_notebook(*paths, dict(parameters or {}), **options)
            return
        except RuntimeError as problem:
            # a kernel that died later raises a kind of it
            if attempt == "last" or type(problem) is not RuntimeError:
                raise
            print(f"{Path(source).stem}: {problem}; once more", flush=True)


def failure(problem: Exception) -> str:
    """What went wrong in a cell, in one line: papermill's own message is the whole traceback."""
    kind = getattr(problem, "ename", type(problem).__name__)
    words = getattr(problem, "evalue", str(problem)).strip().splitlines() or [""]
    return f"{kind}: {words[0]}"


@cache
def _own_kernel() -> type:
    """What starts a kernel of this interpreter: the name "python3" may mean another environment's."""
    from ipykernel.kernelspec import get_kernel_dict
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager

    class OwnKernel(AsyncKernelManager):
        @property
        def kernel_spec(self) -> KernelSpec:
            return KernelSpec(**get_kernel_dict(["--log-level=ERROR"]))  # of TCP without encryption it warns

    return OwnKernel


def fingerprint(notebook: str | os.PathLike[str]) -> str:
    """Changes when the notebook's cells, the package or a record changes: all budgets show some of these."""
    cells = json.loads(Path(notebook).read_text())["cells"]
    digest = hashlib.sha256(json.dumps([cell["source"] for cell in cells]).encode())
    for folder in (locations.package(), locations.runs()):
        for file in _files(folder):
            digest.update(f"{file.relative_to(folder)}\0{file.stat().st_size}\0".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _files(folder: Path) -> Iterable[Path]:
    """What a folder holds, without compiled modules and files that are being written."""
    found = (file for file in folder.rglob("*") if file.suffix != ".pyc" and not file.name.startswith("."))
    return sorted(file for file in found if file.is_file())
