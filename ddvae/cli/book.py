"""Commands that regenerate the book."""

import argparse


def reproduce(arguments: argparse.Namespace) -> int:
    from ..book.notebooks import choose_chapters, duration
    from ..book.regenerate import reproduce, summary
    from ..system.locations import reproduced

    out = arguments.out or reproduced()
    chosen = choose_chapters(arguments.chapters)
    print(f"budget {arguments.budget!r}; on two cores the chapters take:")
    for name in chosen:
        print(f"  {name:22} {duration(name, arguments.budget)}", flush=True)
    rows = reproduce(
        chosen,
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
