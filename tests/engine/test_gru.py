"""The GRU against torch's own on packed sequences: values, gradients, weights."""

import itertools

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from ddvae.engine import native
from ddvae.engine.gru import GRU

# E, H, N, L, B: odd sizes, one of everything, whole blocks of the compiled code
SIZES = [(8, 37, 3, 9, 5), (3, 16, 1, 1, 1), (64, 64, 2, 12, 33), (5, 96, 2, 4, 300)]


@pytest.fixture(params=["compiled", "torch"])
def path(request, monkeypatch):
    """Both ways of doing the element-wise part."""
    if request.param == "torch":
        monkeypatch.setattr(native, "compiled", lambda: None)
    elif native.compiled() is None:
        pytest.skip("no C++ compiler")
    return request.param


def packed(gru, x, h0, lengths):
    output, h_n = gru(pack_padded_sequence(x, lengths, enforce_sorted=False), h0)
    return pad_packed_sequence(output, total_length=len(x))[0], h_n


def gradients(run, gru, *inputs):
    """Outputs of run(*inputs) and gradients of a random function of both outputs."""
    inputs = [x.clone().requires_grad_() for x in inputs]
    gru.zero_grad()
    outputs = run(*inputs)
    generator = torch.Generator().manual_seed(5)
    loss = sum((y * torch.randn(y.shape, generator=generator).to(y.dtype)).sum() for y in outputs)
    loss.backward()
    return [*outputs, *(x.grad for x in inputs), *(p.grad for p in gru.parameters())]


def pair(sizes, dtype=torch.float32, ragged=True):
    width, hidden, layers, steps, batch = sizes
    ours, theirs = GRU(width, hidden, layers).to(dtype), nn.GRU(width, hidden, layers).to(dtype)
    theirs.load_state_dict(ours.state_dict())
    x, h0 = torch.randn(steps, batch, width, dtype=dtype), torch.randn(layers, batch, hidden, dtype=dtype)
    lengths = torch.randint(1, steps + 1, (batch,)) if ragged else torch.full((batch,), steps)
    return ours, theirs, x, h0, lengths


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("dtype, error", [(torch.float32, 2e-5), (torch.float64, 1e-13)])
@pytest.mark.parametrize("ragged", [True, False])
def test_values_and_gradients_are_those_of_packed_sequences(path, sizes, dtype, error, ragged):
    ours, theirs, x, h0, lengths = pair(sizes, dtype, ragged)
    found = gradients(lambda x, h: ours(x, h, lengths if ragged else None), ours, x, h0)
    wanted = gradients(lambda x, h: packed(theirs, x, h, lengths), theirs, x, h0)
    for a, b in zip(found, wanted, strict=True):
        assert a.dtype == b.dtype
        assert (a - b).abs().max() <= error * (1 + b.abs().max())


def test_weights_go_both_ways():
    ours, theirs, *_ = pair(SIZES[0])
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())


@pytest.mark.parametrize("inputs", ["steps", "table"])
def test_gradients_by_differences(path, inputs):
    gru = GRU(3, 4, 2).double()
    h0 = torch.randn(2, 3, 4, dtype=torch.double, requires_grad=True)
    lengths, tokens = torch.tensor([5, 2, 0]), torch.randint(6, (5, 3))
    weights = [p.detach().clone().requires_grad_() for p in gru.parameters()]
    shape = (5, 3, 3) if inputs == "steps" else (6, 3)
    x = torch.randn(shape, dtype=torch.double, requires_grad=True)

    def run(x, h0, *weights):
        state = dict(zip(gru.state_dict(), weights))
        return torch.func.functional_call(gru, state, (x, h0, lengths, tokens if inputs == "table" else None))

    # functional_call changes attributes, which nn.GRU's flat list follows
    assert torch.autograd.gradcheck(run, (x, h0, *weights))


def test_a_table_is_the_same_as_its_rows(path):
    gru, tokens = GRU(8, 37, 2), torch.randint(11, (9, 5))
    table = torch.randn(11, 8)
    found = gradients(lambda x: gru(x, tokens=tokens), gru, table)
    wanted = gradients(lambda x: gru(x[tokens]), gru, table)
    for a, b in zip(found, wanted, strict=True):
        assert (a - b).abs().max() < 1e-5 * (1 + b.abs().max())


def test_lengths():
    gru, _, x, h0, _ = pair((8, 16, 2, 6, 4))
    output, h_n = gru(x, h0, torch.tensor([6, 3, 0, 1]))
    assert torch.equal(h_n[:, 2], h0[:, 2]) and not output[:, 2].any()
    assert not output[3:, 1].any() and torch.equal(output[2, 1], h_n[1, 1])
    alone, _ = gru(x[:3, 1:2], h0[:, 1:2])
    assert torch.allclose(output[:3, 1:2], alone, atol=1e-6)


def test_last_states(path):
    gru, _, x, h0, lengths = pair(SIZES[0])
    wanted = gradients(lambda x, h: gru(x, h, lengths)[1:], gru, x, h0)
    found = gradients(lambda x, h: (gru.last_states(x, h, lengths),), gru, x, h0)
    for a, b in zip(found, wanted, strict=True):
        assert torch.equal(a, b)


def test_bfloat16_products_with_float32_states(path):
    gru, _, x, h0, lengths = pair((32, 64, 2, 20, 40))
    wanted = gradients(lambda x, h: gru(x, h, lengths), gru, x, h0)
    with torch.autocast("cpu", torch.bfloat16):
        found = gradients(lambda x, h: gru(x, h, lengths), gru, x, h0)
    for a, b in zip(found, wanted, strict=True):
        assert a.dtype == torch.float32
        # bfloat16 has 8 bits: errors near 1 % of a gradient's size, not of each entry
        assert (a - b).norm() < 0.02 * b.norm()
    rounded = found[1].bfloat16().float()
    assert not torch.equal(rounded, found[1])  # the state is not rounded


def test_states_stay_float32_whatever_comes_in(path):
    gru, _, x, h0, _ = pair((32, 64, 2, 5, 8))
    with torch.autocast("cpu", torch.bfloat16):
        wanted = gru(x.bfloat16().float(), h0.bfloat16().float())
        found = gru(x.bfloat16(), h0.bfloat16())
    assert all(torch.equal(a, b) and a.dtype == torch.float32 for a, b in zip(found, wanted))


def test_compiled_and_torch_agree(monkeypatch):
    if native.compiled() is None:
        pytest.skip("no C++ compiler")
    gru, _, x, h0, lengths = pair((16, 48, 2, 7, 19))
    run = lambda x, h: gru(x, h, lengths)  # noqa: E731
    found = gradients(run, gru, x, h0)
    monkeypatch.setattr(native, "compiled", lambda: None)
    for a, b in zip(found, gradients(run, gru, x, h0), strict=True):
        assert (a - b).abs().max() < 1e-5 * (1 + b.abs().max())


def test_the_same_bits_every_time(path):
    gru, _, x, h0, lengths = pair(SIZES[3])
    with torch.autocast("cpu", torch.bfloat16):
        first, second = (gradients(lambda x, h: gru(x, h, lengths), gru, x, h0) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second))


def test_backward_twice_and_without_gradients():
    gru, _, x, h0, _ = pair(SIZES[0])
    x.requires_grad_()
    output, _ = gru(x, h0)
    (first,) = torch.autograd.grad(output.sum(), x, retain_graph=True)
    (second,) = torch.autograd.grad(output.sum(), x)
    assert torch.equal(first, second)
    with torch.no_grad():
        assert torch.equal(gru(x, h0)[0], output)


PRECISIONS = [(torch.float32, False), (torch.float64, False), (torch.float32, True)]


@pytest.mark.parametrize("dtype, rounded", PRECISIONS)
@pytest.mark.parametrize("inputs", ["steps", "table"])
@pytest.mark.parametrize("without", [torch.no_grad, torch.inference_mode, "frozen weights"])
def test_the_same_bits_without_gradients(path, dtype, rounded, inputs, without):
    gru, _, x, h0, lengths = pair((8, 37, 3, 9, 5), dtype)
    tokens = None
    if inputs == "table":
        x, tokens = torch.randn(11, 8, dtype=dtype), torch.randint(11, (9, 5))

    def results():
        with torch.autocast("cpu", torch.bfloat16, enabled=rounded):
            return *gru(x, h0, lengths, tokens), gru.last_states(x, h0, lengths, tokens)

    wanted = results()
    if without == "frozen weights":
        gru.requires_grad_(False)
        found = results()
    else:
        with without():
            found = results()
    assert all(a.requires_grad for a in wanted) and not any(a.requires_grad for a in found)
    assert all(torch.equal(a, b) and a.dtype == b.dtype for a, b in zip(found, wanted, strict=True))


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("rounded", [False, True])
@pytest.mark.parametrize("method, units", [("last_states", 0), ("forward", 1)])
def test_without_gradients_only_what_the_next_layer_needs_grows_with_length(
    monkeypatch, layers, rounded, method, units
):
    """Its inputs and three products of each, per unit and step; nothing of the last layer but its output."""
    handed, empty = [], native.empty

    def counted(*shape, like):
        handed.append(empty(*shape, like=like))
        return handed[-1]

    monkeypatch.setattr(native, "empty", counted)
    gru, batch = GRU(8, 16, layers), 5

    def size(steps):
        handed.clear()
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=rounded):
            getattr(gru, method)(torch.randn(11, 8), tokens=torch.randint(11, (steps, batch)))
        return sum(x.numel() for x in handed)

    assert size(30) - size(20) == 10 * batch * 16 * (4 * (layers - 1) + units)


def test_a_layer_that_learns_under_one_that_does_not(path):
    gru, _, x, h0, lengths = pair((8, 37, 3, 9, 5))
    wanted = gradients(lambda x, h: gru(x, h, lengths), gru, x, h0)
    middle = {f"{kind}_l1" for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
    for name, p in gru.named_parameters():
        p.requires_grad_(name in middle)
    gru.zero_grad()
    output, h_n = gru(x, h0, lengths)
    generator = torch.Generator().manual_seed(5)
    loss = sum((y * torch.randn(y.shape, generator=generator)).sum() for y in (output, h_n))
    loss.backward()
    for (name, p), g in zip(gru.named_parameters(), wanted[4:], strict=True):
        assert torch.equal(p.grad, g) if name in middle else p.grad is None


def test_second_derivatives_are_refused():
    gru, _, x, h0, _ = pair(SIZES[0])
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(gru(x, h0)[0].pow(2).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


def test_weights_that_are_shared_or_frozen():
    gru, _, x, h0, _ = pair(SIZES[0])
    gru.weight_ih_l0.requires_grad_(False)
    gru(x, h0)[0].sum().backward()
    assert gru.weight_ih_l0.grad is None and gru.weight_hh_l0.grad.any()


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_single_steps(path, precision):
    gru, table, tokens = GRU(8, 37, 3), torch.randn(11, 8), torch.randint(11, (6, 5))
    h0 = torch.randn(3, 5, 37)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
        output, _ = gru(table, h0, tokens=tokens)
        stepper = gru.stepper(table, h0)
        for t, row in itertools.islice(enumerate(tokens), 3):
            assert torch.allclose(stepper(row), output[t], atol=1e-6 if precision == "float32" else 1e-2)
        kept = torch.tensor([3, 1])
        stepper.keep(kept)
        assert torch.allclose(
            stepper(tokens[3, kept]), output[3, kept], atol=1e-6 if precision == "float32" else 1e-2
        )


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"x": torch.zeros(3, 2, 7)}, r"x has shape \(3, 2, 7\); expected \(L, B, 8\)"),
        ({"x": torch.zeros(0, 2, 8)}, "x has 0 steps; expected at least one"),
        ({"h0": torch.zeros(1, 2, 5)}, r"h0 has shape \(1, 2, 5\); expected \(2, 2, 5\)"),
        ({"lengths": torch.tensor([1, 4])}, r"lengths go from 1 to 4; expected values in \[0, 3\]"),
        ({"lengths": torch.tensor([1.0, 2.0])}, "lengths are torch.float32 .*expected integers"),
        (
            {"lengths": torch.tensor([1])},
            r"lengths are torch.int64 of shape \(1,\); expected integers \(2,\)",
        ),
        ({"x": torch.zeros(4, 8), "tokens": torch.tensor([0])}, r"tokens have shape \(1,\)"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        GRU(8, 5, 2)(**({"x": torch.zeros(3, 2, 8)} | arguments))
