"""Precision of products: what a device is good at, and the context that asks for it."""

import os
from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["autocast", "has_bfloat16_unit", "product_dtype"]


def has_bfloat16_unit(device: str | torch.device) -> bool:
    """Whether bfloat16 products are faster than float32 there: on any GPU, on a CPU with a matrix unit.

    Environment: ONEDNN_MAX_CPU_ISA may keep torch's products from the unit, as its library reads it.
    """
    if torch.device(device).type != "cpu":
        return True
    # older torch does not tell
    told: Callable[[], dict[str, bool]] = getattr(torch.cpu, "get_capabilities", dict)
    allowed = os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper()
    barred = allowed.startswith(("SSE", "AVX")) and "AMX" not in allowed
    return told().get("amx_bf16", False) and not barred


def autocast(device: str | torch.device, precision: str) -> torch.autocast:
    """The context in which a model runs at a precision of `Run`; float32 where bfloat16 would be slower."""
    enabled = precision == "bfloat16" and has_bfloat16_unit(device)
    return torch.autocast(torch.device(device).type, torch.bfloat16, enabled=enabled)


def product_dtype(x: Tensor) -> torch.dtype:
    """The type of products with x: under autocast what that asks for, unless x is float64; else its own."""
    kind = x.device.type
    if torch.is_autocast_enabled(kind) and x.dtype != torch.float64:
        return torch.get_autocast_dtype(kind)
    return x.dtype
