"""Objectives whose weights change, and settings."""

import csv
import dataclasses
import math
import os
import signal
from collections import namedtuple
from typing import NamedTuple

import pytest
import torch
from small_training import DATA, FALLING, RUN, same, small_model

from ddvae.data.bits import StringDistribution, six_bit_distribution
from ddvae.models.objectives import decoder_likelihood, elbo
from ddvae.training.annealed_objectives import AnnealedELBO, AnnealedRelaxedELBO, FineTuned, Objective
from ddvae.training.loop import fit
from ddvae.training.schedules import Cosine, HoldAccuracy, Linear, LogLinear, stretch
from ddvae.training.settings import FineTuning, Settings


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Settings(0, 1e-3), "epochs is 0; expected a whole number from 1"),
        (lambda: Settings(3, 1e-3, averaging=1), r"averaging is 1; expected a number in \(0, 1\)"),
        (
            lambda: Settings(1, 1e-3, precision="half"),
            "precision is 'half'; expected 'float32' or 'bfloat16'",
        ),
        (lambda: AnnealedRelaxedELBO(scores="logit"), "scores is 'logit'; expected 'prob' or 'log_prob'"),
        (lambda: AnnealedELBO(reduction="max"), "reduction is 'max'; expected 'sum' or 'mean'"),
        (lambda: AnnealedELBO(moments=-1), "moments is -1; expected a weight from 0"),
    ],
)
def test_wrong_settings(make, told):
    with pytest.raises(ValueError, match=told):
        make()


def test_a_temperature_that_will_leave_its_range_is_told_at_once():
    rising = AnnealedRelaxedELBO(temperature=Linear(0.5, 1.5, 0, 3))
    with pytest.raises(ValueError, match=r"temperature is 1.0 at epoch 1.5; expected a number in \(0, 1\)"):
        fit(small_model(), DATA, RUN, rising, progress=False)


def test_an_accuracy_is_held(tmp_path):
    """beta rises while accuracy is above its target, falls while it is below, and resumes with the run."""
    tokens, probs = six_bit_distribution()
    distribution = StringDistribution(tokens, probs, codes=128, epoch_steps=60)
    held = HoldAccuracy(0.5, start=0.01, gain=0.3)
    run = Settings(10, Cosine(1e-2, 1, 15))
    holding = AnnealedRelaxedELBO(held, temperature=LogLinear(0.3, 0.05, 0, 6), scores="log_prob")
    model = small_model()
    log = fit(model, distribution, run, holding, tmp_path, progress=False).log
    assert log[0]["beta"] == 0.01 and log[-1]["beta"] > 1
    assert all(abs(row["exact"] - 0.5) < 0.05 for row in log[-4:])
    stopped = small_model()
    fit(stopped, distribution, run, holding, tmp_path / "b", progress=False, time_limit=0.5)
    fit(stopped, distribution, run, holding, tmp_path / "b", progress=False, resume=True)
    assert same(model, stopped)


def test_schedules_of_accuracy():
    falling = HoldAccuracy(Linear(0.95, 0.7, 0, 10), start=0.1, gain=1.0)
    assert falling.follow(0.2, 0.95, epoch=0) == pytest.approx(0.2)
    assert falling.follow(0.2, 0.95, epoch=10) == pytest.approx(0.2 * math.exp(0.25))
    assert falling.follow(0.1, 0.0, epoch=0) == 0.1
    assert stretch(falling, 0.5).follow(0.2, 0.95, epoch=5) == pytest.approx(0.2 * math.exp(0.25))
    with pytest.raises(ValueError, match="start is 0; expected a positive weight"):
        HoldAccuracy(0.9, start=0)


def test_fine_tuning_is_a_phase_for_the_decoder_alone(tmp_path):
    tuned = dataclasses.replace(RUN, fine_tuning=FineTuning(epochs=2, learning_rate=1e-3))
    before = small_model()
    fit(before, DATA, RUN, FALLING, progress=False)
    after = small_model()
    objective = FineTuned(FALLING, since=3)
    log = fit(after, DATA, tuned, objective, progress=False).log
    assert len(log) == 5 and log[-1]["learning_rate"] == 1e-3 and log[-1]["beta"] == 0
    assert all(torch.equal(p, q) for p, q in zip(before.encoder.parameters(), after.encoder.parameters()))
    assert not torch.equal(before.decoder.scores.weight, after.decoder.scores.weight)
    assert all(p.requires_grad for p in after.parameters())
    batch = next(DATA.batches(9, 500, 0))
    likelihood = []
    for model in (before, after):
        torch.manual_seed(1)  # the same codes
        terms = decoder_likelihood(model, batch)
        likelihood.append((batch.weights * terms.reconstruction).mean().item())
    assert likelihood[1] > likelihood[0]
    stopped = small_model()
    stop = lambda _, log: len(log) == 4 and interrupt()  # noqa: E731
    fit(stopped, DATA, tuned, objective, tmp_path, progress=False, on_epoch=stop)
    fit(stopped, DATA, tuned, objective, tmp_path, progress=False, resume=True)
    assert same(after, stopped)


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


def test_a_misspelt_setting_raises():
    with pytest.raises(TypeError, match="unexpected keyword argument 'finetuning'"):
        Settings(1, 1e-3, finetuning=FineTuning(1, 1e-3))
    with pytest.raises(TypeError, match="unexpected keyword argument 'epoch'"):
        FineTuning(epoch=1, learning_rate=1e-3)


class Mine(NamedTuple):
    """Terms of an objective that the package does not know."""

    value: torch.Tensor
    surprise: torch.Tensor
    code_length: torch.Tensor


def test_an_objective_of_ones_own_has_its_terms_in_the_log(tmp_path):
    def mine(model, batch, epoch):
        terms = elbo(model, batch)
        length = terms.kl.mean()  # a scalar, beside a value a sequence
        return Mine(terms.reconstruction - 0.1 * length, -terms.reconstruction, length)

    log = fit(small_model(), DATA, RUN, mine, tmp_path, progress=False).log
    assert list(log[0]) == ["epoch", "step", "learning_rate", "value", "surprise", "code_length", "seconds"]
    assert log[-1]["surprise"] < log[0]["surprise"]
    expected = -log[-1]["surprise"] - 0.1 * log[-1]["code_length"]
    assert log[-1]["value"] == pytest.approx(expected)
    with open(tmp_path / "log.csv", newline="") as file:
        assert [float(row["surprise"]) for row in csv.DictReader(file)] == [row["surprise"] for row in log]


@pytest.mark.parametrize("name", ["surprise", "seconds"])
def test_a_term_with_the_name_of_another_column_is_refused(name):
    class Twice(Objective):
        def __call__(self, model, batch, epoch):
            terms = elbo(model, batch)
            return namedtuple("Terms", ["value", name])(terms.value, terms.kl)

        def weights(self, epoch):
            return {"surprise": 1.0}

    with pytest.raises(ValueError, match=f"term '{name}' is another column of the log, too"):
        fit(small_model(), DATA, RUN, Twice(), progress=False)
