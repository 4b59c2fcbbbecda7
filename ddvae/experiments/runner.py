"""Trains presets, evaluates them and writes their records."""

import json
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from ..models.vae import VAE
from ..system.files import check_same_settings, replace_file, save_checkpoint
from ..system.locations import reproduced
from ..system.provenance import provenance
from ..training.loop import fit, seed_everything
from ..training.state import CHECKPOINT, LOG
from ..training.weights import compacted
from .preset import BUDGETS, Preset
from .record import DERIVED, SETTINGS, WEIGHTS, Record, load_weights, read_record, read_settings, recorded

__all__ = ["default_folder", "is_trained", "obtain", "train"]

DEVICES = "devices.json"
TRAINED = "trained.json"  # beside weights that are not evaluated yet: where and how long they were trained
OF_A_RUN = (
    *("run.json", SETTINGS),  # the marks first: what is left without one is removed by the next start
    *(CHECKPOINT, WEIGHTS, TRAINED, DEVICES, LOG, "arrays.npz"),
)
"""What `train` removes of an earlier run, beside its snapshots; other files in the folder are not its own."""


def obtain(
    preset: Preset,
    budget: str,
    out: str = "",
    seeds: Iterable[int] = (1,),
    device: str = "cpu",
    watch: Callable[[list[dict]], None] | None = None,
) -> list[Record]:
    """The runs that a chapter shows: read from data/runs at "recorded", else trained.

    Args:
        preset: The run.
        budget: One of `BUDGETS`.
        out: Folder whose trained/ receives trained runs; "" for `reproduced()`. An interrupted training in it
            goes on, a finished one is read.
        seeds: To train; at "recorded" all seeds on record are returned.
        device, watch: See `train`.

    Raises:
        ValueError: unknown budget.
        KeyboardInterrupt: training was stopped; it goes on the next time.
    """
    if budget not in BUDGETS:
        raise ValueError(f"budget is {budget!r}; expected one of {', '.join(BUDGETS)}")
    if budget == "recorded":
        return recorded(preset.name)
    records = []
    for seed in seeds:
        folder = Path(out or reproduced(), "trained", preset.name, f"seed{seed}")
        record = train(preset, budget, seed, folder, device, resume=True, progress=False, watch=watch)
        if record is None:
            raise KeyboardInterrupt(f"training of {preset.name} was stopped; run again to go on")
        records.append(record)
    return records


def train(
    preset: Preset,
    budget: str = "laptop",
    seed: int = 1,
    folder: str | os.PathLike[str] | None = None,
    device: str = "cpu",
    resume: bool = False,
    time_limit: float | None = None,
    progress: bool = True,
    watch: Callable[[list[dict]], None] | None = None,
    evaluation: bool = True,
) -> Record | None:
    """Trains a preset, evaluates it and writes its record.

    Args:
        preset: The run: one of a catalogue, or an object of one's own.
        budget: "smoke", "laptop", "hours" or "full".
        seed: Of everything random.
        folder: Where the record goes, by default reproduced/runs/<name>/seed<seed>.
        device: For training and its snapshots; evaluation runs on the CPU.
        resume: Go on from what the folder holds of the same run; a finished run is only read. Without
            it the folder's earlier run is removed, with what was computed from it.
        time_limit: Seconds of training after which to save and stop.
        progress: Whether to show a progress bar.
        watch: Called after each epoch with the log, a row an epoch.
        evaluation: Whether to evaluate. If not, the folder holds weights when training has ended; the same
            call with resume evaluates them, on any machine.

    Returns:
        The record, or None where the run was stopped before its end or is not to be evaluated.

    Raises:
        ValueError: unknown budget, or the folder holds another run to resume, or a damaged one.
    """
    recipe = preset.scaled(budget, seed)
    folder = Path(folder or default_folder(preset.name, seed))
    data = preset.data(budget)
    settings = {"preset": preset.name, "data": str(data)} | preset.describe(budget, seed)
    settings = json.loads(json.dumps(settings))  # as they are read back
    if _begin(folder, settings, resume) and (folder / "run.json").exists():
        return read_record(folder)
    if not is_trained(folder):
        where = provenance(device)
        where["device"] = ", then ".join(_trained_on(folder, where["device"]))
        seed_everything(seed)
        model = preset.model()
        fitted = fit(
            model,
            data,
            recipe.settings,
            recipe.to_maximise(),
            folder,
            resume=resume,
            time_limit=time_limit,
            device=device,
            progress=progress,
            on_epoch=_Snapshots(preset, budget, recipe.settings.epochs, folder / "snapshots", watch),
        )
        if not fitted.finished:
            return None
        _write_trained(folder, preset, model, where, round(fitted.seconds, 1))
    return _evaluated(folder, preset, budget, seed, settings) if evaluation else None


def default_folder(name: str, seed: int) -> Path:
    """Where `train` writes unless told otherwise."""
    return reproduced() / "runs" / name / f"seed{seed}"


def is_trained(folder: Path) -> bool:
    """Whether a folder holds a trained model that is still to be evaluated."""
    return (folder / TRAINED).is_file()


def _trained_on(folder: Path, device: str) -> list[str]:
    """The devices of a run, in order: it may be cut short on one and go on on another."""
    file = folder / DEVICES
    devices = json.loads(file.read_text()) if file.exists() else []
    if device not in devices[-1:]:
        devices.append(device)
        with replace_file(file) as path:
            path.write_text(json.dumps(devices))
    return devices


def _write_trained(folder: Path, preset: Preset, model: VAE, where: dict, seconds: float) -> None:
    """Keeps what training gave, as it will be evaluated; its checkpoint is of no more use."""
    weights = model.to("cpu").state_dict()
    content = compacted(weights) if preset.compact else {"model": weights}
    save_checkpoint(folder / WEIGHTS, content | {"architecture": model.architecture})
    with replace_file(folder / TRAINED) as path:
        path.write_text(json.dumps({"provenance": where, "seconds": seconds}))
    (folder / CHECKPOINT).unlink(missing_ok=True)


def _evaluated(folder: Path, preset: Preset, budget: str, seed: int, settings: dict) -> Record:
    """The record of a trained folder. Its run.json comes last: with it a folder is complete."""
    trained = json.loads((folder / TRAINED).read_text())
    where, here = trained["provenance"], provenance()
    if here["code"] != where["code"]:
        where |= {"evaluated with": here["code"]}
    torch.manual_seed(0)  # the same draws whenever a record is evaluated
    results, arrays = preset.evaluate(load_weights(folder / WEIGHTS, settings), budget)
    for file in sorted((folder / "snapshots").glob("[0-9]*.npy")):
        arrays[f"snapshot_{file.stem}"] = np.load(file)
    record = Record(preset.name, budget, seed, settings, results, where, trained["seconds"], folder)
    with replace_file(folder / "arrays.npz") as path, open(path, "wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **arrays)
    content = {k: v for k, v in asdict(record).items() if k != "folder"}
    with replace_file(folder / "run.json") as path:
        path.write_text(json.dumps(content, indent=1) + "\n")
    for left in (TRAINED, SETTINGS, DEVICES):
        (folder / left).unlink(missing_ok=True)
    shutil.rmtree(folder / "snapshots", ignore_errors=True)
    return record


def _begin(folder: Path, settings: dict, resume: bool) -> bool:
    """Whether the folder holds something of this very run to go on from; marks it as this run's.

    Raises:
        ValueError: it is to be resumed but holds another run, or a damaged one.
    """
    mark = next((folder / name for name in ("run.json", SETTINGS) if (folder / name).exists()), None)
    if resume and mark is not None:
        found = read_settings(mark)
        check_same_settings(found, settings, f"{folder} holds a run")
        return True
    for pattern in OF_A_RUN:
        for path in folder.glob(pattern):
            path.unlink()
    for own in ("snapshots", DERIVED):
        shutil.rmtree(folder / own, ignore_errors=True)
    with replace_file(folder / SETTINGS) as path:
        path.write_text(json.dumps(settings))
    return False


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
