"""Encoding molecules without gradients: nothing kept for a backward pass, against keeping it all the same.

The baseline sends each layer through its autograd node, as a training step does, and drops what that kept.
"""

import argparse
import functools
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from unittest import mock

import torch
from timing import ratio, show
from torch import Tensor

from ddvae.engine import gru, layer
from ddvae.engine.precision import autocast
from ddvae.models.networks import SequenceEncoder
from ddvae.molecules.datasets import MOSES, moses

SHAPES = {"MOSES 2x512": (512, 2), "ZINC 1x1024": (1024, 1)}
"""Units and layers as published; the molecules are always those of MOSES."""


def keeping(inputs: layer.Inputs, *dtypes: torch.dtype | None) -> tuple[Tensor, Tensor]:
    """As `run_layer`, with all that a backward pass would need."""
    return layer._Layer.apply(*dtypes, *inputs)


WAYS = {"keeping": keeping, "ours": layer.run_layer}


@functools.cache
def parts(shape: str, molecules: int) -> tuple[SequenceEncoder, list]:
    """The same untrained encoder each time, and batches of 512 by length."""
    torch.manual_seed(0)
    encoder = SequenceEncoder(len(MOSES), 64, *SHAPES[shape], 64, "triweight")
    return encoder, [batch for _, batch in moses("test").first(molecules).in_order(512)]


def encode(way: str, shape: str, molecules: int) -> Tensor:
    """Features of all molecules."""
    encoder, batches = parts(shape, molecules)
    with mock.patch.object(gru, "run_layer", WAYS[way]), torch.no_grad(), autocast("cpu", "bfloat16"):
        return torch.cat([encoder.features(batch.tokens, batch.mask) for batch in batches])


def megabytes(way: str, shape: str, molecules: int) -> float:
    """What encoding needs at most beyond imports, data and model (Linux)."""
    parts(shape, molecules)
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak of loading
    before = peak_kilobytes()
    encode(way, shape, molecules)
    return (peak_kilobytes() - before) / 1024


def peak_kilobytes() -> int:
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])


def in_a_process(function, *arguments):
    """Its result in a process that has done nothing else."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=20_000, help="molecules; default: %(default)s")
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    arguments = parser.parse_args()
    print(f"{arguments.n:,} molecules: keeping what a backward pass needs, ours, ratio")
    for shape in SHAPES:
        works = [functools.partial(encode, way, shape, arguments.n) for way in WAYS]
        assert torch.equal(*(work() for work in works)), "the two ways differ"
        show(shape, ratio(*works, arguments.rounds))
        kept, ours = (in_a_process(megabytes, way, shape, arguments.n) for way in WAYS)
        print(f"{f'{shape}, peak memory':44} {kept:9.0f} MB {ours:9.0f} MB {kept / ours:6.2f}x", flush=True)
