"""The memory that training steps need, each way in a process of its own (Linux).

This module is run as that process.
"""

import sys
from pathlib import Path

from .rates import number_of_a_process
from .released import Released, released_batches
from .training import first_weights, our_batches, our_state, published

__all__ = ["peak_memory"]


def peak_memory(label: str, steps: int = 4, batch: int = 512) -> dict[str, float]:
    """MB that training steps need beyond imports, data and model, the released way and ours.

    Args:
        label: One of `training.MODELS`.
        steps, batch: How many, of how many molecules each.
    """
    found = [number_of_a_process(__name__, label, way, steps, batch) for way in ("released", "ours")]
    return {"baseline": found[0], "ours": found[1], "ratio": found[1] / found[0]}


def _memory_of(label: str, way: str, steps: int, batch: int) -> float:
    preset = published(label)
    molecules, weights = preset.molecules("test").first(2048), first_weights(preset.recipe)
    state, released = our_state(preset, "bfloat16"), Released(preset.model())
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak of loading
    before = _peak_kilobytes()
    theirs, ours = released_batches(molecules, batch), our_batches(molecules, batch)
    for _ in range(steps):
        if way == "ours":
            state.advance(next(ours), 0.0)
        else:
            released.step(next(theirs), *weights)
    return (_peak_kilobytes() - before) / 1024


def _peak_kilobytes() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])


if __name__ == "__main__":
    label, way, *sizes = sys.argv[1:]
    print(_memory_of(label, way, *map(int, sizes)))
