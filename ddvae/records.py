"""Runs of presets with their provenance: trained, kept in a folder, read back."""

import csv
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path

import numpy as np
import torch

from . import __version__
from .codec import Codec
from .compact import compacted, expanded
from .experiments import BUDGETS, PRESETS, Preset, find_preset
from .files import load_checkpoint, replace_file, save_checkpoint
from .molecules import Smiles
from .smiles import own_molecules
from .train import CHECKPOINT, LOG, fit, seed_everything
from .vae import VAE

__all__ = [
    "RUNS",
    "Record",
    "first_recorded",
    "inventory",
    "is_recorded",
    "load_codec",
    "obtain",
    "provenance",
    "read_record",
    "recorded",
    "train",
]

RUNS = Path(__file__).resolve().parents[1] / "data" / "runs"
"""The recorded runs, one folder a preset and seed."""

WEIGHTS = "weights.pt"
SETTINGS = "settings.json"
TRAINED = "trained.json"  # beside weights that are not evaluated yet: where and how long they were trained
CURVE, METRICS = "curve.json", "metrics.json"  # computed from a record afterwards


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

    @property
    def preset(self) -> Preset:
        return PRESETS[self.name].restored(self.settings)

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

    def model(self) -> VAE:
        """The trained model.

        Raises:
            FileNotFoundError: the record was kept without its weights.
        """
        return _load_weights(self.preset, self.folder / WEIGHTS)


def train(
    name: str,
    budget: str = "laptop",
    seed: int = 1,
    folder: str | Path | None = None,
    device: str = "cpu",
    resume: bool = False,
    time_limit: float | None = None,
    progress: bool = True,
    reading: str | None = None,
    own: str | Path | None = None,
    watch: Callable[[list[dict]], None] | None = None,
    evaluation: bool = True,
) -> Record | None:
    """Trains a preset, evaluates it and writes its record.

    Args:
        name: One of `PRESETS`.
        budget: "smoke", "laptop", "hours" or "full".
        seed: Of everything random.
        folder: Where the record goes, by default figures/runs/<name>/seed<seed>.
        device: For training and its snapshots; evaluation runs on the CPU.
        resume: Go on from what the folder holds of the same run; a finished run is only read. Without
            it the folder's earlier run is removed.
        time_limit: Seconds of training after which to save and stop.
        progress: Whether to show a progress bar.
        reading: "paper" or "released", in place of the preset's own.
        own: A file of molecules that takes the place of a molecular preset's set (see `read_smiles`).
        watch: Called after each epoch with the log, a row an epoch.
        evaluation: Whether to evaluate. If not, the folder holds weights when training has ended; the same
            call with resume evaluates them, on any machine.

    Returns:
        The record, or None where the run was stopped before its end or is not to be evaluated.

    Raises:
        ValueError: unknown preset or budget, or the folder holds another run to resume.
    """
    preset = find_preset(name) if reading is None else find_preset(name).under(reading)
    if own is not None:
        if not isinstance(preset, Smiles):
            raise ValueError(f"data is {str(own)!r}; expected it with a molecular preset, not {name}")
        preset = preset.on(own_molecules(own))
    run = preset.scaled_run(budget, seed)
    folder = Path(folder or Path("figures", "runs", name, f"seed{seed}"))
    data = preset.data(budget)
    settings = {"preset": name, "data": str(data)} | preset.describe(budget, seed)
    settings = json.loads(json.dumps(settings))  # as they are read back
    if _begin(folder, settings, resume) and (folder / "run.json").exists():
        return read_record(folder)
    if not (folder / TRAINED).exists():
        seed_everything(seed)
        model = preset.model()
        fitted = fit(
            model,
            data,
            run,
            folder,
            resume=resume,
            time_limit=time_limit,
            device=device,
            progress=progress,
            on_epoch=_Snapshots(preset, budget, run.epochs, folder / "snapshots", watch),
        )
        if not fitted.finished:
            return None
        _write_trained(folder, preset, model, provenance(device), round(fitted.seconds, 1))
    return _evaluated(folder, preset, name, budget, seed, settings) if evaluation else None


def _write_trained(folder: Path, preset: Preset, model: VAE, where: dict, seconds: float) -> None:
    """Keeps what training gave, as it will be evaluated; its checkpoint is of no more use."""
    weights = model.to("cpu").state_dict()
    save_checkpoint(folder / WEIGHTS, compacted(weights) if preset.compact else {"model": weights})
    with replace_file(folder / TRAINED) as path:
        path.write_text(json.dumps({"provenance": where, "seconds": seconds}))
    (folder / CHECKPOINT).unlink(missing_ok=True)


def _evaluated(folder: Path, preset: Preset, name: str, budget: str, seed: int, settings: dict) -> Record:
    """The record of a trained folder. Its run.json comes last: with it a folder is complete."""
    trained = json.loads((folder / TRAINED).read_text())
    where, here = trained["provenance"], provenance()
    if here["code"] != where["code"]:
        where |= {"evaluated with": here["code"]}
    torch.manual_seed(0)  # the same draws whenever a record is evaluated
    results, arrays = preset.evaluate(_load_weights(preset, folder / WEIGHTS), budget)
    for file in sorted((folder / "snapshots").glob("[0-9]*.npy")):
        arrays[f"snapshot_{file.stem}"] = np.load(file)
    record = Record(name, budget, seed, settings, results, where, trained["seconds"], folder)
    with replace_file(folder / "arrays.npz") as path, open(path, "wb") as file:
        np.savez_compressed(file, **arrays)
    content = {k: v for k, v in asdict(record).items() if k != "folder"}
    with replace_file(folder / "run.json") as path:
        path.write_text(json.dumps(content, indent=1) + "\n")
    for left in (TRAINED, SETTINGS):
        (folder / left).unlink(missing_ok=True)
    shutil.rmtree(folder / "snapshots", ignore_errors=True)
    return record


def read_record(folder: Path) -> Record:
    """The record in a folder.

    Raises:
        FileNotFoundError: it holds none.
        ValueError: its run.json is damaged or of another preset.
    """
    path = folder / "run.json"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; expected a finished run")
    try:
        record = Record(**json.loads(path.read_text()), folder=folder)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path} is no record of a run ({error})") from None
    find_preset(record.name)
    return record


def load_codec(path: str | Path, precision: str = "bfloat16") -> Codec:
    """Encoder and decoder of strings from a run's folder or its weights.

    Args:
        path: A folder that `train` wrote, or the checkpoint or weights in it.
        precision: See `Codec`.

    Raises:
        FileNotFoundError: there is no such run, or it was kept without weights.
        ValueError: it is damaged, or not a run on molecules.
    """
    path = Path(path)
    folder = path.parent if path.suffix == ".pt" else path
    found = next((folder / name for name in ("run.json", SETTINGS) if (folder / name).is_file()), None)
    if found is None:
        raise FileNotFoundError(
            f"{folder} holds no {SETTINGS} or run.json; expected a folder that train wrote"
        )
    try:
        content = json.loads(found.read_text())
        settings = content["settings"] if found.name == "run.json" else content
        preset = find_preset(settings["preset"]).restored(settings)
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"{found} is no record of a run ({error})") from None
    if not isinstance(preset, Smiles):
        raise ValueError(f"{folder} holds a run of {settings['preset']}; expected a model of molecules")
    if path == folder:
        path = folder / (WEIGHTS if (folder / WEIGHTS).is_file() else CHECKPOINT)
    return Codec(_load_weights(preset, path), preset.vocabulary, precision)


def _load_weights(preset: Preset, path: Path) -> VAE:
    """The preset's model with the weights of a file.

    Raises:
        FileNotFoundError, ValueError: it is missing, damaged, or of another size or vocabulary.
    """
    model = preset.model()
    try:
        model.load_state_dict(expanded(load_checkpoint(path)))
    except RuntimeError as error:
        first = str(error).split("\n")[1].strip()
        raise ValueError(f"{path} is of another model: {first}") from None
    return model.eval()


def recorded(name: str) -> list[Record]:
    """All finished recorded runs of a preset, by seed.

    Raises:
        ValueError: unknown preset.
        FileNotFoundError: none is recorded.
    """
    find_preset(name)
    done = [path.parent for path in (RUNS / name).glob("seed*/run.json")]
    numbered = [folder for folder in done if folder.name.removeprefix("seed").isdigit()]
    folders = sorted(numbered, key=lambda f: int(f.name.removeprefix("seed")))
    if not folders:
        raise FileNotFoundError(f"{RUNS / name} holds no run; expected one by python -m ddvae train {name}")
    return [read_record(folder) for folder in folders]


def is_recorded(name: str) -> bool:
    """Whether a preset has a finished recorded run."""
    return any((RUNS / name).glob("seed*/run.json"))


def first_recorded(*choices: tuple[str, tuple[str, ...]]) -> list[Record]:
    """The recorded runs, by seed, of the first preset of several that has any at these budgets; else none."""
    for name, budgets in choices:
        found = [record for record in recorded(name) if record.budget in budgets] if is_recorded(name) else []
        if found:
            return found
    return []


def obtain(
    name: str,
    budget: str,
    out: str = "",
    seeds: Iterable[int] = (1,),
    device: str = "cpu",
    watch: Callable[[list[dict]], None] | None = None,
) -> list[Record]:
    """The runs that a chapter shows: read from data/runs at "recorded", else trained.

    Args:
        name: One of `PRESETS`.
        budget: One of `BUDGETS`.
        out: Folder whose trained/ receives trained runs; "" for figures. An interrupted training in it
            goes on, a finished one is read.
        seeds: To train; at "recorded" all seeds on record are returned.
        device, watch: See `train`.

    Raises:
        ValueError: unknown preset or budget.
        KeyboardInterrupt: training was stopped; it goes on the next time.
    """
    if budget not in BUDGETS:
        raise ValueError(f"budget is {budget!r}; expected one of {', '.join(BUDGETS)}")
    if budget == "recorded":
        return recorded(name)
    records = []
    for seed in seeds:
        folder = Path(out or "figures", "trained", name, f"seed{seed}")
        record = train(name, budget, seed, folder, device, resume=True, progress=False, watch=watch)
        if record is None:
            raise KeyboardInterrupt(f"training of {name} was stopped; run again to go on")
        records.append(record)
    return records


def inventory() -> list[str]:
    """One Markdown table row a preset: its name, what is recorded, which full runs are lacking."""
    rows = []
    for name, preset in PRESETS.items():
        records = recorded(name) if is_recorded(name) else []
        found = ", ".join(f"{r.seed} ({r.budget})" for r in records) or "none"
        full = {r.seed for r in records if r.budget == "full"}
        lacking = ", ".join(str(s) for s in range(1, preset.seeds + 1) if s not in full) or "none"
        rows.append(f"| `{name}` | {found} | {lacking} |")
    return rows


def provenance(device: str = "cpu") -> dict[str, str]:
    """What a number depends on besides its settings: code, versions, device."""
    packages = ("torch", "numpy", "rdkit")
    versions = {}
    for package in packages:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    kind = torch.device(device).type
    name = torch.cuda.get_device_name(device) if kind == "cuda" else f"{os.cpu_count()} CPU cores"
    return (
        {"ddvae": __version__, "code": _code_version(), "python": platform.python_version()}
        | versions
        | {"device": name}
    )


def _code_version() -> str:
    """The commit of a checkout, "+" if files were changed since; "installed" elsewhere."""
    git = ["git", "-C", str(Path(__file__).parent)]
    try:
        commit, status = (
            subprocess.run([*git, *words], capture_output=True, text=True, check=True).stdout.strip()
            for words in (["rev-parse", "--short", "HEAD"], ["status", "--porcelain", "--", "."])
        )
    except (OSError, subprocess.CalledProcessError):
        return "installed"
    return commit + ("+" if status else "")


def _begin(folder: Path, settings: dict, resume: bool) -> bool:
    """Whether the folder holds something of this very run to go on from; marks it as this run's.

    Raises:
        ValueError: it is to be resumed but holds another run.
    """
    found = None
    for name in ("run.json", SETTINGS):
        if (folder / name).exists():
            content = json.loads((folder / name).read_text())
            found = content["settings"] if name == "run.json" else content
            break
    changed = next((k for k in settings | (found or {}) if settings.get(k) != (found or {}).get(k)), None)
    if resume and found is not None and changed is not None:
        raise ValueError(
            f"{folder} holds a run with {changed} {found.get(changed)!r}, not {settings.get(changed)!r}; "
            "expected the same run, another folder, or a start without resume"
        )
    if not resume or found is None:
        (folder / "run.json").unlink(missing_ok=True)  # first: with it a folder is a whole record
        for kind in ("*.pt", "*.npz", "*.csv", "*.json"):  # among them what was kept beside the record
            for path in folder.glob(kind):
                path.unlink()
        shutil.rmtree(folder / "snapshots", ignore_errors=True)
        with replace_file(folder / SETTINGS) as path:
            path.write_text(json.dumps(settings))
    return resume and found is not None


class _Snapshots:
    """Keeps a preset's snapshots, and lets whoever watches see the log."""

    def __init__(self, preset: Preset, budget: str, epochs: int, folder: Path, watch: Callable | None):
        self.preset, self.budget, self.folder, self.watch = preset, budget, folder, watch
        self.chosen = preset.snapshot_epochs(epochs)

    def __call__(self, model: VAE, log: list[dict]) -> None:
        if self.watch is not None:
            self.watch(log)
        epoch = len(log)
        if epoch not in self.chosen:
            return
        picture = self.preset.snapshot(model, self.budget)
        if picture is not None:
            with replace_file(self.folder / f"{epoch:04d}.npy") as path, open(path, "wb") as file:
                np.save(file, picture)
