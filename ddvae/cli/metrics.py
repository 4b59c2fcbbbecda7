"""Commands that measure molecules."""

import argparse
import json
import sys

import numpy as np


def moses_metrics(arguments: argparse.Namespace) -> int:
    from ..molecules.chemistry import canonical
    from ..molecules.moses import evaluate, molecules_behind, profile
    from ..molecules.smiles_files import smiles_column
    from ..system.files import replace_file

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
