"""Exact sampler of each kernel against the paper's rejection sampler (Section 2.1)."""

import torch
from timing import ratio, show

from ddvae import KERNELS
from ddvae.kernels import Kernel

DRAWS = 200_000


def sample_by_rejection(kernel: Kernel, n: int) -> torch.Tensor:
    """Draws uniform candidates and keeps a share K(z) / K(0) of them, 2 K(0) n at a time."""
    peak = kernel.log_prob(torch.zeros(())).exp()
    kept = torch.empty(0)
    while len(kept) < n:
        z = 2 * torch.rand(int(2 * peak * n)) - 1
        kept = torch.cat([kept, z[torch.rand(len(z)) * peak < kernel.log_prob(z).exp()]])
    return kept[:n]


if __name__ == "__main__":
    torch.manual_seed(0)
    print(f"{DRAWS} draws: rejection, exact, ratio")
    for name, kernel in KERNELS.items():
        found = ratio(lambda k=kernel: sample_by_rejection(k, DRAWS), lambda k=kernel: k.sample((DRAWS,)))
        show(name, found)
