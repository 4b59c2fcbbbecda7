"""Parts of a training step that are no products, in one pass: compiled where there is a compiler, else torch.

The first use on a machine compiles native.cpp (a few seconds) into the user's cache. Without a
compiler, and for float64, the same arithmetic runs in torch, slower and with the same results.
"""

import ctypes
import functools
import hashlib
import math
import os
import platform
import shutil
import subprocess
import tempfile
import warnings
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..system.files import replace_file
from ..system.locations import cache_folder
from .memory import Pool

__all__ = [
    "compiled",
    "empty",
    "gate_biases",
    "gru_backward",
    "gru_forward",
    "power_samples",
    "transpose_with_ones",
]

SOURCE = Path(__file__).with_name("native.cpp")
FLAGS = ("-O3", "-fPIC", "-shared", "-std=c++17", "-fno-math-errno", "-fno-trapping-math")
# Most capable first: a compiler may lack OpenMP (Apple's) or a name for this processor.
VARIANTS = (("-march=native", "-mprefer-vector-width=512", "-fopenmp"), ("-march=native", "-fopenmp"), ())


@functools.cache
def compiled() -> ctypes.CDLL | None:
    """The compiled functions; None, with one warning, where they cannot be built.

    Environment: DDVAE_NATIVE=0 leaves them out; CXX names the compiler.
    """
    if os.environ.get("DDVAE_NATIVE") == "0":
        return None
    try:
        return _library()
    except OSError as error:
        warnings.warn(f"no compiled GRU step ({error}): the slower torch one is used", stacklevel=2)
        return None


def _library() -> ctypes.CDLL:
    """The shared library for this source, processor and compiler; OSError if there is none."""
    compiler = os.environ.get("CXX") or next(filter(shutil.which, ("g++", "clang++", "c++")), None)
    if compiler is None or not shutil.which(compiler):
        raise OSError(f"compiler is {compiler!r}; expected g++ or clang++ on PATH, or its name in CXX")
    key = SOURCE.read_bytes() + f"{compiler} {VARIANTS} {_processor()} {torch.__version__}".encode()
    kept = cache_folder("native") / f"{hashlib.sha256(key).hexdigest()[:16]}.so"
    with suppress(OSError):  # not there yet, or damaged
        return ctypes.CDLL(str(kept))
    with suppress(OSError):  # a cache that is full or may not be written to costs time and not the run
        with replace_file(kept) as path:
            _compile(compiler, path)
        return ctypes.CDLL(str(kept))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        path = Path(folder) / kept.name
        _compile(compiler, path)
        return ctypes.CDLL(str(path))


def _compile(compiler: str, library: Path) -> None:
    """Writes the shared library; OSError with the compiler's last words if it cannot."""
    for variant in VARIANTS:
        words = [compiler, *FLAGS, *variant, str(SOURCE), "-o", str(library)]
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode == 0:
            return
    told = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
    raise OSError(f"{compiler} failed: {told[-1]}")


def _processor() -> str:
    """What -march=native depends on."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return platform.machine() + platform.processor() + flags


LARGE = 1 << 20
"""Bytes from which on memory is used again."""
_pool = Pool()


def empty(*shape: int, like: Tensor) -> Tensor:
    """As `torch.empty`, on a CPU and if large from memory that was used before; see `Pool`."""
    size = math.prod(shape) * like.dtype.itemsize
    if like.device.type != "cpu" or size < LARGE:
        return torch.empty(shape, dtype=like.dtype, device=like.device)
    return _pool.take(size).view(like.dtype).view(shape)


def _call(name: str, *arguments: int | Tensor | np.ndarray | None) -> None:
    def plain(x: int | Tensor | np.ndarray | None) -> ctypes.c_void_p | ctypes.c_int64:
        if isinstance(x, Tensor):
            assert x.is_contiguous() or name.startswith("transpose")  # which knows its stride
            return ctypes.c_void_p(x.data_ptr())
        if isinstance(x, np.ndarray):
            return ctypes.c_void_p(x.ctypes.data)
        return ctypes.c_void_p() if x is None else ctypes.c_int64(x)

    getattr(compiled(), name)(*map(plain, arguments))


def _name(x: Tensor) -> str | None:
    """Suffix of the compiled functions for a tensor's type; None where there are none."""
    names = {torch.float32: "float32", torch.bfloat16: "bfloat16"}
    if x.device.type != "cpu" or x.dtype not in names or compiled() is None:
        return None
    return names[x.dtype]


def gate_biases(b_ih: Tensor, b_hh: Tensor) -> Tensor:
    """(4H,) b_r and b_z (input plus hidden), b_in, b_hn from those of input and state (3H,)."""
    size = len(b_ih) // 3
    return torch.cat([(b_ih + b_hh)[: 2 * size], b_ih[2 * size :], b_hh[2 * size :]])


def gru_forward(
    t: int,
    gi: Tensor,
    gh: Tensor,
    bias: Tensor,
    h: Tensor,
    h_new: Tensor,
    copy: Tensor | None = None,
    kept: Tensor | None = None,
    rows: Tensor | None = None,
    lengths: Tensor | None = None,
) -> None:
    """One step of a GRU layer after its products, written to `h_new`, `copy` and `kept`.

    Args:
        t: The step; sequences of length <= t keep their state.
        gi, gh: (B, 3H) products of input and state with the weights, gates r, z, n.
        bias: (4H,), see `gate_biases`.
        h, h_new: (B, H) state before and after; may be the same tensor.
        copy: (B, H), receives the new state in the type of products.
        kept: (B, 4H), receives n, r, z, hn for `gru_backward`.
        rows: (B,) int64; then `gi` is a table and each sequence takes its row.
        lengths: (B,) int64; None if no sequence ends.
    """
    name = _name(gh)
    if name:
        batch, size = h.shape
        _call(f"gru_forward_{name}", batch, size, t, gi, rows, gh, bias, lengths, h, h_new, copy, kept)
        return
    gi = (gi if rows is None else gi[rows]).to(h.dtype)
    b_r, b_z, b_in, b_hn = bias.chunk(4)
    (i_r, i_z, i_n), (h_r, h_z, h_n) = gi.chunk(3, -1), gh.to(h.dtype).chunk(3, -1)
    r, z, hn = torch.sigmoid(i_r + h_r + b_r), torch.sigmoid(i_z + h_z + b_z), h_n + b_hn
    n = torch.tanh(i_n + b_in + r * hn)
    new = n + z * (h - n)
    if lengths is not None:
        new = torch.where((lengths > t)[:, None], new, h)
    h_new.copy_(new)
    if copy is not None:
        copy.copy_(new)
    if kept is not None:
        kept.copy_(torch.cat([n, r, z, hn], -1))


def gru_backward(
    t: int,
    product: Tensor | None,
    grad_output: Tensor | None,
    h: Tensor,
    kept: Tensor,
    carry: Tensor,
    lengths: Tensor | None = None,
) -> None:
    """Gradients of one step's pre-activations, written over `kept` and `carry`.

    Args:
        t: The step.
        product: (B, H), gradient of the new state through the next step's product; None at the last.
        grad_output: (B, H), its gradient from outside; None for none.
        h: (B, H), the state before.
        kept: (B, 4H) n, r, z, hn of `gru_forward`; becomes the gradients of their pre-activations.
        carry: (B, H), the rest of the new state's gradient; becomes that of the state before.
        lengths: As in `gru_forward`.
    """
    name = _name(kept)
    if name:
        other = name if grad_output is None else str(grad_output.dtype).removeprefix("torch.")
        batch, size = h.shape
        function = f"gru_backward_{name}_{other}"
        _call(function, batch, size, t, product, grad_output, lengths, h, kept, carry)
        return
    d = carry.clone()
    for part in (product, grad_output):
        if part is not None:
            d += part
    n, r, z, hn = kept.to(d.dtype).chunk(4, -1)
    dn = d * (1 - z) * (1 - n * n)
    found = torch.cat([dn, dn * hn * r * (1 - r), d * (h - n) * z * (1 - z), dn * r], -1)
    before = d * z
    if lengths is not None:
        alive = (lengths > t)[:, None]
        found, before = found * alive, torch.where(alive, before, carry)
    kept.copy_(found)
    carry.copy_(before)


def transpose_with_ones(x: Tensor) -> Tensor:
    """(N, M) to (M + 1, N) with a last row of ones: left factor of weights' and biases' gradients in one."""
    rows, columns = x.shape
    out = empty(columns + 1, rows, like=x)
    out[-1] = 1.0
    name = _name(x)
    if name:
        _call(f"transpose_{name}", rows, columns, x.stride(0), x, out)
    else:
        out[:-1] = x.t()
    return out


def power_samples(shape: tuple[int, ...], p: float, k: int, seed: int) -> Tensor:
    r"""Float32 samples of the kernel :math:`(1 - |z|^p)^k` on the CPU.

    Random numbers are hashes of a counter, so that vector units and threads share the work and the
    result depends on the seed alone.

    Args:
        shape: Of the result, less than 2^32 numbers.
        p, k: Of the kernel; k whole.
        seed: From 0 on, below 2^62.
    """
    keys = [_split_mix(seed + i) for i in range(k + 1)]
    exponents = [0.0] + [1 / (1 + i * p) for i in range(1, k + 1)]
    n = math.prod(shape)
    if compiled() is not None:
        # Memory from numpy: what torch creates has another type or place where the user has set
        # defaults, and no address in its function transforms.
        powers = np.array(exponents, dtype=np.float32)
        halves = np.array([(key & 0xFFFFFFFF, key >> 32) for key in keys], dtype=np.uint32)
        out = np.empty(shape, dtype=np.float32)
        _call("kernel_samples", n, k, powers, halves, out)
        return torch.from_numpy(out)
    counter = torch.arange(n, device="cpu")
    logs = torch.zeros(n, dtype=torch.float32, device="cpu")
    for i in range(1, k + 1):
        logs += exponents[i] * _uniform(counter, keys[i]).log()
    return ((2 * _uniform(counter, keys[0]) - 1) * logs.exp()).view(shape)


def _uniform(counter: Tensor, key: int) -> Tensor:
    """Uniform numbers in (0, 1) from counters and a key of 64 bits."""
    x = (counter + (key & 0xFFFFFFFF)) & 0xFFFFFFFF
    x = ((x ^ (x >> 17)) * 0xED5AD4BB) & 0xFFFFFFFF
    x = ((((x ^ (x >> 11)) + (key >> 32)) & 0xFFFFFFFF) * 0xAC4C1B51) & 0xFFFFFFFF
    x = ((x ^ (x >> 15)) * 0x31848BAB) & 0xFFFFFFFF
    return ((x ^ (x >> 14)) >> 8).float() * 2.0**-24 + 2.0**-25


def _split_mix(x: int) -> int:
    """64 well-mixed bits (SplitMix64, Steele et al., 2014)."""
    mask = (1 << 64) - 1
    x = (x * 0x9E3779B97F4A7C15 + 0x9E3779B97F4A7C15) & mask
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
    return x ^ (x >> 31)
