"""What samples owe to the density of their codes: the prior, the proposals, one fitted to these."""

import torch

from ...models.densities import ex_post
from ...molecules.codec import Codec
from ...molecules.moses import evaluate

__all__ = ["compare_densities"]


def compare_densities(codec: Codec, known: list[str], fresh: list[str], n: int = 10_000) -> list[dict]:
    """MOSES' metrics of what decodes from codes of several densities, a row a density.

    Args:
        codec: A trained model.
        known: Training molecules, whose codes the densities are fitted to.
        fresh: Unseen molecules, n of which give the codes of the last row.
        n: Codes of each density.

    Returns:
        Rows with density, n and the metrics of `evaluate`, those against MOSES' scaffold set left out.
    """
    torch.manual_seed(0)
    codes = codec.sample_codes(known)
    rows = []
    for density, samples in (
        ("the prior N(0, I)", codec.model.prior().sample((n,))),
        ("one Gaussian fitted to codes", ex_post(codes).sample((n,))),
        ("ten Gaussians fitted to codes", ex_post(codes, 10).sample((n,))),
        ("proposals of unseen molecules", codec.sample_codes(fresh[:n])),
    ):
        found = evaluate(codec.decode(samples), ks=(n,), test_scaffolds=False)
        rows.append({"density": density, "n": len(samples)} | found)
    return rows
