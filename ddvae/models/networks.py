"""Encoders that return a proposal, decoders that score and decode.

Sequences and images share one language: an object is a row of tokens (B, L) over a vocabulary of
V, pixels being tokens of a vocabulary of two. Encoders map tokens to a distribution over codes
(B, D); decoders map codes to log-probabilities (B, L, V) and, greedily, back to tokens.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Independent

from ..engine.gru import GRU
from ..mathematics.proposals import PROPOSALS, exp_scale, into_unit_cube, propose
from ..mathematics.relaxation import check_range

__all__ = [
    "UNDEFINED",
    "Decoder",
    "DenseDecoder",
    "DenseEncoder",
    "ProposalHead",
    "SequenceDecoder",
    "SequenceEncoder",
]

Choice = Callable[[Tensor], Tensor]
"""From log-probabilities (..., V) to tokens (...)."""
UNDEFINED = -1
"""The token that greedy decoding returns where the highest score is tied (Section 2)."""
GENERATED_AT_ONCE = 2048
MOSTLY = 0.85
"""Share of sequences still going below which the others are removed: that copies the states."""


class ProposalHead(nn.Module):
    """Linear map from features to a proposal: location and log-scale, D of each.

    Args:
        in_features: Width of the features.
        latent_size: D.
        proposal: A name that `propose` takes.
        squash: None leaves the support unbounded, for a Gaussian prior; "tanh" or "sigmoid" moves
            it into the unit cube (Eq. 9-10), for the uniform prior.
    """

    def __init__(self, in_features: int, latent_size: int, proposal: str, squash: str | None):
        super().__init__()
        if proposal not in PROPOSALS:
            raise ValueError(f"proposal is {proposal!r}; expected one of {', '.join(PROPOSALS)}")
        if squash not in (None, "tanh", "sigmoid"):
            raise ValueError(f"squash is {squash!r}; expected None, 'tanh' or 'sigmoid'")
        if squash is not None and proposal == "gaussian":
            raise ValueError(f"squash is {squash!r}; expected None, for a Gaussian fits into no unit cube")
        self.linear = nn.Linear(in_features, 2 * latent_size)
        self.proposal, self.squash = proposal, squash

    def forward(self, features: Tensor) -> Independent:
        with _full_precision(features):
            loc, log_scale = self.linear(features).chunk(2, dim=-1)
        scale = exp_scale(log_scale)
        if self.squash is not None:
            loc, scale = into_unit_cube(loc, scale, self.squash)
        return Independent(propose(self.proposal, loc, scale), 1)


class SequenceEncoder(nn.Module):
    """GRU encoder; features are the final hidden states of all layers, concatenated.

    Args:
        vocab_size: V.
        latent_size: D.
        hidden_size: H, units a layer.
        num_layers: GRU layers.
        embedding_size: Width of a token's embedding.
        proposal, squash: See `ProposalHead`.

    Source: Sections 4.1, 4.3 and 4.4.
    """

    def __init__(
        self,
        vocab_size: int,
        latent_size: int,
        hidden_size: int,
        num_layers: int,
        embedding_size: int,
        proposal: str,
        squash: str | None = None,
    ):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_size)
        self.gru = GRU(embedding_size, hidden_size, num_layers)
        self.head = ProposalHead(num_layers * hidden_size, latent_size, proposal, squash)

    def features(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, L) tokens, True in the mask up to each sequence's end, to (B, num_layers * hidden_size)."""
        check_range(tokens, self.embedding.num_embeddings)
        lengths = None if mask is None else mask.sum(1)
        hidden = self.gru.last_states(self.embedding.weight, None, lengths, tokens.T)
        return hidden.transpose(0, 1).flatten(1)

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Independent:
        return self.head(self.features(tokens, mask))


class DenseEncoder(nn.Module):
    """Fully connected encoder of binary images, leaky ReLU between layers.

    Args:
        sizes: Widths from the pixels to the last hidden layer, such as (784, 256, 128, 32).
        latent_size: D.
        proposal, squash: See `ProposalHead`.

    Source: Section 4.2.
    """

    def __init__(
        self,
        sizes: tuple[int, ...],
        latent_size: int,
        proposal: str,
        squash: str | None = None,
    ):
        super().__init__()
        self.features = _dense(sizes)
        self.head = ProposalHead(sizes[-1], latent_size, proposal, squash)

    def forward(self, tokens: Tensor) -> Independent:
        return self.head(self.features(tokens.to(self.head.linear.weight.dtype)))


class Decoder(nn.Module, ABC):
    """From codes to scores and tokens."""

    @abstractmethod
    def score_tokens(self, z: Tensor, tokens: Tensor) -> Tensor:
        """Log-probabilities (B, L, V) of every token, each position given the true ones before."""

    @abstractmethod
    def generate(self, z: Tensor, choose: Choice) -> Tensor:
        """Free-running tokens (B, L); `choose` picks them."""

    def decode(self, z: Tensor) -> Tensor:
        """Greedy tokens (B, L) of codes (B, D); `UNDEFINED` from a tie on. Source: Eq. 3."""
        return self.generate(z, unique_argmax)

    def sample_tokens(self, z: Tensor) -> Tensor:
        """Tokens (B, L) drawn one by one from the decoding distribution."""
        return self.generate(z, _sample_categorical)


class SequenceDecoder(Decoder):
    """GRU decoder: the code sets the initial state of all layers and is not fed again.

    Args:
        vocab_size: V.
        latent_size: D.
        hidden_size: H.
        num_layers: GRU layers.
        embedding_size: Width of a token's embedding.
        length: L, tokens to generate at most.
        end: The token that ends a sequence; None if all have L tokens.

    Source: Sections 4.1, 4.3 and 4.4.
    """

    def __init__(
        self,
        vocab_size: int,
        latent_size: int,
        hidden_size: int,
        num_layers: int,
        embedding_size: int,
        length: int,
        end: int | None = None,
    ):
        super().__init__()
        self.length, self.start, self.end = length, vocab_size, end
        self.embedding = nn.Embedding(vocab_size + 1, embedding_size)  # one more: the start
        self.initial = nn.Linear(latent_size, num_layers * hidden_size)
        self.gru = GRU(embedding_size, hidden_size, num_layers)
        self.scores = nn.Linear(hidden_size, vocab_size)

    def _initial_state(self, z: Tensor) -> Tensor:
        with _full_precision(z):
            hidden = self.initial(z).unflatten(-1, (self.gru.num_layers, -1))
        return hidden.transpose(0, 1).contiguous()

    def score_tokens(self, z: Tensor, tokens: Tensor) -> Tensor:
        inputs = F.pad(tokens[:, :-1].long(), (1, 0), value=self.start)
        output, _ = self.gru(self.embedding.weight, self._initial_state(z), None, inputs.T)
        return self._log_probs(output).transpose(0, 1)

    def _log_probs(self, output: Tensor) -> Tensor:
        with _full_precision(output):
            return self.scores(output).log_softmax(-1)

    @torch.no_grad()
    def generate(self, z: Tensor, choose: Choice) -> Tensor:
        parts = [self._generate(part, choose) for part in z.split(GENERATED_AT_ONCE)]
        return torch.cat(parts)

    def _generate(self, z: Tensor, choose: Choice) -> Tensor:
        """Sequences leave the batch where they end or tie; what follows is all end, or all undefined."""
        stepper = self.gru.stepper(self.embedding.weight, self._initial_state(z))
        tokens = torch.full((len(z), self.length), self.end or 0, device=z.device)
        going = torch.arange(len(z), device=z.device)
        token = torch.full_like(going, self.start)
        ended = torch.zeros_like(going, dtype=torch.bool)
        for t in range(self.length):
            token = choose(self._log_probs(stepper(token.clamp_min(0))))
            tokens[going[~ended], t] = token[~ended]
            tied = token == UNDEFINED
            tokens[going[tied & ~ended], t:] = UNDEFINED
            ended = ended | tied
            if self.end is not None:
                ended = ended | (token == self.end)
            left = len(ended) - int(ended.sum())
            if left == 0:
                break
            if left < MOSTLY * len(ended):
                kept = (~ended).nonzero().squeeze(1)
                going, token, ended = going[kept], token[kept], ended[kept]
                stepper.keep(kept)
        return tokens


class DenseDecoder(Decoder):
    """Fully connected decoder of binary images: pixels are independent given the code.

    Args:
        sizes: Widths from the code to the pixels, such as (2, 32, 128, 256, 784).

    Source: Section 4.2.
    """

    def __init__(self, sizes: tuple[int, ...]):
        super().__init__()
        self.logits = nn.Sequential(_dense(sizes[:-1]), nn.Linear(sizes[-2], sizes[-1]))

    def pixel_log_probs(self, z: Tensor) -> Tensor:
        """Log-probabilities (B, L, 2) of black and white at every pixel."""
        logits = self.logits(z)
        return F.logsigmoid(torch.stack([-logits, logits], dim=-1))

    def score_tokens(self, z: Tensor, tokens: Tensor) -> Tensor:
        return self.pixel_log_probs(z)

    def generate(self, z: Tensor, choose: Choice) -> Tensor:
        return choose(self.pixel_log_probs(z))


def _full_precision(x: Tensor) -> torch.autocast:
    """Leaves autocast to the GRUs: the rest costs little, and scores rounded to 8 bits would tie."""
    return torch.autocast(x.device.type, enabled=False)


def unique_argmax(log_probs: Tensor) -> Tensor:
    """Index of the highest of (..., V) scores, `UNDEFINED` where two are highest."""
    best = log_probs.topk(2, dim=-1)
    tied = best.values[..., 0] == best.values[..., 1]
    return best.indices[..., 0].masked_fill(tied, UNDEFINED)


def _sample_categorical(log_probs: Tensor) -> Tensor:
    flat = log_probs.exp().flatten(0, -2)
    return flat.multinomial(1).view(log_probs.shape[:-1])


def _dense(sizes: tuple[int, ...]) -> nn.Sequential:
    layers = []
    for width, next_width in pairwise(sizes):
        layers += [nn.Linear(width, next_width), nn.LeakyReLU()]
    return nn.Sequential(*layers)
