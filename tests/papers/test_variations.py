"""Variations of DD-VAE (T): one change each."""

import pytest

from ddvae.papers.dd_vae.presets import PRESETS
from ddvae.papers.dd_vae.readings import READINGS
from ddvae.papers.dd_vae.variations import EPOCHS, SWITCHES, VARIATIONS


@pytest.mark.parametrize("word", [word for word in VARIATIONS if word != "common"])
def test_a_variation_changes_what_it_says(word):
    common, own = (
        PRESETS[f"moses-variation-{name}"].scaled("hours", 1).describe() for name in ("common", word)
    )
    changed = {key for key in own if own[key] != common[key]}
    assert changed and changed == set(VARIATIONS[word].settings)


def test_variations_are_what_their_titles_promise():
    recipes = {word: PRESETS[f"moses-variation-{word}"].scaled("hours", 1) for word in VARIATIONS}
    runs = {word: recipe.settings for word, recipe in recipes.items()}
    falling = {word: recipe.objective for word, recipe in recipes.items()}
    assert runs["flat"].learning_rate(EPOCHS) == runs["common"].learning_rate.peak
    assert runs["common"].learning_rate(EPOCHS) == pytest.approx(0, abs=1e-9)
    half = EPOCHS / 2
    assert falling["fall"].beta.target(half) < 0.89 < falling["common"].beta.target(half)
    early = 0.2 * EPOCHS
    assert falling["fall"].temperature(early) == pytest.approx(0.1)
    assert falling["common"].temperature(early) > 0.12
    assert runs["batch"].batch_size == 256 and falling["moments"].moments > 0
    assert 0.99 < runs["averaged"].averaging < 1


def test_the_common_recipe_is_the_sweeps_but_shorter():
    names = ("moses-variation-common", "moses-sweep-ddvae-triweight")
    (common, own), (sweep, theirs) = (vars(PRESETS[name].scaled("hours", 1)).values() for name in names)
    share = EPOCHS / sweep.epochs
    for part in (0.0, 0.1, 0.5, 1.0):
        assert common.learning_rate(part * EPOCHS) == pytest.approx(sweep.learning_rate(part * sweep.epochs))
        assert own.temperature(part * EPOCHS) == pytest.approx(theirs.temperature(part * sweep.epochs))
    assert own.beta.target(EPOCHS) == theirs.beta.target(sweep.epochs) == pytest.approx(0.68)
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
    weights = [
        PRESETS[f"bricks-{word}"].recipe.objective.beta(100) for word in ("switch-beta", "ddvae-uniform")
    ]
    assert weights == [1, 1]
    for name, value in READINGS["paper"].items():
        preset = PRESETS[f"bricks-switch-{name}"]
        assert preset.describe("full", 1)[name] == value
