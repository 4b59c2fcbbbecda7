"""Weights at a byte each."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ddvae.system.files import load_checkpoint, save_checkpoint
from ddvae.training.weights import compacted, expanded


@given(st.integers(1, 5), st.integers(1, 7), st.floats(1e-6, 1e6))
def test_a_weight_moves_by_half_a_step_at_most(rows, columns, size):
    torch.manual_seed(0)
    weights = {"matrix": size * torch.randn(rows, columns), "vector": size * torch.randn(rows)}
    found = expanded(compacted(weights))
    step = weights["matrix"].abs().amax(1, keepdim=True) / 127
    assert ((found["matrix"] - weights["matrix"]).abs() <= 0.5001 * step).all()
    assert torch.equal(found["vector"], weights["vector"])
    assert torch.equal(expanded(compacted(found))["matrix"], found["matrix"])  # once rounded, for good


def test_rows_of_zeros_stay_zeros():
    assert torch.equal(expanded(compacted({"w": torch.zeros(2, 3)}))["w"], torch.zeros(2, 3))


def test_a_file_is_small_and_another_kind_is_read_too(tmp_path):
    weights = {"w": torch.randn(300, 1000)}
    save_checkpoint(tmp_path / "small.pt", compacted(weights))
    assert (tmp_path / "small.pt").stat().st_size < 320_000
    for content in ({"model": weights}, load_checkpoint(tmp_path / "small.pt")):
        torch.testing.assert_close(expanded(content)["w"], weights["w"], rtol=0, atol=0.03)
    with pytest.raises(KeyError, match="model"):
        expanded({})
