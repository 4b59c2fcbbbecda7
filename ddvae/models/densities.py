"""Densities of codes, fitted after training."""

import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution, MixtureSameFamily, MultivariateNormal

__all__ = ["ex_post"]


def ex_post(codes: Tensor, components: int = 1, seed: int = 0) -> Distribution:
    """A mixture of Gaussians with full covariances fitted to codes, to be sampled in place of the prior.

    Args:
        codes: (N, D), drawn from the proposals of data.
        components: Gaussians of the mixture.
        seed: Of the fit.

    Raises:
        ValueError: components is not positive, or too few codes for it.

    Source: Ghosh et al. (2020).
    """
    from sklearn.mixture import GaussianMixture

    if components < 1 or len(codes) <= components * codes.shape[1]:
        raise ValueError(
            f"components is {components} for {len(codes)} codes of {codes.shape[1]} numbers; "
            "expected at least 1, and more codes than components times numbers"
        )
    fitted = GaussianMixture(components, random_state=seed).fit(codes.double().numpy())
    means, covariances = (torch.from_numpy(a).float() for a in (fitted.means_, fitted.covariances_))
    gaussians = MultivariateNormal(means, covariances)
    return MixtureSameFamily(Categorical(torch.from_numpy(fitted.weights_).float()), gaussians)
