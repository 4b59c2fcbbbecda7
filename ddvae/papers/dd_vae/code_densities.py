"""What samples owe to the law of their codes: the prior, the proposals, a density fitted to these."""

import torch

from ...models.densities import ex_post
from ...molecules.codec import Codec
from ...molecules.moses import evaluate

__all__ = ["compare_laws"]


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
