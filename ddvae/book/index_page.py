"""The HTML page that shows all that a regeneration wrote, with its provenance."""

import html
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["index_page"]


def index_page(
    out: str | os.PathLike[str], rows: Sequence[Mapping[str, Any]], notebooks: str | os.PathLike[str]
) -> str:
    """The HTML page that shows all chapters of a folder, with their provenance.

    Args:
        out: The folder.
        rows: What `reproduce` found, for chapters that failed.
        notebooks: Where the chapters' notebooks are, for their titles.
    """
    failures = "".join(
        f"<p><b>{row['chapter']} failed:</b> {html.escape(row['error'])}</p>"
        for row in rows
        if row["status"] == "failed"
    )
    pages = [json.loads(path.read_text()) for path in sorted(Path(out).glob("[0-9][0-9]_*/page.json"))]
    titles = [_title(Path(notebooks) / f"{page['chapter']}.ipynb") for page in pages]
    sections = "\n".join(map(_section, pages, titles))
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>DD-VAE companion</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>
<body><h1>DD-VAE companion: figures and tables</h1>
<p>Deterministic Decoding for Discrete Data in Variational Autoencoders
(Polykovskiy and Vetrov, AISTATS 2020), regenerated. The links lead to each
chapter's figures and tables; verdicts compare its numbers with the printed ones.</p>{failures}
{_summary(pages, titles)}
{sections}
<script>{_FITTING}</script>
</body></html>
"""


_STYLE = """
body { font-family: "DejaVu Sans", Arial, sans-serif; color: #222; max-width: 1060px; margin: 2em auto;
       padding: 0 1em; line-height: 1.4 }
h2 { border-bottom: 1px solid #ccc; padding-top: 1em }
iframe { border: 0; transform-origin: 0 0 }
figure { margin: 2em 0; overflow-x: auto }
figcaption { margin-top: .5em }
table { border-collapse: collapse; font-size: 90% }
td, th { padding: .25em .8em; text-align: right; border-bottom: 1px solid #e6e6e6 }
td:first-child, th:first-child { text-align: left }
tfoot td { font-weight: bold }
.provenance { color: #666; font-size: 85% }
"""
_FITTING = """
function fit() {
  for (const frame of document.querySelectorAll("iframe")) {
    const scale = Math.min(1, frame.parentElement.clientWidth / frame.width);
    frame.style.transform = `scale(${scale})`;
    frame.style.marginRight = `${(scale - 1) * frame.width}px`;
    frame.style.marginBottom = `${(scale - 1) * frame.height}px`;
  }
}
addEventListener("resize", fit);
fit();
"""
"""Shrinks figures that are wider than the page."""
_VERDICTS = ("agrees", "within noise", "better", "worse", "differs")


def _summary(pages: Sequence[Mapping[str, Any]], titles: Sequence[str]) -> str:
    """A table of all chapters: budget, seconds, and how often each verdict was given."""
    counts = [Counter(one["verdict"].split(" (")[0] for one in page["comparisons"]) for page in pages]
    rows = [
        _row(f'<a href="#{page["chapter"]}">{title}</a>', page["budget"], page.get("seconds", 0), found)
        for page, title, found in zip(pages, titles, counts)
    ]
    whole = _row("together", "", sum(page.get("seconds", 0) for page in pages), sum(counts, Counter()))
    head = "".join(f"<th>{name}</th>" for name in ("chapter", "budget", "seconds", *_VERDICTS))
    body = "\n".join(rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody><tfoot>{whole}</tfoot></table>"


def _row(first: str, budget: str, seconds: float, found: Mapping[str, int]) -> str:
    cells = [first, budget, f"{seconds:.0f}", *(str(found.get(name, 0) or "–") for name in _VERDICTS)]
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _title(notebook: Path) -> str:
    """The notebook's first heading, its name if it has none."""
    if not notebook.exists():
        return notebook.stem
    first = "".join(json.loads(notebook.read_text())["cells"][0]["source"])
    return html.escape(first.splitlines()[0].lstrip("# ")) if first.startswith("#") else notebook.stem


def _section(page: dict[str, Any], title: str) -> str:
    facts = {"budget": page["budget"], "seed": page["seed"], "seconds": page["seconds"]} | page["provenance"]
    line = ", ".join(f"{name} {html.escape(str(value))}" for name, value in facts.items())
    items = "\n".join(_show(page["chapter"], item) for item in page["items"])
    notebook = f'<a href="notebooks/{page["chapter"]}.ipynb">executed notebook</a>'
    return f'<h2 id="{page["chapter"]}">{title}</h2>\n<p class="provenance">{line} · {notebook}</p>\n{items}'


def _show(chapter: str, item: dict[str, Any]) -> str:
    """A figure or table with its caption and the links to its files."""
    files = " ".join(
        f'<a href="{chapter}/{name}">{name.rsplit(".", 1)[1].upper()}</a>' for name in item["files"]
    )
    if item["kind"] == "table":
        content = item["html"]
    else:
        source = f"{chapter}/{item['name']}.html"
        width, height = item["size"]
        size = f'width="{width + 30}" height="{height + 30}"'
        content = f'<iframe src="{source}" {size} scrolling="no" loading="lazy"></iframe>'
    caption = f"<figcaption>{html.escape(item['caption'])} <small>{files}</small></figcaption>"
    return f"<figure>{content}{caption}</figure>"
