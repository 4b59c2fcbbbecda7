"""The README's moving pictures, filmed from the widgets in a real browser.

    python tests/animate.py [FOLDER]

writes one animated WebP a widget into figures/widgets, or another folder.
"""

import io
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np
from browser import View, lab_server, launch
from conftest import ROOT
from PIL import Image
from playwright.sync_api import sync_playwright

from ddvae.widgets.tabs import WIDGETS

PATHS = {
    "Bricks": [(0.55, 0.55), (0.75, 0.6), (0.7, 0.3), (0.4, 0.25), (0.3, 0.6)],
    "Digits": [(0.3, 0.5), (0.15, 0.8), (0.45, 0.85), (0.6, 0.3), (0.25, 0.2)],
    "Molecules": [(0.5, 0.5), (0.8, 0.35), (0.7, 0.85), (0.3, 0.8), (0.12, 0.3)],
}
"""Where the point is dragged, in the unit square."""


class Film:
    """Pictures of a widget, one after each gesture."""

    def __init__(self, view, height=0):
        view.page.set_viewport_size({"width": 1280, "height": 1000})
        self.view, self.height, self.frames, self.durations = view, height, [], []

    def take(self, wait=250, shown=150):
        """Keeps what the browser shows after some milliseconds, to be shown as long as told."""
        self.view.page.wait_for_timeout(wait)
        box = self.view.page.locator(".jp-OutputArea-output").first.bounding_box()
        box["height"] = max(box["height"], self.height)
        picture = Image.open(io.BytesIO(self.view.page.screenshot(clip=box))).convert("RGB")
        if self.frames and picture.size != self.frames[0].size:  # the first one's frame holds for all
            whole = Image.new("RGB", self.frames[0].size, "white")
            whole.paste(picture)
            picture = whole
        self.frames.append(picture)
        self.durations.append(shown)

    def save(self, path):
        """As an animated WebP that repeats."""
        first, *rest = self.frames
        first.save(
            path, save_all=True, append_images=rest, duration=self.durations, loop=0, quality=75, method=6
        )
        print(f"{path.name}: {len(self.frames)} pictures, {path.stat().st_size / 1e6:.2f} MB", flush=True)


def drag(film, title):
    """The point along its path, the button held."""
    path = PATHS[title]
    frame = film.view.page.locator(".ddvae-pad").first.bounding_box()
    mouse = film.view.page.mouse
    for i, (begin, end) in enumerate(pairwise(path)):
        for share in np.linspace(0, 1, 8)[1 if i else 0 :]:
            u, v = (a + share * (b - a) for a, b in zip(begin, end))
            mouse.move(frame["x"] + u * frame["width"], frame["y"] + (1 - v) * frame["height"])
            if not film.frames or (i == 0 and share == 0):
                mouse.down()
            film.take()
        film.durations[-1] = 700
    mouse.up()


def bricks(film):
    view = film.view
    drag(film, "Bricks")
    handle = view.page.locator(".widget-inline-hbox", has_text="epoch").locator(".noUi-handle")
    handle.focus()
    view.page.keyboard.press("Home")
    film.take(shown=500)
    for _ in range(40):
        view.page.keyboard.press("ArrowRight")
        film.take(wait=150, shown=120)
    film.durations[-1] = 2_000


def digits(film):
    drag(film, "Digits")
    film.durations[-1] = 2_000


def molecules(film):
    drag(film, "Molecules")
    view = film.view
    field = view.page.get_by_label("molecule", exact=True)
    field.fill("COc1ccccc1")
    field.press("Enter")
    view.settle()
    film.take(shown=1_500)
    view.page.get_by_role("button", name="Neighbours").click()
    view.settle()
    film.take(shown=3_000)


def search(film):
    view = film.view
    handle = view.page.locator(".widget-inline-hbox", has_text="round").locator(".noUi-handle")
    handle.focus()
    view.page.keyboard.press("Home")
    view.settle()
    film.take(shown=1_000)
    for _ in range(4):
        view.page.keyboard.press("ArrowRight")
        view.settle()
        film.take(shown=1_000)
    film.durations[-1] = 2_500


SCENES = {"Bricks": bricks, "Digits": digits, "Molecules": molecules, "A search": search}

if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "figures" / "widgets"
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as driver, tempfile.TemporaryDirectory() as scratch:
        server, browser = lab_server(Path(scratch)), launch(driver)
        try:
            for title, kind in WIDGETS.items():
                view = View(browser)
                view.open(server, kind)
                film = Film(view, 720 if title == "Molecules" else 0)  # the neighbours come below
                SCENES[title](film)
                film.save(folder / f"{kind.__name__}.webp")
                view.run("kernelmenu:shutdown")
                view.context.close()
        finally:
            server.stop()
