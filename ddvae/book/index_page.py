"""The HTML page that shows all that a regeneration wrote, with its provenance."""

import html
import json
import os
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
    links = " ".join(f'<a href="#{p["chapter"]}">{title}</a>' for p, title in zip(pages, titles))
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>DD-VAE companion</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>
<body><h1>DD-VAE companion: figures and tables</h1>
<p>Deterministic Decoding for Discrete Data in Variational Autoencoders
(Polykovskiy and Vetrov, AISTATS 2020), regenerated.</p>{failures}<nav>{links}</nav>
{sections}
</body></html>
"""


_STYLE = """
body { font-family: "DejaVu Sans", Arial, sans-serif; color: #222; max-width: 1650px; margin: 2em auto;
       padding: 0 1em; line-height: 1.4 }
p, table, nav { max-width: 1000px }
nav a { margin-right: 1.5em }
h2 { border-bottom: 1px solid #ccc; padding-top: 1em }
iframe { border: 0 }
figure { margin: 2em 0; overflow-x: auto }
figcaption { margin-bottom: .5em }
table { border-collapse: collapse; font-size: 90% }
td, th { padding: .25em .8em; text-align: right; border-bottom: 1px solid #e6e6e6 }
td:first-child, th:first-child { text-align: left }
.provenance { color: #666; font-size: 85% }
"""


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
    return f"<figure>{caption}{content}</figure>"
