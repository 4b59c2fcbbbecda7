"""What samples owe to the law of their codes: the prior, the proposals, a density fitted to these."""

import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution, MixtureSameFamily, MultivariateNormal

from .codec import Codec
from .metrics import evaluate

__all__ = ["compare_laws", "ex_post"]


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


def compare_laws(codec: Codec, known: list[str], fresh: list[str], n: int = 10_000) -> list[dict]:
    """MOSES' metrics of what decodes from codes of several laws, a row a law.

    Args:
        codec: A trained model.
        known: Training molecules, whose codes the densities are fitted to.
        fresh: Unseen molecules, n of which give the codes of the last row.
        n: Codes of each law.

    Returns:
        Rows with law, n and the metrics of `evaluate`, those against MOSES' scaffold set left out.
    """
    torch.manual_seed(0)
    codes = codec.draw(known)
    rows = []
    for law, drawn in (
        ("the prior N(0, I)", codec.model.prior().sample((n,))),
        ("one Gaussian fitted to codes", ex_post(codes).sample((n,))),
        ("ten Gaussians fitted to codes", ex_post(codes, 10).sample((n,))),
        ("proposals of unseen molecules", codec.draw(fresh[:n])),
    ):
        found = evaluate(codec.decode(drawn), ks=(n,), test_scaffolds=False)
        rows.append({"law": law, "n": len(drawn)} | found)
    return rows
