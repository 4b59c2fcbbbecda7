"""What the widgets show is what the package computes."""

import copy
import math
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from ddvae.data.bits import six_bit_distribution
from ddvae.experiments.molecule_runs import load_codec
from ddvae.molecules.chemistry import canonical
from ddvae.molecules.latent_plane import MoleculeView
from ddvae.papers.dd_vae.zinc.codes import zinc_models
from ddvae.widgets.bricks import BrickView
from ddvae.widgets.digits import DigitView


@pytest.fixture(scope="module")
def bricks():
    return BrickView("bricks-ddvae-uniform")


def test_a_point_of_the_bricks_decodes_as_the_model_does(bricks):
    """Squares of the kept picture are 1/100 wide: away from borders both must agree."""
    model = bricks.record.model()
    torch.manual_seed(0)
    points = 2 * torch.rand(200, 2) - 1
    strings = ["".join(map(str, row)) for row in model.decode(points).tolist()]
    found = [bricks.at(tuple(point), bricks.epochs[-1]) for point in points.tolist()]
    assert np.mean([one["string"] == string for one, string in zip(found, strings)]) > 0.93
    _, probs = six_bit_distribution()
    for one in found:
        assert one["probability"] == pytest.approx(probs[int(one["string"], 2)].item(), rel=1e-5)
        assert 0 <= one["decoded"] <= 1


def test_proposals_that_cover_a_point(bricks):
    loc, scale = bricks.record.arrays["loc"][63], bricks.record.arrays["scale"][63]
    assert "111111" in bricks.at(tuple(loc), bricks.epochs[-1])["covered by"]
    beside = (loc[0] + 1.01 * scale[0], loc[1])
    assert "111111" not in bricks.at(beside, bricks.epochs[-1])["covered by"]


def test_outside_the_picture_the_edge_is_told(bricks):
    for epoch in bricks.epochs[::5]:
        beyond, corner = (bricks.at((side, -side), epoch) for side in (99.0, bricks.side - 1e-6))
        assert beyond["string"] == corner["string"] and bricks.at((-99.0, 99.0), epoch) != beyond


def test_low_temperatures_are_certain_but_near_borders(bricks):
    cold, warm = bricks.certainty(1e-4), bricks.certainty(0.3)
    assert cold.shape == (96, 96) and cold.min() >= 0 and cold.max() <= 1
    assert np.mean(cold > 0.99) > 0.8 > np.mean(warm > 0.99)


@pytest.mark.parametrize("name", ["mnist-ddvae-uniform", "mnist-vae-gaussian"])
def test_digits_at_quantiles_of_the_prior(name):
    digits = DigitView(name)
    images = digits.decode([[0.5, 0.5], [0.0, 1.0]])
    assert images.shape == (2, 28, 28) and set(np.unique(images)) <= {0, 1}
    strip = digits.strip((0.1, 0.2), (0.9, 0.4), count=5)
    assert np.array_equal(strip[[0, -1]], digits.decode([(0.1, 0.2), (0.9, 0.4)]))
    assert digits.quantiles.min() >= 0 and digits.quantiles.max() <= 1
    assert len(digits.quantiles) == len(digits.labels)


@pytest.fixture(scope="module")
def space():
    record = zinc_models()["DD-VAE (T)"]
    return MoleculeView.principal(
        load_codec(record.folder), [s.decode() for s in record.arrays["samples"][:200]]
    )


def test_the_plane_of_molecules(space):
    gram = space.axes @ space.axes.T
    torch.testing.assert_close(gram, torch.eye(2), atol=1e-5, rtol=0)
    string = "CC(=O)Nc1ccc(O)cc1"
    a, b = space.place(string)
    code = space.codec.encode([string])[0]
    left = code - space.code((a, b))
    assert (space.axes @ left).abs().max() < 1e-4  # the nearest point of the plane
    valid, strings = space.map(5)
    assert valid.shape == strings.shape == (5, 5)
    assert strings[2, 2] == space.codec.decode(space.code((0.0, 0.0))[None])[0]


def test_a_plane_around_a_molecule(space):
    plane = space.around("COc1ccccc1")
    assert torch.equal(plane.code((0.0, 0.0)), space.codec.encode(["COc1ccccc1"])[0])
    assert plane.axes is space.axes and not torch.equal(plane.middle, space.middle)


def test_three_molecules_lie_on_their_plane(space):
    three = ("CC(=O)Nc1ccc(O)cc1", "COc1ccccc1", "CCN(CC)CC")
    plane = MoleculeView.through(space.codec, three)
    codes = space.codec.encode(list(three))
    for string, code in zip(three, codes):
        torch.testing.assert_close(plane.code(plane.place(string)), code, atol=1e-4, rtol=0)
    assert plane.place(three[0]) == pytest.approx((0, 0), abs=1e-5)


def test_the_radius_of_change(space):
    """Of a decoder whose string changes at a distance of 3, and of one that knows but one string."""
    plane, middle = copy.copy(space), space.code((1.0, 0.5))
    for change, expected in ((3.0, 3.0), (9.0, 8.0)):

        def decode(codes, change=change):
            return ["C" if distance < change else "N" for distance in (codes - middle).norm(dim=1)]

        plane.codec = SimpleNamespace(decode=decode)
        assert plane.radius((1.0, 0.5)) == pytest.approx(expected, abs=8 / 2**7)


def test_neighbours(space):
    point = space.place("CC(=O)Nc1ccc(O)cc1")
    rows = space.near(point, 4.0, count=6)
    assert 0 < len(rows) <= 6 and len({row["smiles"] for row in rows}) == len(rows)
    for row in rows:
        assert row["valid"] == (not math.isnan(row["score"])) and (
            not row["valid"] or 0 <= row["similarity"] <= 1
        )
    assert space.near(point, 1e-6) == []
    (centre,) = canonical(space.codec.decode(space.code(point)[None]))
    assert centre is not None and centre not in {row["smiles"] for row in space.near(point, 6.0, count=40)}


def test_the_way_has_each_molecule_once_in_a_row(space):
    way = space.way("CC(=O)Nc1ccc(O)cc1", "COc1ccccc1")
    assert len(way) > 2 and way == canonical(way) and None not in way
    assert all(a != b for a, b in pairwise(way))
    with pytest.raises(ValueError, match="is no molecule"):
        space.way("CCO", "C1CC")


@pytest.mark.parametrize(
    ("string", "message"),
    [("nonsense", "'nonsense' is no molecule"), ("", "is no molecule"), ("[Na+]", "the model knows no 'a'")],
)
def test_bad_molecules(space, string, message):
    with pytest.raises(ValueError, match=message):
        space.place(string)
