"""What a widget's kernel takes to answer a gesture, against the goal of 50 ms for what a moving hand asks.

    python benchmarks/widgets.py

A gesture is a random place of the point, or a random step of a slider; the browser's own part (sending,
drawing) is not in it. The last line is the plain way of showing a plane: a plotly figure, made anew.
"""

import statistics
import time

import numpy as np

from ddvae.experiments.bricks import window
from ddvae.experiments.record import recorded
from ddvae.figures.latent_planes import BrickMap, brick_maps
from ddvae.widgets.bricks import BrickExplorer
from ddvae.widgets.digits import DigitPlane
from ddvae.widgets.molecules import MoleculeExplorer
from ddvae.widgets.search_replay import SearchReplay

GOAL = 50.0


def move(pad):
    """Drags the first point to a random place, as the browser reports it."""

    def gesture(random):
        pad.points = [random.uniform(size=2).tolist(), *pad.points[1:]]
        pad.asked += 1

    return gesture


def step(slider, values):
    """Sets a slider to one of its values."""

    def gesture(random):
        slider.value = values[random.integers(len(values))]

    return gesture


def press(button):
    """Clicks a button."""
    return lambda random: button.click()


def show(name, gesture, count=60):
    """One line: median and slowest of `count` gestures after five that are not counted."""
    random, times = np.random.default_rng(1), []
    for _ in range(count + 5):
        started = time.perf_counter()
        gesture(random)
        times.append(1e3 * (time.perf_counter() - started))
    middle, worst = statistics.median(times[5:]), max(times[5:])
    print(f"{name:44} {middle:8.1f} ms {worst:8.1f} ms {middle / GOAL:7.2f}", flush=True)


if __name__ == "__main__":
    print(f"{'gesture':44} {'median':>11} {'slowest':>11} {'of 50 ms':>7}")
    bricks, digits, molecules = BrickExplorer(), DigitPlane(), MoleculeExplorer()
    show("bricks: a point moved", move(bricks.pad))
    show("bricks: a training step chosen", step(bricks.epoch, bricks.epoch.options))
    bricks.blurred.value = True
    show(
        "bricks: a temperature chosen", step(bricks.temperature, np.linspace(-4, -0.3, 38).round(1).tolist())
    )
    show("digits: a point moved", move(digits.pads[0]))
    show("molecules: a point moved", move(molecules.pad))
    strings = ["COc1ccccc1", "CC(=O)Nc1ccc(O)cc1", "CCN(CC)CC", "c1ccc2ccccc2c1"]
    show("molecules: one typed, its plane drawn", step(molecules.smiles, strings), 12)
    for button in molecules.buttons.values():
        show(f"molecules: {button.description}", press(button), 12)
    replay = SearchReplay()
    show("search: a round chosen", step(replay.round, range(1, replay.round.max + 1)), 30)
    record = recorded("bricks-ddvae-uniform")[0]
    arrays, side = record.arrays, window(record.settings["proposal"])
    proposals = arrays["decoded"], arrays["loc"], arrays["scale"]
    show(
        "bricks drawn as a plotly figure",
        lambda _: brick_maps([BrickMap("", arrays["window"], side, *proposals, "box")]),
        10,
    )
