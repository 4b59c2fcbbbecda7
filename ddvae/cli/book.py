"""Commands that regenerate the book."""

import argparse


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
    from ..book.notebooks import PAGES, TUTORIALS, choose_chapters
    from ..book.refresh import refresh

    refresh(choose_chapters(arguments.chapters) + (() if arguments.chapters else PAGES + TUTORIALS))
    return 0


def items(arguments: argparse.Namespace) -> int:
    from ..papers.dd_vae.results_table import table

    print("\n".join(table()))
    return 0
