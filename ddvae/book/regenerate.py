"""The notebooks as a book: what a chapter shows and saves, and how all of them are regenerated."""

import asyncio
import contextlib
import hashlib
import json
import os
import re
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ..figures import export
from ..system import locations
from ..system.files import replace_file
from .index_page import index_page

__all__ = ["PAGES", "chapters", "choose_chapters", "refresh", "reproduce", "summary"]

_WIDGET = "application/vnd.jupyter.widget-view+json"  # lives in its kernel: kept, it would show an error
PAGES = ("00_start_here", "widgets")
"""Notebooks that are no chapters: the start, and the page that `make app` serves."""


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


def reproduce(
    chosen: tuple[str, ...],
    budget: str,
    out: Path,
    seed: int = 1,
    device: str = "cpu",
    resume: bool = False,
    fresh: bool = False,
) -> list[dict]:
    """Runs notebooks into a folder: figures, tables, executed notebooks and an index page.

    Args:
        chosen: Names out of `chapters()`.
        budget, seed, device: Parameters of the notebooks.
        out: Receives everything.
        resume: Skip chapters whose notebook, package and parameters are as they were, and go on
            with interrupted training.
        fresh: Remove first what earlier regenerations of any chapter left in the folder.

    Returns:
        One row a chapter: chapter, status ("done", "unchanged" or "failed"), seconds, error.

    Raises:
        ValueError: out is the repository or its notebooks.
    """
    out = out.resolve()
    if out in (locations.repository(), locations.notebooks()):
        raise ValueError(
            f"out is {str(out)!r}; expected a folder that does not hold the notebooks themselves"
        )
    if fresh or not resume:
        _clear(out, chosen, everything=fresh)
    with replace_file(out / "plotly.min.js") as path:
        path.write_text(export.plotly_javascript())
    parameters = {"budget": budget, "out": str(out), "seed": seed, "device": device}
    rows = _run_chapters(chosen, parameters, out, resume)
    with replace_file(out / "index.html") as path:
        path.write_text(index_page(out, rows, locations.notebooks()))
    return rows


def refresh(chosen: tuple[str, ...]) -> None:
    """Executes committed notebooks in place, with their default parameters, budget "recorded".

    What changes from run to run without meaning (times, versions, paths) is taken out.
    """
    import nbformat

    for name in chosen:
        path = locations.notebooks() / f"{name}.ipynb"
        with replace_file(path) as beside:
            _execute(path, beside)
            notebook = nbformat.read(beside, as_version=4)
            kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
            notebook.metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
            for cell in notebook.cells:
                tags = cell.metadata.get("tags", [])
                cell.metadata = {"tags": tags} if tags else {}
                for output in cell.get("outputs", []):
                    if output.get("data", {}).pop(_WIDGET, None):
                        output.data["text/plain"] = "A widget: run this cell in JupyterLab to play with it."
            nbformat.write(notebook, beside)
        print(f"{name}: {path.stat().st_size / 1e6:.2f} MB", flush=True)


def _run_chapters(chosen: tuple[str, ...], parameters: dict, out: Path, resume: bool) -> list[dict]:
    """A row a chapter, in order. Chapters that train use all cores; drawing from records takes one each."""

    def run(name: str) -> dict:
        print(f"{name} at budget {parameters['budget']} ...", flush=True)
        row = _run_chapter(name, parameters, out, resume)
        print("{chapter}: {status} after {seconds:.0f} s {error}".format_map(row), flush=True)
        return row

    def run_beside(name: str) -> dict:
        try:
            return run(name)
        finally:  # papermill leaves its event loop to the thread that it was called in
            with contextlib.suppress(RuntimeError):  # nothing was run
                asyncio.get_event_loop().close()

    if parameters["budget"] != "recorded":
        return [run(name) for name in chosen]
    beside = min(os.cpu_count(), len(chosen))
    with _threads_of_kernels(os.cpu_count() // beside), ThreadPoolExecutor(beside) as pool:
        return list(pool.map(run_beside, chosen))


@contextlib.contextmanager
def _threads_of_kernels(count: int):
    """Kernels side by side share the cores: else torch's threads would wait for one another."""
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = before or str(count)
    try:
        yield
    finally:
        if before is None:
            del os.environ["OMP_NUM_THREADS"]


def _run_chapter(name: str, parameters: dict, out: Path, resume: bool) -> dict:
    started, done = time.monotonic(), out / name / "done.json"
    state = {"parameters": parameters, "sources": _fingerprint(locations.notebooks() / f"{name}.ipynb")}
    if resume and done.exists() and done.read_text() == json.dumps(state):
        return {"chapter": name, "status": "unchanged", "seconds": 0.0, "error": ""}
    done.unlink(missing_ok=True)
    source, status, error = locations.notebooks() / f"{name}.ipynb", "done", ""
    with replace_file(out / "notebooks" / source.name) as beside:
        try:
            _execute(source, beside, parameters)
        except Exception as problem:  # one chapter's failure must not keep the others from running
            # Papermill's own message is the whole traceback; the error in the cell is what counts.
            kind = getattr(problem, "ename", type(problem).__name__)
            words = getattr(problem, "evalue", str(problem)).strip().splitlines() or [""]
            status, error = "failed", f"{kind}: {words[0]}"
    if status == "done":
        state["sources"] = _fingerprint(source)  # it may have kept results beside records
        with replace_file(done) as path:
            path.write_text(json.dumps(state))
    return {"chapter": name, "status": status, "seconds": time.monotonic() - started, "error": error}


def _execute(source: Path, target: Path, parameters: dict | None = None) -> None:
    """Papermill's run of a notebook; a kernel that does not start is started once more."""
    import papermill

    def execute():
        kernel = {"kernel_name": "python3", "language": "python", "cwd": str(locations.notebooks())}
        papermill.execute_notebook(source, target, parameters, progress_bar=False, **kernel)

    try:
        execute()
    except RuntimeError as problem:
        if type(problem) is not RuntimeError:  # a kernel that died later raises a kind of it
            raise
        print(f"{source.stem}: {problem}; once more", flush=True)
        execute()


def _fingerprint(notebook: Path) -> str:
    """Changes when the notebook's cells, a module or a record changes: all budgets show some of these."""
    cells = json.loads(notebook.read_text())["cells"]
    digest = hashlib.sha256(json.dumps([cell["source"] for cell in cells]).encode())
    for file in [*sorted(Path(__file__).parents[1].rglob("*.*")), *sorted(locations.runs().rglob("*.*"))]:
        if file.suffix in (".py", ".cpp", ".js", ".json", ".csv", ".npz", ".pt"):
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _clear(out: Path, chosen: tuple[str, ...], everything: bool) -> None:
    """Removes what a regeneration of these chapters, or of all, wrote before, and nothing else.

    Trained runs serve several chapters, and may have taken days: they go with all chapters only.
    """
    for name in chapters() if everything else chosen:
        shutil.rmtree(out / name, ignore_errors=True)
        (out / "notebooks" / f"{name}.ipynb").unlink(missing_ok=True)
    if everything or set(chosen) == set(chapters()):
        shutil.rmtree(out / "trained", ignore_errors=True)


def summary(rows: list[dict], out: Path) -> str:
    """The table that ends a regeneration: every comparison with the paper, every chapter's fate."""
    import pandas as pd

    parts = []
    for row in rows:
        page = out / row["chapter"] / "page.json"
        comparisons = json.loads(page.read_text())["comparisons"] if page.exists() else []
        if comparisons and row["status"] != "failed":
            frame = pd.DataFrame(comparisons)
            parts.append(f"{row['chapter']}\n{frame.to_string(index=False, float_format='{:.4f}'.format)}")
    frame = pd.DataFrame(rows)
    parts.append(frame.to_string(index=False, float_format="{:.0f}".format))
    if _lacks_images(out):
        parts.append("no browser was found: figures are HTML alone; Chromium or Chrome adds PNG and SVG")
    total = sum(row["seconds"] for row in rows)
    return "\n\n".join(["", *parts, f"chapters of {total:.0f} s in all; look at {out / 'index.html'}"])


def _lacks_images(out: Path) -> bool:
    pages = [json.loads(path.read_text()) for path in out.glob("*/page.json")]
    figures = [item for page in pages for item in page["items"] if item["kind"] == "figure"]
    return any(not any(name.endswith(".png") for name in figure["files"]) for figure in figures)
