"""Symbols as tokens."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

__all__ = ["Vocabulary"]


@dataclass(frozen=True)
class Vocabulary:
    """Symbols as tokens.

    Args:
        symbols: One character a token.
        ends: Whether strings have different lengths and close with a token of their own, the last.

    >>> Vocabulary("01").encode(["0110"])
    tensor([[0, 1, 1, 0]], dtype=torch.uint8)
    >>> Vocabulary("CO", ends=True).encode(["CO", "C"])
    tensor([[0, 1, 2],
            [0, 2, 2]], dtype=torch.uint8)
    """

    symbols: str
    ends: bool = False

    def __post_init__(self) -> None:
        if not self.symbols.isascii() or len(set(self.symbols)) < len(self.symbols):
            raise ValueError(f"symbols are {self.symbols!r}; expected different ASCII characters")

    def __len__(self) -> int:
        return len(self.symbols) + self.ends

    @property
    def end(self) -> int | None:
        """The token that ends a string; None for strings of one length."""
        return len(self.symbols) if self.ends else None

    def lacks(self, string: str) -> str:
        """The first character of a string that is no symbol; empty if all are."""
        return next((c for c in string if c not in self.symbols), "")

    def encode(self, strings: list[str]) -> Tensor:
        """(N, L) tokens of N strings; where strings end, short ones are filled up with the end token.

        Raises:
            ValueError: no string, different lengths without an end, or a character outside the vocabulary.
        """
        lengths = {len(s) for s in strings}
        if not lengths or (not self.ends and len(lengths) != 1):
            raise ValueError(f"strings have lengths {sorted(lengths)}; expected one length")
        for string in strings:
            if not set(string) <= set(self.symbols):
                raise ValueError(f"character {self.lacks(string)!r} is no token; expected {self.symbols!r}")
        longest = max(lengths)
        letters = np.array(strings, dtype=f"S{max(longest, 1)}").view(np.uint8).reshape(len(strings), -1)
        table = np.full(128, len(self.symbols), np.uint8)  # 0, which fills up short strings, is the end
        table[list(self.symbols.encode())] = np.arange(len(self.symbols))
        tokens = table[letters[:, :longest]]
        if self.ends:
            tokens = np.pad(tokens, ((0, 0), (0, 1)), constant_values=len(self.symbols))
        return torch.from_numpy(tokens)

    def decode(self, tokens: Tensor) -> list[str]:
        """Strings of (N, L) tokens up to their end, "?" for an undefined token."""
        table = np.frombuffer(self.symbols.encode() + b"\0" * self.ends + b"?", np.uint8)
        letters = np.ascontiguousarray(table[tokens.cpu().numpy().astype(np.int64)])
        return letters.view(f"S{letters.shape[1]}").ravel().astype(str).tolist()
