r"""A stack of GRU layers that trains many times faster than packed sequences on a CPU.

Same mathematics, weights and names as `torch.nn.GRU`. What makes it fast: one autograd node a layer; per
step one product in the layout the matrix unit likes and one pass over memory for the gates (`native`); the
input product of all steps at once, or of the embedding table's rows alone; each weight's gradient as one
product over all steps; under autocast, products in bfloat16 with the state in float32.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .layer import Inputs, Weights, run_layer
from .precision import product_dtype
from .stepper import Stepper

__all__ = ["GRU"]


class GRU(nn.GRU):
    r"""GRU layers, time-major.

    .. math::
        r = \sigma(W_{ir} x + b_{ir} + W_{hr} h + b_{hr}), \quad
        z = \sigma(W_{iz} x + b_{iz} + W_{hz} h + b_{hz}) \\
        n = \tanh(W_{in} x + b_{in} + r (W_{hn} h + b_{hn})), \quad h' = (1 - z) n + z h

    Loads and gives `torch.nn.GRU`'s state_dict. On other devices than a CPU it runs as `torch.nn.GRU`,
    in float32 (on a GPU with TF32 products unless `torch.backends.cudnn.allow_tf32` forbids them).
    Inside `torch.autocast("cpu", torch.bfloat16)` products are bfloat16 with float32 accumulation; states
    and gates stay float32. Gradients are of first order.

    Args:
        input_size: E.
        hidden_size: H.
        num_layers: N.

    Source: Cho et al. (2014), in cuDNN's form.

    >>> gru = GRU(3, 5, 2)
    >>> output, h_n = gru(torch.zeros(7, 4, 3))
    >>> output.shape, h_n.shape
    (torch.Size([7, 4, 5]), torch.Size([2, 4, 5]))
    """

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1):
        super().__init__(input_size, hidden_size, num_layers)

    def forward(  # type: ignore[override]  # of packed sequences' two arguments
        self,
        x: Tensor,
        h0: Tensor | None = None,
        lengths: Tensor | None = None,
        tokens: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Runs all steps; `last_states` runs them where only the end counts.

        Args:
            x: Inputs (L, B, E); or, with `tokens`, a table (V, E) of which each step takes a row.
            h0: Initial states (N, B, H), zero by default.
            lengths: (B,) integers in [0, L], in any order; None if all sequences have L steps.
            tokens: (L, B) integers, rows of the table x.

        Returns:
            output (L, B, H), states of the last layer, 0 past the end of a sequence; h_n (N, B, H),
            each sequence's last states. Both float32 (float64 for float64 inputs).

        Raises:
            ValueError: shapes disagree or a length is out of range.
        """
        x, last = self._run(x, h0, lengths, tokens, keep_output=True)
        if lengths is not None and x.device.type == "cpu":
            ended = torch.arange(len(x))[:, None] >= lengths
            x = x.masked_fill(ended[..., None], 0.0)
        return x, last

    def last_states(
        self,
        x: Tensor,
        h0: Tensor | None = None,
        lengths: Tensor | None = None,
        tokens: Tensor | None = None,
    ) -> Tensor:
        """h_n alone, with less memory; arguments and errors as in `forward`."""
        return self._run(x, h0, lengths, tokens, keep_output=False)[1]

    def _run(
        self, x: Tensor, h0: Tensor | None, lengths: Tensor | None, tokens: Tensor | None, keep_output: bool
    ) -> tuple[Tensor, Tensor]:
        batch = self._check(x, h0, lengths, tokens)
        state_dtype = torch.float64 if x.dtype == torch.float64 else torch.float32
        if h0 is None:
            h0 = x.new_zeros(self.num_layers, batch, self.hidden_size)
        h0 = h0.to(state_dtype)
        if x.device.type != "cpu":
            return self._library(x, h0, lengths, tokens)
        dtype = product_dtype(x)
        lengths = None if lengths is None else lengths.long().contiguous()
        tokens = None if tokens is None else tokens.long().contiguous()
        outputs = [dtype] * (self.num_layers - 1) + [state_dtype if keep_output else None]
        last_states = []
        for h, weights, output in zip(h0, self._weights(), outputs):
            x, h_n = run_layer(Inputs(x, h, *weights, tokens, lengths), dtype, output)
            tokens = None
            last_states.append(h_n)
        return x, torch.stack(last_states)

    def stepper(self, table: Tensor, h0: Tensor) -> Stepper:
        """For generation: one step at a time from states (N, B, H), inputs being rows of a table (V, E)."""
        return Stepper(self._weights(), table, h0)

    def _weights(self) -> list[Weights]:
        kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        return [Weights(*(getattr(self, f"{kind}_l{i}") for kind in kinds)) for i in range(self.num_layers)]

    def _check(self, x: Tensor, h0: Tensor | None, lengths: Tensor | None, tokens: Tensor | None) -> int:
        """B of inputs whose shapes agree."""
        ndim = 3 if tokens is None else 2
        if x.dim() != ndim or x.shape[-1] != self.input_size:
            sizes = "L, B" if tokens is None else "V"
            raise ValueError(f"x has shape {tuple(x.shape)}; expected ({sizes}, {self.input_size})")
        if tokens is not None and tokens.dim() != 2:
            raise ValueError(f"tokens have shape {tuple(tokens.shape)}; expected (L, B)")
        steps, batch = x.shape[:2] if tokens is None else tokens.shape
        if steps < 1:
            raise ValueError(f"x has {steps} steps; expected at least one")
        wanted = (self.num_layers, batch, self.hidden_size)
        if h0 is not None and h0.shape != wanted:
            raise ValueError(f"h0 has shape {tuple(h0.shape)}; expected {wanted}")
        if lengths is None:
            return batch
        if lengths.shape != (batch,) or lengths.is_floating_point():
            raise ValueError(
                f"lengths are {lengths.dtype} of shape {tuple(lengths.shape)}; expected integers ({batch},)"
            )
        if lengths.device.type == "cpu" and batch and not 0 <= lengths.min() <= lengths.max() <= steps:
            raise ValueError(
                f"lengths go from {lengths.min()} to {lengths.max()}; expected values in [0, {steps}]"
            )
        return batch

    def _library(
        self, x: Tensor, h0: Tensor, lengths: Tensor | None, tokens: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """The same by torch's own kernels (cuDNN)."""
        if tokens is not None:
            x = F.embedding(tokens.long(), x)
        # cuDNN would round the states as well, under autocast to float16, whose range gradients leave
        with torch.autocast(x.device.type, enabled=False):
            if lengths is None:
                return super().forward(x, h0)
            packed = nn.utils.rnn.pack_padded_sequence(x, lengths.cpu(), enforce_sorted=False)
            packed, h_n = super().forward(packed, h0)
            return nn.utils.rnn.pad_packed_sequence(packed, total_length=len(x))[0], h_n
