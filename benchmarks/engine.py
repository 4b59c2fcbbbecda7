"""The sequence engine against the released way, in the same run; misses are printed as such.

    python benchmarks/engine.py [--only step,decode,sample,memory] [--rounds 3] [--csv FILE]

The training step takes real molecules, batches of 512, two threads; the baseline is `released.py`.
"""

import argparse
import csv
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch
from released import Released
from sampling import sample_by_rejection

from ddvae import KERNELS
from ddvae.experiments import PRESETS
from ddvae.gru import GRU
from ddvae.records import recorded
from ddvae.smiles import Molecules
from ddvae.train import _State, autocast

NAMES = {"MOSES 2x512": "moses-ddvae-triweight", "ZINC 1x1024": "zinc-ddvae-tricube"}
BATCH = 512


def our_state(name: str, precision: str) -> _State:
    """Model, optimiser and settings as `fit` has them, with the published run's choices."""
    torch.manual_seed(0)
    preset = PRESETS[name]
    run = replace(preset.run, precision=precision)
    return _State(preset.model().train(), run, 1, autocast("cpu", precision))


def random_batches(molecules: Molecules, n: int) -> list[list[torch.Tensor]]:
    """Batches of any lengths, each string a tensor of its own, as the released code collates them."""
    lengths = molecules.lengths.tolist()
    rows = torch.randperm(len(molecules))[: n * BATCH].split(BATCH)
    return [[molecules.tokens[i, : lengths[i]].long() for i in part.tolist()] for part in rows]


def rates(baseline, ours, rounds: int) -> dict[str, float]:
    """Molecules a second of two functions that return how many they did, in turn, after one warm-up."""

    def rate(work) -> float:
        started = time.perf_counter()
        return work() / (time.perf_counter() - started)

    for work in (baseline, ours):
        work()
    pairs = [(rate(baseline), rate(ours)) for _ in range(rounds)]
    ratios = sorted(b / a for a, b in pairs)
    return {
        "baseline": statistics.median(a for a, _ in pairs),
        "ours": statistics.median(b for _, b in pairs),
        "ratio": statistics.median(ratios),
        "low": ratios[0],
        "high": ratios[-1],
    }


def training_step(label: str, precision: str, rounds: int) -> dict[str, float]:
    """One whole step: forward, backward, clipping, Adam."""
    name = NAMES[label]
    preset = PRESETS[name]
    molecules = preset.molecules("test")
    state, run = our_state(name, precision), preset.run
    released = Released(preset.model())
    theirs = iter(random_batches(molecules, rounds + 1))
    batches = (b for epoch in range(10**6) for b in molecules.batches(epoch, BATCH, seed=0))

    def released_step() -> int:
        strings = next(theirs)
        released.step(strings, run.temperature(0.0), run.beta(0.0), run.clip_value)
        return len(strings)

    def our_steps() -> int:
        done = 0
        for _ in range(6):  # of six lengths, as the baseline's batch holds many
            batch = next(batches)
            state.advance(batch, 0.0)
            done += len(batch.tokens)
        return done

    torch.set_flush_denormal(True)
    return rates(released_step, our_steps, rounds)


def matrix_rate() -> float:
    """GFLOP/s of a large bfloat16 product: the machine's measured rate."""
    a = torch.randn(4096, 4096).bfloat16()
    return max(_gflops(lambda: a @ a, 2 * 4096**3) for _ in range(5))


def _gflops(work, operations: float) -> float:
    work()
    started = time.perf_counter()
    work()
    return operations / (time.perf_counter() - started) / 1e9


def recurrence_rate(size: int, layers: int, steps: int) -> float:
    """GFLOP/s of a GRU's products, forward and backward, everything else counted as time alone."""
    gru, table = GRU(64, size, layers), torch.randn(30, 64, requires_grad=True)
    tokens = torch.randint(30, (steps, BATCH))

    def work():
        with torch.autocast("cpu", torch.bfloat16):
            output, h_n = gru(table, tokens=tokens)
        torch.autograd.backward([output, h_n], [torch.ones_like(output), torch.ones_like(h_n)])

    products = 2 * layers - 1  # the first layer's input product is a look-up
    return max(_gflops(work, 3 * 2 * steps * BATCH * 3 * size**2 * products) for _ in range(3))


def decoding(label: str, rounds: int) -> dict[str, float]:
    """10,000 codes of the prior to strings, by the recorded model; the baseline does 1,024 of them."""
    record = recorded(NAMES[label])[0]
    model, vocabulary = record.model(), record.preset.vocabulary
    released = Released(model)
    z = torch.randn(10_000, model.encoder.head.linear.out_features // 2)

    def ours() -> int:
        with torch.no_grad(), autocast("cpu", "bfloat16"):
            return len(vocabulary.decode(model.decode(z)))

    return rates(lambda: len(released.decode(z[:1024])), ours, rounds)


def kernel_sampling(rounds: int) -> dict[str, float]:
    """A million draws of each kernel, numpy-style rejection against the exact samplers; the slowest ratio."""
    found = []
    for kernel in KERNELS.values():
        n = 10**6
        theirs = lambda k=kernel: len(sample_by_rejection(k, n))  # noqa: E731
        found.append(rates(theirs, lambda k=kernel: len(k.sample((n,))), rounds))
    return min(found, key=lambda f: f["ratio"])


def peak_memory(label: str) -> dict[str, float]:
    """MB that two training steps need beyond the imports and the model, each in a process of its own."""
    baseline, ours = (
        float(
            subprocess.run(
                [sys.executable, __file__, "--memory-of", label, way], capture_output=True, text=True, check=True
            ).stdout
        )
        for way in ("released", "ours")
    )
    return {"baseline": baseline, "ours": ours, "ratio": ours / baseline, "low": 0.0, "high": 0.0}


def _memory_of(label: str, way: str) -> None:
    name = NAMES[label]
    preset = PRESETS[name]
    molecules = preset.molecules("test").first(4 * BATCH)
    state, released = our_state(name, "bfloat16"), Released(preset.model())
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak of loading
    before = _peak_kilobytes()
    if way == "ours":
        for batch in molecules.batches(0, BATCH, seed=0):
            state.advance(batch, 0.0)
    else:
        for strings in random_batches(molecules, 2):
            released.step(strings, preset.run.temperature(0.0), preset.run.beta(0.0), preset.run.clip_value)
    print((_peak_kilobytes() - before) / 1024)


def _peak_kilobytes() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])


def measure(parts: list[str], rounds: int):
    """Rows of the table: what, unit, baseline, ours, ratio, at least, aim."""
    if "step" in parts:
        for label, least, aim in (("MOSES 2x512", 15, 20), ("ZINC 1x1024", 15, 22)):
            yield f"training step {label}, bf16", training_step(label, "bfloat16", rounds), least, aim
        for label in NAMES:
            yield f"training step {label}, fp32", training_step(label, "float32", rounds), 4, 5
    if "share" in parts:
        rate = matrix_rate()
        for label, shape in (("2x512", (512, 2, 37)), ("1x1024", (1024, 1, 45))):
            share = recurrence_rate(*shape)
            found = {"baseline": rate, "ours": share, "ratio": share / rate, "low": 0.0, "high": 0.0}
            yield f"share of the bf16 matrix rate, {label}", found, 0.30, 0.45
    if "decode" in parts:
        for label in NAMES:
            yield f"greedy decoding {label}", decoding(label, rounds), 15, 30
    if "sample" in parts:
        yield "kernel sampling (slowest kernel)", kernel_sampling(rounds), 10, 30
    if "memory" in parts:
        for label in NAMES:
            yield f"peak memory of a step {label}", peak_memory(label), 1.0, 0.5


def verdict(what: str, ratio: float, least: float, aim: float) -> str:
    reached = (lambda goal: ratio <= goal) if "memory" in what else (lambda goal: ratio >= goal)
    return "aim reached" if reached(aim) else "reached" if reached(least) else "MISSED"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="step,share,decode,sample,memory", help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--csv", help="also write the table to this file")
    parser.add_argument("--memory-of", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.memory_of:
        _memory_of(*arguments.memory_of)
        sys.exit()
    rows = []
    print(f"{'what':38} {'baseline':>9} {'ours':>9} {'ratio':>7}  {'least':>5} {'aim':>5}  verdict")
    for what, found, least, aim in measure(arguments.only.split(","), arguments.rounds):
        told = verdict(what, found["ratio"], least, aim)
        print(
            f"{what:38} {found['baseline']:9.1f} {found['ours']:9.1f} {found['ratio']:7.2f}  "
            f"{least:5g} {aim:5g}  {told}",
            flush=True,
        )
        rows.append({"what": what} | found | {"least": least, "aim": aim, "verdict": told})
    if arguments.csv:
        with open(arguments.csv, "w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
