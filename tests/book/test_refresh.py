"""Making the committed notebooks, figures and tables anew."""

import base64
import io

import nbformat
import pytest
from browser import BROWSER
from PIL import Image
from small_book import TABLE, files, page, write_notebook

from ddvae.book.refresh import refresh
from ddvae.system import locations

PICTURE = """
import io
from PIL import Image
from ddvae.figures.latent_planes import picture
Image.new("RGB", (60, 40), {colour!r}).save(png := io.BytesIO(), "png")
chapter.figure(picture(png.getvalue()), "picture", "P.")
"""
"""A figure that is but a picture: it needs no browser."""
CURVE = """
from ddvae.figures import style
chapter.figure(style.curves([0, 1], {"a": [0, 1]}, "x", "y"), "curve", "C.")
"""
KILL = """
import psutil
for process in psutil.Process().children(recursive=True):
    if "chrom" in process.name():
        process.kill()
"""
SLOW_WORDS = "import time\nprint('one', flush=True)\ntime.sleep(1)\nprint('two')"
DRAWN = pytest.mark.skipif(BROWSER is None, reason="needs Chromium or Chrome")


def png(colour):
    Image.new("RGB", (6, 4), colour).save(content := io.BytesIO(), "png")
    return content.getvalue()


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    for folder in ("notebooks", "figures/01_one", "data/runs"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.setattr(locations, "repository", lambda: tmp_path)
    return tmp_path


def write(checkout, *bodies):
    write_notebook(checkout / "notebooks" / "01_one.ipynb", page("01_one", "\n".join(bodies)))


def read(checkout):
    return nbformat.read(checkout / "notebooks" / "01_one.ipynb", as_version=4)


def test_figures_and_tables_are_those_of_the_notebook(checkout):
    for name in ("gone.csv", "gone.png", "film.webp"):
        (checkout / "figures" / "01_one" / name).write_text("before")
    write(checkout, SLOW_WORDS, TABLE, PICTURE.format(colour="red"))
    refresh(("01_one",))
    made = files(checkout / "figures" / "01_one")
    assert sorted(made) == ["film.webp", "picture.png", "t.csv", "t.md", "t.tex"]
    notebook = read(checkout)
    assert [cell.execution_count for cell in notebook.cells] == [1, 2]
    assert [cell.metadata for cell in notebook.cells] == [{"tags": ["parameters"]}, {}]
    assert str(checkout) not in str(notebook) and "injected-parameters" not in str(notebook)
    words, table, below, picture, _ = notebook.cells[1].outputs
    assert below.data["text/markdown"] == "*T.*"
    assert words.text == "one\ntwo\n" and "a" in table.data["text/plain"]
    assert base64.b64decode(picture.data["image/png"]) == made["picture.png"]


@pytest.mark.slow
def test_a_second_time_nothing_changes_and_pictures_of_the_same_data_stay(checkout):
    """Another browser draws other pixels: here they were drawn in blue."""
    write(checkout, TABLE, PICTURE.format(colour="red"))
    refresh(("01_one",))
    notebook = read(checkout)
    notebook.cells[1].outputs[2].data["image/png"] = base64.b64encode(png("blue")).decode()
    nbformat.write(notebook, checkout / "notebooks" / "01_one.ipynb")
    (checkout / "figures" / "01_one" / "picture.png").write_bytes(png("blue"))
    before = files(checkout)
    refresh(("01_one",))
    assert files(checkout) == before
    notebook.cells[1].source = notebook.cells[1].source.replace("red", "green")  # other data
    nbformat.write(notebook, checkout / "notebooks" / "01_one.ipynb")
    refresh(("01_one",))
    after = files(checkout)
    changed = {name for name, content in after.items() if before.get(name) != content}
    assert changed == {"notebooks/01_one.ipynb", "figures/01_one/picture.png"}


@pytest.mark.parametrize("path", ["/dev/null", "/bin/false"], ids=["missing", "broken"])
def test_without_a_browser_nothing_changes(checkout, monkeypatch, path):
    monkeypatch.setenv("BROWSER_PATH", path)
    write(checkout, CURVE)
    (checkout / "figures" / "01_one" / "curve.png").write_bytes(png("blue"))
    before = files(checkout)
    with pytest.raises(FileNotFoundError, match="no browser drew the figures of 01_one, which stays"):
        refresh(("01_one",))
    assert files(checkout) == before


@pytest.mark.slow
@DRAWN
def test_a_browser_that_dies_changes_nothing(checkout):
    write(checkout, TABLE, CURVE, KILL, CURVE.replace("[0, 1]", "[0, 2]"))
    (checkout / "figures" / "01_one" / "curve.png").write_bytes(png("blue"))
    before = files(checkout)
    with pytest.raises(FileNotFoundError, match="no browser drew the figures of 01_one"):
        refresh(("01_one",))
    assert files(checkout) == before


def test_a_cell_that_fails_changes_nothing(checkout):
    write(checkout, TABLE, "raise ValueError('on purpose')")
    (checkout / "figures" / "01_one" / "t.csv").write_text("before")
    before = files(checkout)
    told = r"^01_one stays as it was, for a cell failed \(ValueError: on purpose\)$"
    with pytest.raises(ValueError, match=told):
        refresh(("01_one",))
    assert files(checkout) == before


def test_a_widget_leaves_its_film(checkout):
    (checkout / "figures" / "widgets").mkdir()
    (checkout / "figures" / "widgets" / "Film.webp").write_bytes(b"")
    write(checkout, "import ipywidgets", "class Film(ipywidgets.VBox): pass", "Film()")
    refresh(["01_one"])
    (output,) = read(checkout).cells[1].outputs
    assert set(output.data) == {"text/plain", "text/markdown"} and "(../figures/widgets/Film.webp)" in str(
        output
    )
    write(checkout, "import ipywidgets", "ipywidgets.VBox()")
    refresh(["01_one"])
    (output,) = read(checkout).cells[1].outputs
    assert output.data == {"text/plain": "VBox: a widget. Run this cell in JupyterLab to use it."}
