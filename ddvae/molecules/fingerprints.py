"""Tanimoto similarities of many fingerprints at once, as products of 0-1 matrices."""

import numpy as np
import torch
from torch import Tensor

from ..engine.precision import has_bfloat16_unit

__all__ = ["mean_similarities", "nearest_similarities"]

BLOCK = 2048
"""Rows of a block: its counts stay near the processor."""


def nearest_similarities(found: np.ndarray, stock: np.ndarray, device: str = "cpu") -> np.ndarray:
    r"""Similarity of each fingerprint to its nearest one in the stock.

    .. math:: \max_j |x \cap y_j| / |x \cup y_j|

    Among the y of one size, the nearest is the one that shares most bits: only the largest count of
    each size is divided.

    Args:
        found: Packed bits (B, K) uint8.
        stock: Packed bits (N, K) uint8.
        device: Where the products run.

    Returns:
        (B,) float64; 1 where both have no bit, as in molsets.
    """
    order = np.argsort(sizes := _sizes(stock), kind="stable")
    values, starts = np.unique(sizes[order], return_index=True)
    dtype = _exact_dtype(device, _sizes(found), sizes)
    blocks = [_bits(found[i : i + BLOCK], dtype, device) for i in range(0, len(found), BLOCK)]
    own = [block.sum(1, dtype=torch.float32).double() for block in blocks]
    best = [torch.zeros_like(size) for size in own]
    for size, start, stop in zip(values.tolist(), starts, [*starts[1:], len(stock)]):
        for first in range(start, stop, BLOCK):
            group = _bits(stock[order[first : min(first + BLOCK, stop)]], dtype, device)
            for i, block in enumerate(blocks):
                shared = (block @ group.T).amax(1).double()
                union = size + own[i] - shared
                similarity = torch.where(union == 0, 1.0, shared / union)
                best[i] = torch.maximum(best[i], similarity)
    return torch.cat(best).cpu().numpy() if best else np.zeros(0)


def mean_similarities(found: np.ndarray, device: str = "cpu") -> np.ndarray:
    """Means of each fingerprint's similarity to all, itself included, and of its square.

    Args:
        found: Packed bits (B, K) uint8.
        device: Where the products run.

    Returns:
        (2, B) float64.
    """
    dtype = _exact_dtype(device, _sizes(found))
    blocks = [_bits(found[i : i + BLOCK], dtype, device) for i in range(0, len(found), BLOCK)]
    sizes = [block.sum(1, dtype=torch.float32) for block in blocks]
    sums = torch.zeros(2, len(found), dtype=torch.float64, device=device)
    for i, x in enumerate(blocks):
        rows = slice(i * BLOCK, i * BLOCK + len(x))
        for j in range(i, len(blocks)):
            y, size = blocks[j], sizes[j]
            shared = (x @ y.T).float()
            union = sizes[i][:, None] + size - shared
            similarity = (shared / union).nan_to_num_(nan=1.0)  # 0 / 0: neither has a bit
            for k, values in enumerate((similarity, similarity.square())):
                sums[k, rows] += values.sum(1)
                if j > i:  # the same pairs seen from the other side
                    sums[k, j * BLOCK : j * BLOCK + len(y)] += values.sum(0)
    return (sums / max(len(found), 1)).cpu().numpy()


def _exact_dtype(device: str, *sizes: np.ndarray) -> torch.dtype:
    """bfloat16 where it is fast and counts exactly: no overlap of such sizes exceeds 256."""
    overlap = min(int(size.max(initial=0)) for size in sizes)
    return torch.bfloat16 if overlap <= 256 and has_bfloat16_unit(device) else torch.float32


def _sizes(packed: np.ndarray) -> np.ndarray:
    return np.bitwise_count(packed).sum(1, dtype=np.int64)


def _bits(packed: np.ndarray, dtype: torch.dtype, device: str) -> Tensor:
    """(B, 8 K) of 0 and 1."""
    return torch.from_numpy(np.unpackbits(packed, axis=1)).to(device, dtype)
