"""Settings of all tests: data, threads, hypothesis."""

import os
import signal
from pathlib import Path

if "PYTEST_XDIST_WORKER" in os.environ:  # one process a core: threads would fight over them
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import hypothesis
import pytest
import torch

ROOT = Path(__file__).resolve().parents[1]

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs start with it ignored

if os.environ.get("DDVAE_DATA"):  # notebooks and temporary folders are elsewhere
    os.environ["DDVAE_DATA"] = str(Path(os.environ["DDVAE_DATA"]).resolve())

hypothesis.settings.register_profile("fixed", deadline=None, derandomize=True, max_examples=60)
hypothesis.settings.load_profile("fixed")


LONGEST = ("test_browser", "test_chapters", "test_notebooks", "test_runner")


def pytest_collection_modifyitems(items):
    """The longest files first: what starts last should end soon.

    A file is run by one process, for its tests share what is made once; long ones that share nothing are not.
    """
    place = {name: i for i, name in enumerate(LONGEST)}
    items.sort(key=lambda item: (place.get(item.path.stem, len(place)), not item.get_closest_marker("slow")))
    for item in items:
        if not item.get_closest_marker("by_itself"):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


@pytest.fixture(autouse=True)
def seeded():
    """Every test starts from the same generator state, whatever ran before."""
    torch.manual_seed(0)


@pytest.fixture(scope="module")
def browser():
    """A browser of this machine, for pages of a module's tests."""
    from browser import ARTEFACTS, launch
    from playwright.sync_api import sync_playwright

    ARTEFACTS.mkdir(exist_ok=True)
    with sync_playwright() as driver:
        found = launch(driver)
        yield found
        found.close()


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """JupyterLab on a folder of its own."""
    from browser import lab_server

    server = lab_server(tmp_path_factory.mktemp("lab"))
    yield server
    server.stop()
