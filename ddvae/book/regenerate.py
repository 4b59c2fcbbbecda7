"""All chapters run into a folder: figures, tables, executed notebooks, an index page and a summary."""

import asyncio
import contextlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ..figures import export
from ..system import locations
from ..system.files import replace_file
from .index_page import index_page
from .notebooks import chapters, execute, failure, fingerprint

__all__ = ["reproduce", "summary"]

_MARK = "regenerated.txt"


def reproduce(
    chosen: Sequence[str],
    budget: str,
    out: str | os.PathLike[str],
    seed: int = 1,
    device: str = "cpu",
    resume: bool = False,
    fresh: bool = False,
) -> list[dict[str, Any]]:
    """Runs notebooks into a folder: figures, tables, executed notebooks and an index page.

    Files that no regeneration wrote are neither removed nor written over.

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
        ValueError: out is a folder of the repository's own files, or holds other files where a
            regeneration writes.
    """
    out = Path(out).resolve()
    _claim(out)
    if fresh or not resume:
        _clear(out, chapters() if fresh else chosen)
    if fresh or (not resume and budget != "recorded" and set(chosen) == set(chapters())):
        # trained runs serve several chapters, and may have taken days
        shutil.rmtree(out / "trained", ignore_errors=True)
    with replace_file(out / "plotly.min.js") as path:
        path.write_text(export.plotly_javascript())
    parameters = {"budget": budget, "out": str(out), "seed": seed, "device": device}
    rows = _run_chapters(chosen, parameters, out, resume)
    with replace_file(out / "index.html") as path:
        path.write_text(index_page(out, rows, locations.notebooks()))
    return rows


def _claim(out: Path) -> None:
    """Marks a folder as one of regenerations, unless it is one of other files."""
    if out in (locations.repository(), locations.notebooks(), locations.figures(), locations.runs()):
        raise ValueError(f"out is {str(out)!r}; expected a folder that does not hold the repository's files")
    if out == locations.reproduced() or (out / _MARK).exists():
        return
    written = ["index.html", "plotly.min.js", "trained"]
    written += [place for name in chapters() for place in (name, f"notebooks/{name}.ipynb")]
    for name in written:
        if (out / name).exists():
            raise ValueError(
                f"out is {str(out)!r}, whose {name} no regeneration wrote; "
                "expected a new folder or one of an earlier regeneration"
            )
    with replace_file(out / _MARK) as path:
        path.write_text("`python -m ddvae reproduce` replaces what it wrote into this folder.\n")


def _clear(out: Path, names: Sequence[str]) -> None:
    """Removes what regenerations of these chapters wrote, and nothing else."""
    for name in names:
        folder, page = out / name, out / name / "page.json"
        items = json.loads(page.read_text())["items"] if page.exists() else []
        for file in [*(file for item in items for file in item["files"]), "done.json", "page.json"]:
            (folder / file).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # it is not there, or holds other files
            folder.rmdir()
        (out / "notebooks" / f"{name}.ipynb").unlink(missing_ok=True)


def _run_chapters(
    chosen: Sequence[str], parameters: Mapping[str, Any], out: Path, resume: bool
) -> list[dict[str, Any]]:
    """A row a chapter, in order. Chapters that train use all cores; drawing from records takes one each."""

    def run(name: str) -> dict[str, Any]:
        print(f"{name} at budget {parameters['budget']} ...", flush=True)
        row = _run_chapter(name, parameters, out, resume)
        print("{chapter}: {status} after {seconds:.0f} s {error}".format_map(row), flush=True)
        return row

    def run_beside(name: str) -> dict[str, Any]:
        try:
            return run(name)
        finally:  # papermill leaves its event loop to the thread that it was called in
            with contextlib.suppress(RuntimeError):  # nothing was run
                asyncio.get_event_loop().close()

    if parameters["budget"] != "recorded":
        return [run(name) for name in chosen]
    cores = os.cpu_count() or 1
    beside = min(cores, len(chosen))
    with _threads_of_kernels(cores // beside), ThreadPoolExecutor(beside) as pool:
        return list(pool.map(run_beside, chosen))


@contextlib.contextmanager
def _threads_of_kernels(count: int) -> Iterator[None]:
    """Kernels side by side share the cores: else torch's threads would wait for one another."""
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = before or str(count)
    try:
        yield
    finally:
        if before is None:
            del os.environ["OMP_NUM_THREADS"]


def _run_chapter(name: str, parameters: Mapping[str, Any], out: Path, resume: bool) -> dict[str, Any]:
    started, done = time.monotonic(), out / name / "done.json"
    source = locations.notebooks() / f"{name}.ipynb"
    state = {"parameters": parameters, "sources": fingerprint(source)}
    if resume and done.exists() and done.read_text() == json.dumps(state):
        return {"chapter": name, "status": "unchanged", "seconds": 0.0, "error": ""}
    _clear(out, (name,))
    status, error = "done", ""
    with replace_file(out / "notebooks" / source.name) as beside:
        try:
            execute(source, beside, parameters)
        except Exception as problem:  # one chapter's failure must not keep the others from running
            status, error = "failed", failure(problem)
    if status == "done":
        state["sources"] = fingerprint(source)  # it may have kept results beside records
        with replace_file(done) as path:
            path.write_text(json.dumps(state))
    return {"chapter": name, "status": status, "seconds": time.monotonic() - started, "error": error}


def summary(rows: Sequence[Mapping[str, Any]], out: str | os.PathLike[str]) -> str:
    """The table that ends a regeneration: every comparison with the paper, every chapter's fate."""
    import pandas as pd

    out, parts = Path(out), []
    for row in rows:
        page = out / row["chapter"] / "page.json"
        comparisons = json.loads(page.read_text())["comparisons"] if page.exists() else []
        if comparisons and row["status"] != "failed":
            frame = pd.DataFrame(comparisons)
            parts.append(f"{row['chapter']}\n{frame.to_string(index=False, float_format='{:.4f}'.format)}")
    frame = pd.DataFrame(rows)
    parts.append(frame.to_string(index=False, float_format="{:.0f}".format))
    if _lacks_images(out):
        parts.append(
            "no browser drew some figures: these are HTML alone; Chromium or Chrome adds PNG and SVG"
        )
    total = sum(row["seconds"] for row in rows)
    return "\n\n".join(["", *parts, f"chapters of {total:.0f} s in all; look at {out / 'index.html'}"])


def _lacks_images(out: Path) -> bool:
    pages = [json.loads(path.read_text()) for path in out.glob("*/page.json")]
    figures = [item for page in pages for item in page["items"] if item["kind"] == "figure"]
    return any(not any(name.endswith(".png") for name in figure["files"]) for figure in figures)
