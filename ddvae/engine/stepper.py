"""A GRU's single steps, for generation."""

from collections.abc import Sequence

from torch import Tensor

from . import native
from .precision import product_dtype

__all__ = ["Stepper"]


class Stepper:
    """A GRU's states and its weights prepared for single steps without gradients; see `GRU.stepper`.

    Args:
        weights: Of each layer w_ih, w_hh, b_ih, b_hh.
        table: (V, E), rows of which are the inputs.
        h0: (N, B, H), the states to start from.
    """

    def __init__(self, weights: Sequence[tuple[Tensor, Tensor, Tensor, Tensor]], table: Tensor, h0: Tensor):
        self.dtype = product_dtype(table)
        self.exact: list[Tensor] = [h.clone() for h in h0.contiguous()]
        self.states = self.exact if self.dtype == h0.dtype else [h.to(self.dtype) for h in self.exact]
        self.layers = []
        for i, (w_ih, w_hh, b_ih, b_hh) in enumerate(weights):
            w_ih, w_hh = (w.t().to(self.dtype).contiguous() for w in (w_ih, w_hh))
            # the first layer's input product is a look-up
            first = table.to(self.dtype) @ w_ih if i == 0 else w_ih
            self.layers.append((first, w_hh, native.gate_biases(b_ih, b_hh)))

    def __call__(self, tokens: Tensor) -> Tensor:
        """Advances all sequences by their tokens (B,), rows of the table; the last layer's states (B, H)."""
        for i, (first, w_hh, bias) in enumerate(self.layers):
            gi = first if i == 0 else self.states[i - 1] @ first
            h, rows = self.exact[i], tokens if i == 0 else None
            copy = None if self.states is self.exact else self.states[i]
            native.gru_forward(0, gi, self.states[i] @ w_hh, bias, h, h, copy, rows=rows)
        return self.exact[-1]

    def keep(self, chosen: Tensor) -> None:
        """Leaves only the sequences of these indices."""
        same = self.states is self.exact
        self.exact = [h[chosen] for h in self.exact]
        self.states = self.exact if same else [h[chosen] for h in self.states]
