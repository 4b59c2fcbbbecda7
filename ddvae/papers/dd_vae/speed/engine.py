"""How fast the sequence engine is, against the released way in the same process; see `measurements`."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence

from ....data.vocabulary import Vocabulary
from ....engine import native
from ....engine.gru import GRU
from ....engine.precision import autocast, has_bfloat16_unit
from ....experiments.preset import Recipe
from ....experiments.record import recorded
from ....experiments.smiles import Smiles
from ....mathematics.kernels import KERNELS
from ....molecules.datasets import Molecules
from ....training.state import TrainingState
from ..presets import PRESETS
from .released import RejectionSampler, Released, released_batches

__all__ = [
    "GOALS",
    "MODELS",
    "costs",
    "decoding",
    "ladder",
    "matrix_rate",
    "peak_memory",
    "precision_gap",
    "precisions",
    "recurrence_rate",
    "released_progress",
    "roofline",
    "sampling",
    "table",
    "training_step",
]

MODELS = {"MOSES 2x512": "moses-ddvae-triweight", "ZINC 1x1024": "zinc-ddvae-tricube"}
"""The published shapes, each by a preset."""
SHAPES = {"MOSES 2x512": (512, 2, 37), "ZINC 1x1024": (1024, 1, 45)}
"""Their units, layers and common length."""
GOALS = {
    "training step MOSES 2x512, bf16": (15, 20),
    "training step ZINC 1x1024, bf16": (15, 22),
    "training step MOSES 2x512, fp32": (4, 5),
    "training step ZINC 1x1024, fp32": (4, 5),
    "share of the bf16 matrix rate, MOSES 2x512": (0.30, 0.45),
    "share of the bf16 matrix rate, ZINC 1x1024": (0.30, 0.45),
    "share of the fp32 matrix rate, MOSES 2x512": (0.30, 0.45),
    "share of the fp32 matrix rate, ZINC 1x1024": (0.30, 0.45),
    "greedy decoding MOSES 2x512": (15, 30),
    "greedy decoding ZINC 1x1024": (15, 30),
    "kernel sampling": (10, 30),
    "peak memory of a step MOSES 2x512": (1.0, 0.5),
    "peak memory of a step ZINC 1x1024": (1.0, 0.5),
}
"""What is wanted at least, and aimed at; for memory at most. Shares are of the fastest precision's rate."""
SHORT = {"float32": "fp32", "bfloat16": "bf16"}
"""Precisions of products as `GOALS` names them."""


def precisions() -> tuple[str, ...]:
    """Those of products that this CPU is good at, the fastest last: bfloat16 where it has a unit for it."""
    return tuple(SHORT) if has_bfloat16_unit("cpu") else ("float32",)


def our_state(preset: Smiles, precision: str, seed: int = 0, **changes) -> TrainingState:
    """Model, optimiser and settings as `fit` has them, with the published run's choices."""
    torch.manual_seed(seed)
    recipe = preset.recipe.changed(precision=precision, **changes)
    objective = recipe.to_maximise()
    return TrainingState(preset.model().train(), recipe.settings, objective, 1, autocast("cpu", precision))


def _published_weights(recipe: Recipe) -> tuple[float, float, float | None]:
    """Temperature and beta at the beginning, and where gradients are clamped."""
    return recipe.objective.temperature(0.0), recipe.objective.beta(0.0), recipe.settings.clip_value


def our_batches(molecules: Molecules, batch: int, seed: int = 0) -> Iterator:
    """Batches as `fit` takes them, without end."""
    epoch = 0
    while True:
        yield from molecules.batches(epoch, batch, seed)
        epoch += 1


def rates(baseline: Callable[[], int], ours: Callable[[], int], rounds: int) -> dict[str, float]:
    """Objects a second of two functions that return how many they did, in turn, after one warm-up."""

    def rate(work) -> float:
        started = time.perf_counter()
        return work() / (time.perf_counter() - started)

    for work in (baseline, ours):
        work()
    pairs = [(rate(baseline), rate(ours)) for _ in range(rounds)]
    ratios = sorted(b / a for a, b in pairs)
    middle = {
        "baseline": statistics.median(a for a, _ in pairs),
        "ours": statistics.median(b for _, b in pairs),
    }
    return middle | {"ratio": statistics.median(ratios), "low": ratios[0], "high": ratios[-1]}


def training_step(label: str, precision: str, rounds: int = 3, batch: int = 512) -> dict[str, float]:
    """Molecules a second of one whole step: forward, backward, clipping, Adam."""
    preset = PRESETS[MODELS[label]]
    molecules, recipe = preset.molecules("test"), preset.recipe
    state, released = our_state(preset, precision), Released(preset.model())
    theirs, batches = released_batches(molecules, batch), our_batches(molecules, batch)

    def released_step() -> int:
        strings = next(theirs)
        released.step(strings, *_published_weights(recipe))
        return len(strings)

    def our_steps() -> int:
        done = 0
        for _ in range(6):  # of six lengths, as the baseline's batch holds many
            one = next(batches)
            state.advance(one, 0.0)
            done += len(one.tokens)
        return done

    return rates(released_step, our_steps, rounds)


def matrix_rate(size: int = 4096) -> float:
    """GFLOP/s of a large product in the fastest precision: the machine's measured rate."""
    a = torch.randn(size, size).to(getattr(torch, precisions()[-1]))
    return _best_rate(lambda: a @ a, 2 * size**3)


def recurrence_rate(size: int, layers: int, steps: int, batch: int = 512, vocabulary: int = 30) -> float:
    """GFLOP/s of a GRU's products, forward and backward; everything else only takes time."""
    gru, table = GRU(64, size, layers), torch.randn(vocabulary, 64, requires_grad=True)
    tokens = torch.randint(vocabulary, (steps, batch))

    def work():
        with autocast("cpu", "bfloat16"):
            output, h_n = gru(table, tokens=tokens)
        torch.autograd.backward([output, h_n], [torch.ones_like(output), torch.ones_like(h_n)])

    products = 2 * layers - 1  # the first layer's input product is a look-up
    return _best_rate(work, 3 * 2 * steps * batch * 3 * size**2 * products)


def _best_rate(work: Callable[[], object], operations: float, times: int = 3) -> float:
    work()
    best = min(_seconds(work) for _ in range(times))
    return operations / best / 1e9


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def decoding(label: str, rounds: int = 3, codes: int = 10_000) -> dict[str, float]:
    """Molecules a second from codes of the prior, by the recorded model; the baseline does a tenth."""
    record = recorded(MODELS[label].replace("-", "-large-", 1))[0]  # the run that is kept with weights
    model = record.model()
    vocabulary = Vocabulary(model.architecture["symbols"], ends=True)
    released = Released(model)
    z = torch.randn(codes, model.architecture["latent_size"])

    def ours() -> int:
        with torch.no_grad(), autocast("cpu", "bfloat16"):
            return len(vocabulary.decode(model.decode(z)))

    return rates(lambda: len(released.decode(z[: codes // 10])), ours, rounds)


def sampling(rounds: int = 9, shape: tuple[int, int] = (512, 64)) -> list[dict]:
    """Draws a second of each kernel for a batch of codes, rejection against the exact sampler."""
    n, found = shape[0] * shape[1], []
    for name, kernel in KERNELS.items():
        rejection = RejectionSampler(kernel)

        def theirs(rejection=rejection) -> int:
            return sum(len(rejection.sample(n)) for _ in range(20))

        def ours(kernel=kernel) -> int:
            return sum(kernel.sample(shape).numel() for _ in range(20))

        found.append({"kernel": name} | rates(theirs, ours, rounds))
    return found


RUNGS = (
    "packed nn.GRU, mixed lengths",
    "batches of one length",
    "one autograd node a layer",
    "gates in one compiled pass",
    "first input product a look-up",
    "bfloat16 products",
    "memory used again",
)
"""What made a GRU stack fast, each idea on top of those before it."""


def ladder(
    size: int = 512, layers: int = 2, steps: int = 37, batch: int = 512, rungs: Sequence[str] = RUNGS
) -> list[dict]:
    """Sequences a second through one stack, forward and backward, as one idea after another is added.

    Each is measured in a process of its own: memory that an earlier one left behind would help a later one.
    A CPU without a unit for bfloat16 has no such rung, and goes on in float32.
    """
    program = f"import sys; from {__name__} import _rung; print(_rung(*map(int, sys.argv[1:])))"
    rows = []
    for idea in rungs:
        if idea != "bfloat16 products" or has_bfloat16_unit("cpu"):
            found = _in_a_process(program, RUNGS.index(idea), size, layers, steps, batch)
            rows.append({"idea": idea, "sequences_per_s": found})
    return rows


def _rung(i: int, size: int, layers: int, steps: int, batch: int) -> float:
    """Sequences a second with the first i ideas."""
    torch.manual_seed(0)
    gru, library = GRU(64, size, layers), nn.GRU(64, size, layers)
    table, tokens = torch.randn(30, 64, requires_grad=True), torch.randint(30, (steps, batch))
    if i < 3:
        native.compiled = lambda: None
    if i < 6:
        native.empty = lambda *shape, like, dtype=None: torch.empty(shape, dtype=dtype or like.dtype)
    precision = "bfloat16" if i >= 5 else "float32"
    if i == 0:
        lengths = torch.linspace(1.4, 0.6, batch).mul(steps).round().long()
        ragged = pack_sequence([torch.randint(30, (n,)) for n in lengths.tolist()])
        batch *= lengths.double().mean().item() / steps
        run = lambda: library(ragged._replace(data=table[ragged.data]))  # noqa: E731
    elif i == 1:
        run = lambda: library(table[tokens])  # noqa: E731
    else:
        run = lambda: gru(table[tokens]) if i < 4 else gru(table, tokens=tokens)  # noqa: E731
    return _best_rate(lambda: _through(run, precision), batch * 1e9, times=4)


def _through(run: Callable, precision: str) -> None:
    """Forward and backward."""
    with autocast("cpu", precision):
        output, h_n = run()
    output = getattr(output, "data", output)
    (output.float().sum() + h_n.float().sum()).backward()


def costs(
    molecules=(128, 256, 512, 1024), lengths=(16, 32, 64, 96), sizes=(256, 512, 768, 1024)
) -> list[dict]:
    """Milliseconds of one GRU layer, forward and backward, as one size at a time grows."""
    base = {"molecules": 512, "length": 36, "hidden units": 512}
    rows = []
    for axis, values in {"molecules": molecules, "length": lengths, "hidden units": sizes}.items():
        for value in values:
            shape = base | {axis: value}
            size, steps, batch = shape["hidden units"], shape["length"], shape["molecules"]
            gru, table = GRU(64, size, 1), torch.randn(30, 64, requires_grad=True)
            tokens = torch.randint(30, (steps, batch))
            work = lambda: _through(lambda: gru(table, tokens=tokens), "bfloat16")  # noqa: E731, B023
            rows.append({"axis": axis, "value": value, "ms": 1e9 / _best_rate(work, 1e9) / 1e6})
    return rows


def precision_gap(label: str, steps: int = 2_000, batch: int = 32, every: int = 100) -> list[dict]:
    """Loss of one training with each of `precisions`, from the same start on the same data, `every` steps."""
    means = {name: _losses(label, name, steps, batch, every) for name in precisions()}
    columns = zip(*means.values())
    return [
        {"model": label, "step": (i + 1) * every} | dict(zip(means, losses))
        for i, losses in enumerate(columns)
    ]


def _losses(label: str, precision: str, steps: int, batch: int, every: int) -> list[float]:
    """Negative objective of a training, averaged over `every` steps."""
    preset = PRESETS[MODELS[label]]
    state = our_state(preset, precision, clip_value=None, clip_norm=1.0)
    batches, values = our_batches(preset.molecules("test"), batch), []
    for step in range(steps):
        state.advance(next(batches), 0.0)
        if (step + 1) % every == 0:
            values.append(-state.means()["value"])
            state.end_epoch(step)
    return values


def peak_memory(label: str) -> dict[str, float]:
    """MB that training steps need beyond imports, data and model, each way in its own process (Linux)."""
    program = f"import sys; from {__name__} import _memory_of; print(_memory_of(*sys.argv[1:]))"
    found = [_in_a_process(program, label, way) for way in ("released", "ours")]
    return {"baseline": found[0], "ours": found[1], "ratio": found[1] / found[0]}


def _in_a_process(program: str, *arguments) -> float:
    """The number that a Python program prints."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return float(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


def _memory_of(label: str, way: str) -> float:
    preset = PRESETS[MODELS[label]]
    molecules, recipe = preset.molecules("test").first(2048), preset.recipe
    state, released = our_state(preset, "bfloat16"), Released(preset.model())
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak of loading
    before = _peak_kilobytes()
    theirs, ours = released_batches(molecules, 512), our_batches(molecules, 512)
    for _ in range(4):
        if way == "ours":
            state.advance(next(ours), 0.0)
        else:
            released.step(next(theirs), *_published_weights(recipe))
    return (_peak_kilobytes() - before) / 1024


def _peak_kilobytes() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])


def verdict(what: str, ratio: float) -> str:
    """Whether a row of the table reaches its goal."""
    least, aim = GOALS[what]
    reached = (lambda goal: ratio <= goal) if "memory" in what else (lambda goal: ratio >= goal)
    return "aim reached" if reached(aim) else "reached" if reached(least) else "MISSED"


def roofline(
    sizes=(64, 128, 256, 512, 1024, 2048), batch: int = 512, steps: int = 36, square: int = 4096
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


def bandwidth() -> float:
    """GB/s of copying a large array, reading and writing counted."""
    a = torch.ones(50_000_000)
    b = torch.empty_like(a)
    return _best_rate(lambda: b.copy_(a), 2 * a.nbytes)


def released_progress(label: str, minutes: float, batch: int = 512) -> list[dict]:
    """Sequence-wise accuracy of training the released way, by minutes."""
    preset = PRESETS[MODELS[label]]
    torch.manual_seed(0)
    released, batches = Released(preset.model()), released_batches(preset.molecules("train"), batch)
    recipe, started, rows = preset.recipe, time.monotonic(), []
    while not rows or rows[-1]["minutes"] < minutes:
        exact = released.step(next(batches), *_published_weights(recipe))
        passed = (time.monotonic() - started) / 60
        rows.append({"model": label, "minutes": passed, "molecules": (len(rows) + 1) * batch, "exact": exact})
    return rows


PARTS = ("step", "share", "decode", "sample", "memory")
"""Of `table`."""


def table(
    parts: Sequence[str] = PARTS, rounds: int = 3, batch: int = 512, labels: Sequence[str] = tuple(MODELS)
) -> Iterator[dict]:
    """Rows of the comparison, as they are measured.

    Args:
        parts: Out of `PARTS`.
        rounds, batch: Of what is timed.
        labels: Out of `MODELS`.

    Raises:
        ValueError: there is no such part.
    """
    unknown = [part for part in parts if part not in PARTS]
    if unknown:
        raise ValueError(f"part is {unknown[0]!r}; expected some of {', '.join(PARTS)}")

    def row(what: str, values: dict) -> dict:
        least, aim = GOALS[what]
        goals = {"at least": least, "aim": aim, "verdict": verdict(what, values["ratio"])}
        return {"what": what, "low": None, "high": None} | values | goals

    if "step" in parts:
        for precision in reversed(precisions()):
            for label in labels:
                found = training_step(label, precision, rounds, batch)
                yield row(f"training step {label}, {SHORT[precision]}", found)
    if "share" in parts:
        rate = matrix_rate()
        for label in labels:
            share = recurrence_rate(*SHAPES[label])
            values = {"baseline": rate, "ours": share, "ratio": share / rate}
            yield row(f"share of the {SHORT[precisions()[-1]]} matrix rate, {label}", values)
    if "decode" in parts:
        for label in labels:
            yield row(f"greedy decoding {label}", decoding(label, rounds))
    if "sample" in parts:
        slowest = min(sampling(), key=lambda r: r["ratio"])
        yield row("kernel sampling", {k: v for k, v in slowest.items() if k != "kernel"})
    if "memory" in parts:
        for label in labels:
            yield row(f"peak memory of a step {label}", peak_memory(label))
