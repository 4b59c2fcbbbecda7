"""All of fcd_torch: activations of ChemNet, and the Frechet distance between two sets of them."""

import re
from collections.abc import Sequence
from functools import cache

import numpy as np
import torch

__all__ = ["activations", "extrapolated_fcd", "fcd", "fcd_interval", "frechet_distance", "moments"]

SYMBOLS = "C N O H F Cl P B Br S I Si # ( ) + - 1 2 3 4 5 6 7 8 = [ ] @ c n o s X .".split()
"""ChemNet's input; X stands for any other, the dot for the end."""
PLACES = 350
"""Symbols that ChemNet reads of a string."""


def activations(
    smiles: Sequence[str], device: str = "cpu", batch_size: int = 512, progress: bool = False
) -> np.ndarray:
    """(N, 512) float32, the last hidden layer of ChemNet on canonical SMILES.

    Source: Preuer et al. (2018); the network and its input as in fcd_torch.
    """
    from tqdm.auto import tqdm

    network = _network().to(device)
    found = np.empty((len(smiles), 512), np.float32)
    with torch.no_grad():
        for i in tqdm(range(0, len(smiles), batch_size), "ChemNet", disable=not progress, leave=False):
            tokens = torch.from_numpy(_tokens(smiles[i : i + batch_size])).to(device)
            one_hot = torch.zeros(len(tokens), len(SYMBOLS) + 1, PLACES, device=device)
            one_hot.scatter_(1, tokens[:, None].long(), 1 / len(SYMBOLS))
            found[i : i + len(tokens)] = network(one_hot[:, :-1]).float().cpu().numpy()
    return found


def moments(found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (K,) and covariance (K, K) of activations (N, K), N from 2."""
    found = found.astype(np.float64)
    return found.mean(0), np.cov(found, rowvar=False)


def frechet_distance(
    mean: np.ndarray, covariance: np.ndarray, mean2: np.ndarray, covariance2: np.ndarray
) -> float:
    r"""Squared Frechet distance of two Gaussians.

    .. math:: |m - m_2|^2 + tr(C + C_2 - 2 (C C_2)^{1/2})

    The trace of the root is the sum of the singular values of :math:`C^{1/2} C_2^{1/2}`, which keeps its
    digits where the root of a product of singular matrices has none.

    Args:
        mean, mean2: (K,).
        covariance, covariance2: (K, K), symmetric.
    """
    (values, vectors), (values2, vectors2) = (np.linalg.eigh(c) for c in (covariance, covariance2))
    product = np.sqrt(values.clip(0))[:, None] * (vectors.T @ vectors2) * np.sqrt(values2.clip(0))
    root = np.linalg.svd(product, compute_uv=False).sum()
    difference = np.asarray(mean, dtype=np.float64) - mean2
    return float(difference @ difference + np.trace(covariance) + np.trace(covariance2) - 2 * root)


def fcd(found: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> float:
    """Frechet ChemNet distance of activations (N, 512) from a reference's moments; NaN for fewer than 2.

    Source: Preuer et al. (2018).
    """
    if len(found) < 2:
        return np.nan
    return frechet_distance(mean, covariance, *moments(found))


def extrapolated_fcd(
    found: np.ndarray, mean: np.ndarray, covariance: np.ndarray, sizes: int = 10, seed: int = 0
) -> float:
    """FCD where a line through its values on random parts, over 1 / n, meets 0; NaN for n below 2,000.

    Args:
        found: Activations (N, 512).
        mean, covariance: Of the reference, whose own size stays as it is.
        sizes: Parts, from a quarter of the set up to all, even in 1 / n.
        seed: Of the choice of parts.

    Source: Chong and Forsyth (2020), for the distance on images.
    """
    n = len(found)
    if n < 2000:
        return np.nan
    generator = np.random.default_rng(seed)
    inverse = np.linspace(1 / n, 4 / n, sizes)
    parts = [generator.choice(n, round(1 / x), replace=False) for x in inverse]
    return float(np.polyfit(inverse, [fcd(found[part], mean, covariance) for part in parts], 1)[1])


def fcd_interval(
    found: np.ndarray, mean: np.ndarray, covariance: np.ndarray, resamples: int, seed: int = 0
) -> tuple[float, float]:
    """Bootstrapped 95 % interval of FCD.

    A resample repeats molecules, which shifts its FCD upwards; the mean shift is taken off.

    Args:
        found: Activations (N, 512).
        mean, covariance: Of the reference.
        resamples: Draws with replacement.
        seed: Of the draws.
    """
    if len(found) < 2:
        return np.nan, np.nan
    generator = np.random.default_rng(seed)
    draws = [
        fcd(found[generator.integers(len(found), size=len(found))], mean, covariance)
        for _ in range(resamples)
    ]
    low, high = np.percentile(draws - np.mean(draws), [2.5, 97.5]) + fcd(found, mean, covariance)
    return float(low), float(high)


def _tokens(smiles: Sequence[str]) -> np.ndarray:
    """(B, 350) uint8 indices into SYMBOLS; past the end len(SYMBOLS).

    A letter takes a following r, i or l with it; the first dot ends a string, so that of a salt only the
    first part counts.
    """
    index = {symbol: i for i, symbol in enumerate(SYMBOLS)}
    tokens = np.full((len(smiles), PLACES), len(SYMBOLS), np.uint8)
    for row, string in zip(tokens, smiles):
        symbols = re.findall(".[ril]?", string.split(".")[0])[: PLACES - 1]
        row[: len(symbols) + 1] = [index.get(symbol, index["X"]) for symbol in (*symbols, ".")]
    return tokens


@cache
def _network() -> torch.nn.Module:
    from pathlib import Path

    import fcd_torch
    from fcd_torch.utils import load_imported_model

    file = Path(fcd_torch.__file__).with_name("ChemNet_v0.13_pretrained.pt")
    return load_imported_model(torch.load(file, weights_only=True)).eval()
