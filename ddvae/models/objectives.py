"""Training objectives, each a function that returns named terms."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution, kl_divergence

from ..data.batches import Batch
from ..mathematics.relaxation import check_tokens, relaxed_argmax_log_prob
from .vae import VAE

__all__ = ["Terms", "argmax_elbo", "decoder_likelihood", "elbo", "moment_gap", "relaxed_elbo"]


class Terms(NamedTuple):
    """An objective's value and its parts, (B,) each, averaged over the codes of a sequence.

    Attributes:
        value: What training maximises.
        reconstruction: Nats per sequence, summed over positions.
        kl: Divergence from the prior, nats per sequence.
        exact: Share of the codes at which greedy decoding returns the sequence.
        kl_sampled: True if the divergence has no closed form and was estimated from the codes.
    """

    value: Tensor
    reconstruction: Tensor
    kl: Tensor
    exact: Tensor
    kl_sampled: bool = False


def elbo(model: VAE, batch: Batch, beta: float = 1.0, reduction: str = "sum", moments: float = 0.0) -> Terms:
    """Evidence lower bound with a stochastic decoder, one draw of the code.

    Args:
        model: The model.
        batch: The data.
        beta: Weight of the divergence; nats per nat of reconstruction under reduction "sum".
        reduction: "sum" over positions as in the text; "mean" as in the released code, which
            makes beta weigh against the mean token. The reported parts are sums either way.
        moments: Weight of `moment_gap` of the batch's codes, which all count alike.

    Source: Eq. 2; beta from Higgins et al. (2017).
    """
    q, z, batch_rows = _sample_codes(model, batch)
    log_probs = model.decoder.score_tokens(z, batch_rows.tokens)
    check_tokens(batch_rows.tokens, log_probs)
    own = log_probs.gather(-1, batch_rows.tokens.long().unsqueeze(-1)).squeeze(-1)
    if batch_rows.mask is not None:
        own = own.masked_fill(~batch_rows.mask, 0.0)
    exact = _exact(log_probs, batch_rows)
    return _terms(model, batch, q, z, own.sum(-1), exact, beta, reduction, moments)


def relaxed_elbo(
    model: VAE,
    batch: Batch,
    temperature: float,
    beta: float = 1.0,
    scores: str = "prob",
    reduction: str = "sum",
    moments: float = 0.0,
) -> Terms:
    """The relaxed objective of deterministic decoding, L_tau.

    Args:
        model, batch, beta, reduction, moments: See `elbo`.
        temperature: tau, in (0, 1).
        scores: "prob" compares probabilities as in the text, "log_prob" log-probabilities as in
            the released code.

    Raises:
        ValueError: an argument has a value not listed.

    Source: Eq. 13.
    """
    if scores not in ("prob", "log_prob"):
        raise ValueError(f"scores is {scores!r}; expected 'prob' or 'log_prob'")
    q, z, batch_rows = _sample_codes(model, batch)
    log_probs = model.decoder.score_tokens(z, batch_rows.tokens)
    pi = log_probs.exp() if scores == "prob" else log_probs
    rows = relaxed_argmax_log_prob(pi, batch_rows.tokens, temperature, batch_rows.mask)
    exact = _exact(log_probs, batch_rows)
    return _terms(model, batch, q, z, rows, exact, beta, reduction, moments)


def decoder_likelihood(model: VAE, batch: Batch, reduction: str = "sum") -> Terms:
    """The decoder's token likelihood at samples of a resting encoder; its gradient reaches the decoder alone.

    Args:
        model, batch, reduction: See `elbo`.

    Source: Eq. 24.
    """
    encoder = [(p, p.requires_grad) for p in model.encoder.parameters()]
    for p, _ in encoder:
        p.requires_grad_(False)
    try:
        return elbo(model, batch, 0.0, reduction)
    finally:
        for p, required in encoder:
            p.requires_grad_(required)


def argmax_elbo(model: VAE, batch: Batch, beta: float = 1.0) -> Terms:
    """The objective of deterministic decoding itself, L_*: -inf unless every code decodes back.

    Source: Eq. 5.
    """
    q, z, batch_rows = _sample_codes(model, batch)
    log_probs = model.decoder.score_tokens(z, batch_rows.tokens)
    check_tokens(batch_rows.tokens, log_probs)
    exact = _exact(log_probs, batch_rows)
    return _terms(model, batch, q, z, exact.log(), exact, beta, "sum")


def moment_gap(z: Tensor, prior: Distribution) -> Tensor:
    r"""How far the means and variances of codes are from the prior's, in nats.

    .. math:: \frac{1}{2} \sum_d
        \left( \frac{(m_d - \mu_d)^2 + v_d}{\sigma_d^2} - 1 - \log \frac{v_d}{\sigma_d^2} \right)

    The divergence of two Gaussians with these moments. A batch of molecules holds strings of like length: its
    codes tell of that length's part of the aggregate proposal, not of the whole.

    Args:
        z: Codes (N, D) of different sequences, N from 2.
        prior: Over codes, with a mean and a variance.

    >>> from ddvae.models.priors import StandardNormal
    >>> moment_gap(torch.tensor([[-1.0], [1.0]]), StandardNormal(1)())
    tensor(0.)
    """
    ratio = z.var(0, correction=0) / prior.variance
    shift = (z.mean(0) - prior.mean) ** 2 / prior.variance
    return (shift + ratio - 1 - ratio.log()).sum() / 2


def check_reduction(reduction: str) -> None:
    """Raises ValueError unless a reduction over positions has that name."""
    if reduction not in ("sum", "mean"):
        raise ValueError(f"reduction is {reduction!r}; expected 'sum' or 'mean'")


def _sample_codes(model: VAE, batch: Batch) -> tuple[Distribution, Tensor, Batch]:
    """The proposals (B,), the codes (R, D) and the batch with one row a code."""
    q = model.encode(batch.tokens, batch.mask)
    if batch.repeats is None:
        return q, q.rsample(), batch
    most = int(batch.repeats.max())
    chosen = torch.arange(most, device=batch.repeats.device) < batch.repeats[:, None]
    z = q.rsample((most,)).transpose(0, 1)[chosen]
    rows = _rows(batch.repeats)
    mask = None if batch.mask is None else batch.mask[rows]
    return q, z, Batch(batch.tokens[rows], mask)


def _rows(repeats: Tensor) -> Tensor:
    return torch.arange(len(repeats), device=repeats.device).repeat_interleave(repeats)


def _average_codes(rows: Tensor, repeats: Tensor | None) -> Tensor:
    """(R,) values of the codes to (B,) means over the codes of each sequence."""
    if repeats is None:
        return rows
    total = rows.new_zeros(len(repeats)).index_add(0, _rows(repeats), rows)
    return total / repeats


def _exact(log_probs: Tensor, batch: Batch) -> Tensor:
    """(B,) 1.0 where greedy decoding returns the tokens, which teacher forcing tells exactly:

    the true prefix is what greedy decoding feeds as long as it makes no mistake.
    """
    log_probs = log_probs.detach()
    own = log_probs.gather(-1, batch.tokens.long().unsqueeze(-1))
    right = (own > log_probs).sum(-1) == log_probs.shape[-1] - 1
    if batch.mask is not None:
        right = right | ~batch.mask
    return right.all(-1).to(log_probs.dtype)


def _terms(
    model: VAE,
    batch: Batch,
    q: Distribution,
    z: Tensor,
    reconstruction: Tensor,
    exact: Tensor,
    beta: float,
    reduction: str,
    moments: float = 0.0,
) -> Terms:
    check_reduction(reduction)
    kl, sampled = _divergence(q, model.prior(), z, batch.repeats)
    reconstruction = _average_codes(reconstruction, batch.repeats)
    positions: float | Tensor = 1.0
    if reduction == "mean":
        mask = batch.mask
        positions = batch.tokens.shape[1] if mask is None else mask.sum() / len(mask)
    value = reconstruction / positions - beta * kl
    if moments:
        value = value - moments * moment_gap(z, model.prior())
    return Terms(value, reconstruction, kl, _average_codes(exact, batch.repeats), sampled)


def _divergence(
    q: Distribution, prior: Distribution, z: Tensor, repeats: Tensor | None
) -> tuple[Tensor, bool]:
    try:
        return kl_divergence(q, prior), False
    except NotImplementedError:
        if repeats is not None:
            raise ValueError(f"repeats need a registered divergence of {q} from {prior}") from None
        return q.log_prob(z) - prior.log_prob(z), True
