"""A latent space of strings looked at: how the codes fill the prior, what lies between and around them."""

import torch
from torch import Tensor

from .codec import Codec

__all__ = ["active_units", "coverage", "interpolate", "neighbourhood", "principal_axes", "principal_plane"]


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


def interpolate(codec: Codec, first: str, last: str, steps: int = 50) -> list[str]:
    """What decodes on the straight line from one string's code to another's, repetitions merged.

    Args:
        codec: A trained model.
        first, last: SMILES.
        steps: Codes on the way, both ends included.
    """
    begin, end = codec.encode([first, last])
    share = torch.linspace(0, 1, steps)[:, None]
    decoded = codec.decode(begin + share * (end - begin))
    return [string for i, string in enumerate(decoded) if i == 0 or string != decoded[i - 1]]


def neighbourhood(codec: Codec, string: str, radius: float, count: int, seed: int = 0) -> list[str]:
    """Strings decoded at random directions and a distance from one string's code, each once, itself left out.

    Args:
        codec: A trained model.
        string: SMILES.
        radius: Distance, in units of the code.
        count: Directions.
        seed: Of the directions.
    """
    generator = torch.Generator().manual_seed(seed)
    (code,) = codec.encode([string])
    directions = torch.randn(count, len(code), generator=generator)
    decoded = codec.decode(code + radius * directions / directions.norm(dim=1, keepdim=True))
    return [other for other in dict.fromkeys(decoded) if other != string]
