"""The command that searches for molecules of high score."""

import argparse
import csv
import importlib
import pickle
import sys
from collections.abc import Callable
from pathlib import Path


def optimize(arguments: argparse.Namespace) -> int:
    from ..experiments.molecule_runs import load_codec
    from ..molecules.chemistry import canonical
    from ..molecules.datasets import own_molecules, zinc
    from ..optimization.search import Search, optimize
    from ..papers.dd_vae.zinc.codes import zinc_models

    score = _named_function(arguments.score)
    settings = ("rounds", "batch", "acquisition", "maximize", "max_heavy_atoms", "seed")
    search = Search(**{name: getattr(arguments, name) for name in settings})
    if arguments.n_start < 2:
        raise ValueError(f"n-start is {arguments.n_start}; expected a whole number from 2")
    model = arguments.model
    if model is None:
        recorded = zinc_models()
        if "DD-VAE (T)" not in recorded:
            raise ValueError("model is None and data/runs lacks ZINC's DD-VAE (T); expected a run's folder")
        model = recorded["DD-VAE (T)"].folder
    codec = load_codec(model)
    if arguments.start:
        molecules = own_molecules(arguments.start, codec.vocabulary)
    else:
        molecules = zinc("train")
    strings = molecules.drawn(arguments.n_start).strings()
    print(f"scoring {len(strings)} molecules of {molecules.source} to begin with", file=sys.stderr)
    values = _start_values(score, strings, arguments)
    done = optimize(
        score,
        codec.decode,
        codec.encode(strings),
        values,
        known=[one for one in canonical(strings) if one],
        search=search,
        out=arguments.out,
        resume=arguments.resume,
        time_limit=arguments.time_limit,
        told=lambda line: print(line, file=sys.stderr, flush=True),
    )
    scored = [one for one in done if one.status == "scored"]
    for one in sorted(scored, key=lambda one: one.score, reverse=search.maximize)[:10]:
        print(f"{one.score:10.4f} {one.smiles}")
    print(f"all {len(done)} proposed codes: {arguments.out / 'evaluations.csv'}", file=sys.stderr)
    return 0


def _start_values(score: Callable, strings: list[str], arguments: argparse.Namespace) -> list[float]:
    """Scores of the molecules to begin with; a search that goes on takes those that it began with.

    Their column bears the score's name, for another score is another search.
    """
    from ..optimization.guarded_score import apply_score
    from ..system.files import replace_file

    file = arguments.out / "start.csv"
    if arguments.resume and file.is_file():
        with open(file, newline="") as stream:
            kept = list(csv.DictReader(stream))
        if [(row["smiles"], arguments.score in row) for row in kept] != [(one, True) for one in strings]:
            raise ValueError(
                f"{file} holds other molecules, or another score of them than {arguments.score!r}; "
                "expected the same search, another folder, or a start without resume"
            )
        return [float(row[arguments.score]) for row in kept]
    found = apply_score(score, strings, arguments.time_limit)
    if all(status != "scored" for _, status in found):
        raise ValueError(f"score failed on all {len(strings)} molecules; the first one {found[0][1]}")
    with replace_file(file) as beside, open(beside, "w", newline="") as stream:
        rows = [(one, value, status) for one, (value, status) in zip(strings, found)]
        csv.writer(stream).writerows([("smiles", arguments.score, "status"), *rows])
    return [value for value, _ in found]


def _named_function(name: str) -> Callable:
    """The function that "module:function" names, the working directory included."""
    module, _, function = name.partition(":")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        found = getattr(importlib.import_module(module), function or "")
    except Exception as error:  # whatever a user's module raises
        raise ValueError(f"score is {name!r} ({error}); expected module:function, importable") from None
    if not callable(found):
        raise ValueError(f"score is {name!r}, which is no function; expected module:function")
    try:
        pickle.dumps(found)
    except Exception as error:  # it runs in another process
        raise ValueError(f"score is {name!r} ({error}); expected a function that def makes") from None
    return found
