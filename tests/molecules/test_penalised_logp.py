"""Penalised logP: published scores, what is no molecule, what is kept."""

import numpy as np
import pytest

from ddvae.molecules import penalised_logp as module
from ddvae.molecules.datasets import zinc
from ddvae.molecules.penalised_logp import COMMON, Constants, parts, score

# JT-VAE's stored best molecules (Jin et al., 2018).
GOLDEN = {
    "CC(=O)c1cc2cc(Cl)ccc2cc1C(=O)Nc1cccc(NC(=O)Nc2cccc(-c3ccccc3C)c2)c1": 5.3004,
    "O=C(NC(=O)c1ccccc1Nc1ccc(Cl)c(Cl)c1)Nc1ccccc1C(=S)Nc1ccccc1Cl": 4.9349,
}


def test_published_scores():
    np.testing.assert_allclose(score(list(GOLDEN)), list(GOLDEN.values()), atol=1e-3)


def test_no_molecules_are_nan_and_stop_nothing():
    found = score(["CCO", "C1CC", "", None, "c1ccccc1"])
    assert np.isnan(found).tolist() == [False, True, True, True, False] and found.dtype == np.float64
    assert score([]).shape == (0,)


def test_parts_by_hand():
    """A ring of eight atoms is two over; the score is the sum of the normalised parts."""
    (row,) = found = parts(["C1CCCCCCC1"])
    assert row[2] == 2 == parts(["C1CCCCCCC1"], cycle="sssr")[0, 2]
    expected = (
        (row[0] - COMMON.logp[0]) / COMMON.logp[1]
        + (-row[1] - COMMON.sa[0]) / COMMON.sa[1]
        + (-2 - COMMON.cycle[0]) / COMMON.cycle[1]
    )
    assert score(["C1CCCCCCC1"]) == pytest.approx(expected)
    assert found.shape == (1, 3)


def test_cycle_bases_are_not_smallest_rings():
    fused = ["COc1cccc(C(=O)NC(=S)Nc2ccc3c4c(cccc24)CC3)c1"]  # around three fused rings
    assert parts(fused, cycle="basis")[0, 2] == 5 and parts(fused, cycle="sssr")[0, 2] == 0
    with pytest.raises(ValueError, match="cycle is 'ring'; expected 'basis' or 'sssr'"):
        parts(fused, cycle="ring")


def test_constants_of_a_set_normalise_it():
    found = parts([*zinc("test").strings()[:200], "C1CCCCCCC1"])
    constants = Constants.estimate(found)
    assert constants.logp[1] == pytest.approx(found[:, 0].std())
    assert constants.sa[0] == pytest.approx(-found[:, 1].mean())
    with pytest.raises(ValueError, match="parts are of 1 molecules; expected several that differ"):
        Constants.estimate(found[:1])


def test_large_sets_are_computed_once(tmp_path, monkeypatch):
    monkeypatch.setenv("DDVAE_CACHE", str(tmp_path))
    monkeypatch.setattr(module, "WORTH_KEEPING", 3)
    strings = ["CCO", "C1", "c1ccccc1"]
    first = score(strings)
    monkeypatch.setattr(module, "map_chunks", None)  # what is kept is read
    np.testing.assert_array_equal(score(strings), first)
    (file,) = (tmp_path / "scores").iterdir()
    file.write_bytes(b"cut short")
    with pytest.raises(TypeError):  # a damaged file is computed anew
        score(strings)
