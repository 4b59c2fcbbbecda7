r"""The relaxed argmax: a smooth stand-in for "every true token has the highest score".

The relaxed indicator of Eq. 12 is a logistic function moved to the right,
:math:`\log \sigma_\tau(x) = -\mathrm{softplus}(\log(1/\tau - 1) - x / \tau)`, and is computed as such.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["log_relaxed_indicator", "relaxed_argmax_log_prob", "relaxed_indicator"]


def log_relaxed_indicator(margin: Tensor, temperature: float) -> Tensor:
    r"""Logarithm of the relaxed indicator of margin > 0.

    .. math:: \log \sigma_\tau(x) = -\log(1 + e^{-x/\tau} [1/\tau - 1])

    Args:
        margin: Any shape.
        temperature: tau, in (0, 1).

    Returns:
        Negative values of the same shape; log tau at margin 0.

    Raises:
        ValueError: temperature is out of range.

    Source: Eq. 12.

    >>> log_relaxed_indicator(torch.tensor([-0.1, 0.0, 0.1]), 0.01)
    tensor([-1.4595e+01, -4.6052e+00, -4.4845e-03])
    """
    if not 0 < temperature < 1:
        raise ValueError(f"temperature is {temperature!r}; expected a number in (0, 1)")
    return F.logsigmoid(margin / temperature - math.log(1 / temperature - 1))


def relaxed_indicator(margin: Tensor, temperature: float) -> Tensor:
    """The relaxed indicator of margin > 0 itself; see `log_relaxed_indicator`. Source: Eq. 12."""
    return log_relaxed_indicator(margin, temperature).exp()


def relaxed_argmax_log_prob(
    scores: Tensor, tokens: Tensor, temperature: float, mask: Tensor | None = None
) -> Tensor:
    r"""Relaxed log-probability that greedy decoding returns the tokens.

    .. math:: \sum_{i=1}^{L} \sum_{s \neq x_i} \log \sigma_\tau(\pi_{i, x_i} - \pi_{i, s})

    Args:
        scores: pi, the score of every token at every position, (B, L, V); probabilities in the
            paper, log-probabilities in the released code.
        tokens: x, the true tokens, (B, L), integers in [0, V).
        temperature: tau, in (0, 1).
        mask: (B, L), False where a position is padding.

    Returns:
        (B,), in nats, summed over positions.

    Raises:
        ValueError: shapes disagree, a token is outside [0, V), or temperature is out of range.

    Source: Eq. 13, without the divergence; the whole is `models.objectives.relaxed_elbo`.

    >>> scores = torch.tensor([[[0.9, 0.1], [0.4, 0.6]]])
    >>> relaxed_argmax_log_prob(scores, torch.tensor([[0, 1]]), temperature=0.1)
    tensor([-0.7996])
    """
    check_tokens(tokens, scores)
    if mask is not None and (mask.dtype != torch.bool or mask.shape != tokens.shape):
        raise ValueError(
            f"mask is {mask.dtype} of shape {tuple(mask.shape)}; expected torch.bool of {tuple(tokens.shape)}"
        )
    index = tokens.long().unsqueeze(-1)
    margin = scores.gather(-1, index) - scores
    left_out = torch.arange(scores.shape[-1], device=scores.device) == index
    if mask is not None:
        left_out = left_out | ~mask.unsqueeze(-1)
    return log_relaxed_indicator(margin, temperature).masked_fill(left_out, 0.0).flatten(1).sum(1)


def check_tokens(tokens: Tensor, scores: Tensor) -> None:
    """Raises ValueError unless tokens (B, L) are integers that index scores (B, L, V)."""
    if scores.dim() != 3 or tokens.shape != scores.shape[:2]:
        raise ValueError(
            f"tokens have shape {tuple(tokens.shape)} and scores {tuple(scores.shape)}; "
            "expected (B, L) and (B, L, V)"
        )
    check_range(tokens, scores.shape[-1])


def check_range(tokens: Tensor, vocab_size: int) -> None:
    """Raises ValueError unless tokens are integers in [0, vocab_size)."""
    if tokens.is_floating_point() or tokens.dtype == torch.bool:
        raise ValueError(f"tokens are {tokens.dtype}; expected integers")
    # On an accelerator the look at the values would wait for the device at every step.
    if tokens.device.type == "cpu" and tokens.numel():
        low, high = tokens.min().item(), tokens.max().item()
        if low < 0 or high >= vocab_size:
            wrong = low if low < 0 else high
            raise ValueError(f"a token is {wrong}; expected values in [0, {vocab_size})")
