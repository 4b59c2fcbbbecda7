"""All chapters, run from training to figures at budget smoke: long, so a file, and a process, of its own."""

import os

import pytest
from browser import BROWSER
from test_records import check_whole

from ddvae.book.regenerate import CHAPTERS, reproduce
from ddvae.experiments.record import read_record
from ddvae.experiments.smiles import Smiles
from ddvae.papers.dd_vae.presets import PRESETS


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    """The first chapter with PNG and SVG, which take a quarter of the time; committed notebooks hold all."""
    out = tmp_path_factory.mktemp("book")
    rows = reproduce(CHAPTERS[:1], "smoke", out)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BROWSER_PATH", os.devnull)
        rows += reproduce(CHAPTERS[1:], "smoke", out)
    return out, {row["chapter"]: row for row in rows}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", CHAPTERS)
def test_runs_at_smoke(smoke, name):
    out, rows = smoke
    assert rows[name]["status"] == "done", rows[name]["error"]
    assert (out / name / "page.json").exists() and (out / name / "comparison.csv").exists()
    assert name in (out / "index.html").read_text()


def test_images_where_there_is_a_browser(smoke):
    drawn = {kind: {path.stem for path in smoke[0].glob(f"*/*.{kind}")} for kind in ("html", "png", "svg")}
    first = {path.stem for path in (smoke[0] / CHAPTERS[0]).glob("*.html")}
    assert first < drawn["html"] and drawn["svg"] == (first if BROWSER else set())
    assert drawn["svg"] <= drawn["png"] < drawn["html"]  # a figure that is but a picture needs no browser


@pytest.mark.parametrize("name", [name for name, one in PRESETS.items() if not isinstance(one, Smiles)])
def test_what_chapters_trained_is_read_back(smoke, name):
    """All bricks and digits are; `test_records` trains the molecular presets."""
    check_whole(read_record(smoke[0] / "trained" / name / "seed1"))
