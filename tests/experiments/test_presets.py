"""Presets: whole at every budget, with the published settings."""

import pytest

from ddvae.experiments.preset import BUDGETS
from ddvae.papers.catalogue import PRESETS
from ddvae.papers.dd_vae.readings import READINGS


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_whole(name):
    preset = PRESETS[name]
    assert preset.title and preset.source
    for budget in BUDGETS[1:]:
        run, base = preset.scaled(budget, seed=3).settings, preset.recipe_at(budget).settings
        assert run.seed == 3 and run.epochs == preset.epochs.get(budget, base.epochs)
        assert run.learning_rate(0.5) == pytest.approx(base.learning_rate(0.5 * base.epochs / run.epochs))
        share = (run.all_epochs - run.epochs) / run.epochs  # fine-tuning is scaled too, to an epoch at least
        fine = (base.all_epochs - base.epochs) / base.epochs
        assert abs(share - fine) <= 0.5 / run.epochs or (fine and run.all_epochs == run.epochs + 1)
    assert preset.scaled("full", 1).settings.all_epochs == preset.recipe.settings.all_epochs


def test_readings_are_the_published_differences():
    assert READINGS["paper"] == {"scores": "prob", "reduction": "sum", "squash": "tanh"}
    for name in ("bricks-ddvae-uniform", "mnist-ddvae-uniform"):
        settings = PRESETS[name].describe("full", 1)
        assert {key: settings[key] for key in READINGS["released"]} == READINGS["released"]


def test_published_hyper_parameters():
    """As listed for the released runs."""
    run, falling = vars(PRESETS["bricks-ddvae-uniform"].recipe).values()
    assert (run.epochs, run.batch_size, run.clip_value) == (100, 512, 2.0)
    assert falling.beta(100) == 1 and falling.beta(2) == 0 and falling.temperature(100) == pytest.approx(1e-3)
    assert run.learning_rate(19) == 5e-3 and run.learning_rate(20) == 2.5e-3
    run, falling = vars(PRESETS["mnist-ddvae-uniform"].recipe).values()
    assert (run.epochs, run.batch_size, run.clip_value) == (150, 512, None)
    assert falling.beta(4) == 1e-5 and falling.beta(100) == pytest.approx(0.05)
    assert PRESETS["mnist-vae-gaussian"].recipe.settings.clip_value == 10
