"""The notebooks as a book: what a chapter shows and saves, and how all of them are regenerated."""

import asyncio
import contextlib
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import plots
from .experiments import BUDGETS
from .files import replace_file
from .page import index_page
from .paper import compare
from .provenance import provenance
from .records import RUNS

__all__ = ["CHAPTERS", "PAGES", "Chapter", "choose_chapters", "refresh", "reproduce", "summary"]

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
_WIDGET = "application/vnd.jupyter.widget-view+json"  # lives in its kernel: kept, it would show an error
PAGES = ("00_start_here", "widgets")
"""Notebooks that are no chapters: the start, and the page that `make app` serves."""
CHAPTERS = tuple(sorted(path.stem for path in NOTEBOOKS.glob("[0-9][0-9]_*.ipynb") if path.stem not in PAGES))
"""Names of the chapters' notebooks, in order."""


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

    def __init__(self, name: str, budget: str, out: str = "", seed: int = 1, device: str = "cpu"):
        if budget not in BUDGETS:
            raise ValueError(f"budget is {budget!r}; expected one of {', '.join(BUDGETS)}")
        self.name, self.budget = name, budget
        self.folder = Path(out) / name if out else None
        self.page = {
            "chapter": name,
            "budget": budget,
            "seed": seed,
            "provenance": provenance(device),
            "items": [],
            "comparisons": [],
        }
        self.started = time.monotonic()

    def figure(self, fig, name: str, caption: str) -> None:
        """Shows a plotly figure and saves it as HTML, PNG and SVG."""
        from IPython.display import display

        png = plots.static_image(fig)
        display(plots.mimebundle(fig, png), raw=True)
        if self.folder is not None:
            files = plots.save_figure(fig, self.folder, name, png)
            size = [fig.layout.width, fig.layout.height]
            self._record({"kind": "figure", "name": name, "caption": caption, "files": files, "size": size})

    def live(self, draw: Callable) -> Callable:
        """What shows draw(rows) in the notebook when called with rows, in place of what it showed before."""
        from IPython.display import DisplayHandle

        handle = DisplayHandle()
        show = [handle.display, handle.update]  # the first time, then always the last

        def redraw(rows: list[dict]) -> None:
            (show.pop(0) if len(show) > 1 else show[0])(plots.mimebundle(draw(rows)), raw=True)

        return redraw

    def table(self, frame, name: str, caption: str, digits: int = 4) -> None:
        """Shows a pandas table and saves it as CSV (all digits), Markdown and LaTeX (rounded)."""
        from IPython.display import display

        rounded = frame.round(digits)
        styled = rounded.style.hide(axis="index").format(precision=digits, na_rep="–").set_uuid(name)
        plain = rounded.to_string(index=False, na_rep="–")  # in place of the style's address in memory
        display({"text/html": styled.to_html(), "text/plain": plain}, raw=True)
        if self.folder is None:
            return
        contents = {
            "csv": frame.to_csv(index=False),
            "md": rounded.to_markdown(index=False, floatfmt=f".{digits}f"),
            "tex": rounded.to_latex(index=False, float_format=f"%.{digits}f", escape=True),
        }
        for kind, content in contents.items():
            with replace_file(self.folder / f"{name}.{kind}") as path:
                path.write_text(content)
        files = [f"{name}.{kind}" for kind in contents]
        shown = rounded.to_html(index=False, border=0, float_format=f"{{:.{digits}f}}".format, na_rep="–")
        self._record({"kind": "table", "name": name, "caption": caption, "files": files, "html": shown})

    def compare(self, ours: dict, recorded: dict | None = None, digits: int = 4) -> None:
        """Shows ours, recorded, paper, difference and verdict, and keeps them for the summary.

        At budget "recorded" ours are the recorded ones, and have no column of their own.
        """
        frame = compare(ours, None if self.page["budget"] == "recorded" else recorded)
        self.page["comparisons"] = frame[["quantity", "ours", "paper", "verdict"]].to_dict("records")
        self.table(frame, "comparison", "Ours against the printed numbers.", digits)

    def _record(self, item: dict) -> None:
        self.page["items"].append(item)
        self.page["seconds"] = round(time.monotonic() - self.started, 1)
        with replace_file(self.folder / "page.json") as path:
            path.write_text(json.dumps(self.page, indent=1))


def choose_chapters(text: str) -> tuple[str, ...]:
    """The chapters that a text such as "1,3-4" names; all of them for "".

    Raises:
        ValueError: it names none, or is no such text.
    """
    numbers = {int(name[:2]): name for name in CHAPTERS}
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
    chapters: tuple[str, ...],
    budget: str,
    out: Path,
    seed: int = 1,
    device: str = "cpu",
    resume: bool = False,
    fresh: bool = False,
) -> list[dict]:
    """Runs notebooks into a folder: figures, tables, executed notebooks and an index page.

    Args:
        chapters: Names out of `CHAPTERS`.
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
    if out in (NOTEBOOKS.parent, NOTEBOOKS):
        raise ValueError(
            f"out is {str(out)!r}; expected a folder that does not hold the notebooks themselves"
        )
    if fresh or not resume:
        _clear(out, chapters, everything=fresh)
    with replace_file(out / "plotly.min.js") as path:
        path.write_text(plots.plotly_javascript())
    parameters = {"budget": budget, "out": str(out), "seed": seed, "device": device}
    rows = _run_chapters(chapters, parameters, out, resume)
    with replace_file(out / "index.html") as path:
        path.write_text(index_page(out, rows, NOTEBOOKS))
    return rows


def refresh(chapters: tuple[str, ...]) -> None:
    """Executes committed notebooks in place, with their default parameters, budget "recorded".

    What changes from run to run without meaning (times, versions, paths) is taken out.
    """
    import nbformat

    for name in chapters:
        path = NOTEBOOKS / f"{name}.ipynb"
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


def _run_chapters(chapters: tuple[str, ...], parameters: dict, out: Path, resume: bool) -> list[dict]:
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
        return [run(name) for name in chapters]
    beside = min(os.cpu_count(), len(chapters))
    with _threads_of_kernels(os.cpu_count() // beside), ThreadPoolExecutor(beside) as pool:
        return list(pool.map(run_beside, chapters))


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
    state = {"parameters": parameters, "sources": _fingerprint(NOTEBOOKS / f"{name}.ipynb")}
    if resume and done.exists() and done.read_text() == json.dumps(state):
        return {"chapter": name, "status": "unchanged", "seconds": 0.0, "error": ""}
    done.unlink(missing_ok=True)
    source, status, error = NOTEBOOKS / f"{name}.ipynb", "done", ""
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
        kernel = {"kernel_name": "python3", "language": "python", "cwd": str(NOTEBOOKS)}
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
    for file in [*sorted(Path(__file__).parent.glob("*.*")), *sorted(RUNS.rglob("*.*"))]:
        if file.suffix in (".py", ".cpp", ".js", ".json", ".csv", ".npz", ".pt"):
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _clear(out: Path, chapters: tuple[str, ...], everything: bool) -> None:
    """Removes what a regeneration of these chapters, or of all, wrote before, and nothing else.

    Trained runs serve several chapters, and may have taken days: they go with all chapters only.
    """
    for name in CHAPTERS if everything else chapters:
        shutil.rmtree(out / name, ignore_errors=True)
        (out / "notebooks" / f"{name}.ipynb").unlink(missing_ok=True)
    if everything or set(chapters) == set(CHAPTERS):
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
