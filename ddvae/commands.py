"""What each command of `python -m ddvae` does; `__main__` says how it is called."""

import argparse
import csv
import importlib
import json
import pickle
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from .experiments import PRESETS


def reproduce(arguments: argparse.Namespace) -> int:
    from .book import choose_chapters, reproduce, summary

    rows = reproduce(
        choose_chapters(arguments.chapters),
        arguments.budget,
        arguments.out,
        arguments.seed,
        arguments.device,
        arguments.resume,
        arguments.fresh,
    )
    print(summary(rows, arguments.out))
    return int(any(row["status"] == "failed" for row in rows))


def train(arguments: argparse.Namespace) -> int:
    from .recorder import default_folder, is_trained, train

    folder = arguments.out or default_folder(arguments.preset, arguments.seed)
    record = train(
        arguments.preset,
        arguments.budget,
        arguments.seed,
        folder,
        arguments.device,
        arguments.resume,
        arguments.time_limit,
        reading=arguments.reading,
        own=arguments.data,
        evaluation=arguments.evaluation,
    )
    if record is None:
        trained = is_trained(folder)
        print("trained; evaluate with --resume" if trained else "stopped; go on with --resume")
        return int(not trained)
    print("\n".join(f"{name:>22} {value}" for name, value in record.results.items()))
    print(f"{'record':>22} {record.folder}")
    return 0


def sample(arguments: argparse.Namespace) -> int:
    from .records import load_codec

    if arguments.n < 1:
        raise ValueError(f"n is {arguments.n}; expected a whole number from 1")
    codec = load_codec(arguments.run)
    torch.manual_seed(arguments.seed)
    print("\n".join(codec.sample(arguments.n)))
    return 0


def encode(arguments: argparse.Namespace) -> int:
    from .records import load_codec
    from .smiles import own_molecules

    codec = load_codec(arguments.run)
    strings = own_molecules(arguments.file, codec.vocabulary).strings()
    for code in codec.encode(strings).tolist():
        print(" ".join(f"{x:.6g}" for x in code))
    return 0


def decode(arguments: argparse.Namespace) -> int:
    from .records import load_codec

    codec = load_codec(arguments.run)
    print("\n".join(codec.decode(_read_codes(arguments.file, codec.latent_size))))
    return 0


def _read_codes(file: str, size: int) -> torch.Tensor:
    """(N, size) codes of a file's lines, or of standard input."""
    text = sys.stdin.read() if file == "-" else Path(file).read_text()
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            rows.append([float(x) for x in line.replace(",", " ").split()])
        except ValueError as error:
            raise ValueError(f"line {number} of {file}: {error}; expected {size} numbers") from None
        if len(rows[-1]) != size:
            raise ValueError(f"line {number} of {file} holds {len(rows[-1])} numbers; expected {size}")
    if not rows:
        raise ValueError(f"{file} holds no code; expected lines of {size} numbers")
    return torch.tensor(rows)


def moses_metrics(arguments: argparse.Namespace) -> int:
    from .chem import canonical
    from .files import replace_file
    from .moses import evaluate, molecules_behind, profile
    from .smiles import smiles_column

    if arguments.n is not None and arguments.n < 1:
        raise ValueError(f"n is {arguments.n}; expected a whole number from 1")
    references = {}
    if arguments.reference:
        known = smiles_column(arguments.reference)
        references = {"test": known, "test_scaffolds": False, "train": known}
        if arguments.path == "fast" and known:
            ours = profile(known, n_jobs=arguments.n_jobs, device=arguments.device)
            references |= {"test": ours, "train": ours.smiles or False}
        elif known:  # novelty compares strings
            references["train"] = [one for one in canonical(known) if one] or False
    strings = smiles_column(arguments.file)[: arguments.n]
    options = ("path", "device", "n_jobs", "resamples", "extrapolate")
    results = evaluate(
        strings,
        progress=sys.stderr.isatty(),
        **references,
        **{name: getattr(arguments, name) for name in options},
    )
    counts = molecules_behind(results, len(strings))
    print(f"{'metric':28} {'value':>19} {'n':>8}")
    for name, value in results.items():
        text = f"{value:.6g}" if isinstance(value, float) else "{:.6g} to {:.6g}".format(*value)
        print(f"{name:28} {text:>19} {counts[name]:>8,}")
    if arguments.json:
        with replace_file(arguments.json) as beside:
            known = {name: value if np.isfinite(value).all() else None for name, value in results.items()}
            beside.write_text(json.dumps({"metrics": known, "n": counts}, indent=1))
    return 0


def curve(arguments: argparse.Namespace) -> int:
    from .curves import curve, thin
    from .records import read_record

    columns = ("epoch", "molecules", "accuracy", "kl", "n", "valid", "FCD/Test", "SNN/Test")
    for folder in arguments.runs:
        print(folder, " ".join(f"{name:>9}" for name in columns), sep="\n")
        for row in curve(read_record(folder), progress=sys.stderr.isatty()):
            print(" ".join(f"{row[name]:9.5g}" if name in row else f"{'-':>9}" for name in columns))
        if arguments.thin:
            thin(read_record(folder))
    return 0


def notebooks(arguments: argparse.Namespace) -> int:
    from .book import PAGES, choose_chapters, refresh

    refresh(choose_chapters(arguments.chapters) + (() if arguments.chapters else PAGES))
    return 0


def presets(arguments: argparse.Namespace) -> int:
    from .records import inventory

    for name, preset in PRESETS.items():
        print(f"{name:26} {preset.title} ({preset.source})")
    print("\n| preset | recorded seeds (budget) | full runs lacking |\n|---|---|---|")
    print("\n".join(inventory()))
    return 0


def items(arguments: argparse.Namespace) -> int:
    from .items import table

    print("\n".join(table()))
    return 0


def optimize(arguments: argparse.Namespace) -> int:
    from .chem import canonical
    from .optimization import zinc_models
    from .records import load_codec
    from .search import Search, optimize
    from .smiles import own_molecules, zinc

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
    from .files import replace_file
    from .objective import apply_score

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
