"""The command that searches for molecules of high score."""

import argparse
import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..optimization.guarded_score import Score


def optimize(arguments: argparse.Namespace) -> int:
    from ..experiments.molecule_runs import load_codec
    from ..molecules.chemistry import canonical
    from ..molecules.datasets import own_molecules, zinc
    from ..optimization.guarded_score import GuardedScore
    from ..optimization.kept_scores import start_scores
    from ..optimization.search import Search, optimize

    def told(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    function = _named_function(arguments.score)
    settings = ("rounds", "batch", "acquisition", "maximize", "max_heavy_atoms", "seed")
    search = Search(**{name: getattr(arguments, name) for name in settings})
    if arguments.n_start < 2:
        raise ValueError(f"n-start is {arguments.n_start}; expected a whole number from 2")
    codec = load_codec(arguments.model or _recorded_model())
    start = own_molecules(arguments.start, codec.vocabulary) if arguments.start else zinc("train")
    strings = start.sample(arguments.n_start).strings()
    told(f"scoring {len(strings)} molecules of {start.source} to begin with")
    out, resume = arguments.out, arguments.resume
    with GuardedScore(function, arguments.time_limit, name=arguments.score, told=told) as score:
        values = start_scores(score, strings, out, resume)
        told(f"fitting a model to them, for {search.rounds} rounds of {search.batch} molecules")
        codes, known = codec.encode(strings), [one for one in canonical(strings) if one]
        done = optimize(
            score, codec.decode, codes, values, known=known, search=search, out=out, resume=resume, told=told
        )
    scored = [one for one in done if one.status == "scored"]
    for one in sorted(scored, key=lambda one: one.score, reverse=search.maximize)[:10]:
        print(f"{one.score:12.7g} {one.smiles}")
    told(f"all {len(done)} proposed codes: {out / 'evaluations.csv'}")
    return 0


def _named_function(name: str) -> "Score":
    """The function that "module:function" names, the working directory included."""
    from ..optimization.user_code import guarded

    module, _, function = name.partition(":")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    found, failure = guarded(lambda: getattr(importlib.import_module(module), function))
    if failure is not None:
        raise ValueError(f"score is {name!r} ({failure}); expected module:function, importable")
    if not callable(found):
        raise ValueError(f"score is {name!r}, which is no function; expected module:function")
    return found


def _recorded_model() -> Path:
    from ..papers.dd_vae.zinc.codes import zinc_models

    recorded = zinc_models()
    if "DD-VAE (T)" not in recorded:
        raise ValueError("model is None and data/runs lacks ZINC's DD-VAE (T); expected a run's folder")
    return recorded["DD-VAE (T)"].folder
