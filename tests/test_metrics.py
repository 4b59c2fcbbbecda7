"""Measures against cases that can be worked out by hand."""

import math

import pytest
import torch
from torch.distributions import Independent, Normal, Uniform

from ddvae import KERNELS, VAE, UnitCube, propose
from ddvae.data import six_bit_law
from ddvae.metrics import (
    categorical_kl,
    classify_neighbours,
    decode_plane,
    image_accuracy,
    jensen_shannon,
    latent_evenness,
    lossless_limit,
    sequence_accuracy,
)
from ddvae.nets import Decoder, SequenceDecoder, SequenceEncoder


def four_quadrants(z):
    """Two bits: the signs; a tie at 0 is undefined."""
    return torch.where(z == 0, -1, (z > 0).long())


class Quadrants(Decoder):
    def score_tokens(self, z, tokens):
        return torch.stack([-z, z], -1).log_softmax(-1)

    def generate(self, z, choose):
        return choose(self.score_tokens(z, None))


def uniform_quantile(u):
    return 2 * u - 1


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
    from ddvae.experiments import PRESETS

    preset = PRESETS["bricks-ddvae-uniform"]
    model = preset.model()
    for parameter in model.decoder.scores.parameters():
        torch.nn.init.zeros_(parameter)
    results, _ = preset.evaluate(model, "smoke")
    assert results["undefined"] == 1 and math.isnan(results["kl"]) and math.isnan(results["js"])


def test_long_sequences_have_no_plane():
    with pytest.raises(ValueError, match="decoded sequences have 8 bits; expected up to 7"):
        decode_plane(lambda z: torch.zeros(len(z), 8).long(), uniform_quantile)


def test_the_limit_of_lossless_coding():
    _, probs = six_bit_law()
    assert lossless_limit(probs, KERNELS["uniform"], 2) == pytest.approx(-3.0024, abs=5e-5)
    assert lossless_limit(probs, "tricube", 2) == pytest.approx(-3.5543, abs=5e-5)


def test_plane_of_quadrants():
    plane = decode_plane(four_quadrants, uniform_quantile, base=8, refine=2)
    assert plane.labels.shape == (32, 32) and plane.edges[0] == -1 and plane.edges[-1] == 1
    assert plane.probs().tolist() == [0.25, 0.25, 0.25, 0.25, 0]
    assert plane.labels[0, 31] == 1 and plane.labels[31, 0] == 2  # first axis is z_1


def test_refinement_is_as_good_as_a_fine_grid():
    def disc(z):
        inside = (z.square().sum(1) < 0.5).long()
        return torch.stack([inside, inside], 1)

    coarse = decode_plane(disc, uniform_quantile, base=64, refine=3)
    fine = decode_plane(disc, uniform_quantile, base=512, refine=0)
    assert torch.equal(coarse.labels, fine.labels)
    assert coarse.probs()[3].item() == pytest.approx(math.pi / 8, abs=1e-3)


def test_undefined_is_a_class_of_its_own():
    plane = decode_plane(lambda z: torch.full((len(z), 2), -1), uniform_quantile, base=4, refine=0)
    assert plane.probs().tolist() == [0, 0, 0, 0, 1]


def test_sequence_error_of_boxes_is_exact():
    """Boxes around the corners of four quadrants, one of them half in its neighbour's."""
    plane = decode_plane(four_quadrants, uniform_quantile, base=64, refine=0)
    loc = torch.tensor([[-0.5, -0.5], [-0.5, 0.5], [0.5, -0.5], [0.0, 0.5]])
    q = Independent(propose("uniform", loc, torch.full((4, 2), 0.25)), 1)
    assert plane.sequence_error(q, torch.full((4,), 0.25)) == pytest.approx(0.125)
    assert plane.sequence_error(q, torch.tensor([0.2, 0.2, 0.2, 0.4])) == pytest.approx(0.2)


def test_sequence_error_of_gaussians():
    standard = Normal(torch.tensor(0.0).double(), torch.tensor(1.0).double())
    plane = decode_plane(four_quadrants, standard.icdf, base=256, refine=0)
    loc = torch.tensor([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
    q = Independent(Normal(loc, torch.full((4, 2), 0.8)), 1)
    right = standard.cdf(torch.tensor(1 / 0.8)).item() ** 2
    assert plane.sequence_error(q, torch.full((4,), 0.25)) == pytest.approx(1 - right, abs=1e-6)


def test_plane_error_agrees_with_sampling():
    """Bound of 5 standard errors."""
    model = VAE(
        SequenceEncoder(2, 2, 16, 1, 4, "tricube", "tanh"), SequenceDecoder(2, 2, 16, 1, 4, 6), UnitCube(2)
    )
    tokens, probs = six_bit_law()
    plane = decode_plane(model.decode, uniform_quantile, base=128, refine=2)
    with torch.no_grad():
        exact = 1 - plane.sequence_error(model.encode(tokens), probs)
    sampled = sequence_accuracy(model, tokens, probs, codes=1000)
    assert sampled == pytest.approx(exact, abs=5 * (exact / 64_000 * 64) ** 0.5 + 1e-4)


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
        assert found["k"] in range(10, 41, 5) and found["metric"] in ("manhattan", "euclidean")
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
