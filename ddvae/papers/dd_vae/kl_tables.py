"""Tables 1 and 2 computed."""

import torch
from torch.distributions import Normal, Uniform, kl_divergence

from ...book.comparison import cells
from ...mathematics.proposals import PROPOSALS, propose
from .printed import PRINTED

__all__ = ["divergences"]


def divergences() -> dict[str, float]:
    """The divergences of Tables 1 and 2 at mu = 0.25 and sigma = 0.5 by key of `PRINTED`, in nats.

    >>> round(divergences()["table2.uniform"], 4)
    0.6931
    """
    loc, scale, zero, one = torch.tensor([0.25, 0.5, 0.0, 1.0], dtype=torch.float64)
    priors = {"Table 1": Normal(zero, one), "Table 2": Uniform(-one, one)}
    found: dict[str, float] = {}
    for table, prior in priors.items():
        keys = {name: key for (name, _), key in cells(PRINTED, table).items()}
        proposals = {name: propose(name, loc, scale) for name in PROPOSALS if name in keys}
        found |= {keys[name]: kl_divergence(q, prior).item() for name, q in proposals.items()}
    return found
