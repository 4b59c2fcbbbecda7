"""The command line: `python -m ddvae COMMAND`; `--help` lists the commands."""

import argparse
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

import torch

from .cli import book, metrics, models, optimize
from .experiments.preset import BUDGETS
from .papers.catalogue import PRESETS
from .papers.dd_vae.readings import READINGS
from .system.extras import extra_of
from .training.state import Diverged

_Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def main(words: list[str] | None = None) -> int:
    """Runs one command; returns its exit code."""
    try:
        try:
            return _run(words)
        finally:
            print(end="", flush=True)
    except OSError as error:
        # what is left in the buffer would fail once more when Python ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):  # whoever read it has what they want, as `head` does
            return 0
        print(f"error: standard output cannot be written ({error.strerror})", file=sys.stderr)
        return 2


def _run(words: list[str] | None) -> int:
    arguments = _parser().parse_args(words)
    if os.environ.get("DDVAE_DATA"):  # notebooks run in their own folder
        os.environ["DDVAE_DATA"] = str(Path(os.environ["DDVAE_DATA"]).resolve())
    try:
        if "device" in arguments:
            _check_device(arguments.device)
        return arguments.command(arguments)
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if (extra := extra_of(library)) is None:
            raise
        print(f"error: {library} is missing; expected it from pip install 'ddvae[{extra}]'", file=sys.stderr)
        return 2
    except (ValueError, OSError, MemoryError, Diverged) as error:
        if isinstance(error, BrokenPipeError):
            print(flush=True)  # raises it again if it is standard output that nobody reads
        with suppress(BrokenPipeError):
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
    group = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (_add_book, _add_training, _add_translation, _add_judgement, _add_search):
        add(group)
    return parser


def _add_book(group: _Commands) -> None:
    """The commands that regenerate the book."""
    whole = group.add_parser("reproduce", help="regenerate every table and figure of the chapters")
    whole.add_argument("--budget", choices=BUDGETS, default="recorded", help="default: %(default)s")
    whole.add_argument("--chapters", default="", metavar="1,3-4", help="default: all")
    whole.add_argument("--seed", type=int, default=1)
    whole.add_argument("--device", default="cpu", help="cpu or cuda; default: %(default)s")
    whole.add_argument("--out", type=Path, metavar="DIR", help="default: reproduced, which git ignores")
    whole.add_argument("--resume", action="store_true", help="skip what is done and unchanged")
    whole.add_argument("--fresh", action="store_true", help="first remove what was regenerated before")
    whole.set_defaults(command=book.reproduce)

    here = group.add_parser("notebooks", help="execute the committed notebooks in place, with their figures")
    here.add_argument("--chapters", default="", metavar="1,3-4", help="default: all")
    here.set_defaults(command=book.notebooks)

    group.add_parser("items", help="the tables of RESULTS.md, from the recorded runs").set_defaults(
        command=book.items
    )


def _add_training(group: _Commands) -> None:
    """The commands that make records of models."""
    one = group.add_parser("train", help="train one preset and write its record")
    one.add_argument("preset", choices=PRESETS, metavar="PRESET", help="a name that `presets` lists")
    one.add_argument("--budget", choices=BUDGETS[1:], default="laptop", help="default: %(default)s")
    one.add_argument("--seed", type=int, default=1)
    one.add_argument("--device", default="cpu")
    one.add_argument("--out", type=Path, metavar="DIR", help="default: reproduced/runs/PRESET/seedN")
    one.add_argument("--resume", action="store_true", help="go on from a checkpoint")
    one.add_argument("--time-limit", type=float, metavar="SECONDS", help="then save and stop")
    one.add_argument(
        "--no-evaluation", dest="evaluation", action="store_false", help="leave that to a later --resume"
    )
    one.add_argument("--reading", choices=READINGS, help="choices of the paper's text or released code")
    one.add_argument("--data", metavar="FILE.smi", help="your own molecules, in place of the preset's")
    one.set_defaults(command=models.train)

    group.add_parser("presets", help="list the presets and their recorded runs").set_defaults(
        command=models.presets
    )


def _add_translation(group: _Commands) -> None:
    """The commands that use a trained model of molecules."""
    decoded = group.add_parser("sample", help="print molecules decoded from samples of the prior")
    decoded.add_argument("run", metavar="RUN", help="a folder that `train` wrote, or the checkpoint in it")
    decoded.add_argument("-n", "--n", type=int, default=30_000, help="default: %(default)s")
    decoded.add_argument("--seed", type=int, default=1)
    decoded.set_defaults(command=models.sample)

    there = group.add_parser("encode", help="molecules to codes, one line of numbers each")
    there.add_argument("run", metavar="RUN")
    there.add_argument("file", nargs="?", default="-", help="SMILES; default: standard input")
    there.set_defaults(command=models.encode)

    back = group.add_parser("decode", help="codes to molecules, one a line")
    back.add_argument("run", metavar="RUN")
    back.add_argument("file", nargs="?", default="-", help="lines of numbers; default: standard input")
    back.set_defaults(command=models.decode)


def _add_search(group: _Commands) -> None:
    """The command that looks for molecules of high score."""
    seek = group.add_parser("optimize", help="latent Bayesian optimisation of a score of your own")
    seek.add_argument("--score", required=True, metavar="MODULE:FUNCTION", help="list of SMILES to numbers")
    seek.add_argument("--model", metavar="RUN", help="default: the recorded DD-VAE of ZINC")
    seek.add_argument("--start", metavar="FILE", help="molecules to begin with; default: ZINC's training set")
    seek.add_argument(
        "--n-start", type=int, default=10_000, metavar="N", help="how many are scored; default: %(default)s"
    )
    seek.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    seek.add_argument("--batch", type=int, default=60, help="molecules a round; default: %(default)s")
    seek.add_argument("--acquisition", default="trust-region", help="default: %(default)s")
    way = seek.add_mutually_exclusive_group()
    way.add_argument("--maximize", dest="maximize", action="store_true", help="the default")
    way.add_argument("--minimize", dest="maximize", action="store_false")
    seek.add_argument("--max-heavy-atoms", type=int, metavar="N", help="reject larger molecules")
    seek.add_argument("--time-limit", type=float, default=60.0, metavar="SECONDS", help="for one molecule")
    seek.add_argument("--seed", type=int, default=1)
    seek.add_argument("--out", type=Path, default=Path("search"), metavar="DIR", help="default: %(default)s")
    seek.add_argument("--resume", action="store_true", help="go on with what DIR holds")
    seek.set_defaults(command=optimize.optimize, maximize=True)


def _add_judgement(group: _Commands) -> None:
    """The commands that measure molecules."""
    judge = group.add_parser("moses-metrics", help="all metrics of MOSES of a file of molecules")
    judge.add_argument(
        "file", nargs="?", default="-", help="list or table of SMILES; default: standard input"
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
    judge.set_defaults(command=metrics.moses_metrics, path="fast")

    along = group.add_parser("curve", help="MOSES' metrics of the snapshots of molecular runs")
    along.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folders that `train` wrote")
    along.add_argument(
        "--thin", action="store_true", help="then drop the strings of snapshots, most of a record"
    )
    along.set_defaults(command=metrics.curve)


if __name__ == "__main__":
    sys.exit(main())
