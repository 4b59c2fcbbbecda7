"""The command line: `python -m ddvae COMMAND`; `--help` lists the commands."""

import argparse
import json
import os
import sys
from pathlib import Path

import torch

from .experiments import BUDGETS, PRESETS, READINGS
from .train import Diverged


def main(words: list[str] | None = None) -> int:
    """Runs one command; returns its exit code."""
    arguments = _parser().parse_args(words)
    if "DDVAE_DATA" in os.environ:  # notebooks run in their own folder
        os.environ["DDVAE_DATA"] = str(Path(os.environ["DDVAE_DATA"]).resolve())
    try:
        if "device" in arguments:
            _check_device(arguments.device)
        return arguments.command(arguments)
    except (ValueError, OSError, MemoryError, Diverged) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _check_device(name: str) -> None:
    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"device is {name!r}; expected cpu, or cuda where torch supports it ({reason})"
        ) from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("ddvae", description="A companion to the DD-VAE paper.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    book = commands.add_parser("reproduce", help="regenerate every table and figure of the chapters")
    book.add_argument("--budget", choices=BUDGETS, default="laptop", help="default: %(default)s")
    book.add_argument("--chapters", default="", metavar="1,3-4", help="default: all")
    book.add_argument("--seed", type=int, default=1)
    book.add_argument("--device", default="cpu", help="cpu or cuda; default: %(default)s")
    book.add_argument("--out", type=Path, default=Path("figures"), metavar="DIR", help="default: figures")
    book.add_argument("--resume", action="store_true", help="skip what is done and unchanged")
    book.add_argument("--fresh", action="store_true", help="first remove what was regenerated before")
    book.set_defaults(command=_reproduce)

    one = commands.add_parser("train", help="train one preset and write its record")
    one.add_argument("preset", choices=PRESETS, metavar="PRESET", help="a name that `presets` lists")
    one.add_argument("--budget", choices=BUDGETS[1:], default="laptop", help="default: %(default)s")
    one.add_argument("--seed", type=int, default=1)
    one.add_argument("--device", default="cpu")
    one.add_argument("--out", type=Path, metavar="DIR", help="default: figures/runs/PRESET/seedN")
    one.add_argument("--resume", action="store_true", help="go on from a checkpoint")
    one.add_argument("--time-limit", type=float, metavar="SECONDS", help="then save and stop")
    one.add_argument("--reading", choices=READINGS, help="choices of the paper's text or released code")
    one.add_argument("--data", metavar="FILE.smi", help="your own molecules, in place of the preset's")
    one.set_defaults(command=_train)

    _add_translation(commands)

    _add_judgement(commands)

    here = commands.add_parser("notebooks", help="execute the committed notebooks in place")
    here.add_argument("--chapters", default="", metavar="1,3-4", help="default: all")
    here.set_defaults(command=_notebooks)

    commands.add_parser("presets", help="list the presets and their recorded runs").set_defaults(
        command=_presets
    )
    return parser


def _add_translation(commands) -> None:
    """The commands that use a trained model of molecules."""
    draw = commands.add_parser("sample", help="print molecules decoded from draws of the prior")
    draw.add_argument("run", metavar="RUN", help="a folder that `train` wrote, or the checkpoint in it")
    draw.add_argument("-n", type=int, default=30_000, help="default: %(default)s")
    draw.add_argument("--seed", type=int, default=1)
    draw.set_defaults(command=_sample)

    there = commands.add_parser("encode", help="molecules to codes, one line of numbers each")
    there.add_argument("run", metavar="RUN")
    there.add_argument("file", nargs="?", default="-", help="SMILES; default: standard input")
    there.set_defaults(command=_encode)

    back = commands.add_parser("decode", help="codes to molecules, one a line")
    back.add_argument("run", metavar="RUN")
    back.add_argument("file", nargs="?", default="-", help="lines of numbers; default: standard input")
    back.set_defaults(command=_decode)


def _add_judgement(commands) -> None:
    """The commands that measure molecules."""
    judge = commands.add_parser("moses-metrics", help="all metrics of MOSES of a file of molecules")
    judge.add_argument(
        "file", nargs="?", default="-", help=".smi, .csv, gzip or not; default: standard input"
    )
    judge.add_argument("--reference", metavar="FILE", help="compare with these, not with MOSES' own sets")
    judge.add_argument("-n", "--n", type=int, metavar="N", help="only the first N strings")
    judge.add_argument("--json", type=Path, metavar="OUT", help="also write the numbers there")
    judge.add_argument("--device", default="cpu")
    judge.add_argument("--n-jobs", type=int, metavar="N", help="processes; default: one a core")
    judge.add_argument(
        "--resamples", type=int, default=0, metavar="N", help="95 %% intervals from N resamples"
    )
    judge.add_argument("--extrapolate", action="store_true", help="also FCD extrapolated to infinite n")
    way = judge.add_mutually_exclusive_group()
    way.add_argument("--fast", dest="path", action="store_const", const="fast", help="ours (default)")
    way.add_argument(
        "--reference-path",
        dest="path",
        action="store_const",
        const="reference",
        help="molsets' own functions",
    )
    judge.set_defaults(command=_moses_metrics, path="fast")

    along = commands.add_parser("curve", help="MOSES' metrics of the snapshots of molecular runs")
    along.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folders that `train` wrote")
    along.set_defaults(command=_curve)


def _reproduce(arguments: argparse.Namespace) -> int:
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


def _train(arguments: argparse.Namespace) -> int:
    from .records import train

    record = train(
        arguments.preset,
        arguments.budget,
        arguments.seed,
        arguments.out,
        arguments.device,
        arguments.resume,
        arguments.time_limit,
        reading=arguments.reading,
        own=arguments.data,
    )
    if record is None:
        print("stopped; go on with --resume")
        return 1
    print("\n".join(f"{name:>22} {value}" for name, value in record.results.items()))
    print(f"{'record':>22} {record.folder}")
    return 0


def _sample(arguments: argparse.Namespace) -> int:
    from .records import load_codec

    if arguments.n < 1:
        raise ValueError(f"n is {arguments.n}; expected a whole number from 1")
    codec = load_codec(arguments.run)
    torch.manual_seed(arguments.seed)
    print("\n".join(codec.sample(arguments.n)))
    return 0


def _encode(arguments: argparse.Namespace) -> int:
    from .records import load_codec
    from .smiles import own_molecules

    codec = load_codec(arguments.run)
    strings = own_molecules(arguments.file, codec.vocabulary).strings()
    for code in codec.encode(strings).tolist():
        print(" ".join(f"{x:.6g}" for x in code))
    return 0


def _decode(arguments: argparse.Namespace) -> int:
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


def _moses_metrics(arguments: argparse.Namespace) -> int:
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
            known = {name: None if value != value else value for name, value in results.items()}
            beside.write_text(json.dumps({"metrics": known, "n": counts}, indent=1))
    return 0


def _curve(arguments: argparse.Namespace) -> int:
    from .curves import curve
    from .records import read_record

    columns = ("epoch", "molecules", "accuracy", "kl", "n", "valid", "FCD/Test", "SNN/Test")
    for folder in arguments.runs:
        print(folder, " ".join(f"{name:>9}" for name in columns), sep="\n")
        for row in curve(read_record(folder), progress=sys.stderr.isatty()):
            print(" ".join(f"{row[name]:9.5g}" if name in row else f"{'-':>9}" for name in columns))
    return 0


def _notebooks(arguments: argparse.Namespace) -> int:
    from .book import choose_chapters, refresh

    refresh(choose_chapters(arguments.chapters))
    return 0


def _presets(arguments: argparse.Namespace) -> int:
    from .records import inventory

    for name, preset in PRESETS.items():
        print(f"{name:26} {preset.title} ({preset.source})")
    print("\n| preset | recorded seeds (budget) | full runs lacking |\n|---|---|---|")
    print("\n".join(inventory()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
