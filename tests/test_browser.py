"""The widgets in JupyterLab and in the served page, driven in a real browser.

What a gesture leaves in the browser is held against the widget that the copied code makes here.
Screenshots are kept in `.artefacts/`.
"""

import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import nbformat
import numpy as np
import psutil
import pytest
from conftest import ROOT

from ddvae.playground import WIDGETS

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)
pytestmark = [
    pytest.mark.skipif(BROWSER is None, reason=f"found none of the browsers {', '.join(BROWSERS)}"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
ARTEFACTS = ROOT / ".artefacts"
READY = "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"


class Server:
    """A Jupyter server on this machine, whose `owner` holds the token; stopped with all its kernels."""

    def __init__(self, words, owner, log, **environment):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.token, self.log = secrets.token_hex(8), log
        command = [sys.executable, "-m", *words, "--no-browser", f"--port={self.port}"]
        with open(log, "w") as file:
            self.process = subprocess.Popen(
                [*command, f"--{owner}.token={self.token}"],
                env=os.environ | environment,
                cwd=ROOT,
                stdout=file,
                stderr=file,
            )

    def address(self, path=""):
        return f"http://127.0.0.1:{self.port}/{path}?token={self.token}"

    def wait(self):
        for _ in range(300):
            try:
                return urllib.request.urlopen(f"http://127.0.0.1:{self.port}/login", timeout=5).close()
            except urllib.error.HTTPError:
                return None
            except OSError:
                assert self.process.poll() is None, self.log.read_text()
                time.sleep(0.2)
        raise AssertionError(self.log.read_text())

    def kernel(self):
        """Bytes that the one running kernel holds."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        kernels = [child for child in children if "ipykernel_launcher" in " ".join(child.cmdline())]
        return kernels[-1].memory_info().rss

    def stop(self):
        for child in psutil.Process(self.process.pid).children(recursive=True):
            child.terminate()
        self.process.terminate()
        self.process.wait(20)


@pytest.fixture(scope="module")
def browser():
    ARTEFACTS.mkdir(exist_ok=True)
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """JupyterLab on a folder with a notebook a widget."""
    folder = tmp_path_factory.mktemp("lab")
    for kind in WIDGETS.values():
        source = f"from {kind.__module__} import {kind.__name__}\n\nwidget = {kind.__name__}()\nwidget"
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
        notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(notebook, folder / f"{kind.__name__}.ipynb")
    news = folder / "settings" / "@jupyterlab" / "apputils-extension"
    news.mkdir(parents=True)
    (news / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
    words = ["jupyter", "lab", "--allow-root", f"--ServerApp.root_dir={folder}"]
    words += ["--LabApp.expose_app_in_browser=True", "--LabApp.extension_manager=readonly"]
    settings = {
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
    }
    server = Server(words, "IdentityProvider", folder / "server.log", **settings)
    server.wait()
    yield server
    server.stop()


class View:
    """A page with a widget, its errors, and what is read from it."""

    def __init__(self, browser):
        self.context = browser.new_context(
            viewport={"width": 1280, "height": 800}, permissions=["clipboard-read", "clipboard-write"]
        )
        self.page, self.errors = self.context.new_page(), []
        self.page.set_default_timeout(30_000)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._listen)

    def _listen(self, said):
        """Keeps errors, but for what other hosts did not deliver: tests run without them."""
        if said.type == "error" and "127.0.0.1" in said.location["url"]:
            self.errors.append(said.text)

    def open(self, lab, kind):
        self.page.goto(lab.address(f"lab/tree/{kind.__name__}.ipynb") + "&reset")  # forgets open tabs
        self.page.wait_for_function(READY)
        self.run("application:toggle-left-area")
        self.run("notebook:run-all-cells")
        self.page.wait_for_selector(".ddvae-pad img, .js-plotly-plot")
        self.kind = kind
        self.settle()

    def run(self, command, arguments="{}"):
        self.page.evaluate(f"window.jupyterapp.commands.execute('{command}', {arguments})")

    def copied(self):
        """The widget that the copied code makes."""
        self.page.get_by_role("button", name=re.compile("Copy the code|Copied")).click()
        self.page.get_by_role("button", name="Copied").wait_for()
        code = self.page.evaluate("navigator.clipboard.readText()")
        self.page.get_by_role("button", name="Copy the code").wait_for()
        return eval(code, {self.kind.__name__: self.kind})

    def drag(self, pad, *places, steps=5):
        """Through places (u, v) of the unit square, v upwards, the button held."""
        frame = self.page.locator(".ddvae-pad").nth(pad).bounding_box()
        for i, (u, v) in enumerate(places):
            x, y = frame["x"] + u * frame["width"], frame["y"] + (1 - v) * frame["height"]
            self.page.mouse.move(x, y, steps=1 if i == 0 else steps)
            if i == 0:
                self.page.mouse.down()
        self.page.mouse.up()

    def settle(self):
        """Waits until no more comes from the kernel."""
        before = None
        for _ in range(200):
            self.page.wait_for_timeout(200)
            idle = self.page.evaluate(f"!window.jupyterapp?.shell?.currentWidget?.sessionContext || {READY}")
            now = self.page.evaluate("document.body.innerText"), self.pictures()
            if idle and now == before:
                return
            before = now
        raise AssertionError("the page does not come to rest")

    def pictures(self):
        """Bytes of all pictures of the widget, in order."""
        script = """() => Promise.all([...document.querySelectorAll('.ddvae-pad img, img.widget-image')]
            .filter((image) => image.src.startsWith('blob:') && image.offsetParent)
            .map((image) => fetch(image.src).then((found) => found.arrayBuffer())
                .then((bytes) => Array.from(new Uint8Array(bytes)))))"""
        return [bytes(found) for found in self.page.evaluate(script)]

    def text(self):
        return "".join(self.page.locator(".jp-OutputArea-output").first.inner_text().split())

    def slide(self, label, keys):
        slider = self.page.locator(".widget-inline-hbox", has_text=label).locator(".noUi-handle")
        slider.focus()
        for key in keys:
            self.page.keyboard.press(key)
        self.settle()

    def picture(self, name):
        self.page.screenshot(path=ARTEFACTS / f"{name}.png")

    def look(self, name):
        """Pictures for the eye, in both themes."""
        self.picture(name)
        for theme, light in (("Dark", "false"), ("Light", "true")):
            self.run("apputils:change-theme", f"{{theme: 'JupyterLab {theme}'}}")
            self.page.wait_for_function(f"document.body.dataset.jpThemeLight === '{light}'")
            self.page.wait_for_timeout(1_500)  # JupyterLab stumbles over a change before the last is done
            if theme == "Dark":
                self.picture(f"{name}-dark")

    def walk(self, lab):
        """Two hundred drags, clicks and keys at random: the kernel does not grow by 50 MB, nor lag behind."""
        random = np.random.default_rng(1)
        pads = self.page.locator(".ddvae-pad").count()
        for i in range(200):
            places = random.uniform(0.02, 0.98, size=(int(random.integers(1, 4)), 2))
            self.drag(int(random.integers(pads)), *places, steps=2)
            self.page.keyboard.press(str(random.choice(["ArrowLeft", "ArrowUp", "Shift+ArrowDown"])))
            if i == 20:
                before = lab.kernel()
        self.settle()
        made = self.copied()
        pad = made.pads[0] if hasattr(made, "pads") else made.pad
        points = self.page.locator(".ddvae-point").first.evaluate("(e) => [e.style.left, e.style.top]")
        u, v = (float(place.removesuffix("%")) / 100 for place in points)
        assert pad.points[0] == pytest.approx([u, 1 - v], abs=1e-3)
        assert self.pictures()[0] == pad.picture
        assert lab.kernel() - before < 50e6


@pytest.fixture
def view(browser, lab):
    found = View(browser)
    yield found
    found.run("kernelmenu:shutdown")
    found.page.wait_for_timeout(500)
    found.context.close()
    assert found.errors == []


def words(widget):
    """A label's text as `View.text` reads it, without blanks."""
    return "".join(re.sub("<[^>]*>", " ", widget.value).split())


def test_bricks(view, lab):
    view.open(lab, WIDGETS["Bricks"])
    first = view.pictures()
    view.drag(0, (0.5, 0.5), (0.8, 0.3), (0.21, 0.77))
    view.settle()
    made = view.copied()
    assert made.point == pytest.approx(((2 * 0.21 - 1) * 1.5, (2 * 0.77 - 1) * 1.5), abs=0.02)
    assert words(made.told) in view.text()
    view.slide("epoch", ["Home"])
    made = view.copied()
    assert made.epoch.value == made.epoch.options[0]
    assert view.pictures() == [made.pad.picture] != first
    view.page.locator(".jp-OutputArea-output input[type=checkbox]").check()
    view.settle()
    view.slide("log₁₀ τ", ["ArrowLeft"] * 5)
    made = view.copied()
    assert made.temperature.value == pytest.approx(-1.5) and view.pictures() == [made.pad.picture]
    view.page.get_by_label("model").select_option("VAE, Gaussian")
    view.settle()
    made = view.copied()
    assert made.model.value == "VAE, Gaussian" and view.pictures() == [made.pad.picture]
    marker = view.page.get_by_role("button", name="arrow keys move it")
    marker.focus()
    before = made.point
    view.page.keyboard.press("Shift+ArrowRight")
    view.settle()
    assert view.copied().point == pytest.approx((before[0] + 0.1 * made.bricks.side, before[1]), abs=1e-3)
    view.look("bricks")
    view.walk(lab)


def test_digits(view, lab):
    view.open(lab, WIDGETS["Digits"])
    first = view.pictures()
    view.drag(1, (0.3, 0.5), (0.6, 0.2), (0.12, 0.9))
    view.settle()
    made = view.copied()
    assert made.pads[0].points[0] == pytest.approx([0.12, 0.9], abs=0.01)
    columns = zip(made.pads, made.pictures, made.strips)
    expected = [bytes(part) for pad, one, strip in columns for part in (pad.picture, one.value, strip.value)]
    assert view.pictures() == expected != first
    view.look("digits")
    view.walk(lab)


def test_molecules(view, lab):
    view.open(lab, WIDGETS["Molecules"])
    field = view.page.get_by_label("molecule", exact=True)
    for bad in ("C1CC", "<b>"):
        field.fill(bad)
        field.press("Enter")
        view.page.get_by_role("alert").get_by_text(f"{bad!r} is no molecule").wait_for()
    field.fill("COc1ccccc1")
    field.press("Enter")
    view.page.get_by_role("alert").wait_for(state="detached")
    view.settle()
    made = view.copied()
    assert words(made.told) in view.text() and view.pictures()[0] == made.pad.picture
    view.drag(0, (0.5, 0.5), (0.3, 0.4), (0.35, 0.65))
    view.settle()
    made = view.copied()
    assert made.point == pytest.approx((-0.9, 0.9), abs=0.05)
    assert words(made.told) in view.text() and view.pictures()[1] == bytes(made.drawn.value)
    view.slide("radius", ["ArrowRight"] * 4)
    view.page.get_by_role("button", name="Neighbours").click()
    view.settle()
    made = view.copied()
    assert made.radius.value == 4.0
    made.buttons["neighbours"].click()
    assert view.pictures()[2] == bytes(made.grid.value)
    view.page.get_by_role("button", name="Way to").click()
    view.settle()
    made.buttons["way"].click()
    assert view.pictures()[2] == bytes(made.grid.value)
    view.page.get_by_role("button", name="Where decoding").click()
    view.settle()
    made.buttons["distance"].click()
    assert words(made.message) in view.text()
    view.look("molecules")
    view.walk(lab)


def test_a_search(view, lab):
    view.open(lab, WIDGETS["A search"])
    view.slide("round", ["ArrowLeft"] * 3)
    made = view.copied()
    assert made.round.value == 2 and words(made.best) in view.text()
    dots = view.page.locator(".js-plotly-plot").first.locator("path.point")
    assert dots.count() == sum(len(trace.x) for trace in made.map.data if "markers" in trace.mode)
    view.look("search")


def test_the_served_page(browser, tmp_path):
    """Every tab opens; without the token there is no page; no code is shown."""
    page = str(ROOT / "notebooks" / "page")
    settings = {"JUPYTER_PATH": page, "JUPYTER_CONFIG_PATH": page}
    server = Server(["voila", "notebooks/widgets.ipynb"], "Voila", tmp_path / "log", **settings)
    view = View(browser)
    try:
        server.wait()
        view.page.goto(server.address())
        view.page.wait_for_selector(".ddvae-pad img")
        assert "from ddvae" not in view.page.inner_text("body")
        for i, title in enumerate(WIDGETS):
            view.page.get_by_role("tab", name=title).click()
            view.page.wait_for_selector(".js-plotly-plot:visible, .ddvae-pad:visible")
            view.settle()
            assert view.page.get_by_role("alert").count() == 0
            view.picture(f"page-{i + 1}")
        stranger = browser.new_context().new_page()
        stranger.goto(f"http://127.0.0.1:{server.port}/")
        assert "/login" in stranger.url
        stranger.context.close()
    finally:
        view.context.close()
        server.stop()
    assert view.errors == []
