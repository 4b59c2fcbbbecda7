"""Codes: how evenly they fill the prior, which dimensions they use, how well they separate classes."""

import torch
from torch import Tensor

__all__ = [
    "active_units",
    "classify_neighbours",
    "coverage",
    "latent_evenness",
    "principal_axes",
    "principal_plane",
]


def active_units(mean: Tensor, threshold: float = 0.01) -> int:
    """Dimensions whose proposals' means vary over the data: variance above the threshold.

    Args:
        mean: (N, D), of each string's proposal.
        threshold: In squared units of the code.

    Source: Burda et al. (2016).
    """
    return int((mean.var(0) > threshold).sum())


def coverage(z: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
    r"""How far each code lies from the nearest proposal, in its half-widths: below 1 it is covered.

    .. math:: \min_i \max_d |z_d - \mu_{id}| / \sigma_{id}

    Args:
        z: Codes (B, D).
        mean, scale: (N, D), of the proposals.

    Returns:
        (B,).
    """
    # One code at a time: what N proposals take fits the caches, which is four times as fast as many at once.
    nearest = [((code - mean).abs() / scale).amax(-1).amin() for code in z]
    return torch.stack(nearest) if nearest else z.new_zeros(0)


def principal_axes(codes: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (D,) and the two widest directions (D, 2), the widest first, of codes (N, D)."""
    middle = codes.mean(0)
    _, vectors = torch.linalg.eigh((codes - middle).T @ (codes - middle))
    return middle, vectors[:, [-1, -2]]


def principal_plane(codes: Tensor, size: int, side: float = 3.0) -> Tensor:
    """Codes (size, size, D) of a square in the plane of the two widest directions, through the mean.

    Args:
        codes: (N, D).
        size: Points along either side, first axis the widest direction.
        side: Half the side, in standard deviations of the prior.
    """
    middle, axes = principal_axes(codes)
    steps = torch.linspace(-side, side, size)
    return middle + steps[:, None, None] * axes[:, 0] + steps[None, :, None] * axes[:, 1]


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
    k, metric = max(scores, key=lambda setting: scores[setting])
    return {"accuracy": on_test[k, metric], "k": k, "metric": metric}


def _neighbour_accuracies(
    train: Tensor, train_labels: Tensor, test: Tensor, test_labels: Tensor
) -> dict[tuple[int, str], float]:
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
