"""The variational autoencoder of discrete data."""

from torch import Tensor, nn
from torch.distributions import Distribution

from .networks import Decoder

__all__ = ["VAE"]


class VAE(nn.Module):
    """A variational autoencoder of discrete data.

    Args:
        encoder: Module from tokens (B, L) to a distribution over codes (B, D).
        decoder: A `Decoder`.
        prior: Module without arguments that returns a distribution over codes.
    """

    def __init__(self, encoder: nn.Module, decoder: Decoder, prior: nn.Module):
        super().__init__()
        self.encoder, self.decoder, self.prior = encoder, decoder, prior

    def encode(self, tokens: Tensor, mask: Tensor | None = None) -> Distribution:
        """The proposal q(z | x) of tokens (B, L); False in the mask where a position is padding."""
        return self.encoder(tokens) if mask is None else self.encoder(tokens, mask)

    def decode(self, z: Tensor) -> Tensor:
        """Greedy tokens (B, L) of codes (B, D), on any device; a tie gives `ddvae.nets.UNDEFINED`."""
        return self.decoder.decode(z.to(next(self.decoder.parameters(), z)))

    def sample(self, n: int, law: Distribution | None = None) -> Tensor:
        """Greedy tokens (n, L) of codes drawn from `law`, by default the prior."""
        return self.decode((law or self.prior()).sample((n,)))
