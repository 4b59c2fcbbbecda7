r"""A stack of GRU layers that trains many times faster than packed sequences on a CPU.

Same mathematics, weights and names as `torch.nn.GRU`. What makes it fast: one autograd node a layer; per
step one product in the layout the matrix unit likes and one pass over memory for the gates (`native`); the
input product of all steps at once, or of the embedding table's rows alone; each weight's gradient as one
product over all steps; under autocast, products in bfloat16 with the state in float32.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from . import native

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

    def forward(
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

    def _run(self, x, h0, lengths, tokens, keep_output: bool) -> tuple[Tensor, Tensor]:
        batch = self._check(x, h0, lengths, tokens)
        state_dtype = torch.float64 if x.dtype == torch.float64 else torch.float32
        if h0 is None:
            h0 = x.new_zeros(self.num_layers, batch, self.hidden_size)
        h0 = h0.to(state_dtype)
        if x.device.type != "cpu":
            return self._library(x, h0, lengths, tokens)
        product_dtype = _product_dtype(x)
        lengths = None if lengths is None else lengths.long().contiguous()
        tokens = None if tokens is None else tokens.long().contiguous()
        last_states = []
        for i in range(self.num_layers):
            dtype = h0.dtype if keep_output and i == self.num_layers - 1 else product_dtype
            weights = self._flat_weights[4 * i : 4 * i + 4]
            x, h_n = _Layer.apply(x, h0[i], *weights, tokens, lengths, product_dtype, dtype)
            tokens = None
            last_states.append(h_n)
        return x, torch.stack(last_states)

    def stepper(self, table: Tensor, h0: Tensor) -> "Stepper":
        """For generation: one step at a time from states (N, B, H), inputs being rows of a table (V, E)."""
        return Stepper(self, table, h0)

    def _check(self, x, h0, lengths, tokens) -> int:
        """B of inputs whose shapes agree."""
        ndim = 3 if tokens is None else 2
        if x.dim() != ndim or x.shape[-1] != self.input_size:
            wanted = f"(L, B, {self.input_size})" if tokens is None else f"(V, {self.input_size})"
            raise ValueError(f"x has shape {tuple(x.shape)}; expected {wanted}")
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

    def _library(self, x, h0, lengths, tokens) -> tuple[Tensor, Tensor]:
        """The same by torch's own kernels (cuDNN)."""
        if tokens is not None:
            x = F.embedding(tokens.long(), x)
        # cuDNN would round the states as well, under autocast to float16, whose range gradients leave
        with torch.autocast(x.device.type, enabled=False):
            if lengths is None:
                return super().forward(x, h0)
            packed = nn.utils.rnn.pack_padded_sequence(x, lengths.cpu(), enforce_sorted=False)
            output, h_n = super().forward(packed, h0)
            output, _ = nn.utils.rnn.pad_packed_sequence(output, total_length=len(x))
            return output, h_n


class Stepper:
    """A GRU's states and its weights prepared for single steps without gradients; see `GRU.stepper`."""

    def __init__(self, gru: GRU, table: Tensor, h0: Tensor):
        self.dtype = _product_dtype(table)
        self.exact = list(h0.clone(memory_format=torch.contiguous_format))
        self.states = self.exact if self.dtype == h0.dtype else [h.to(self.dtype) for h in self.exact]
        self.layers = []
        for i in range(gru.num_layers):
            w_ih, w_hh, b_ih, b_hh = gru._flat_weights[4 * i : 4 * i + 4]
            w_ih, w_hh = (w.t().to(self.dtype).contiguous() for w in (w_ih, w_hh))
            # the first layer's input product is a look-up
            first = table.to(self.dtype) @ w_ih if i == 0 else w_ih
            self.layers.append((first, w_hh, _bias(b_ih, b_hh)))

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


SMALL = 2 << 20
"""Bytes of a matrix that stays in a core's own cache."""


class _Layer(torch.autograd.Function):
    """One layer over all steps.

    For the backward pass it keeps, in the type of products, states (L + 1, B, H) from h0 on and n, r, z, hn
    (L, B, 4H). The first backward pass turns the latter into their gradients; another one, which only
    retain_graph asks for, computes them anew.
    """

    @staticmethod
    def forward(ctx, x, h0, w_ih, w_hh, b_ih, b_hh, tokens, lengths, product_dtype, dtype):
        x = x.to(product_dtype)
        differentiable = any(ctx.needs_input_grad)
        saved = (x, h0, w_ih, w_hh, b_ih, b_hh, tokens, lengths)
        output, last, states, kept = _steps(*saved, dtype, differentiable)
        ctx.set_materialize_grads(False)
        if differentiable:
            ctx.save_for_backward(*saved, states)
            ctx.kept = kept
        return output, last

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_output, grad_last):
        *inputs, states = ctx.saved_tensors
        x, h0, w_ih, w_hh, _, _, tokens, lengths = inputs
        kept, ctx.kept = ctx.kept, None
        if kept is None:
            *_, kept = _steps(*inputs, x.dtype, keep=True)
        steps, batch, size = len(kept), states.shape[1], w_hh.shape[1]
        w_hh = w_hh.to(kept.dtype)
        carry = torch.zeros_like(h0) if grad_last is None else grad_last
        carry, product = carry.clone(memory_format=torch.contiguous_format), None
        buffer = kept.new_empty(batch, size)
        if grad_output is not None:
            grad_output = grad_output.contiguous()
        for t in reversed(range(steps)):
            if t < steps - 1:
                product = _product_of_step(kept[t + 1, :, size:], w_hh, buffer)
            outside = None if grad_output is None else grad_output[t]
            native.gru_backward(t, product, outside, states[t], kept[t], carry, lengths)
        grad_h0 = carry + kept[0, :, size:] @ w_hh
        grads = kept.view(steps * batch, 4 * size)
        hidden = native.transpose_with_ones(states[:-1].view(-1, size)) @ grads[:, size:]
        inputs = grads[:, : 3 * size]  # as n, r, z
        grad_x = None
        if tokens is not None:
            chosen = native.empty(len(x), steps * batch, like=kept).zero_()
            chosen.scatter_(0, tokens.reshape(1, -1), 1.0)
            by_row = _swap(chosen @ inputs, 1).to(w_ih.dtype)
            grad_w_ih, grad_b_ih = by_row.t() @ x.to(w_ih.dtype), by_row.sum(0)
            grad_x = by_row @ w_ih
        else:
            both = _swap(native.transpose_with_ones(x.flatten(0, 1)) @ inputs, 1)
            grad_w_ih, grad_b_ih = both[:-1].t(), both[-1]
            if ctx.needs_input_grad[0]:
                grad_x = _product(inputs, _swap(w_ih.to(kept.dtype), 0, back=True)).view_as(x)
        grad_w_hh, grad_b_hh = hidden[:-1].t(), hidden[-1]
        weights = (g.to(w_ih.dtype) for g in (grad_w_ih, grad_w_hh, grad_b_ih, grad_b_hh))
        return grad_x, grad_h0, *weights, None, None, None, None


def _steps(x, h0, w_ih, w_hh, b_ih, b_hh, tokens, lengths, dtype, keep: bool):
    """All steps of a layer: output (L, B, H) in `dtype`, last state, states, and n, r, z, hn if kept."""
    steps, batch = x.shape[:2] if tokens is None else tokens.shape
    size = w_hh.shape[1]
    gi = _product(x.flatten(0, -2), w_ih.t().to(x.dtype).contiguous())
    states = native.empty(steps + 1, batch, size, like=x)
    states[0] = h0
    kept = native.empty(steps if keep else 0, batch, 4 * size, like=x)
    # States in full precision: `states` itself, or beside it where that is rounded; all of them only
    # if they are the output.
    exact = states
    if x.dtype != h0.dtype:
        exact = native.empty(steps + 1 if dtype == h0.dtype else 1, batch, size, like=h0)
        exact[0] = h0
    all_exact = len(exact) > 1
    bias, w_t = _bias(b_ih, b_hh).to(h0.dtype), w_hh.t().to(x.dtype).contiguous()
    gh = x.new_empty(batch, 3 * size)
    for t in range(steps):
        torch.mm(states[t], w_t, out=gh)
        native.gru_forward(
            t,
            gi if tokens is not None else gi[t * batch : (t + 1) * batch],
            gh,
            bias,
            exact[t if all_exact else 0],
            exact[t + 1 if all_exact else 0],
            None if exact is states else states[t + 1],
            kept[t] if keep else None,
            None if tokens is None else tokens[t],
            lengths,
        )
    output = (exact if dtype == exact.dtype and all_exact else states)[1:]
    return output, exact[-1].clone(), states, kept


def _product(a: Tensor, b: Tensor) -> Tensor:
    return torch.mm(a, b, out=native.empty(len(a), b.shape[1], like=a))


def _product_of_step(a: Tensor, b: Tensor, out: Tensor) -> Tensor:
    """a b; where b fits in a core's cache, rows come in pieces that fit beside it."""
    if b.nbytes > SMALL:
        return torch.mm(a, b, out=out)
    for rows, result in zip(a.split(256), out.split(256)):
        torch.mm(rows, b, out=result)
    return out


def _swap(x: Tensor, dim: int, back: bool = False) -> Tensor:
    """Blocks n, r, z along a dimension to r, z, n, or back."""
    n, r, z = x.chunk(3, dim)
    return torch.cat([z, n, r] if back else [r, z, n], dim)


def _product_dtype(x: Tensor) -> torch.dtype:
    kind = x.device.type
    if torch.is_autocast_enabled(kind) and x.dtype != torch.float64:
        return torch.get_autocast_dtype(kind)
    return x.dtype


def _bias(b_ih: Tensor, b_hh: Tensor) -> Tensor:
    """(4H,) b_r and b_z (input plus hidden), b_in, b_hn."""
    size = len(b_ih) // 3
    return torch.cat([(b_ih + b_hh)[: 2 * size], b_ih[2 * size :], b_hh[2 * size :]])
