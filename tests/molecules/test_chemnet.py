"""ChemNet's input and the Frechet distance, against fcd_torch and by hand."""

import numpy as np
import pytest
from fcd_torch.utils import SmilesDataset, get_one_hot
from scipy.linalg import sqrtm

from ddvae.molecules.chemnet import SYMBOLS, _network, _tokens, activations, frechet_distance, moments

STRINGS = ["CCO", "ClCCBr", "C[Si](C)C", "CC.Cl", "[Na+].CCO", "c1ccccc1[13CH3]", "C" * 400, "[Fe]", "CCrl"]


@pytest.mark.parametrize("string", STRINGS, ids=lambda s: s[:20])
def test_input_is_fcd_torchs(string):
    ours = np.eye(len(SYMBOLS) + 1)[_tokens([string])[0]][:, :-1]
    np.testing.assert_array_equal(ours, get_one_hot(string, 350))


def test_activations_are_fcd_torchs():
    import torch

    given = torch.tensor(np.stack([SmilesDataset([s], canonize=False)[0] for s in STRINGS[:7]]))
    with torch.no_grad():
        theirs = _network()(given.float().transpose(1, 2)).numpy()
    np.testing.assert_allclose(activations(STRINGS[:7], batch_size=3), theirs, atol=1e-5)
    assert activations([]).shape == (0, 512)


def test_distance_by_hand():
    """One dimension: (m - n)^2 + (s - t)^2 of the deviations s and t."""
    assert frechet_distance([1.0], [[4.0]], [3.0], [[9.0]]) == pytest.approx(4 + 1)


def test_distance_agrees_with_the_matrix_root():
    generator = np.random.default_rng(0)
    a, b = (moments(generator.normal(size=(200, 20)) @ generator.normal(size=(20, 20))) for _ in range(2))
    expected = np.square(a[0] - b[0]).sum() + np.trace(a[1] + b[1] - 2 * sqrtm(a[1] @ b[1]).real)
    assert frechet_distance(*a, *b) == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(*a, *a) == pytest.approx(0, abs=1e-9)


def test_singular_covariances():
    """Five points in 20 dimensions."""
    a = moments(np.random.default_rng(0).normal(size=(5, 20)))
    assert frechet_distance(*a, *a) == pytest.approx(0, abs=1e-6)
