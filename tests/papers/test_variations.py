"""Variations of DD-VAE (T): one change each."""

from dataclasses import asdict

import pytest

from ddvae.experiments.preset import READINGS
from ddvae.papers.dd_vae.presets import PRESETS
from ddvae.papers.dd_vae.variations import EPOCHS, SWITCHES, VARIATIONS


@pytest.mark.parametrize("word", [word for word in VARIATIONS if word != "common"])
def test_a_variation_changes_what_it_says(word):
    common, own = (
        asdict(PRESETS[f"moses-variation-{name}"].scaled_run("hours", 1)) for name in ("common", word)
    )
    changed = {key for key in own if own[key] != common[key]}
    assert changed and changed == set(VARIATIONS[word].settings)


def test_variations_are_what_their_titles_promise():
    runs = {word: PRESETS[f"moses-variation-{word}"].scaled_run("hours", 1) for word in VARIATIONS}
    assert runs["flat"].learning_rate(EPOCHS) == runs["common"].learning_rate.peak
    assert runs["common"].learning_rate(EPOCHS) == pytest.approx(0, abs=1e-9)
    half = EPOCHS / 2
    assert runs["fall"].beta.target(half) < 0.89 < runs["common"].beta.target(half)
    early = 0.2 * EPOCHS
    assert runs["fall"].temperature(early) == pytest.approx(0.1)
    assert runs["common"].temperature(early) > 0.12
    assert runs["batch"].batch_size == 256 and runs["moments"].moments > 0
    assert 0.99 < runs["averaged"].averaging < 1


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
