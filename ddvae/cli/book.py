"""Commands that regenerate the book."""

import argparse
from pathlib import Path


def reproduce(arguments: argparse.Namespace) -> int:
    from ..book.notebooks import choose_chapters
    from ..book.regenerate import reproduce, summary
    from ..system.locations import reproduced

    out = arguments.out or reproduced()
    rows = reproduce(
        choose_chapters(arguments.chapters),
        arguments.budget,
        out,
        arguments.seed,
        arguments.device,
        arguments.resume,
        arguments.fresh,
    )
    print(summary(rows, out))
    return int(any(row["status"] == "failed" for row in rows))


def notebooks(arguments: argparse.Namespace) -> int:
    from ..book.notebooks import PAGES, choose_chapters
    from ..book.refresh import refresh

    refresh(choose_chapters(arguments.chapters) + (() if arguments.chapters else PAGES))
    return 0


def items(arguments: argparse.Namespace) -> int:
    from ..papers.dd_vae.readme_table import table

    print("\n".join(table()))
    return 0


def _recorded_model() -> Path:
    from ..papers.dd_vae.zinc.codes import zinc_models

    recorded = zinc_models()
    if "DD-VAE (T)" not in recorded:
        raise ValueError("model is None and data/runs lacks ZINC's DD-VAE (T); expected a run's folder")
    return recorded["DD-VAE (T)"].folder
