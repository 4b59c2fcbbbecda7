"""The engine against the released way in one table, with what was wanted of it."""

from collections.abc import Callable, Iterator, Sequence

from .peak_memory import peak_memory
from .recurrence import SHORT, matrix_rate, precisions, recurrence_rate
from .sampling import decoding, sampling
from .training import MODELS, published, training_step

__all__ = ["GOALS", "PARTS", "table", "verdict"]

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
_LENGTHS = {"MOSES 2x512": 37, "ZINC 1x1024": 45}
"""Of the commonest strings."""


def verdict(what: str, ratio: float) -> str:
    """Whether a row of the table reaches its goal."""
    least, aim = GOALS[what]
    reached = (lambda goal: ratio <= goal) if "memory" in what else (lambda goal: ratio >= goal)
    return "aim reached" if reached(aim) else "reached" if reached(least) else "MISSED"


def table(
    parts: Sequence[str] | None = None,
    rounds: int = 3,
    batch: int = 512,
    labels: Sequence[str] = tuple(MODELS),
) -> Iterator[dict]:
    """Rows of the comparison, as they are measured.

    Args:
        parts: Out of `PARTS`; None for all.
        rounds, batch: Of what is timed.
        labels: Out of `training.MODELS`.

    Raises:
        ValueError: there is no such part.
    """
    unknown = [part for part in parts or () if part not in PARTS]
    if unknown:
        raise ValueError(f"part is {unknown[0]!r}; expected some of {', '.join(PARTS)}")
    for part in PARTS if parts is None else parts:
        for what, values in PARTS[part](labels, rounds, batch):
            least, aim = GOALS[what]
            goals = {"at least": least, "aim": aim, "verdict": verdict(what, values["ratio"])}
            yield {"what": what, "low": None, "high": None} | values | goals


Rows = Iterator[tuple[str, dict[str, float]]]


def _steps(labels: Sequence[str], rounds: int, batch: int) -> Rows:
    for precision in reversed(precisions()):
        for label in labels:
            found = training_step(published(label), precision, rounds, batch)
            yield f"training step {label}, {SHORT[precision]}", found


def _shares(labels: Sequence[str], rounds: int, batch: int) -> Rows:
    rate = matrix_rate()
    for label in labels:
        preset = published(label)
        share = recurrence_rate(preset.hidden_size, preset.num_layers, _LENGTHS[label])
        what = f"share of the {SHORT[precisions()[-1]]} matrix rate, {label}"
        yield what, {"baseline": rate, "ours": share, "ratio": share / rate}


def _decoding(labels: Sequence[str], rounds: int, batch: int) -> Rows:
    for label in labels:
        yield f"greedy decoding {label}", decoding(label, rounds)


def _sampling(labels: Sequence[str], rounds: int, batch: int) -> Rows:
    """The smallest ratio of all kernels."""
    least = min(sampling(), key=lambda row: row["ratio"])
    yield "kernel sampling", {key: value for key, value in least.items() if key != "kernel"}


def _memory(labels: Sequence[str], rounds: int, batch: int) -> Rows:
    for label in labels:
        yield f"peak memory of a step {label}", peak_memory(label)


PARTS: dict[str, Callable[[Sequence[str], int, int], Rows]] = {
    "step": _steps,
    "share": _shares,
    "decode": _decoding,
    "sample": _sampling,
    "memory": _memory,
}
"""Of the table, by name."""
