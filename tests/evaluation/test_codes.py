"""Views of a latent space, with a codec whose decoder is known."""

import pytest
import torch

from ddvae.evaluation.codes import active_units, coverage, principal_plane
from ddvae.molecules.latent_plane import interpolate, neighbourhood


class Line:
    """Codes are numbers on the first axis; decoding rounds them."""

    def encode(self, strings):
        return torch.tensor([[float(string), 0.0] for string in strings])

    def decode(self, codes):
        return [str(round(code[0].item())) for code in codes]


def test_active_units():
    mean = torch.randn(1000, 3) * torch.tensor([1.0, 0.2, 0.01])
    assert active_units(mean) == 2


def test_coverage_is_below_one_inside_a_box():
    mean, scale = torch.tensor([[0.0, 0.0], [5.0, 5.0]]), torch.tensor([[1.0, 2.0], [1.0, 1.0]])
    z = torch.tensor([[0.5, 1.9], [0.0, 3.0], [5.0, 5.0]])
    assert coverage(z, mean, scale).tolist() == pytest.approx([0.95, 1.5, 0.0])
    assert coverage(z[:0], mean, scale).shape == (0,)


def test_the_plane_spans_the_widest_directions():
    codes = torch.randn(500, 4) * torch.tensor([3.0, 0.1, 2.0, 0.1])
    plane = principal_plane(codes, 3)
    assert plane.shape == (3, 3, 4)
    torch.testing.assert_close(plane[1, 1], codes.mean(0))
    assert abs(plane[2, 1] - plane[0, 1])[0] == pytest.approx(6, rel=0.01)  # the widest axis runs first
    assert abs(plane[1, 2] - plane[1, 0])[2] == pytest.approx(6, rel=0.01)


def test_repetitions_are_merged_on_the_way():
    assert interpolate(Line(), "0", "3", steps=31) == ["0", "1", "2", "3"]


def test_neighbours_are_others():
    assert set(neighbourhood(Line(), "5", radius=1.2, count=200)) == {"4", "6"}
    assert neighbourhood(Line(), "5", radius=0.3, count=50) == []
