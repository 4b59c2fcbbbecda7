"""All of fcd_torch: activations of ChemNet, and the Frechet distance between two sets of them."""

import re
from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from torch import Tensor

from ..system.progress import ProgressBar

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
    network = _Network(device)
    found = np.empty((len(smiles), 512), np.float32)
    bar = ProgressBar(len(smiles), "ChemNet", unit="molecule", shown=progress)
    with torch.no_grad(), bar:
        for i in range(0, len(smiles), batch_size):
            tokens = torch.from_numpy(_tokens(smiles[i : i + batch_size])).to(device)
            one_hot = torch.zeros(len(tokens), len(SYMBOLS) + 1, PLACES, device=device)
            one_hot.scatter_(1, tokens[:, None].long(), 1 / len(SYMBOLS))
            found[i : i + len(tokens)] = network(one_hot[:, :-1]).cpu().numpy()
            bar.update(len(tokens))
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
    n = len(found)
    if n < 2:
        return np.nan, np.nan
    generator = np.random.default_rng(seed)
    draws = np.array([fcd(found[generator.integers(n, size=n)], mean, covariance) for _ in range(resamples)])
    low, high = np.percentile(draws - np.mean(draws), [2.5, 97.5]) + fcd(found, mean, covariance)
    return float(low), float(high)


class _Network:
    """ChemNet, with the work that all strings share done once.

    Two convolutions shorten the 350 places to 88 steps. The first LSTM reads these backwards, so that it has
    gone through the empty ones, alike for all strings, before it comes to a string. The second reads
    forwards and ends there, on what the first one made of them.
    """

    def __init__(self, device: str):
        layers = list(_network().to(device))
        self.backward, self.forward = (layer for layer in layers if isinstance(layer, torch.nn.LSTM))
        self.convolutions = layers[: layers.index(self.backward) - 1]
        self.weight, recurrent, *biases = self.forward.all_weights[0]
        self.bias, self.recurrent = biases[0] + biases[1], recurrent.t().contiguous()
        with torch.no_grad():
            features = self._features(torch.zeros(1, len(SYMBOLS), PLACES, device=device))
            self.quiet = [tuple(torch.zeros(1, 1, self.backward.hidden_size, device=device) for _ in "hc")]
            for i in range(features.shape[1]):  # states after so many empty steps
                self.quiet.append(self.backward(features[:, i : i + 1], self.quiet[-1])[1])
            empty = torch.cat([state[0][0] for state in self.quiet[:0:-1]])
            self.empty_gates = self._gates(empty)

    def __call__(self, one_hot: Tensor) -> Tensor:
        """(B, 512) of (B, 35, 350)."""
        features = self._features(one_hot)
        steps, rows = len(self.empty_gates), len(features)
        filled = int(features.any(-1).any(0).nonzero().max()) + 1
        start = tuple(state.expand(-1, rows, -1).contiguous() for state in self.quiet[steps - filled])
        read = self.backward(features[:, :filled].flip(1), start)[0].flip(1)
        gates = [*self._gates(read).unbind(1), *self.empty_gates[filled:]]
        return self._run_forward(gates, rows)

    def _features(self, one_hot: Tensor) -> Tensor:
        for layer in self.convolutions:
            one_hot = layer(one_hot)
        return one_hot

    def _gates(self, read: Tensor) -> Tensor:
        return read @ self.weight.t() + self.bias

    def _run_forward(self, gates: list[Tensor], rows: int) -> Tensor:
        """The last state; gates are (B, 2048) a step, or (2048,) where all strings have the same."""
        hidden = self.recurrent.new_zeros(rows, self.forward.hidden_size)
        cell, sums = torch.zeros_like(hidden), hidden.new_empty(rows, self.recurrent.shape[1])
        for given in gates:
            torch.addmm(given, hidden, self.recurrent, out=sums)
            enter, keep, new, leave = sums.chunk(4, dim=1)
            cell.mul_(keep.sigmoid_()).addcmul_(enter.sigmoid_(), new.tanh_())
            torch.mul(leave.sigmoid_(), cell.tanh(), out=hidden)
        return hidden


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
def _network() -> torch.nn.Sequential:
    from pathlib import Path

    import fcd_torch
    from fcd_torch.utils import load_imported_model

    file = Path(fcd_torch.__file__).with_name("ChemNet_v0.13_pretrained.pt")
    return load_imported_model(torch.load(file, weights_only=True)).eval()
