"""Variations of DD-VAE (T): one change each."""

from dataclasses import asdict

import pytest

from ddvae.experiments import PRESETS, READINGS
from ddvae.variations import EPOCHS, SWITCHES, VARIATIONS


@pytest.mark.parametrize("word", VARIATIONS)
def test_a_variation_changes_what_it_says(word):
    runs = {name: PRESETS[f"moses-variation-{name}"].scaled_run("hours", 1) for name in ("common", word)}
    common, own = (asdict(run) for run in runs.values()) if word != "common" else [asdict(runs["common"])] * 2
    assert {key for key in own if own[key] != common[key]} == set(VARIATIONS[word].settings)


def test_the_common_recipe_is_the_sweeps_but_shorter():
    common = PRESETS["moses-variation-common"].scaled_run("hours", 1)
    sweep = PRESETS["moses-sweep-ddvae-triweight"].scaled_run("hours", 1)
    share = EPOCHS / sweep.epochs
    for part in (0.0, 0.1, 0.5, 1.0):
        assert common.learning_rate(part * EPOCHS) == pytest.approx(sweep.learning_rate(part * sweep.epochs))
        assert common.temperature(part * EPOCHS) == pytest.approx(sweep.temperature(part * sweep.epochs))
    assert common.beta.target(EPOCHS) == sweep.beta.target(sweep.epochs) == pytest.approx(0.68)
    assert share < 0.5 and common.batch_size == sweep.batch_size


@pytest.mark.parametrize("word", SWITCHES)
def test_a_switch_changes_one_thing(word):
    base = PRESETS["bricks-ddvae-tricube" if word == "beta" else "bricks-ddvae-uniform"]
    switched = PRESETS[f"bricks-switch-{word}"]
    changed = {
        "tuned": {"fine_tuning"},
        "linear": {"temperature"},
        "text": {"scores", "reduction", "squash"},
    }.get(word, {word})
    was, now = (preset.describe("full", 1) for preset in (base, switched))
    assert {key for key in now if now[key] != was[key]} == changed


def test_switches_follow_the_text():
    assert PRESETS["bricks-switch-beta"].run.beta(100) == PRESETS["bricks-ddvae-uniform"].run.beta(100) == 1
    for name, value in READINGS["paper"].items():
        preset = PRESETS[f"bricks-switch-{name}"]
        assert preset.describe("full", 1)[name] == value
