"""Latent Bayesian optimisation of any score: a loop that can be killed at any moment and goes on."""

import hashlib
import json
import math
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from ..molecules.chemistry import canonical, heavy_atoms
from ..system.files import check_same_settings, load_checkpoint, replace_file, save_checkpoint
from .acquisitions import Box, View, check_acquisition, next_codes
from .evaluations import Evaluation, read_evaluations, write_evaluations
from .guarded_score import GuardedScore, Score, as_numbers
from .kept_scores import EVALUATIONS, SETTINGS, START, UNFINISHED, forget, kept_scores, score_molecules
from .sparse_gp import Hyperparameters, SparseGP

__all__ = ["Evaluation", "Search", "optimize", "read_evaluations"]

TINY, ENORMOUS = 1e-2, 1e75
"""Spreads of scores between which jitter is small beside their squares, and the squares are numbers."""


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

    def __post_init__(self) -> None:
        check_acquisition(self.acquisition)
        for name in ("rounds", "batch", "attempts", "max_heavy_atoms", "keep"):
            value = getattr(self, name)
            if value is None and name in ("max_heavy_atoms", "keep"):
                continue
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} is {value!r}; expected a whole number from 1")


def optimize(
    score: Score | GuardedScore,
    decode: Callable[[Tensor], list[str]],
    codes: Tensor,
    values: ArrayLike,
    *,
    known: Sequence[str] = (),
    search: Search | None = None,
    box: Box | None = None,
    start: Hyperparameters | None = None,
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    told: Callable[[str], None] = lambda line: None,
) -> list[Evaluation]:
    """Searches a latent space for molecules of high score.

    Args:
        score: A list of canonical SMILES to as many numbers; whatever it raises, and what is not finite, is
            told in the molecule's status. A `GuardedScore` may run in another process, with a time limit.
        decode: Codes (N, D) to N strings.
        codes: What the model starts from (N, D).
        values: Their scores (N,); those that are no numbers are left out.
        known: Canonical SMILES that count as duplicates.
        search: Settings.
        box: Where to look; None for the smallest box that holds the codes.
        start: Hyper-parameters of the model that each round's fit goes on from; None fits them first.
        out: Folder for evaluations.csv; scores are kept there as they come. None keeps nothing.
        resume: Go on with the search that out holds.
        told: Receives a line a round.

    Returns:
        All evaluations, in order.

    Raises:
        ValueError: settings or shapes that do not fit, codes or values that are all the same, a score that
            returns something else than one number a molecule, or out holds another search to resume.
    """
    search = search or Search()
    codes, scores = _usable(codes, values)
    unit = _unit(scores) if search.maximize else -_unit(scores)
    scaled = scores / unit
    score = score if isinstance(score, GuardedScore) else GuardedScore(score, told=told)
    folder = None if out is None else Path(out)
    done = _begin(folder, search, codes, scaled, resume)
    start = start or _start(folder, search, codes, scaled)
    box = box or _box(codes)
    running = _Running(search, score, decode, codes, scaled, unit, start, box, folder, set(known), done)
    for index in range(1, search.rounds + 1):
        running.advance(index)
        told(_line(index, done, search.maximize))
    return done


@dataclass
class _Running:
    """A search under way. Its values are scores in a unit that makes higher ones better."""

    search: Search
    score: GuardedScore
    decode: Callable[[Tensor], list[str]]
    codes: Tensor
    values: Tensor
    unit: float
    start: Hyperparameters
    box: Box
    folder: Path | None
    known: set[str]
    done: list[Evaluation]

    def advance(self, index: int) -> None:
        """Proposes until the round has as many scores as wanted, or no attempt is left."""
        view = None
        for attempt in range(self.search.attempts):
            here = [one for one in self.done if one.round == index]
            missing = self.search.batch - sum(one.status == "scored" for one in here)
            if missing <= 0 or any(one.attempt >= attempt for one in here):
                continue
            view = view or self._view(index)
            seed = 1_000_003 * self.search.seed + 1_009 * index + attempt
            codes = next_codes(view, missing, self.search.acquisition, seed)
            mean, variance = view.gp.predict(codes)
            predicted = zip((self.unit * mean).tolist(), (abs(self.unit) * variance.sqrt()).tolist())
            self.done += [
                Evaluation(index, attempt, *found, *expected, tuple(code))
                for found, expected, code in zip(self._evaluate(codes), predicted, codes.tolist())
            ]
            if self.folder is not None:
                write_evaluations(self.folder, self.done)

    def _view(self, index: int) -> View:
        """All that was known before a round."""
        scored = [one for one in self.done if one.round < index and one.status == "scored"]
        rounds = torch.zeros(len(self.values) + len(scored), dtype=torch.long)
        if not scored:
            gp = SparseGP(self.start, self.codes, self.values)
            return View(gp, self.box, self.codes, self.values, rounds)
        rounds[len(self.values) :] = torch.tensor([one.round for one in scored])
        new = torch.tensor([one.score for one in scored], dtype=torch.float64) / self.unit
        # of a score that is enormous beside all that the search began with, no more counts than that it is
        values = torch.cat([self.values, new.clamp(-ENORMOUS, ENORMOUS)])
        codes = torch.cat([self.codes, torch.tensor([one.code for one in scored], dtype=torch.float64)])
        gp = _fit(self.search, codes, values, start=self.start, steps=5)
        return View(gp, self.box, codes, values, rounds)

    def _evaluate(self, codes: Tensor) -> list[tuple[str, float, str]]:
        """Molecule, score and status of each code: what is no new molecule of allowed size is rejected."""
        decoded = self.decode(codes.float())
        smiles = canonical(decoded)
        states = self._states(smiles)
        named = [string if one is None else one for one, string in zip(smiles, decoded)]
        wanted = [one for one, state in zip(named, states) if state == "new"]
        file = None if self.folder is None else self.folder / UNFINISHED
        scores = dict(zip(wanted, score_molecules(self.score, wanted, file, kept_scores(file))))
        return [
            (one, *scores[one]) if state == "new" else (one, math.nan, state)
            for one, state in zip(named, states)
        ]

    def _states(self, smiles: list[str | None]) -> list[str]:
        """Why each is rejected, or "new"."""
        seen = self.known | {one.smiles for one in self.done}
        largest, keep = self.search.max_heavy_atoms or math.inf, self.search.keep
        states: list[str] = []
        for one, size in zip(smiles, heavy_atoms(smiles)):
            if one is None:
                states.append("invalid")
            elif one in seen:
                states.append("duplicate")
            elif size > largest:
                states.append("too large")
            elif keep is not None and states.count("new") == keep:
                states.append("left out")
            else:
                states.append("new")
                seen.add(one)
        return states


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
        found = json.loads(file.read_text()) | {"rounds": search.rounds}  # which may be more
        check_same_settings(found, settings, f"{folder} holds a search")
        return read_evaluations(folder) if (folder / EVALUATIONS).is_file() else []
    forget(folder)
    with replace_file(file) as path:
        path.write_text(json.dumps(settings))
    return []


def _start(folder: Path | None, search: Search, codes: Tensor, values: Tensor) -> Hyperparameters:
    """Hyper-parameters of what is known at first, from which every round's fit goes on."""
    file = None if folder is None else folder / START
    if file is not None and file.is_file():
        return Hyperparameters(**load_checkpoint(file)["model"])
    hyper = _fit(search, codes, values).hyper
    if file is not None:
        save_checkpoint(file, {"model": vars(hyper)})
    return hyper


def _fit(
    search: Search, codes: Tensor, values: Tensor, start: Hyperparameters | None = None, steps: int = 60
) -> SparseGP:
    try:
        return SparseGP.fit(
            codes, values, steps=steps, seed=search.seed, amplitude=search.amplitude, start=start
        )
    except ValueError as error:  # it speaks of its own arguments
        raise ValueError(
            f"the scores of {len(values)} molecules, from {values.min():g} to {values.max():g}, "
            f"have no model ({error}); expected scores that differ"
        ) from error


def _usable(codes: Tensor, values: ArrayLike) -> tuple[Tensor, Tensor]:
    """Codes and values, float64, of which both are numbers."""
    found = as_numbers(values)
    if found is None or codes.dim() != 2 or found.shape != codes.shape[:1]:
        shapes = f"{tuple(codes.shape)} and {np.shape(values) if found is None else found.shape}"
        raise ValueError(f"codes and values have shapes {shapes}; expected (N, D) and (N,)")
    codes, scores = codes.detach().cpu().double(), torch.from_numpy(found)
    usable = scores.isfinite() & codes.isfinite().all(1)
    codes, scores = codes[usable], scores[usable]
    if len(codes.unique(dim=0)) < 2:
        raise ValueError(f"codes hold {min(1, len(codes))} distinct code with a value; expected 2 or more")
    if len(scores.unique()) < 2:
        raise ValueError(f"values are {scores[0]:g} for all {len(scores)} codes; expected values that differ")
    return codes, scores


def _unit(values: Tensor) -> float:
    """A power of two in which scores that are enormous or nearly the same can be modelled; else 1."""
    spread = (values.max() / 2 - values.min() / 2).item()  # the whole may be more than the largest float
    return 1.0 if TINY < spread < ENORMOUS else 2.0 ** (math.frexp(spread)[1] - 1)


def _box(codes: Tensor) -> Box:
    """The smallest box that holds the codes, with some width where they all agree."""
    low, high = codes.amin(0), codes.amax(0)
    return Box(low, torch.where(low < high, high, low + 1e-6 * low.abs().clamp_min(1)))


def _line(index: int, done: list[Evaluation], maximize: bool) -> str:
    here = [one for one in done if one.round == index]
    scored = [one for one in done if one.status == "scored"]
    best = max(scored, key=lambda one: one.score if maximize else -one.score, default=None)
    counts = Counter(one.status.split(":")[0] for one in here)
    told = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    return f"round {index}: {told}" + (f"; best {best.score:.7g} {best.smiles}" if best else "")
