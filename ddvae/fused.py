"""Parts of a training step that are no products, in one pass: compiled where there is a compiler, else torch.

The first use on a machine compiles fused.cpp (a few seconds) into the user's cache. Without a
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
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .files import replace_file

__all__ = [
    "compiled",
    "empty",
    "gru_backward",
    "gru_forward",
    "has_bfloat16_unit",
    "power_draws",
    "transpose_with_ones",
]

SOURCE = Path(__file__).with_name("fused.cpp")
FLAGS = ("-O3", "-fPIC", "-shared", "-std=c++17", "-fno-math-errno", "-fno-trapping-math")
# Most capable first: a compiler may lack OpenMP (Apple's) or a name for this processor.
VARIANTS = (("-march=native", "-mprefer-vector-width=512", "-fopenmp"), ("-march=native", "-fopenmp"), ())


def has_bfloat16_unit(device: str | torch.device) -> bool:
    """Whether bfloat16 products are faster than float32 there: on any GPU, on a CPU with a matrix unit.

    Environment: ONEDNN_MAX_CPU_ISA may keep torch's products from the unit, as its library reads it.
    """
    if torch.device(device).type != "cpu":
        return True
    told = getattr(torch.cpu, "get_capabilities", dict)  # older torch does not tell
    allowed = os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper()
    barred = allowed.startswith(("SSE", "AVX")) and "AMX" not in allowed
    return told().get("amx_bf16", False) and not barred


@functools.cache
def compiled() -> ctypes.CDLL | None:
    """The compiled functions; None, with one warning, where they cannot be built.

    Environment: DDVAE_FUSED=0 leaves them out; CXX names the compiler.
    """
    if os.environ.get("DDVAE_FUSED") == "0":
        return None
    try:
        return ctypes.CDLL(str(_library()))
    except OSError as error:
        warnings.warn(f"no compiled GRU step ({error}): the slower torch one is used", stacklevel=2)
        return None


def _library() -> Path:
    """Path of the shared library for this source, processor and compiler; OSError if there is none."""
    compiler = os.environ.get("CXX") or next(filter(shutil.which, ("g++", "clang++", "c++")), None)
    if compiler is None or not shutil.which(compiler):
        raise OSError(f"compiler is {compiler!r}; expected g++ or clang++ on PATH, or its name in CXX")
    key = SOURCE.read_bytes() + f"{compiler} {VARIANTS} {_processor()} {torch.__version__}".encode()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ddvae"
    library = cache / f"fused-{hashlib.sha256(key).hexdigest()[:16]}.so"
    if library.exists():
        return library
    for variant in VARIANTS:
        try:
            with replace_file(library) as path:
                words = [compiler, *FLAGS, *variant, str(SOURCE), "-o", str(path)]
                subprocess.run(words, check=True, capture_output=True, text=True)
            return library
        except subprocess.CalledProcessError as error:
            told = error.stderr.strip().splitlines() or [f"exit code {error.returncode}"]
    raise OSError(f"{compiler} failed: {told[-1]}")


def _processor() -> str:
    """What -march=native depends on."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return platform.machine() + platform.processor() + flags


ALIGNMENT = 64  # bytes, a cache line and a vector register
_blocks: list[np.ndarray] = []
_lock = threading.Lock()


def empty(*shape: int, like: Tensor) -> Tensor:
    """As `torch.empty`, on a CPU from memory that was used before.

    The system hands out large pieces of memory as zeroed pages; at a training step's sizes that takes
    longer than the products. A block is used again when no tensor refers to it any more.
    """
    size = math.prod(shape) * like.dtype.itemsize
    if like.device.type != "cpu" or size < 1 << 20:
        return torch.empty(shape, dtype=like.dtype, device=like.device)
    with _lock:
        free = [i for i in range(len(_blocks)) if _unused(i)]
        fitting = [i for i in free if _blocks[i].nbytes >= size + ALIGNMENT]
        if fitting:
            chosen = min(fitting, key=lambda i: _blocks[i].nbytes)
        else:
            if free:  # its successor is as large as any step has asked for so far
                del _blocks[max(free, key=lambda i: _blocks[i].nbytes)]
            _blocks.append(np.empty(size + ALIGNMENT, np.uint8))
            chosen = -1
        start = -_blocks[chosen].ctypes.data % ALIGNMENT
        return torch.from_numpy(_blocks[chosen][start : start + size]).view(like.dtype).view(shape)


def _unused(i: int) -> bool:
    return sys.getrefcount(_blocks[i]) <= 2  # the list's reference and the call's own


def _call(name: str, *arguments: int | Tensor | None) -> None:
    def plain(x):
        if isinstance(x, Tensor):
            assert x.is_contiguous() or name.startswith("transpose")  # which knows its stride
            return ctypes.c_void_p(x.data_ptr())
        return ctypes.c_void_p() if x is None else ctypes.c_int64(x)

    getattr(compiled(), name)(*map(plain, arguments))


def _name(x: Tensor) -> str | None:
    """Suffix of the compiled functions for a tensor's type; None where there are none."""
    names = {torch.float32: "float32", torch.bfloat16: "bfloat16"}
    if x.device.type != "cpu" or x.dtype not in names or compiled() is None:
        return None
    return names[x.dtype]


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
        bias: (4H,): b_r and b_z (input plus hidden), b_in, b_hn.
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


def power_draws(shape: tuple[int, ...], p: float, k: int) -> Tensor:
    r"""Float32 draws of the kernel :math:`(1 - |z|^p)^k` on the CPU, seeded by torch's generator.

    Random numbers are hashes of a counter, so that vector units and threads share the work and the
    result depends on the seed alone.

    Args:
        shape: Of the result, less than 2^32 numbers.
        p, k: Of the kernel; k whole.
    """
    seed = int(torch.randint(2**62, ()))
    keys = [_split_mix(seed + i) for i in range(k + 1)]
    exponents = torch.tensor([0.0] + [1 / (1 + i * p) for i in range(1, k + 1)])
    n = math.prod(shape)
    if compiled() is not None:
        out = torch.empty(shape)
        halves = np.array([(key & 0xFFFFFFFF, key >> 32) for key in keys], dtype=np.uint32)
        _call("kernel_draws", n, k, exponents, torch.from_numpy(halves.view(np.int32)), out)
        return out
    counter = torch.arange(n)
    logs = torch.zeros(n)
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
