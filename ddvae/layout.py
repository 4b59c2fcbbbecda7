"""The layout of a 2-D latent space that reaches the limit of lossless coding, and encoders set to it."""

import torch
from torch import Tensor

from .nets import SequenceEncoder

__all__ = ["guillotine_cells", "set_supports"]


def guillotine_cells(probs: Tensor) -> tuple[Tensor, Tensor]:
    """Cuts [-1, 1]^2 into one rectangle an outcome, of a share of the area equal to its probability.

    The first dimension is cut by the first half of a string, the second, within each strip, by the
    rest, as arithmetic coding does on a line.

    Args:
        probs: (2^L,), the law of binary strings of even length L in lexicographic order.

    Returns:
        Lower and upper corners, (2^L, 2) each, in float64.

    Raises:
        ValueError: probs has another length.

    Source: derived in chapter 1.
    """
    half = round(len(probs) ** 0.5)
    if half * half != len(probs) or half & (half - 1):
        raise ValueError(f"probs has {len(probs)} entries; expected 2^L with L even")
    table = (probs.double() / probs.double().sum()).view(half, half)
    strips, within = table.sum(1), table / table.sum(1, keepdim=True)
    size = torch.stack([strips[:, None].expand(half, half), within], dim=-1)
    high = torch.stack([size[..., 0].cumsum(0), size[..., 1].cumsum(1)], dim=-1)
    low = high - size
    return (2 * low - 1).flatten(0, 1), (2 * high - 1).flatten(0, 1)


@torch.no_grad()
def set_supports(
    encoder: SequenceEncoder, tokens: Tensor, low: Tensor, high: Tensor, gain: float = 5.0
) -> None:
    """Sets an untrained encoder so that its proposals have given supports, in closed form.

    The random recurrent features of different strings are told apart better with larger weights; the
    head that maps them to the supports is then a least-squares solution.

    Args:
        encoder: With a squash, changed in place.
        tokens: (N, L), fewer than the encoder has features.
        low, high: (N, D), ends of the supports inside (-1, 1).
        gain: Factor on the recurrent layers' initial weights.

    Raises:
        ValueError: the encoder has no squash.
    """
    if encoder.head.squash is None:
        raise ValueError("squash is None; expected an encoder whose supports lie in the unit cube")
    for parameter in encoder.gru.parameters():
        parameter.mul_(gain)
    stretch = {"tanh": 1.0, "sigmoid": 2.0}[encoder.head.squash]
    ends = stretch * torch.atanh(low), stretch * torch.atanh(high)
    raw = torch.cat([(ends[0] + ends[1]) / 2, ((ends[1] - ends[0]) / 2).log()], dim=1)
    features = encoder.features(tokens).double()
    features = torch.cat([features, torch.ones_like(features[:, :1])], dim=1)
    solution = torch.linalg.lstsq(features, raw, driver="gelsd").solution
    encoder.head.linear.weight.copy_(solution[:-1].T)
    encoder.head.linear.bias.copy_(solution[-1])
