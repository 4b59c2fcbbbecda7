"""The compiled passes: accuracy, memory, and life without a compiler."""

import os
import shutil
import subprocess
import sys

import pytest
import torch

from ddvae.engine import native, precision

needs_compiler = pytest.mark.skipif(native.compiled() is None, reason="no C++ compiler")


def step(pre, size):
    """One forward step with all of the pre-activations in gi."""
    h = torch.zeros(len(pre), size)
    zero, new = torch.zeros(len(pre), 3 * size), torch.empty(len(pre), size)
    kept = torch.empty(len(pre), 4 * size)
    native.gru_forward(0, pre, zero, torch.zeros(4 * size), h, new, kept=kept)
    return kept


@needs_compiler
def test_gates_are_exact_to_a_few_ulp():
    x = torch.cat(
        [torch.linspace(-120, 120, 40_001), torch.tensor([1e-30, -1e-8, float("inf"), -float("inf")])]
    )
    size = 4
    pre = x[:, None].expand(-1, 3 * size).contiguous()
    n, r, z, hn = step(pre, size).chunk(4, -1)
    double = x.double()[:, None]
    exact = torch.sigmoid(double)
    assert ((r.double() - exact).abs() <= 4e-7 * exact + 1e-37).all()
    assert torch.equal(r, z) and not hn.any()
    assert (n.double() - torch.tanh(double)).abs().max() < 2e-7


@needs_compiler
def test_not_a_number_stays_one():
    pre = torch.zeros(2, 3)
    pre[1] = float("nan")
    kept = step(pre, 1)
    assert kept[0].isfinite().all() and kept[1, :3].isnan().all()


@needs_compiler
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("rows, columns", [(1, 1), (64, 32), (33, 65), (100, 7)])
def test_transpose(dtype, rows, columns):
    wide = torch.randn(rows, columns + 5).to(dtype)
    x = wide[:, :columns]
    found = native.transpose_with_ones(x)
    assert torch.equal(found[:-1], x.t()) and (found[-1] == 1).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_large_tensors_take_memory_that_was_used_before(dtype):
    like = torch.empty(0, dtype=dtype)
    a = native.empty(3, 1 << 20, like=like)
    address = a.data_ptr()
    assert a.shape == (3, 1 << 20) and a.dtype == dtype and address % 64 == 0
    part = a[1, 5:10]
    del a
    b = native.empty(3, 1 << 20, like=like)
    assert b.data_ptr() != address  # `part` still looks at the first block
    del part
    assert native.empty(1 << 20, 3, like=like).data_ptr() == address


SCRIPT = """
import torch, warnings
torch.manual_seed(0)
from ddvae.engine import native
from ddvae.engine.gru import GRU
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    gru = GRU(3, 5, 2)
    x = torch.randn(4, 6, 3)
    for _ in range(2):
        output, _ = gru(x)
print(native.compiled() is None, [str(w.message)[:24] for w in caught], f"{output.sum().item():.5f}")
"""


def run(**environment):
    found = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return found.stdout.strip()


def test_without_a_compiler_one_warning_and_the_same_results(tmp_path):
    plain = run(DDVAE_NATIVE="0")
    missing = run(CXX="no-such-compiler", DDVAE_CACHE=str(tmp_path))
    assert plain.startswith("True [] ") and missing.startswith("True ['no compiled GRU step (co'] ")
    assert plain.split()[-1] == missing.split()[-1]
    if native.compiled() is not None:
        assert float(run().split()[-1]) == pytest.approx(float(plain.split()[-1]), abs=2e-5)


def compiler(path, first):
    """The machine's C++ compiler, after a line of shell."""
    real = os.environ.get("CXX") or next(filter(shutil.which, ("g++", "clang++", "c++")))
    path.write_text(f'#!/bin/sh\n{first}\nexec {real} "$@"\n')
    path.chmod(0o755)
    return str(path)


@needs_compiler
def test_a_compiler_that_fails_leaves_no_file(tmp_path):
    cxx = compiler(tmp_path / "compiler", "echo 'disk full' >&2; exit 1")
    assert run(CXX=cxx, DDVAE_CACHE=str(tmp_path)).startswith("True ['no compiled GRU step")
    assert not any((tmp_path / "native").iterdir())


@pytest.fixture
def counting(tmp_path):
    """An environment with a compiler that counts its calls, and a temporary folder of its own."""
    (tmp_path / "temporary").mkdir()
    cxx = compiler(tmp_path / "compiler", f"echo >> {tmp_path}/calls")
    yield {"CXX": cxx, "DDVAE_CACHE": str(tmp_path / "cache"), "TMPDIR": str(tmp_path / "temporary")}
    assert not any((tmp_path / "temporary").iterdir())


@needs_compiler
def test_compiled_once_and_anew_where_damaged(tmp_path, counting):
    def calls():
        assert run(**counting).startswith("False [] ")
        return len((tmp_path / "calls").read_text())

    assert (calls(), calls()) == (1, 1)
    (library,) = (tmp_path / "cache" / "native").iterdir()
    library.write_bytes(library.read_bytes()[:10])
    assert (calls(), calls()) == (2, 2)


@needs_compiler
def test_a_cache_that_cannot_be_written_costs_time_and_not_the_run(tmp_path, counting):
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert run(**counting).startswith("False [] ")
    assert (tmp_path / "calls").read_text() == "\n"  # once, for several layers and passes


@needs_compiler
def test_a_full_cache_costs_time_and_not_the_run(tmp_path, counting):
    full = f'case "$*" in *{tmp_path}/cache*) echo "No space left on device" >&2; exit 1;; esac'
    compiler(tmp_path / "compiler", full)
    assert run(**counting).startswith("False [] ")
    assert not any((tmp_path / "cache" / "native").iterdir())


def test_an_older_torch_does_not_tell_of_the_unit(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert not precision.has_bfloat16_unit("cpu") and precision.has_bfloat16_unit("cuda")


@pytest.mark.parametrize(
    "allowed, unit",
    [
        *[(None, True), ("", True), ("default", True), ("AVX10_1_512_AMX", True), ("avx512_core_amx", True)],
        *[("AVX2", False), ("avx512_core_bf16", False), ("SSE41", False)],
    ],
)
def test_a_unit_that_torch_may_not_use_is_none(monkeypatch, allowed, unit):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True})
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    if allowed is not None:
        monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", allowed)
    assert precision.has_bfloat16_unit("cpu") == unit and precision.has_bfloat16_unit("cuda")


@pytest.mark.slow
@needs_compiler
def test_a_compiler_that_lacks_an_option_does_without(tmp_path):
    """OpenMP and the wide vectors, as Apple's; then the processor's name too."""
    for lacking in ("-mprefer-vector-width=512", "-fopenmp", "-march=native"):
        refusal = f"echo 'unknown option {lacking}' >&2; exit 1"
        cxx = compiler(tmp_path / f"lacks{lacking}", f'case " $* " in *" {lacking} "*) {refusal};; esac')
        assert run(CXX=cxx, DDVAE_CACHE=str(tmp_path)).startswith("False [] ")
    assert len(list((tmp_path / "native").iterdir())) == 3


@needs_compiler
def test_draws_are_the_same_with_and_without_a_compiler(monkeypatch):
    found = native.power_samples((3, 500), p=2, k=3, seed=7)
    monkeypatch.setattr(native, "compiled", lambda: None)
    assert torch.allclose(native.power_samples((3, 500), p=2, k=3, seed=7), found, atol=1e-6)


def test_random_numbers_are_independent():
    """Chi-squared of neighbours and of two keys in 64 x 64 squares below 4,095 + 6 deviations: 1e-8 each."""
    n = 1 << 20
    counter = torch.arange(n)
    u, v = (native._uniform(counter, native._split_mix(key)) for key in (7, 8))
    assert 0 < u.min() and u.max() < 1
    for a, b in ((u[:-1], u[1:]), (u, v), (u[:-64], u[64:])):
        index = (a * 64).long() * 64 + (b * 64).long()
        counts = index.bincount(minlength=4096).double()
        expected = len(a) / 4096
        assert ((counts - expected) ** 2 / expected).sum() < 4095 + 6 * (2 * 4095) ** 0.5
