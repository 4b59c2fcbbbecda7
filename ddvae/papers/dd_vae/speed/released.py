"""The released way of training, decoding and sampling, as a baseline; written from its description.

Packed `torch.nn.GRU`, float32, batches of mixed lengths, token means, two optimisers.
"""

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pack_sequence

from ....engine.gru import GRU
from ....mathematics.kernels import Kernel, PowerKernel
from ....mathematics.relaxation import log_relaxed_indicator
from ....models.networks import SequenceDecoder, SequenceEncoder
from ....models.vae import VAE
from ....molecules.datasets import Molecules

__all__ = ["RejectionSampler", "Released", "released_batches"]

Part = SequenceEncoder | SequenceDecoder


class Released(nn.Module):
    """A model with packed GRUs and the weights of one of ours, so that both have the same loss.

    Args:
        model: Of strings.

    Raises:
        ValueError: it is a model of something else.
    """

    def __init__(self, model: VAE):
        super().__init__()
        encoder, decoder = model.encoder, model.decoder
        if not (isinstance(encoder, SequenceEncoder) and isinstance(decoder, SequenceDecoder)):
            raise ValueError(f"model has a {type(encoder).__name__}; expected a model of strings")
        self.ours, self.encoder, self.decoder = model, encoder, decoder
        parts: tuple[Part, Part] = encoder, decoder
        self.gru = nn.ModuleList(self._packed(part.gru) for part in parts)
        self.optimizers = []
        for part, gru in zip(parts, self.gru):
            rest = [p for name, p in part.named_parameters() if not name.startswith("gru")]
            self.optimizers.append(torch.optim.Adam([*rest, *gru.parameters()], lr=5e-4))

    @staticmethod
    def _packed(gru: GRU) -> nn.GRU:
        packed = nn.GRU(gru.input_size, gru.hidden_size, gru.num_layers)
        packed.load_state_dict(gru.state_dict())
        return packed

    def loss(self, strings: list[Tensor], temperature: float, beta: float) -> tuple[Tensor, float]:
        """Token-mean objective of rows of tokens of any length, and the share of rows without a mistake."""
        decoder = self.decoder
        packed = pack_sequence(strings, enforce_sorted=False)
        _, hidden = self.gru[0](self._embed(self.encoder, packed))
        q = self.encoder.head(hidden.transpose(0, 1).flatten(1))
        start = torch.full((1,), decoder.start)
        shifted = pack_sequence([torch.cat([start, s[:-1]]) for s in strings], enforce_sorted=False)
        output, _ = self.gru[1](self._embed(decoder, shifted), decoder._initial_state(q.rsample()))
        log_probs = decoder.scores(output.data).log_softmax(-1)
        own = log_probs.gather(-1, packed.data[:, None])
        others = F.one_hot(packed.data, log_probs.shape[-1]) == 0
        terms = log_relaxed_indicator(own - log_probs, temperature)
        kl = torch.distributions.kl_divergence(q, self.ours.prior()).mean()
        mistakes = packed._replace(data=((own <= log_probs) & others).any(-1))
        wrong, _ = nn.utils.rnn.pad_packed_sequence(mistakes)
        exact = 1 - wrong.any(0).float().mean().item()
        return beta * kl - (terms * others).sum(-1).mean(), exact

    def step(self, strings: list[Tensor], temperature: float, beta: float, clip: float) -> float:
        """One step of training; the share of rows without a mistake."""
        loss, exact = self.loss(strings, temperature, beta)
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        loss.backward()
        for optimizer in self.optimizers:
            nn.utils.clip_grad_value_(optimizer.param_groups[0]["params"], clip)
            optimizer.step()
        return exact

    @torch.no_grad()
    def decode(self, codes: Tensor, batch_size: int = 512, steps: int = 100) -> list[str]:
        """Greedy strings: every sequence goes through all the steps, each a packed batch of length one."""
        decoder, strings = self.decoder, []
        for z in codes.split(batch_size):
            hidden = decoder._initial_state(z)
            token = torch.full((len(z),), decoder.start)
            rows = []
            for _ in range(steps):
                packed = pack_padded_sequence(decoder.embedding(token)[None], [1] * len(z))
                output, hidden = self.gru[1](packed, hidden)
                token = decoder.scores(output.data).log_softmax(-1).argmax(-1)
                rows.append(token)
            for row in torch.stack(rows, dim=1).tolist():
                strings.append(
                    "".join(map(chr, row[: row.index(decoder.end)] if decoder.end in row else row))
                )
        return strings

    @staticmethod
    def _embed(part: Part, packed: PackedSequence) -> PackedSequence:
        return packed._replace(data=part.embedding(packed.data))


def released_batches(molecules: Molecules, batch: int, seed: int = 0) -> Iterator[list[Tensor]]:
    """Batches of any lengths without end, each string a tensor of its own, as the released code has them."""
    generator = torch.Generator().manual_seed(seed)
    lengths = molecules.lengths
    while True:
        for rows in torch.randperm(len(molecules), generator=generator).split(batch):
            yield [molecules.tokens[i, : lengths[i]].long() for i in rows.tolist()]


class RejectionSampler:
    """The paper's sampler (Section 2.1) in numpy: keeps candidates by chance, and the surplus for later."""

    def __init__(self, kernel: Kernel):
        self.kernel, self.kept = kernel, np.zeros(0)
        self.peak = float(kernel.log_prob(torch.zeros(())).exp())
        self.random = np.random.RandomState(0)

    def sample(self, n: int) -> Tensor:
        while len(self.kept) < n:
            z, u = self.random.rand(2, int(2 * self.peak * n) + 1)
            z = 2 * z - 1
            self.kept = np.concatenate([self.kept, z[u * self.peak < self._density(z)]])
        draws, self.kept = self.kept[:n], self.kept[n:]
        return torch.tensor(draws, dtype=torch.float32)

    def _density(self, z: np.ndarray) -> np.ndarray:
        if isinstance(self.kernel, PowerKernel):
            return self.peak * (1 - np.abs(z) ** self.kernel.p) ** self.kernel.k
        return self.peak * np.cos(np.pi * z / 2)
