"""Kernels and types that the tests of `mathematics` go through."""

import pytest
import torch

from ddvae.engine import native
from ddvae.mathematics.kernels import KERNELS, PowerKernel

ODD = {
    "fractional": PowerKernel(1.5, 0.7),
    "flat": PowerKernel(8, 0.25),
    "narrow": PowerKernel(2, 40),
    "peaked": PowerKernel(0.5, 2),
}
ALL = [pytest.param(kernel, id=name) for name, kernel in (KERNELS | ODD).items()]
contract = pytest.mark.parametrize("kernel", ALL)
every_dtype = pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
needs_compiler = pytest.mark.skipif(native.compiled() is None, reason="no C++ compiler")
