"""Commands that measure molecules."""

import argparse
import json
import sys
from typing import TYPE_CHECKING, Literal, TypedDict

import numpy as np

if TYPE_CHECKING:
    from ..molecules.profile import Profile


class _References(TypedDict, total=False):
    """What molecules are compared with, as `evaluate` takes it; empty for MOSES' own sets."""

    test: "list[str] | Profile"
    test_scaffolds: Literal[False]
    train: list[str] | Literal[False]


def moses_metrics(arguments: argparse.Namespace) -> int:
    from ..molecules.moses import evaluate, molecules_behind
    from ..system.files import replace_file

    if arguments.n is not None and arguments.n < 1:
        raise ValueError(f"n is {arguments.n}; expected a whole number from 1")
    references = _references(arguments)
    strings = _strings(arguments.file)[: arguments.n]
    results = evaluate(
        strings,
        n_jobs=arguments.n_jobs,
        device=arguments.device,
        path=arguments.path,
        extrapolate=arguments.extrapolate,
        resamples=arguments.resamples,
        progress=sys.stderr.isatty(),
        **references,
    )
    counts = molecules_behind(results, len(strings))
    print(f"{'metric':28} {'value':>19} {'n':>8}")
    for name, value in results.items():
        text = f"{value:.6g}" if isinstance(value, float) else "{:.6g} to {:.6g}".format(*value)
        print(f"{name:28} {text:>19} {counts[name]:>8,}")
    if arguments.json:
        with replace_file(arguments.json) as beside:
            finite = {name: value if np.isfinite(value).all() else None for name, value in results.items()}
            beside.write_text(json.dumps({"metrics": finite, "n": counts}, indent=1))
    return 0


def _references(arguments: argparse.Namespace) -> _References:
    from ..molecules.chemistry import canonical
    from ..molecules.moses import profile

    if not arguments.reference:
        return {}
    known = _strings(arguments.reference)
    if arguments.path == "fast":
        ours = profile(known, n_jobs=arguments.n_jobs, device=arguments.device)
        return {"test": ours, "test_scaffolds": False, "train": ours.smiles or False}
    strings = [one for one in canonical(known) if one]  # novelty compares these
    return {"test": known, "test_scaffolds": False, "train": strings or False}


def _strings(path: str) -> list[str]:
    from ..molecules.smiles_files import smiles_column
    from ..system.files import spoken_name

    strings = smiles_column(path)
    if not strings:
        raise ValueError(f"{spoken_name(path)} is empty; expected SMILES strings, one a line")
    return strings


def curve(arguments: argparse.Namespace) -> int:
    from ..experiments.molecule_runs import curve, thin
    from ..experiments.record import read_record

    columns = ("epoch", "molecules", "accuracy", "kl", "n", "valid", "FCD/Test", "SNN/Test")
    for folder in arguments.runs:
        print(folder, " ".join(f"{name:>9}" for name in columns), sep="\n")
        for row in curve(read_record(folder), progress=sys.stderr.isatty()):
            print(" ".join(f"{row[name]:9.5g}" if name in row else f"{'-':>9}" for name in columns))
        if arguments.thin:
            thin(read_record(folder))
    return 0
