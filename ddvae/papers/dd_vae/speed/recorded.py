"""Measurements by name: made, or read from data/runs/speed where they are recorded."""

import json
from collections.abc import Callable

import torch

from ....system.files import replace_file
from ....system.locations import runs
from ....system.provenance import provenance
from .ladder import RUNGS, ladder
from .moses_parity import parity
from .recurrence import costs, roofline
from .table import table
from .training import MODELS, precision_gap, released_progress

__all__ = ["MEASUREMENTS", "measured", "record"]

MEASUREMENTS: dict[str, Callable[[], list[dict]]] = {
    "table": lambda: list(table()),
    "ladder": ladder,
    "roofline": roofline,
    "costs": costs,
    "precision": lambda: precision_gap("MOSES 2x512"),
    "released": lambda: [row for label in MODELS for row in released_progress(label, minutes=3)],
    "parity": parity,
}
"""What chapters 5 and 8 show, as it is recorded."""
_SHORT = {
    "laptop": {
        "table": lambda: list(table(["step", "share"], rounds=1, batch=128)),
        "ladder": lambda: ladder(batch=128),
        "precision": lambda: precision_gap("MOSES 2x512", steps=60, batch=64, every=10),
        "released": lambda: released_progress("MOSES 2x512", minutes=1),
        "parity": lambda: parity(2_000),
    },
    "smoke": {
        "table": lambda: list(table(["step"], rounds=1, batch=8, labels=["MOSES 2x512"])),
        "ladder": lambda: ladder(size=32, layers=1, steps=4, batch=8, rungs=RUNGS[::3]),
        "roofline": lambda: roofline((32, 64), 8, 4, square=256),
        "costs": lambda: costs((8, 16), (2, 4), (16, 32)),
        "precision": lambda: precision_gap("MOSES 2x512", steps=2, batch=8, every=1),
        "released": lambda: released_progress("MOSES 2x512", minutes=0.01, batch=8),
        "parity": lambda: parity(60, n_jobs=1),
    },
}


def measured(name: str, budget: str) -> list[dict]:
    """A measurement of `MEASUREMENTS`: read at "recorded", else made now, shorter at "laptop" and "smoke".

    Raises:
        ValueError: there is no such measurement.
    """
    if name not in MEASUREMENTS:
        raise ValueError(f"name is {name!r}; expected one of {', '.join(MEASUREMENTS)}")
    if budget == "recorded":
        return json.loads((runs() / "speed" / f"{name}.json").read_text())["rows"]
    return _SHORT.get(budget, {}).get(name, MEASUREMENTS[name])()


def record(name: str) -> None:
    """Makes a measurement in full and keeps it under data/runs/speed with its provenance."""
    rows = MEASUREMENTS[name]()
    content = {
        "measurement": name,
        "provenance": provenance() | {"threads": torch.get_num_threads()},
        "rows": rows,
    }
    with replace_file(runs() / "speed" / f"{name}.json") as path:
        path.write_text(json.dumps(content, indent=1) + "\n")
