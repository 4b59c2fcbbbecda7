"""What is measured: on models and codes here, on molecules in later chapters."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution

from .chem import canonical
from .kernels import get_kernel
from .vae import VAE, argmax_elbo

__all__ = [
    "Plane",
    "categorical_kl",
    "classify_neighbours",
    "decode_plane",
    "image_accuracy",
    "jensen_shannon",
    "latent_evenness",
    "lossless_limit",
    "reconstruction",
    "sequence_accuracy",
    "validity",
]


def categorical_kl(p: Tensor, q: Tensor) -> float:
    """KL(p || q) of two categorical laws over the same (M,) outcomes, in nats; inf if q misses one.

    >>> categorical_kl(torch.tensor([1.0, 0.0]), torch.tensor([0.5, 0.5]))  # log 2
    0.6931471805599453
    """
    if p.shape != q.shape:
        raise ValueError(f"p and q have shapes {tuple(p.shape)} and {tuple(q.shape)}; expected the same")
    p, q = p.double(), q.double()
    return torch.where(p == 0, 0.0, torch.special.xlogy(p, p / q)).sum().item()


def jensen_shannon(p: Tensor, q: Tensor) -> float:
    """Jensen-Shannon divergence of two categorical laws, in nats, at most log 2."""
    middle = (p.double() + q.double()) / 2
    return (categorical_kl(p, middle) + categorical_kl(q, middle)) / 2


def lossless_limit(probs: Tensor, kernel, latent_size: int) -> float:
    r"""Highest possible L_* with the uniform prior and that kernel, in nats.

    .. math:: \sup L_* = -(H[p(x)] + D (\log 2 - H[K]))

    Args:
        probs: The law of the data, (M,).
        kernel: A `Kernel` or its name.
        latent_size: D.

    Source: derived in chapter 1; disjoint boxes share a volume of one.
    """
    entropy = -torch.special.xlogy(probs.double(), probs.double()).sum().item()
    return -(entropy + latent_size * (np.log(2) - get_kernel(kernel).entropy))


def sequence_accuracy(model: VAE, tokens: Tensor, weights: Tensor | None = None, codes: int = 1) -> float:
    """Share of codes that free-running greedy decoding turns back into the whole sequence.

    Args:
        model: The model.
        tokens: (B, L).
        weights: (B,), how much each sequence counts; None for equally.
        codes: Draws from each proposal.

    Source: 1 - Delta, Eq. 14.
    """
    with torch.no_grad():
        z = model.encode(tokens).sample((codes,))
        decoded = model.decode(z.flatten(0, 1)).unflatten(0, (codes, -1))
    exact = (decoded == tokens).all(-1).double().mean(0)
    weights = torch.ones_like(exact) if weights is None else weights
    return ((exact * weights.double()).sum() / weights.double().sum()).item()


def reconstruction(model: VAE, molecules, batch_size: int = 512) -> dict[str, float | int]:
    """How well strings come back from one draw of their code each.

    Args:
        model: A trained model.
        molecules: `ddvae.smiles.Molecules`.
        batch_size: Strings at a time.

    Returns:
        `accuracy`, the share of strings that greedy decoding returns whole (1 - Eq. 14); `kl`, the mean
        divergence from the prior in nats; `n`, the number of strings.
    """
    exact = kl = 0.0
    for _, batch in molecules.in_order(batch_size):
        terms = argmax_elbo(model, batch)
        exact += terms.exact.double().sum().item()
        kl += terms.kl.double().sum().item()
    n = len(molecules)
    return {"accuracy": exact / n, "kl": kl / n, "n": n}


def validity(strings: list[str]) -> dict[str, float | None]:
    """Percentages of strings that are molecules, and of distinct ones among these; None without RDKit.

    The empty string is none; `valid_or_empty` counts it as the released code did on ZINC.
    """
    try:
        found = canonical(strings)
    except ImportError:
        return {"valid": None, "valid_or_empty": None, "unique": None}
    valid = [s for s in found if s is not None]
    empty = strings.count("")
    return {
        "valid": 100 * len(valid) / len(strings),
        "valid_or_empty": 100 * (len(valid) + empty) / len(strings),
        "unique": 100 * len(set(valid)) / max(len(valid), 1),
    }


@dataclass(frozen=True)
class Plane:
    """A 2-D latent space, decoded over squares of equal prior mass.

    Attributes:
        edges: (N + 1,), borders of the squares along either axis, in units of the code.
        labels: (N, N) uint8, index of the decoded sequence, `count` for any other; first axis z_1.
        count: Number of sequences that have an index.
    """

    edges: Tensor
    labels: Tensor
    count: int

    def probs(self) -> Tensor:
        """(count + 1,) prior mass of each sequence's region; the last one of all others."""
        cells = self.labels.flatten().long().bincount(minlength=self.count + 1)
        return cells.double() / self.labels.numel()

    def sequence_error(self, q: Distribution, probs: Tensor) -> float:
        """Delta, exactly up to the grid: mass of each proposal outside its own region.

        Args:
            q: `Independent` proposals of the sequences, batch (count,), event (2,).
            probs: (count,), the law of the data.

        Source: Eq. 14.
        """
        marginal = q.base_dist
        mass = marginal.cdf(self.edges.to(marginal.mean.dtype)[:, None, None]).double().diff(dim=0)
        right = torch.stack(
            [mass[:, i, 0] @ ((self.labels == i).double() @ mass[:, i, 1]) for i in range(self.count)]
        )
        return 1 - (probs.double() @ right).item() / probs.double().sum().item()


def decode_plane(
    decode: Callable[[Tensor], Tensor], quantile: Callable[[Tensor], Tensor], base=512, refine=3
) -> Plane:
    """Decodes a whole 2-D prior of binary sequences on a grid that is fine where it matters.

    A coarse grid is decoded fully; squares on a border between regions are then cut in four,
    `refine` times over. Cell probabilities have an error below 1e-4 with the defaults.

    Args:
        decode: Codes (B, 2) to tokens (B, L) in {0, 1}, L up to 7.
        quantile: Inverse cdf of one dimension of the prior, so that all squares weigh the same.
        base: Squares along either axis of the coarse grid, which must meet every region.
        refine: Halvings at the borders.

    Raises:
        ValueError: sequences of more than 7 bits, whose indices would not fit.
    """
    length = decode(torch.zeros(1, 2)).shape[1]
    if length > 7:
        raise ValueError(f"decoded sequences have {length} bits; expected up to 7")
    labels = _label_squares(decode, quantile, base, torch.ones(base, base, dtype=torch.bool))
    for _ in range(refine):
        size = 2 * len(labels)
        fine = labels.repeat_interleave(2, 0).repeat_interleave(2, 1)
        border = _borders(labels).repeat_interleave(2, 0).repeat_interleave(2, 1)
        labels = torch.where(border, _label_squares(decode, quantile, size, border), fine)
    edges = quantile(torch.linspace(0, 1, len(labels) + 1, dtype=torch.float64))
    return Plane(edges, labels, 2**length)


def _label_squares(decode, quantile, size: int, chosen: Tensor) -> Tensor:
    """(size, size) labels of the chosen squares' centres, 0 elsewhere."""
    centre = quantile((torch.arange(size, dtype=torch.float64) + 0.5) / size).float()
    rows, columns = chosen.nonzero(as_tuple=True)
    z = torch.stack([centre[rows], centre[columns]], dim=1)
    labels = torch.zeros(size, size, dtype=torch.uint8)
    with torch.no_grad():
        found = [_index_bits(decode(part).cpu()) for part in z.split(1 << 15)]
    labels[rows, columns] = torch.cat(found)
    return labels


def _index_bits(tokens: Tensor) -> Tensor:
    """(B,) index in lexicographic order of binary (B, L) tokens; 2^L where one is undefined."""
    length = tokens.shape[1]
    place = 2 ** torch.arange(length - 1, -1, -1)
    index = (tokens * place).sum(1)
    return index.masked_fill((tokens < 0).any(1), 2**length).to(torch.uint8)


def _borders(labels: Tensor) -> Tensor:
    """True where a square beside, above or below differs."""
    border = torch.zeros_like(labels, dtype=torch.bool)
    for axis in (0, 1):
        upper, lower = (labels.narrow(axis, i, len(labels) - 1) for i in (1, 0))
        for i in (1, 0):
            border.narrow(axis, i, len(labels) - 1).logical_or_(upper != lower)
    return border


def image_accuracy(model: VAE, tokens: Tensor) -> dict[str, float]:
    """Reconstruction of binary images from the proposals' means, decoded greedily.

    Returns:
        `pixel`, the share of right pixels, and `image`, the share of images without a wrong one.
    """
    with torch.no_grad():
        right = model.decode(model.encode(tokens).mean) == tokens
    return {
        "pixel": right.double().mean().item(),
        "image": right.all(1).double().mean().item(),
    }


def classify_neighbours(
    train: Tensor,
    train_labels: Tensor,
    test: Tensor,
    test_labels: Tensor,
    choose: str = "train",
) -> dict[str, float | int | str]:
    """Accuracy of k nearest neighbours on codes, over 14 settings: k in 10..40 by 5, L1 or L2.

    Args:
        train, test: Codes (N, D) and (M, D).
        train_labels, test_labels: Classes (N,) and (M,).
        choose: "train" picks the setting by 5-fold cross-validation on the training set, as one
            should; "test" takes the best on the test set itself, as the released code did.

    Returns:
        `accuracy` on the test set and the chosen `k` and `metric`.

    Raises:
        ValueError: choose has another value.

    Source: Section 4.2; item 5 of the differences between paper and code.
    """
    if choose not in ("train", "test"):
        raise ValueError(f"choose is {choose!r}; expected 'train' or 'test'")
    on_test = _neighbour_accuracies(train, train_labels, test, test_labels)
    scores = on_test
    if choose == "train":
        from sklearn.model_selection import StratifiedKFold

        folds = [
            _neighbour_accuracies(train[fit], train_labels[fit], train[held], train_labels[held])
            for fit, held in StratifiedKFold(5).split(train.numpy(), train_labels.numpy())
        ]
        scores = {setting: sum(fold[setting] for fold in folds) for setting in on_test}
    k, metric = max(scores, key=scores.get)
    return {"accuracy": on_test[k, metric], "k": k, "metric": metric}


def _neighbour_accuracies(train, train_labels, test, test_labels) -> dict[tuple[int, str], float]:
    """Accuracy of majority votes by (k, metric); one search of 40 neighbours serves all k."""
    from sklearn.neighbors import NearestNeighbors

    found = {}
    for metric in ("manhattan", "euclidean"):
        search = NearestNeighbors(n_neighbors=40, metric=metric).fit(train.double().numpy())
        near = torch.from_numpy(search.kneighbors(test.double().numpy(), return_distance=False))
        votes = torch.nn.functional.one_hot(train_labels[near]).cumsum(1)
        for k in range(10, 41, 5):
            # A tie goes to the lowest class, as in scikit-learn's classifier.
            right = votes[:, k - 1].argmax(1) == test_labels
            found[k, metric] = right.double().mean().item()
    return found


def latent_evenness(u: Tensor, bins: int = 20) -> float:
    r"""How evenly codes cover a 2-D prior: perplexity of the occupied squares over their number.

    .. math:: e^{H[n / N]} / bins^2

    1 if every square of equal prior mass holds the same number of codes.

    Args:
        u: Codes (N, 2) through the prior's cdf, in [0, 1].
        bins: Squares along either axis.
    """
    index = (u.clamp(0, 1 - 1e-6) * bins).long()
    counts = (index[:, 0] * bins + index[:, 1]).bincount(minlength=bins**2).double()
    share = counts / counts.sum()
    entropy = -torch.special.xlogy(share, share).sum()
    return (entropy.exp() / bins**2).item()
