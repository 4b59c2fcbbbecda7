"""How fast codes are sampled and decoded, against the released way in the same process."""

import torch

from ....engine.precision import autocast
from ....experiments.molecule_runs import load_codec
from ....experiments.record import recorded
from ....mathematics.kernels import KERNELS, Kernel
from .rates import rates
from .released import RejectionSampler, Released

__all__ = ["decoding", "sampling"]

_WITH_WEIGHTS = {"MOSES 2x512": "moses-large-ddvae-triweight", "ZINC 1x1024": "zinc-large-ddvae-tricube"}
"""Runs of the published shapes that are recorded with their weights."""


def decoding(label: str, rounds: int = 3, codes: int = 10_000) -> dict[str, float]:
    """Molecules a second from codes of the prior, by the recorded model; the baseline does a tenth.

    Args:
        label: One of `training.MODELS`.
        rounds, codes: Of what is timed.
    """
    codec = load_codec(recorded(_WITH_WEIGHTS[label])[0].folder)
    released = Released(codec.model)
    z = torch.randn(codes, codec.latent_size)

    def ours() -> int:
        with torch.no_grad(), autocast("cpu", "bfloat16"):
            return len(codec.vocabulary.decode(codec.model.decode(z)))

    return rates(lambda: len(released.decode(z[: codes // 10])), ours, rounds)


def sampling(rounds: int = 9, shape: tuple[int, int] = (512, 64)) -> list[dict]:
    """Samples a second of each kernel for a batch of codes, rejection against the exact sampler."""
    n, found = shape[0] * shape[1], []
    for name, kernel in KERNELS.items():
        rejection = RejectionSampler(kernel)

        def theirs(rejection: RejectionSampler = rejection) -> int:
            return sum(len(rejection.sample(n)) for _ in range(20))

        def ours(kernel: Kernel = kernel) -> int:
            return sum(kernel.sample(shape).numel() for _ in range(20))

        found.append({"kernel": name} | rates(theirs, ours, rounds))
    return found
