"""How fast a GRU's recurrence is against what the machine can do."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ....engine.gru import GRU
from ....engine.precision import autocast, has_bfloat16_unit
from .rates import best_rate

__all__ = [
    "SHORT",
    "bandwidth",
    "costs",
    "forward_and_backward",
    "matrix_rate",
    "precisions",
    "recurrence_rate",
    "roofline",
]

SHORT = {"float32": "fp32", "bfloat16": "bf16"}
"""Precisions of products with their short names."""


def precisions() -> tuple[str, ...]:
    """Those of products that this CPU is good at, the fastest last: bfloat16 where it has a unit for it."""
    return tuple(SHORT) if has_bfloat16_unit("cpu") else ("float32",)


def matrix_rate(size: int = 4096) -> float:
    """GFLOP/s of a large product in the fastest precision: the machine's measured rate."""
    a = torch.randn(size, size).to(getattr(torch, precisions()[-1]))
    return best_rate(lambda: a @ a, 2 * size**3)


def recurrence_rate(size: int, layers: int, steps: int, batch: int = 512, vocabulary: int = 30) -> float:
    """GFLOP/s of a GRU's products, forward and backward; everything else only takes time."""
    gru, table = GRU(64, size, layers), torch.randn(vocabulary, 64, requires_grad=True)
    tokens = torch.randint(vocabulary, (steps, batch))

    def work() -> None:
        with autocast("cpu", "bfloat16"):
            output, h_n = gru(table, tokens=tokens)
        torch.autograd.backward([output, h_n], [torch.ones_like(output), torch.ones_like(h_n)])

    products = 2 * layers - 1  # the first layer's input product is a look-up
    return best_rate(work, 3 * 2 * steps * batch * 3 * size**2 * products)


def bandwidth() -> float:
    """GB/s of copying a large array, reading and writing counted."""
    a = torch.ones(50_000_000)
    b = torch.empty_like(a)
    return best_rate(lambda: b.copy_(a), 2 * a.nbytes)


def roofline(
    sizes: Sequence[int] = (64, 128, 256, 512, 1024, 2048),
    batch: int = 512,
    steps: int = 36,
    square: int = 4096,
) -> list[dict]:
    """GFLOP/s of a layer's recurrence against the operations it does for each byte it moves.

    Bytes: the weights once a step, forward and backward; per unit the state, four gates kept and read
    back, products and gradients. The machine's own rate is that of a product of `square` by `square`.
    """
    machine = {"products": precisions()[-1], "matrix_rate": matrix_rate(square), "bandwidth": bandwidth()}
    rows = []
    for size in sizes:
        weights, units = 2 * 2 * 3 * size**2, batch * size
        moved = weights + units * (2 * (1 + 3 + 4) + 2 * (4 + 4 + 3 + 1) + 4 * 4)
        operations = 2 * 2 * batch * 3 * size**2  # of a step; the weights' gradient comes at the end
        rate = recurrence_rate(size, 1, steps, batch)
        found = {"hidden units": size, "operations_per_byte": operations / moved, "gflops": rate}
        rows.append(machine | found)
    return rows


def costs(
    molecules: Sequence[int] = (128, 256, 512, 1024),
    lengths: Sequence[int] = (16, 32, 64, 96),
    sizes: Sequence[int] = (256, 512, 768, 1024),
) -> list[dict]:
    """Milliseconds of one GRU layer, forward and backward, as one size at a time grows."""
    base = {"molecules": 512, "length": 36, "hidden units": 512}
    rows = []
    for axis, values in {"molecules": molecules, "length": lengths, "hidden units": sizes}.items():
        for value in values:
            shape = base | {axis: value}
            rows.append({"axis": axis, "value": value, "ms": 1e3 * _layer_seconds(*shape.values())})
    return rows


def _layer_seconds(batch: int, steps: int, size: int) -> float:
    gru, table = GRU(64, size, 1), torch.randn(30, 64, requires_grad=True)
    tokens = torch.randint(30, (steps, batch))
    work = lambda: forward_and_backward(lambda: gru(table, tokens=tokens), "bfloat16")  # noqa: E731
    return 1 / best_rate(work, 1e9)


def forward_and_backward(run: Callable[[], tuple[Tensor, Tensor]], precision: str) -> None:
    """Both passes of what gives the outputs and last states of a GRU, padded or packed."""
    with autocast("cpu", precision):
        output, h_n = run()
    output = getattr(output, "data", output)
    (output.float().sum() + h_n.float().sum()).backward()
