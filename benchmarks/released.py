"""The released way of training and decoding, as the baseline: packed `torch.nn.GRU`, float32.

Written from its description (shared settings, batches of mixed lengths, token means, two optimisers),
with the weights of one of our models, so that both compute the same loss.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_sequence

from ddvae import VAE
from ddvae.relaxation import log_relaxed_indicator


class Released(nn.Module):
    """A model with packed GRUs and the weights of ours."""

    def __init__(self, model: VAE):
        super().__init__()
        self.ours = model
        self.gru = nn.ModuleList(self._packed(part.gru) for part in (model.encoder, model.decoder))
        parts = zip((model.encoder, model.decoder), self.gru)
        self.optimizers = [
            torch.optim.Adam([p for n, p in part.named_parameters() if "gru" not in n] + list(gru.parameters()))
            for part, gru in parts
        ]

    @staticmethod
    def _packed(gru) -> nn.GRU:
        packed = nn.GRU(gru.input_size, gru.hidden_size, gru.num_layers)
        packed.load_state_dict(gru.state_dict())
        return packed

    def loss(self, strings: list[Tensor], temperature: float | None, beta: float) -> Tensor:
        """Token-mean objective of a batch of token rows of any length."""
        encoder, decoder = self.ours.encoder, self.ours.decoder
        packed = pack_sequence(strings, enforce_sorted=False)
        _, hidden = self.gru[0](self._embed(encoder, packed))
        q = encoder.head(hidden.transpose(0, 1).flatten(1))
        start = torch.full((1,), decoder.start)
        shifted = pack_sequence([torch.cat([start, s[:-1]]) for s in strings], enforce_sorted=False)
        h0 = decoder._initial_state(q.rsample())
        output, _ = self.gru[1](self._embed(decoder, shifted), h0)
        log_probs = decoder.scores(output.data).log_softmax(-1)
        own = log_probs.gather(-1, packed.data[:, None])
        if temperature is None:
            reconstruction = own.mean()
        else:
            others = F.one_hot(packed.data, log_probs.shape[-1]) == 0
            terms = log_relaxed_indicator(own - log_probs, temperature)
            reconstruction = (terms * others).sum(-1).mean()
        return beta * torch.distributions.kl_divergence(q, self.ours.prior()).mean() - reconstruction

    def step(self, strings: list[Tensor], temperature: float | None, beta: float, clip: float) -> float:
        loss = self.loss(strings, temperature, beta)
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        loss.backward()
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                nn.utils.clip_grad_value_(group["params"], clip)
            optimizer.step()
        return loss.item()

    @torch.no_grad()
    def decode(self, codes: Tensor, batch_size: int = 512) -> list[str]:
        """Greedy strings: all sequences of a batch go on until the last has ended."""
        decoder, strings = self.ours.decoder, []
        for z in codes.split(batch_size):
            hidden = decoder._initial_state(z)
            token = torch.full((len(z),), decoder.start)
            rows, ended = [], torch.zeros(len(z), dtype=torch.bool)
            while not ended.all() and len(rows) < decoder.length:
                output, hidden = self.gru[1](decoder.embedding(token)[None], hidden)
                token = decoder.scores(output[0]).argmax(-1)
                ended = ended | (token == decoder.end)
                rows.append(token)
            strings += [self._string(row) for row in torch.stack(rows, dim=1).tolist()]
        return strings

    def _string(self, row: list[int]) -> str:
        end = self.ours.decoder.end
        return " ".join(str(t) for t in (row[: row.index(end)] if end in row else row))

    @staticmethod
    def _embed(part, packed: PackedSequence) -> PackedSequence:
        return packed._replace(data=part.embedding(packed.data))
