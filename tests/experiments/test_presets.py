"""Presets: whole at every budget, with the published settings."""

from dataclasses import dataclass

import pytest

from ddvae.experiments.preset import BUDGETS, Recipe
from ddvae.papers.catalogue import PRESETS
from ddvae.papers.dd_vae.readings import READINGS
from ddvae.training.annealed_objectives import Objective
from ddvae.training.players import Player
from ddvae.training.schedules import Linear, Schedule, Step
from ddvae.training.settings import FineTuning, Settings


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


@dataclass
class Sparse(Objective):
    """With a schedule of its own name."""

    sparsity: Schedule | float
    factor: float = 2.0

    def __call__(self, model, batch, epoch):
        raise NotImplementedError


def test_every_schedule_is_stretched_whatever_its_name():
    settings = Settings(20, Linear(1.0, 0.0, 0, 20))
    objective = Sparse(Linear(0.0, 1.0, 0, 10))
    found = Recipe(settings, objective).over(4)
    assert found.objective == Sparse(Linear(0.0, 1.0, 0, 2))
    assert found.settings == Settings(4, Linear(1.0, 0.0, 0, 4))
    players = {"a": Player(objective), "b": Player(objective, learning_rate=Step(1.0, 0.5, every=10))}
    found = Recipe(settings, players).over(10).changed(seed=3)
    assert found.objective["a"] == Player(Sparse(Linear(0.0, 1.0, 0, 5)))
    assert found.objective["b"].learning_rate == Step(1.0, 0.5, every=5) and found.settings.seed == 3
    assert set(found.describe()["players"]) == {"a", "b"} and found.to_maximise() is found.objective


def test_a_recipe_stays_of_its_kind_and_names_what_players_have_not():
    class Mine(Recipe):
        """One of somebody's own."""

    mine = Mine(Settings(2, 0.1), {"a": Player(Sparse(1.0))})
    assert type(mine.over(3)) is type(mine.changed(seed=2)) is Mine
    with pytest.raises(
        ValueError, match=r"^beta are no fields of the settings; expected such, or one objective"
    ):
        mine.changed(beta=1.0)
    with pytest.raises(ValueError, match=r"^fine_tuning is .*; expected None with several players"):
        mine.changed(fine_tuning=FineTuning(1, 0.1)).to_maximise()


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
