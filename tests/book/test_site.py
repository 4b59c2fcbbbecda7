"""The site: built without a warning, and every link and picture in it leads somewhere."""

import subprocess
import sys
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest
from conftest import ROOT

from ddvae.book.notebooks import chapters


class Page(HTMLParser):
    """What a page of HTML refers to, and what it can be referred to by."""

    def __init__(self, text):
        super().__init__()
        self.targets, self.names = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        for key, value in attributes:
            if key in ("href", "src") and value:
                self.targets.append(value)
            elif key in ("id", "name"):
                self.names.add(value)


def dead_links(folder):
    """Links and pictures of all pages that lead to no file or to no place in it."""
    found = (
        path for path in folder.glob("**/*.html") if "_static" not in path.parts
    )  # the theme's templates
    pages = {path: Page(path.read_text()) for path in found}
    dead = []
    for path, page in pages.items():
        for target in page.targets:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            file = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            names = pages[file].names if file in pages else None
            if not file.is_file() or (
                parts.fragment and names is not None and unquote(parts.fragment) not in names
            ):
                dead.append((str(path.relative_to(folder)), target))
    return dead


def test_dead_links_are_found(tmp_path):
    (tmp_path / "a.html").write_text(
        '<a href="b.html#here">1</a><a href="b.html#gone">2</a><img src="c.png">'
    )
    (tmp_path / "b.html").write_text(
        '<p id="here"><a href="https://elsewhere.org/x">3</a><a href="#here">4</a></p>'
    )
    assert dead_links(tmp_path) == [("a.html", "b.html#gone"), ("a.html", "c.png")]


def test_every_notebook_is_on_the_site():
    contents = (ROOT / "docs" / "index.md").read_text()
    for path in (ROOT / "notebooks").glob("**/*.ipynb"):
        assert f"../{path.relative_to(ROOT).with_suffix('')}\n" in contents, path.name


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path):
    """As `make site` does, in a folder of its own."""
    assert "-m sphinx --fail-on-warning --keep-going" in (ROOT / "Makefile").read_text()
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet"]
    built = subprocess.run([*command, "-c", "docs", ".", tmp_path], cwd=ROOT, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr[-4000:]
    wings = {path.parent.name for path in ROOT.glob("ddvae/*/__init__.py")}
    pages = {str(path.relative_to(tmp_path).with_suffix("")) for path in tmp_path.glob("**/*.html")}
    assert {f"notebooks/{name}" for name in chapters()} | {f"docs/api/{wing}" for wing in wings} < pages
    assert {"index", "docs/index", "README", "RESULTS", "CONTRIBUTING", "CHANGELOG"} < pages
    assert dead_links(tmp_path) == []
