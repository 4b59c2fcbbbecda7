"""A Jupyter server of this machine and a page with a widget in a real browser.

The browser tests gesture through it, and so does `animate.py`, which makes the README's moving pictures.
"""

import base64
import io
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
from conftest import ROOT
from PIL import Image

from ddvae.widgets.tabs import WIDGETS

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)
ARTEFACTS = ROOT / ".artefacts"
CHOOSE = """(list, share) => {
    list.selectedIndex = Math.floor(share * list.options.length);
    list.dispatchEvent(new Event("change", {bubbles: true}));
}"""
TYPED = ("COc1ccccc1", "C1CC", "CCN(CC)CC", "<b>", "", "c1ccc2[nH]ccc2c1", "N#Cc1ccncc1", "x" * 300)
"""Into fields, some of them no molecules."""
SHOWN = """[...document.querySelectorAll('.ddvae-pad img, img.widget-image')]
    .filter((image) => image.src.startsWith('blob:') && image.offsetParent)"""
"""A widget's pictures; each new one has an address of its own."""
READ = """(image) => fetch(image.src).then((found) => found.blob()).then((blob) => new Promise((done) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.readAsDataURL(blob);
}))"""
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
        for _ in range(3_000):
            try:
                return urllib.request.urlopen(f"http://127.0.0.1:{self.port}/login", timeout=60).close()
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
        self.process.wait()


def launch(driver):
    """The browser that this machine has."""
    return driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])


def differing(shown, expected):
    """Share of blocks of 8 x 8 pixels whose mean colour differs by more than 40 of 255 between two PNGs.

    Letters and lines that other fonts or smoothing move by a pixel do not count.
    """
    size = Image.open(io.BytesIO(shown)).size
    images = [
        Image.open(io.BytesIO(png)).convert("RGB").resize(size, Image.Resampling.BOX)
        for png in (shown, expected)
    ]
    small = (size[0] // 8, size[1] // 8)
    means = [np.asarray(image.resize(small, Image.Resampling.BOX)).astype(int) for image in images]
    return (np.abs(means[0] - means[1]).max(-1) > 40).mean()


def lab_server(folder):
    """JupyterLab on a folder, into which a notebook a widget is written."""
    for kind in WIDGETS.values():
        source = f"from {kind.__module__} import {kind.__name__}\n\nwidget = {kind.__name__}()\nwidget"
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
        notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(notebook, folder / f"{kind.__name__}.ipynb")
    news = folder / "settings" / "@jupyterlab" / "apputils-extension"
    news.mkdir(parents=True)
    (news / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
    cells = folder / "settings" / "@jupyterlab" / "notebook-extension"
    cells.mkdir()
    (cells / "tracker.jupyterlab-settings").write_text('{"windowingMode": "none"}')  # all are on the page
    words = ["jupyter", "lab", "--allow-root", f"--ServerApp.root_dir={folder}"]
    words += ["--LabApp.expose_app_in_browser=True", "--LabApp.extension_manager=readonly"]
    settings = {
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
    }
    server = Server(words, "IdentityProvider", folder / "server.log", **settings)
    server.wait()
    return server


class View:
    """A page with a widget, its errors, and what is read from it."""

    def __init__(self, browser):
        self.context = browser.new_context(
            viewport={"width": 1280, "height": 800}, permissions=["clipboard-read", "clipboard-write"]
        )
        self.page, self.errors = self.context.new_page(), []
        self.page.set_default_timeout(300_000)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._listen)
        self.asked = set()
        self.page.on("websocket", self._follow)

    def _follow(self, socket):
        """Keeps the names of messages with which the kernel has not yet done."""

        def names(frame, what):
            words = frame if isinstance(frame, str) else frame.decode("latin-1")
            return re.findall(r'"msg_id": ?"([^"]+)"', words) if re.search(what, words) else []

        idle = '"execution_state": ?"idle"'
        socket.on("framesent", lambda frame: self.asked.update(names(frame, "")[:1]))
        socket.on("framereceived", lambda frame: self.asked.difference_update(names(frame, idle)))
        socket.on("close", lambda _: self.asked.clear())

    def _listen(self, said):
        """Keeps errors, but for what other hosts did not deliver: tests run without them."""
        if said.type == "error" and "127.0.0.1" in said.location["url"]:
            self.errors.append(said.text)

    def open(self, lab, kind):
        self.kind = kind
        self.page.goto(lab.address(f"lab/tree/{kind.__name__}.ipynb") + "&reset")  # forgets open tabs
        self.page.wait_for_function(READY)
        self.run("application:toggle-left-area")
        self.run("notebook:run-all-cells")
        self.page.wait_for_selector(".ddvae-pad img, .js-plotly-plot")
        self.settle()

    def run(self, command, arguments="{}"):
        self.page.evaluate(f"window.jupyterapp.commands.execute('{command}', {arguments})")

    def copied(self):
        """The widget that the copied code makes."""
        self.page.evaluate("navigator.clipboard.writeText('')")
        self.page.get_by_role("button", name="Copy the code").click()
        code = self.page.wait_for_function("navigator.clipboard.readText()").json_value()
        self.page.get_by_role("button", name="Copy the code").wait_for()
        return eval(code, {self.kind.__name__: self.kind})

    def pad(self, index):
        return self.page.locator(".ddvae-pad:visible").nth(index)

    def drag(self, pad, *places, steps=5):
        """On a pad, through places (u, v) of the unit square, v upwards, the button held."""
        frame = pad.bounding_box()
        for i, (u, v) in enumerate(places):
            x, y = frame["x"] + u * frame["width"], frame["y"] + (1 - v) * frame["height"]
            self.page.mouse.move(x, y, steps=1 if i == 0 else steps)
            if i == 0:
                self.page.mouse.down()
        self.page.mouse.up()

    def settle(self):
        """Waits until the kernel has done with all that it was asked, and nothing more is asked or shown."""
        before, quiet = None, 0
        for _ in range(3_000):
            self.page.wait_for_timeout(200)
            now = self.page.evaluate(f"[document.body.innerText, {SHOWN}.map((image) => image.src)]")
            quiet = quiet + 1 if not self.asked and now == before else 0
            if quiet == 3:  # a slider sends its next value once the kernel has answered
                return
            before = now
        raise AssertionError("the page does not come to rest")

    def pictures(self):
        """Bytes of all pictures of the widget, in order."""
        found = self.page.evaluate(f"Promise.all({SHOWN}.map({READ}))")
        return [base64.b64decode(one.partition(",")[2]) for one in found]

    def text(self):
        return "".join(self.page.locator("body").inner_text().split())

    def slide(self, label, keys):
        slider = self.page.locator(".widget-inline-hbox:visible", has_text=label).locator(".noUi-handle")
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

    def wander(self, random):
        """At random, one of all that the widget has: a pad, a slider, a list, a field, a box."""
        kinds = {
            ".ddvae-pad:visible": self._wander_pad,
            ".widget-inline-hbox:visible .noUi-handle": self._wander_slider,
            ".widget-dropdown:visible select": self._wander_list,
            ".widget-text:visible input": self._wander_field,
            ".widget-checkbox:visible input": self._wander_box,
        }
        here = {place: answer for place, answer in kinds.items() if self.page.locator(place).count()}
        shares = np.array([3.0 if "pad" in place or "noUi" in place else 1.0 for place in here])
        place = str(random.choice(list(here), p=shares / shares.sum()))
        found = self.page.locator(place)
        here[place](found.nth(int(random.integers(found.count()))), random)

    def _wander_pad(self, found, random):
        """A drag, or a click, and a key."""
        self.drag(found, *random.uniform(0.02, 0.98, size=(int(random.integers(1, 4)), 2)), steps=2)
        self.page.keyboard.press(str(random.choice(["ArrowLeft", "ArrowUp", "Shift+ArrowDown"])))

    def _wander_slider(self, found, random):
        found.focus()
        self.page.keyboard.press(str(random.choice(["ArrowLeft", "ArrowRight", "Home", "End"])))

    def _wander_list(self, found, random):
        found.evaluate(CHOOSE, random.random())  # read and chosen at once: another list may change this one

    def _wander_field(self, found, random):
        found.fill(str(random.choice(TYPED)))
        found.press("Enter")

    def _wander_box(self, found, random):
        found.click(force=True)  # it may be disabled

    def choose_all(self):
        """Every option of every list, one after the other: whatever is loaded for one has been."""
        for found in self.page.locator(".widget-dropdown:visible select").all():
            count = found.evaluate("(list) => list.options.length")
            for i in range(count):
                found.evaluate(CHOOSE, (i + 0.5) / count)
                self.settle()

    def walk(self, gestures, random):
        """The widget that the copied code makes after gestures at random."""
        for _ in range(gestures):
            self.wander(random)
        self.settle()
        return self.copied()

    def heap(self):
        """Bytes of the page's scripts, without what is no longer used."""
        session = self.context.new_cdp_session(self.page)
        session.send("HeapProfiler.collectGarbage")
        session.send("Performance.enable")
        found = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
        session.detach()
        return found["JSHeapUsedSize"]
