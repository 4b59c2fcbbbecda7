"""Finished runs of presets: what they were, what they cost, what came out, read back from their folders."""

import csv
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..models.architecture import build
from ..models.vae import VAE
from ..system.files import load_checkpoint, replace_file
from ..system.locations import runs
from ..training.state import LOG
from ..training.weights import expanded
from .bricks import Bricks
from .digits import Digits
from .preset import Preset
from .smiles import Smiles

__all__ = [
    "Record",
    "is_recorded",
    "load_weights",
    "read_record",
    "read_settings",
    "recorded",
    "recorded_methods",
]


WEIGHTS = "weights.pt"
SETTINGS = "settings.json"
DERIVED = "derived"
"""The folder beside a record for what is computed from it afterwards."""


@dataclass(frozen=True)
class Record:
    """A finished run: what it was, what it cost, and what came out.

    Attributes:
        name, budget, seed: Which run.
        settings: Of the run, as plain values.
        results: Numbers of `Preset.evaluate`.
        provenance: Code, versions and device.
        seconds: Of training.
        folder: Where run.json, log.csv, arrays.npz and perhaps weights.pt lie.
    """

    name: str
    budget: str
    seed: int
    settings: dict
    results: dict
    provenance: dict
    seconds: float
    folder: Path

    @cached_property
    def arrays(self) -> dict[str, np.ndarray]:
        """What the figures need, by name; snapshots of the training as snapshot_<epoch>."""
        with np.load(self.folder / "arrays.npz", allow_pickle=False) as file:
            return dict(file)

    @cached_property
    def log(self) -> list[dict[str, float]]:
        """Rows of log.csv: means of an epoch, its settings, seconds so far; NaN where a cell is empty."""
        with open(self.folder / LOG, newline="") as file:
            return [{k: float(v or "nan") for k, v in row.items()} for row in csv.DictReader(file)]

    @property
    def label(self) -> str:
        """How the run is named below figures and tables."""
        epochs = self.settings["epochs"]
        minutes = self.seconds / 60
        return f"{self.name}, {epochs} epochs, seed {self.seed}, {minutes:.1f} min"

    @property
    def has_weights(self) -> bool:
        """Whether the record was kept with its weights."""
        return (self.folder / WEIGHTS).is_file()

    def keep(self, name: str, compute: Callable[[], Any]) -> Any:
        """What was computed from this record under that name, else what compute() gives, which is kept.

        Args:
            name: Of a JSON file in the record's folder derived/, without its ending.
            compute: Gives plain values.
        """
        file = self.folder / DERIVED / f"{name}.json"
        if not file.is_file():
            content = json.dumps(compute(), indent=1) + "\n"
            with replace_file(file) as beside:
                beside.write_text(content)
        return json.loads(file.read_text())

    def kept(self, pattern: str) -> dict[str, Any]:
        """What `keep` has kept under names that match a pattern with `*`, by name."""
        files = sorted((self.folder / DERIVED).glob(f"{pattern}.json"))
        return {file.stem: json.loads(file.read_text()) for file in files}

    def model(self) -> VAE:
        """The trained model.

        Raises:
            FileNotFoundError: the record was kept without its weights.
        """
        return load_weights(self.folder / WEIGHTS, self.settings)


def read_record(folder: str | os.PathLike[str]) -> Record:
    """The record in a folder.

    Raises:
        FileNotFoundError: it holds none.
        ValueError: its run.json is damaged.
    """
    path = Path(folder) / "run.json"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; expected a finished run")
    try:
        return Record(**json.loads(path.read_text()), folder=Path(folder))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path} is no record of a run ({error})") from None


def read_settings(path: Path) -> dict:
    """The settings of a run, from its run.json or, before its end, its settings.json.

    Raises:
        ValueError: the file is damaged.
    """
    try:
        content = json.loads(path.read_text())
        return dict(content["settings"] if path.name == "run.json" else content)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no record of a run ({error})") from None


def load_weights(path: str | os.PathLike[str], settings: Mapping[str, Any] | None = None) -> VAE:
    """The model of a file of weights or a checkpoint, in the architecture that is stored with them.

    Args:
        path: Of the file.
        settings: Of the run, for files of before architectures were stored.

    Raises:
        FileNotFoundError, ValueError: it is missing, damaged, or of another architecture than it says.
    """
    content = load_checkpoint(path)
    architecture = content.get("architecture") or _architecture_before(path, settings or {})
    try:
        model = build(architecture)
        model.load_state_dict(expanded(content))
    except RuntimeError as error:
        first = str(error).split("\n")[1].strip()
        raise ValueError(f"{path} is of another model: {first}") from None
    except (ValueError, KeyError) as error:
        raise ValueError(f"{path} names no model of this package ({error})") from None
    return model.eval()


_KINDS: dict[str, type[Preset]] = {"collection": Smiles, "upright": Digits, "layout": Bricks}
"""Kinds of runs by a setting that they alone have: older records store no architecture."""


def _architecture_before(path: str | os.PathLike[str], settings: Mapping[str, Any]) -> dict[str, Any]:
    kind = next((kind for name, kind in _KINDS.items() if name in settings), None)
    try:
        if kind is not None:
            return kind.architecture_of(settings)
    except KeyError as error:
        raise ValueError(f"{path} stores no architecture, and its settings lack {error}") from None
    raise ValueError(f"{path} stores no architecture; expected weights that train wrote")


def recorded(name: str) -> list[Record]:
    """All finished recorded runs of a preset, by seed.

    Args:
        name: Of the preset, which need not exist any more.

    Raises:
        FileNotFoundError: none is recorded.
    """
    done = [path.parent for path in (runs() / name).glob("seed*/run.json")]
    numbered = [folder for folder in done if folder.name.removeprefix("seed").isdigit()]
    folders = sorted(numbered, key=lambda f: int(f.name.removeprefix("seed")))
    if not folders:
        raise FileNotFoundError(f"{runs() / name} holds no run; expected one by python -m ddvae train {name}")
    return [read_record(folder) for folder in folders]


def is_recorded(name: str) -> bool:
    """Whether a preset has a finished recorded run."""
    return any((runs() / name).glob("seed*/run.json"))


def recorded_methods(
    methods: dict[str, str], *choices: tuple[str, tuple[str, ...]]
) -> dict[str, list[Record]]:
    """The recorded runs of methods, by title and seed; a method without a record is missing.

    Args:
        methods: The part of a preset's name that is the method's, by title.
        choices: What precedes it, and budgets; the first with a run at one of them is taken.
    """
    found = {}
    for title, method in methods.items():
        for prefix, budgets in choices:
            records = recorded(prefix + method) if is_recorded(prefix + method) else []
            if records := [record for record in records if record.budget in budgets]:
                found[title] = records
                break
    return found
