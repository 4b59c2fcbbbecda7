"""One GRU layer over all steps: as one autograd node, or for its results alone."""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from . import native

__all__ = ["Inputs", "Weights", "run_layer"]

SMALL = 2 << 20
"""Bytes of a matrix that stays in a core's own cache."""


class Weights(NamedTuple):
    """(3H, E), (3H, H), (3H,), (3H,), gates in the order r, z, n."""

    w_ih: Tensor
    w_hh: Tensor
    b_ih: Tensor
    b_hh: Tensor


class Inputs(NamedTuple):
    """What a layer computes from.

    Args:
        x: Inputs of all steps (L, B, E); or, with `tokens`, a table (V, E) of which each step takes rows.
        h0: (B, H), the states before the first step, in the type that states are computed in.
        w_ih, w_hh, b_ih, b_hh: See `Weights`.
        tokens: (L, B) int64, rows of the table x.
        lengths: (B,) int64; None if no sequence ends.
    """

    x: Tensor
    h0: Tensor
    w_ih: Tensor
    w_hh: Tensor
    b_ih: Tensor
    b_hh: Tensor
    tokens: Tensor | None
    lengths: Tensor | None


class _Done(NamedTuple):
    """All steps of a layer: its results, and what a backward pass needs, in the type of products.

    Args:
        output: (L, B, H); of any shape and content where only the last states were asked for.
        last: (B, H).
        states: (L + 1, B, H) from h0 on; the latest one alone where nothing needs the others.
        kept: (L, B, 4H) n, r, z, hn; None without a backward pass.
    """

    output: Tensor
    last: Tensor
    states: Tensor
    kept: Tensor | None


def run_layer(
    inputs: Inputs, product_dtype: torch.dtype, output_dtype: torch.dtype | None
) -> tuple[Tensor, Tensor]:
    """States of a layer after every step (L, B, H) and the last ones (B, H).

    Nothing is kept for a backward pass that cannot come.

    Args:
        inputs: Weights, states, and inputs of any floating type.
        product_dtype: In which products are computed.
        output_dtype: Of the states after every step; None where only the last ones count.
    """
    if torch.is_grad_enabled() and any(one is not None and one.requires_grad for one in inputs):
        output, last = _Layer.apply(product_dtype, output_dtype, *inputs)
        return output, last
    done = _steps(inputs._replace(x=inputs.x.to(product_dtype)), output_dtype, keep=False)
    return done.output, done.last


class _Layer(torch.autograd.Function):
    """One layer over all steps.

    The first backward pass turns n, r, z, hn into their gradients; another one, which only retain_graph
    asks for, computes them anew.
    """

    @staticmethod
    def forward(
        ctx: Any, product_dtype: torch.dtype, output_dtype: torch.dtype | None, *tensors: Any
    ) -> tuple[Tensor, Tensor]:
        inputs = Inputs(*tensors)
        inputs = inputs._replace(x=inputs.x.to(product_dtype))
        done = _steps(inputs, output_dtype, keep=True)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*inputs, done.states)
        ctx.kept = done.kept
        return done.output, done.last

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor | None, grad_last: Tensor | None) -> tuple[Tensor | None, ...]:
        *saved, states = ctx.saved_tensors
        inputs = Inputs(*saved)
        kept, ctx.kept = ctx.kept, None
        if kept is None:
            kept = _steps(inputs, None, keep=True).kept
        size, dtype = inputs.w_hh.shape[1], inputs.w_ih.dtype
        grad_h0 = _backward_steps(inputs, states, kept, grad_output, grad_last)
        grads = kept.flatten(0, 1)
        hidden = native.transpose_with_ones(states[:-1].flatten(0, 1)) @ grads[:, size:]
        grad_x, grad_w_ih, grad_b_ih = _input_gradients(inputs, grads[:, : 3 * size], ctx.needs_input_grad[2])
        weights = (g.to(dtype) for g in (grad_w_ih, hidden[:-1].t(), grad_b_ih, hidden[-1]))
        return None, None, grad_x, grad_h0, *weights, None, None


def _steps(inputs: Inputs, output_dtype: torch.dtype | None, keep: bool) -> _Done:
    """All steps of a layer whose x has the type of products."""
    x, h0, w_ih, w_hh, b_ih, b_hh, tokens, lengths = inputs
    steps, batch = x.shape[:2] if tokens is None else tokens.shape
    gi = _product(x.flatten(0, -2), w_ih.t().to(x.dtype).contiguous())
    states = _room(h0, steps if keep or output_dtype == x.dtype else 0, like=x)
    exact = states  # states in full precision, beside the rounded ones where products are rounded
    if x.dtype != h0.dtype:
        exact = _room(h0, steps if output_dtype == h0.dtype else 0, like=h0)
    kept = native.empty(steps, batch, 4 * w_hh.shape[1], like=x) if keep else None
    bias, w_t = native.gate_biases(b_ih, b_hh).to(h0.dtype), w_hh.t().to(x.dtype).contiguous()
    gh = x.new_empty(batch, len(w_hh))
    for t in range(steps):
        torch.mm(states[t % len(states)], w_t, out=gh)
        native.gru_forward(
            t,
            gi if tokens is not None else gi[t * batch : (t + 1) * batch],
            gh,
            bias,
            exact[t % len(exact)],
            exact[(t + 1) % len(exact)],
            None if exact is states else states[(t + 1) % len(states)],
            None if kept is None else kept[t],
            None if tokens is None else tokens[t],
            lengths,
        )
    output = exact if output_dtype == exact.dtype else states
    return _Done(output[1:], exact[-1].clone(), states, kept)


def _room(h0: Tensor, steps: int, like: Tensor) -> Tensor:
    """(1 + steps, B, H) for h0 and the states after it; each overwrites the last one where steps is 0."""
    room = native.empty(1 + steps, *h0.shape, like=like)
    room[0] = h0
    return room


def _backward_steps(
    inputs: Inputs, states: Tensor, kept: Tensor, grad_output: Tensor | None, grad_last: Tensor | None
) -> Tensor:
    """Turns what was kept into the gradients of n, r, z, hn before their functions; gradient of h0."""
    steps, size = len(kept), inputs.w_hh.shape[1]
    w_hh = inputs.w_hh.to(kept.dtype)
    carry = torch.zeros_like(inputs.h0) if grad_last is None else grad_last
    carry, product = carry.clone(memory_format=torch.contiguous_format), None
    buffer = kept.new_empty(states.shape[1:])
    if grad_output is not None:
        grad_output = grad_output.contiguous()
    for t in reversed(range(steps)):
        if t < steps - 1:
            product = _product_of_step(kept[t + 1, :, size:], w_hh, buffer)
        outside = None if grad_output is None else grad_output[t]
        native.gru_backward(t, product, outside, states[t], kept[t], carry, inputs.lengths)
    return carry + kept[0, :, size:] @ w_hh


def _input_gradients(inputs: Inputs, grads: Tensor, wanted: bool) -> tuple[Tensor | None, Tensor, Tensor]:
    """Gradients of x (None unless wanted), w_ih and b_ih from those (L B, 3H) of n, r, z."""
    x, w_ih, tokens = inputs.x, inputs.w_ih, inputs.tokens
    if tokens is not None:
        chosen = native.empty(len(x), len(grads), like=grads).zero_()
        chosen.scatter_(0, tokens.reshape(1, -1), 1.0)
        by_row = _swap(chosen @ grads, 1).to(w_ih.dtype)
        return by_row @ w_ih, by_row.t() @ x.to(w_ih.dtype), by_row.sum(0)
    both = _swap(native.transpose_with_ones(x.flatten(0, 1)) @ grads, 1)
    grad_x = None
    if wanted:
        grad_x = _product(grads, _swap(w_ih.to(grads.dtype), 0, back=True)).view_as(x)
    return grad_x, both[:-1].t(), both[-1]


def _product(a: Tensor, b: Tensor) -> Tensor:
    return torch.mm(a, b, out=native.empty(len(a), b.shape[1], like=a))


def _product_of_step(a: Tensor, b: Tensor, out: Tensor) -> Tensor:
    """a b; where b fits in a core's cache, rows come in pieces that fit beside it."""
    if b.nbytes > SMALL:
        return torch.mm(a, b, out=out)
    for rows, result in zip(torch.split(a, 256), torch.split(out, 256)):
        torch.mm(rows, b, out=result)
    return out


def _swap(x: Tensor, dim: int, back: bool = False) -> Tensor:
    """Blocks n, r, z along a dimension to r, z, n, or back."""
    n, r, z = x.chunk(3, dim)
    return torch.cat([z, n, r] if back else [r, z, n], dim)
