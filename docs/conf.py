"""Sphinx builds the site from the repository itself, so that every link means what it means on GitHub.

The sources are the guide pages beside this file, the notebooks with their committed outputs, and the
documents at the top. The pages of the API are written here, one a wing, into docs/api, which git ignores.
"""

import importlib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

project = "DD-VAE companion"
author = copyright = "The DD-VAE companion authors"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"]
root_doc = "docs/index"
include_patterns = ["docs/**", "notebooks/**", "README.md", "RESULTS.md", "CONTRIBUTING.md", "CHANGELOG.md"]
include_patterns += ["LICENSE", "data/README.md", "data/runs/README.md"]
KEPT = {"docs", "notebooks", "data"}
exclude_patterns = [path.name for path in ROOT.iterdir() if path.is_dir() and path.name not in KEPT]
exclude_patterns += ["**/.ipynb_checkpoints", "data/runs/*/**"]

nb_execution_mode = "off"  # the committed outputs are shown
nb_merge_streams = True
nb_ipywidgets_js = {}  # no widget lives without a kernel
suppress_warnings = ["mystnb.unknown_mime_type"]  # figures show their static picture
myst_enable_extensions = ["dollarmath", "amsmath", "html_image"]
myst_heading_anchors = 3
default_role = "code"
napoleon_use_ivar = True  # fields of named tuples would be described twice
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True

html_theme = "sphinx_book_theme"
html_title = project
html_theme_options = {
    "home_page_in_toc": True,
    "use_download_button": False,
    "show_navbar_depth": 1,
    "navbar_persistent": [],  # the search field is in the sidebar
}
html_extra_path = ["start"]  # index.html, which leads to docs/index.html
html_copy_source = False
nitpicky = True
nitpick_ignore_regex = [("py:.*", ".*")]  # types of other libraries, whose inventories are elsewhere


def _write_api() -> None:
    """A page a wing: what its modules give, by their docstrings. Files that say the same stay as they are."""
    folder = ROOT / "docs" / "api"
    folder.mkdir(exist_ok=True)
    for page in folder.glob("*.md"):
        if not (ROOT / "ddvae" / page.stem).is_dir():  # a wing that is gone
            page.unlink()
    for init in sorted(ROOT.glob("ddvae/*/__init__.py")):
        wing = f"ddvae.{init.parent.name}"
        lines = [f"# `{wing}`", "", importlib.import_module(wing).__doc__ or "", ""]
        for path in sorted(init.parent.rglob("*.py")):
            if path.name != "__init__.py":
                name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
                heading = f"## `{name.removeprefix(wing + '.')}`"
                lines += [heading, "", "```{eval-rst}", f".. automodule:: {name}", "   :members:", "```", ""]
        page, text = folder / f"{init.parent.name}.md", "\n".join(lines)
        if not page.exists() or page.read_text() != text:
            page.write_text(text)


_write_api()
