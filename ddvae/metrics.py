"""What is measured on models and codes, and `evaluate`, all of MOSES' metrics of molecules."""

import numpy as np
import torch
from torch import Tensor

from .chem import canonical
from .kernels import get_kernel
from .moses import evaluate
from .vae import VAE, argmax_elbo

__all__ = [
    "at_accuracy",
    "categorical_kl",
    "classify_neighbours",
    "evaluate",
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
        model: A trained model, on any device.
        molecules: `ddvae.smiles.Molecules`.
        batch_size: Strings at a time.

    Returns:
        `accuracy`, the share of strings that greedy decoding returns whole (1 - Eq. 14); `kl`, the mean
        divergence from the prior in nats; `n`, the number of strings.
    """
    exact, kl, device = 0.0, 0.0, next(model.parameters()).device
    for _, batch in molecules.in_order(batch_size):
        terms = argmax_elbo(model, batch.to(device))
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


def at_accuracy(accuracy: np.ndarray, values: np.ndarray, level: float, half_width: float = 0.05) -> float:
    r"""A metric at a level of sequence-wise accuracy, averaged over the checkpoints around it.

    .. math:: \sum_i w_i v_i / \sum_i w_i, \quad w_i = \max(0, 1 - |a_i - level| / half\_width)

    Args:
        accuracy: Of each checkpoint, (N,), in [0, 1].
        values: Of the metric, (N,).
        level: Accuracy asked for.
        half_width: Of the triangular kernel.

    Returns:
        The average; NaN if no checkpoint lies within half_width.

    Source: Table 3; item 14 of the differences between paper and code.
    """
    weights = np.maximum(0, 1 - abs(np.asarray(accuracy) - level) / half_width)
    return float(weights @ np.asarray(values) / weights.sum()) if weights.any() else float("nan")


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
