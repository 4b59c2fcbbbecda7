"""Latent Bayesian optimisation of any score: a loop that can be killed at any moment and goes on."""

import csv
import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..molecules.chemistry import canonical, heavy_atoms
from ..system.files import load_checkpoint, replace_file, save_checkpoint
from .acquisitions import Box, View, check_acquisition, next_codes
from .guarded_score import apply_score
from .sparse_gp import Hyperparameters, SparseGP

__all__ = ["Evaluation", "Search", "optimize", "read_evaluations"]

EVALUATIONS, SETTINGS, START = "evaluations.csv", "search.json", "start.pt"


@dataclass(frozen=True)
class Evaluation:
    """One proposed code and what became of it.

    Attributes:
        round: From 1.
        attempt: From 0; a round tries again where codes were rejected.
        smiles: Canonical, or as decoded if it is no molecule.
        score: As the user's function gave it; NaN without one.
        status: "scored", "invalid", "duplicate", "too large", "left out" or "failed: ...".
        predicted_mean, predicted_sd: Of the score, before it was known.
        code: (D,) numbers.
    """

    round: int
    attempt: int
    smiles: str
    score: float
    status: str
    predicted_mean: float
    predicted_sd: float
    code: tuple[float, ...]


@dataclass(frozen=True)
class Search:
    """Settings of a search.

    Args:
        rounds: Rounds, after each of which the model is fitted again.
        batch: Codes proposed, and molecules wanted, in a round.
        acquisition: One of `bo.ACQUISITIONS`.
        maximize: Whether higher scores are better.
        max_heavy_atoms: Larger molecules are rejected; None takes any.
        attempts: Times that a round proposes codes in place of rejected ones.
        keep: Molecules scored of one proposal at most; the published runs proposed 60 and kept 50.
        amplitude: See `SparseGP.fit`.
        seed: Of everything random.
    """

    rounds: int = 5
    batch: int = 60
    acquisition: str = "trust-region"
    maximize: bool = True
    max_heavy_atoms: int | None = None
    attempts: int = 4
    keep: int | None = None
    amplitude: float = 1.0
    seed: int = 1

    def __post_init__(self):
        check_acquisition(self.acquisition)
        for name in ("rounds", "batch", "attempts", "max_heavy_atoms", "keep"):
            value = getattr(self, name)
            if value is None and name in ("max_heavy_atoms", "keep"):
                continue
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} is {value!r}; expected a whole number from 1")


def optimize(
    score: Callable[[list[str]], Sequence[float]],
    decode: Callable[[Tensor], list[str]],
    codes: Tensor,
    values: Sequence[float],
    *,
    known: Sequence[str] = (),
    search: Search | None = None,
    box: Box | None = None,
    start: Hyperparameters | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    time_limit: float | None = None,
    told: Callable[[str], None] = lambda line: None,
) -> list[Evaluation]:
    """Searches a latent space for molecules of high score.

    Args:
        score: A list of canonical SMILES to as many numbers; where it raises or is not finite, that is
            told in the molecule's status.
        decode: Codes (N, D) to N strings.
        codes: What the model starts from (N, D).
        values: Their scores (N,); those that are no numbers are left out.
        known: Canonical SMILES that count as duplicates.
        search: Settings.
        box: Where to look; None for the smallest box that holds the codes.
        start: Hyper-parameters of the model that each round's fit goes on from; None fits them first.
        out: Folder for evaluations.csv, written after each call of score; None keeps nothing.
        resume: Go on with the search that out holds.
        time_limit: Seconds for a molecule; score then runs in another process and must be importable. None
            calls it here.
        told: Receives a line a round.

    Returns:
        All evaluations, in order.

    Raises:
        ValueError: settings or shapes that do not fit, a score function that returns something else than
            one number a molecule, values that are all the same, or out holds another search to resume.
    """
    search = search or Search()
    sign = 1.0 if search.maximize else -1.0
    values = torch.as_tensor(np.asarray(values, dtype=np.float64))
    if codes.dim() != 2 or values.shape != codes.shape[:1]:
        shapes = f"{tuple(codes.shape)} and {tuple(values.shape)}"
        raise ValueError(f"codes and values have shapes {shapes}; expected (N, D) and (N,)")
    usable = values.isfinite()
    codes, values = codes[usable].double(), sign * values[usable]
    folder = None if out is None else Path(out)
    done = _begin(folder, search, codes, values, resume)
    box = box or Box.around(codes)
    start = start or _start(folder, search, codes, values)
    for index in range(1, search.rounds + 1):
        before = [one for one in done if one.round < index]
        view = None
        for attempt in range(search.attempts):
            here = [one for one in done if one.round == index]
            missing = search.batch - sum(one.status == "scored" for one in here)
            if missing <= 0 or any(one.attempt >= attempt for one in here):
                continue
            view = view or _view(start, search, box, codes, values, before, sign)
            seed = 1_000_003 * search.seed + 1_009 * index + attempt
            proposed = next_codes(view, missing, search.acquisition, seed)
            seen = set(known) | {one.smiles for one in done}
            done += _evaluate(proposed, view, search, seen, (index, attempt), sign, score, decode, time_limit)
            _write(folder, done)
        told(_line(index, [one for one in done if one.round == index], done, sign))
    return done


def read_evaluations(folder: str | Path) -> list[Evaluation]:
    """The evaluations that a folder holds.

    Raises:
        ValueError: its evaluations.csv is damaged.
    """
    path = Path(folder) / EVALUATIONS
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    try:
        return [_parsed(row) for row in rows]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is no table of evaluations ({error!r})") from None


def _parsed(row: dict[str, str]) -> Evaluation:
    numbers = [float(value) for name, value in row.items() if name.startswith("z")]
    return Evaluation(
        int(row["round"]),
        int(row["attempt"]),
        row["smiles"],
        float(row["score"]),
        row["status"],
        float(row["predicted_mean"]),
        float(row["predicted_sd"]),
        tuple(numbers),
    )


def _write(folder: Path | None, done: list[Evaluation]) -> None:
    if folder is None or not done:
        return
    head = [name for name in vars(done[0]) if name != "code"]
    with replace_file(folder / EVALUATIONS) as path, open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(head + [f"z{i}" for i in range(len(done[0].code))])
        writer.writerows([*(getattr(one, name) for name in head), *one.code] for one in done)


def _begin(
    folder: Path | None, search: Search, codes: Tensor, values: Tensor, resume: bool
) -> list[Evaluation]:
    """What is done already; marks the folder as this search's."""
    if folder is None:
        return []
    data = hashlib.sha256(codes.numpy().tobytes() + values.numpy().tobytes()).hexdigest()
    settings = json.loads(json.dumps(asdict(search) | {"start": data}))
    file = folder / SETTINGS
    if resume and file.is_file():
        found = json.loads(file.read_text())
        changed = [key for key in settings if found.get(key) != settings[key] and key != "rounds"]
        if changed:
            key = changed[0]
            raise ValueError(
                f"{folder} holds a search with {key} {found.get(key)!r}, not {settings[key]!r}; "
                "expected the same search, another folder, or a start without resume"
            )
        return read_evaluations(folder) if (folder / EVALUATIONS).is_file() else []
    for name in (EVALUATIONS, START):
        (folder / name).unlink(missing_ok=True)
    with replace_file(file) as path:
        path.write_text(json.dumps(settings))
    return []


def _start(folder: Path | None, search: Search, codes: Tensor, values: Tensor) -> Hyperparameters:
    """Hyper-parameters of what is known at first, from which every round's fit goes on."""
    file = None if folder is None else folder / START
    if file is not None and file.is_file():
        return Hyperparameters(**load_checkpoint(file)["model"])
    hyper = SparseGP.fit(codes, values, seed=search.seed, amplitude=search.amplitude).hyper
    if file is not None:
        save_checkpoint(file, {"model": vars(hyper)})
    return hyper


def _view(start, search: Search, box: Box, codes: Tensor, values: Tensor, before, sign: float) -> View:
    scored = [one for one in before if one.status == "scored"]
    if scored:
        codes = torch.cat([codes, torch.tensor([one.code for one in scored], dtype=torch.float64)])
        new = torch.tensor([sign * one.score for one in scored], dtype=torch.float64)
        values = torch.cat([values, new])
    rounds = torch.zeros(len(values), dtype=torch.long)
    rounds[len(values) - len(scored) :] = torch.tensor([one.round for one in scored], dtype=torch.long)
    if scored:
        gp = SparseGP.fit(codes, values, start=start, steps=5, seed=search.seed, amplitude=search.amplitude)
    else:
        gp = SparseGP(start, codes, values)
    return View(gp, box, codes, values, rounds)


def _evaluate(
    proposed: Tensor, view: View, search: Search, seen: set, place, sign, score, decode, time_limit
) -> list[Evaluation]:
    """Decodes codes, rejects what is no new molecule of allowed size, scores the rest."""
    mean, variance = view.gp.predict(proposed)
    decoded = decode(proposed.float())
    smiles = canonical(decoded)
    largest = search.max_heavy_atoms or math.inf
    states: list[str] = []
    for one, size in zip(smiles, heavy_atoms(smiles)):
        if one is None:
            states.append("invalid")
        elif one in seen:
            states.append("duplicate")
        elif size > largest:
            states.append("too large")
        elif search.keep is not None and states.count("new") == search.keep:
            states.append("left out")
        else:
            states.append("new")
            seen.add(one)
    wanted = [one for one, state in zip(smiles, states) if state == "new"]
    scores = dict(zip(wanted, apply_score(score, wanted, time_limit)))
    rows = []
    for i, state in enumerate(states):
        value, note = scores[smiles[i]] if state == "new" else (math.nan, state)
        name = smiles[i] or decoded[i]
        code = tuple(proposed[i].tolist())
        rows.append(
            Evaluation(*place, name, value, note, sign * mean[i].item(), variance[i].sqrt().item(), code)
        )
    return rows


def _line(index: int, here: list[Evaluation], done: list[Evaluation], sign: float) -> str:
    scored = [one for one in done if one.status == "scored"]
    best = max(scored, key=lambda one: sign * one.score, default=None)
    counts = {}
    for one in here:
        kind = one.status.split(":")[0]
        counts[kind] = counts.get(kind, 0) + 1
    told = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    return f"round {index}: {told}" + (f"; best {best.score:.4f} {best.smiles}" if best else "")
