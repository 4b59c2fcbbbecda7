"""Strings to codes and back, with a trained model."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent

from ..data.vocabulary import Vocabulary
from ..engine.precision import autocast
from ..models.vae import VAE
from .datasets import Molecules

__all__ = ["Codec"]


class Codec:
    """A trained model of strings with its vocabulary.

    Args:
        model: The model.
        vocabulary: What its tokens mean.
        precision: "bfloat16", where the device has a unit for it, or "float32".

    >>> from ddvae import load_codec
    >>> codec = load_codec("data/runs/zinc-large-ddvae-tricube/seed1")  # doctest: +SKIP
    >>> codec.decode(codec.encode(["CCO"]))  # doctest: +SKIP
    ['CCO']
    """

    def __init__(self, model: VAE, vocabulary: Vocabulary, precision: str = "bfloat16"):
        self.model, self.vocabulary, self.precision = model.eval(), vocabulary, precision

    @property
    def latent_size(self) -> int:
        """D, numbers of a code."""
        return self.model.prior().event_shape[0]

    def proposal(self, strings: list[str]) -> tuple[Tensor, Tensor]:
        """Mean and half-width (standard deviation for a Gaussian) of each string's proposal, (N, D) each.

        Raises:
            ValueError: no string, or a character outside the vocabulary.
        """
        mean, scale = (torch.empty(len(strings), self.latent_size) for _ in range(2))
        for rows, q in self._proposals(strings):
            mean[rows], scale[rows] = q.base_dist.mean.cpu(), q.base_dist.scale.cpu()
        return mean, scale

    def sample_codes(self, strings: list[str]) -> Tensor:
        """Codes (N, D), one from each string's proposal; the errors of `proposal`."""
        codes = torch.empty(len(strings), self.latent_size)
        for rows, q in self._proposals(strings):
            codes[rows] = q.sample().cpu()
        return codes

    def encode(self, strings: list[str]) -> Tensor:
        """Codes (N, D) of strings: the means of their proposals."""
        return self.proposal(strings)[0]

    def decode(self, codes: Tensor) -> list[str]:
        """Strings of codes (N, D), greedily; "?" from a tie on.

        Raises:
            ValueError: codes of another shape, or with an entry that is no number.
        """
        return self._strings(self.model.decode, codes)

    def sample_strings(self, codes: Tensor) -> list[str]:
        """Strings of codes (N, D), sampled token by token; the errors of `decode`."""
        return self._strings(self.model.decoder.sample_tokens, codes)

    def sample(self, n: int, density: Distribution | None = None) -> list[str]:
        """n strings decoded from codes sampled from `density`, by default the prior."""
        return self.decode((density or self.model.prior()).sample((n,)))

    @torch.no_grad()
    def _strings(self, generate: Callable[[Tensor], Tensor], codes: Tensor) -> list[str]:
        if codes.dim() != 2 or codes.shape[1] != self.latent_size or not codes.isfinite().all():
            raise ValueError(
                f"codes have shape {tuple(codes.shape)}; expected (N, {self.latent_size}) finite numbers"
            )
        with self._autocast():
            return self.vocabulary.decode(generate(codes.float().to(self._device)))

    @torch.no_grad()
    def _proposals(self, strings: list[str]) -> Iterator[tuple[Tensor, Independent]]:
        """Rows of strings of about the same length, and their proposals."""
        molecules = Molecules(self.vocabulary.encode(strings), self.vocabulary, "strings")
        with self._autocast():
            for rows, batch in molecules.in_order(512):
                yield rows, self.model.encode(*batch.to(self._device)[:2])

    @property
    def _device(self) -> torch.device:
        return next(self.model.parameters()).device

    def _autocast(self) -> torch.autocast:
        return autocast(self._device, self.precision)
