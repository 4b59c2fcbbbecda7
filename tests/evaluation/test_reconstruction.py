"""Measures against cases that can be worked out by hand."""

import math

import pytest
import torch
from torch.distributions import Independent, Uniform

from ddvae import VAE
from ddvae.data.bits import six_bit_distribution
from ddvae.evaluation.codes import classify_neighbours, latent_evenness
from ddvae.evaluation.reconstruction import image_accuracy
from ddvae.mathematics.coding import categorical_kl, jensen_shannon, lossless_limit
from ddvae.mathematics.kernels import KERNELS
from ddvae.models.networks import Decoder
from ddvae.models.priors import UnitCube
from ddvae.papers.dd_vae.table_three import at_accuracy


class Quadrants(Decoder):
    def score_tokens(self, z, tokens):
        return torch.stack([-z, z], -1).log_softmax(-1)

    def generate(self, z, choose):
        return choose(self.score_tokens(z, None))


def test_divergences():
    p, q = torch.tensor([0.5, 0.5, 0.0]), torch.tensor([0.25, 0.25, 0.5])
    assert categorical_kl(p, q) == pytest.approx(math.log(2))
    assert categorical_kl(q, p) == math.inf
    assert jensen_shannon(p, q) == pytest.approx(jensen_shannon(q, p))
    assert jensen_shannon(torch.tensor([1.0, 0]), torch.tensor([0, 1.0])) == pytest.approx(math.log(2))
    assert categorical_kl(p, p) == 0


def test_divergences_hide_nothing():
    nan = torch.full((3,), math.nan)
    assert math.isnan(categorical_kl(nan, torch.ones(3) / 3))
    with pytest.raises(ValueError, match=r"p and q have shapes \(3,\) and \(1,\); expected the same"):
        categorical_kl(torch.ones(3) / 3, torch.ones(1))


def test_a_plane_of_ties_has_no_divergence():
    from ddvae.papers.dd_vae.presets import PRESETS

    preset = PRESETS["bricks-ddvae-uniform"]
    model = preset.model()
    for parameter in model.decoder.scores.parameters():
        torch.nn.init.zeros_(parameter)
    results, _ = preset.evaluate(model, "smoke")
    assert results["undefined"] == 1 and math.isnan(results["kl"]) and math.isnan(results["js"])


def test_the_limit_of_lossless_coding():
    _, probs = six_bit_distribution()
    assert lossless_limit(probs, KERNELS["uniform"], 2) == pytest.approx(-3.0024, abs=5e-5)
    assert lossless_limit(probs, "tricube", 2) == pytest.approx(-3.5543, abs=5e-5)


def test_image_accuracy():
    class Encoder(torch.nn.Module):
        def forward(self, tokens):
            return Independent(Uniform(tokens - 1.0, tokens - 0.0), 1)  # means at -0.5 and 0.5

    model = VAE(Encoder(), Quadrants(), UnitCube(2))
    tokens = torch.tensor([[0, 1], [1, 1], [0, 0], [1, 0]])
    assert image_accuracy(model, tokens) == {"pixel": 1.0, "image": 1.0}
    model.decoder.generate = lambda z, choose: 1 - choose(Quadrants().score_tokens(z, None))
    assert image_accuracy(model, tokens) == {"pixel": 0.0, "image": 0.0}


def test_neighbours():
    """Three clouds, one of them mislabelled in the test set by a third."""
    centre = torch.tensor([[0.0, 0.0], [5.0, 0.0], [0.0, 5.0]])
    labels = torch.arange(3).repeat(60)
    codes = centre[labels] + 0.1 * torch.randn(180, 2)
    test_labels = labels.clone()
    test_labels[:60][labels[:60] == 0] = 1
    for choose in ("train", "test"):
        found = classify_neighbours(codes, labels, codes, test_labels, choose)
        assert found["accuracy"] == pytest.approx(1 - 20 / 180)
    with pytest.raises(ValueError, match="choose is 'best'; expected 'train' or 'test'"):
        classify_neighbours(codes, labels, codes, labels, "best")


@pytest.mark.parametrize("choose", ["train", "test"])
def test_neighbours_against_scikit_learn(choose):
    """Its own classifier and grid search, setting by setting."""
    from sklearn.model_selection import GridSearchCV
    from sklearn.neighbors import KNeighborsClassifier

    codes, labels = torch.randn(400, 2), torch.randint(4, (400,))
    codes += labels[:, None]
    train, test = slice(0, 300), slice(300, None)
    grid = {"metric": ["manhattan", "euclidean"], "n_neighbors": list(range(10, 41, 5))}
    found = classify_neighbours(codes[train], labels[train], codes[test], labels[test], choose)
    chosen = KNeighborsClassifier(found["k"], metric=found["metric"]).fit(codes[train], labels[train])
    assert found["accuracy"] == pytest.approx(chosen.score(codes[test], labels[test]))
    if choose == "train":
        search = GridSearchCV(KNeighborsClassifier(), grid, cv=5).fit(codes[train].numpy(), labels[train])
        assert search.best_params_ == {"metric": found["metric"], "n_neighbors": found["k"]}
    else:
        every = [
            KNeighborsClassifier(k, metric=m)
            .fit(codes[train], labels[train])
            .score(codes[test], labels[test])
            for m in grid["metric"]
            for k in grid["n_neighbors"]
        ]
        assert found["accuracy"] == pytest.approx(max(every))


def test_evenness():
    square = (torch.cartesian_prod(torch.arange(20), torch.arange(20)) + 0.5) / 20
    assert latent_evenness(square) == pytest.approx(1)
    assert latent_evenness(torch.full((400, 2), 0.5)) == pytest.approx(1 / 400)
    assert latent_evenness(square[:200]) == pytest.approx(0.5)


def test_a_metric_at_an_accuracy():
    """By hand: weights 1, 1/2, 0 of a triangle of half-width 0.05 around 0.8."""
    value = at_accuracy([0.8, 0.825, 0.85, 0.3], [1.0, 4.0, 100.0, 100.0], 0.8)
    assert value == pytest.approx((1 + 4 / 2) / 1.5)
    assert math.isnan(at_accuracy([0.2], [1.0], 0.8))
