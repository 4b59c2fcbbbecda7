"""The variational autoencoder of discrete data."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torch.distributions import Distribution, Independent

from ..data.vocabulary import Vocabulary
from .architecture import register
from .networks import Decoder, DenseDecoder, DenseEncoder, SequenceDecoder, SequenceEncoder
from .priors import get_prior

__all__ = ["VAE", "dense_vae", "sequence_vae"]


class VAE(nn.Module):
    """A variational autoencoder of discrete data.

    Args:
        encoder: Module from tokens (B, L) to an `Independent` distribution over codes (B, D).
        decoder: A `Decoder`.
        prior: Module without arguments that returns a distribution over codes.

    Attributes:
        architecture: What `models.architecture.build` made it from; None for a model put together by hand.
    """

    architecture: dict[str, Any] | None = None

    def __init__(self, encoder: nn.Module, decoder: Decoder, prior: nn.Module):
        super().__init__()
        self.encoder, self.decoder, self.prior = encoder, decoder, prior

    def encode(self, tokens: Tensor, mask: Tensor | None = None) -> Independent:
        """The proposal q(z | x) of tokens (B, L); False in the mask where a position is padding."""
        return self.encoder(tokens) if mask is None else self.encoder(tokens, mask)

    def decode(self, z: Tensor) -> Tensor:
        """Greedy tokens (B, L) of codes (B, D), on any device; a tie gives `networks.UNDEFINED`."""
        return self.decoder.decode(z.to(next(self.decoder.parameters(), z)))

    def sample(self, n: int, density: Distribution | None = None) -> Tensor:
        """Greedy tokens (n, L) of codes sampled from `density`, by default the prior."""
        return self.decode((density or self.prior()).sample((n,)))


@register("sequence-vae")
def sequence_vae(
    symbols: str,
    length: int,
    latent_size: int,
    hidden_size: int,
    num_layers: int,
    embedding_size: int,
    proposal: str,
    prior: str,
    squash: str | None = None,
    ends: bool = False,
) -> VAE:
    """A VAE of strings with GRUs on both sides.

    Args:
        symbols, ends: Of the `Vocabulary`.
        length: Tokens to generate at most, the end included.
        latent_size, hidden_size, num_layers, embedding_size: See `networks.SequenceEncoder`.
        proposal, squash: See `networks.ProposalHead`.
        prior: One of `priors.PRIORS`.
    """
    vocabulary = Vocabulary(symbols, ends)
    sizes = (len(vocabulary), latent_size, hidden_size, num_layers, embedding_size)
    encoder = SequenceEncoder(*sizes, proposal, squash)
    decoder = SequenceDecoder(*sizes, length=length, end=vocabulary.end)
    return VAE(encoder, decoder, get_prior(prior, latent_size))


@register("dense-vae")
def dense_vae(
    sizes: Sequence[int], latent_size: int, proposal: str, prior: str, squash: str | None = None
) -> VAE:
    """A VAE of binary images with fully connected layers on both sides.

    Args:
        sizes: Widths from the pixels to the last hidden layer.
        latent_size: D.
        proposal, squash: See `networks.ProposalHead`.
        prior: One of `priors.PRIORS`.
    """
    encoder = DenseEncoder(tuple(sizes), latent_size, proposal, squash)
    return VAE(encoder, DenseDecoder((latent_size, *reversed(sizes))), get_prior(prior, latent_size))
