"""Similarities against their definition, pair by pair."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ddvae.engine.precision import has_bfloat16_unit
from ddvae.molecules import fingerprints as tanimoto
from ddvae.molecules.fingerprints import mean_similarities, nearest_similarities


def by_pairs(a, b):
    """(B, N) from the definition; 1 where both are empty."""
    a, b = (np.unpackbits(x, axis=1).astype(bool) for x in (a, b))
    both = (a[:, None] & b).sum(-1)
    either = (a[:, None] | b).sum(-1)
    return np.where(either == 0, 1.0, both / np.maximum(either, 1))


def draw(n, seed, share=0.1, size=128):
    bits = np.random.default_rng(seed).random((n, 8 * size)) < share
    return np.packbits(bits, axis=1)


@given(st.integers(0, 60), st.integers(1, 60), st.sampled_from([0.0, 0.002, 0.1, 0.9]), st.integers(0, 99))
def test_nearest(found, stock, share, seed):
    a, b = draw(found, seed, share), draw(stock, seed + 1, 0.1)
    b[0] = 0
    expected = by_pairs(a, b).max(1, initial=0)
    np.testing.assert_allclose(nearest_similarities(a, b), expected, rtol=1e-15)


@given(st.integers(0, 60), st.sampled_from([0.0, 0.002, 0.1, 0.9]), st.integers(0, 99))
def test_means(n, share, seed):
    a = draw(n, seed, share)
    pairs = by_pairs(a, a)
    expected = np.stack([pairs.sum(1), (pairs**2).sum(1)]) / max(n, 1)
    np.testing.assert_allclose(mean_similarities(a), expected, rtol=1e-6)


def test_blocks_do_not_show(monkeypatch):
    a, b = draw(50, 0), draw(70, 1)
    whole = nearest_similarities(a, b), mean_similarities(a)
    monkeypatch.setattr(tanimoto, "BLOCK", 16)
    np.testing.assert_array_equal(nearest_similarities(a, b), whole[0])
    np.testing.assert_allclose(mean_similarities(a), whole[1], rtol=1e-6)


def test_large_overlaps_are_counted_exactly():
    """257 is no number of bfloat16: float32 takes over where an overlap may exceed 256."""
    a = np.packbits(np.arange(1024) < 257)[None]
    b = np.packbits(np.arange(1024) < 300)[None]
    assert nearest_similarities(a, b) == pytest.approx(257 / 300, rel=1e-15)
    fast = torch.bfloat16 if has_bfloat16_unit("cpu") else torch.float32
    assert tanimoto._exact_dtype("cpu", np.array([256]), np.array([900])) is fast
    assert tanimoto._exact_dtype("cpu", np.array([257]), np.array([900])) is torch.float32
