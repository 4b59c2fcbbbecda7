"""The README's table: the paper's tables and figures, what it prints, what the recorded runs have."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ...book.comparison import Ours, Printed
from ...book.statistics import spread
from ...experiments.record import Record, recorded
from .audit.differences import DIFFERENCES, audit_row
from .kl_tables import divergences
from .printed import PRINTED
from .speed.recorded import measured
from .speed.training import MODELS, published
from .table_three import LEVELS, METRICS, Cell, curves_of, small_runs, table_runs, table_three
from .theorem_one import theorem_one
from .zinc.codes import on_record, zinc_models
from .zinc.table_four import KEYS, TOP_THREE, values_of

__all__ = ["Item", "items", "table"]

_TRAIN = "python -m ddvae train"
_REPRODUCE = "python -m ddvae reproduce --chapters"
_SEARCHED = f"{_REPRODUCE} 6 --budget recorded"


@dataclass(frozen=True)
class Item:
    """A row: a table, a figure or a part of one.

    Attributes:
        what: As the paper numbers it.
        chapter: Name of the notebook.
        paper, ours: The printed number, and the recorded one with its deviation over seeds.
        budget: Of the recorded runs.
        verdict: See `Printed.verdict`.
        command: Makes the recorded number.
    """

    what: str
    chapter: str
    paper: str
    ours: str
    budget: str
    verdict: str
    command: str


def table() -> list[str]:
    """Markdown lines, head included."""
    head = [
        "| paper | notebook | paper's value | ours | budget | verdict | command |",
        "|---|---|---|---|---|---|---|",
    ]
    return head + [
        f"| {one.what} | [{int(one.chapter[:2])}](notebooks/{one.chapter}.ipynb) | {one.paper} | {one.ours} "
        f"| {one.budget} | {one.verdict} | `{one.command}` |"
        for one in items()
    ]


def items() -> list[Item]:
    """All rows, in the order of the paper."""
    return [*_mathematics(), *_bricks(), *_digits(), *_moses(), *_zinc(), *_beyond()]


def _item(
    what: str, chapter: str, found: dict[str, list[float]], digits: int, budget: str, command: str
) -> Item:
    """A row of numbers by key of `PRINTED`, one a seed."""
    fixed = f".{digits}f"
    unit = " %" if PRINTED[next(iter(found))].unit == "%" else ""
    paper = " / ".join(_printed(PRINTED[key], fixed) + unit for key in found)
    ours = " / ".join(spread(values, fixed, fixed) + unit for values in found.values())
    return Item(what, chapter, paper, ours, budget, _verdicts(found), command)


def _printed(one: Printed, fixed: str) -> str:
    return f"{one.value:{fixed}}" + ("" if math.isnan(one.deviation) else f" ± {one.deviation:{fixed}}")


def _verdicts(ours: Mapping[str, Ours]) -> str:
    """One a number, or the one that all have."""
    words = [PRINTED[key].verdict(value) for key, value in ours.items()]
    return words[0] if len(set(words)) == 1 else " / ".join(words)


def _trained(records: list[Record], n: int | None = None) -> tuple[str, str]:
    """Budget, with how many of the runs have the number, all by default, and command of recorded runs."""
    first, n = records[0], n or len(records)
    seeds = "1 seed" if n == 1 else f"{n} seeds"
    return f"{first.budget}, {seeds}", f"{_TRAIN} {first.name} --budget {first.budget}"


def _mathematics() -> list[Item]:
    kl, theorem = divergences(), theorem_one()
    agree = sum(PRINTED[key].verdict(value) == "agrees" for key, value in kl.items())
    slowest, error = theorem["theorem1.exponent"], theorem["theorem1.error"]
    printed = [PRINTED[key].value for key in theorem]
    first, second = f"{_REPRODUCE} 1 --budget recorded", f"{_REPRODUCE} 2 --budget recorded"
    return [
        Item("Figures 1 and 3: overlap, kernels", "01_kl_tables", "drawn", "drawn", "any", "–", first),
        Item(
            f"Tables 1 and 2: {len(kl)} divergences",
            "01_kl_tables",
            f"{len(kl)} formulas",
            f"{agree} equal, symbolically",
            "any",
            "agrees" if agree == len(kl) else "differs",
            first,
        ),
        Item("Figure 2: the relaxed objective", "02_relaxed_argmax", "drawn", "drawn", "any", "–", second),
        Item("Figure 4: relaxed indicator", "02_relaxed_argmax", "drawn", "drawn", "any", "–", second),
        Item(
            "Theorem 1: power of 1 / log(1/τ), error at τ → 0",
            "02_relaxed_argmax",
            "at least {:.0f} / {:.0f}".format(*printed),
            f"{slowest:.2f} (slowest kernel) / {error:.0e}",
            "any",
            _verdicts(theorem),
            second,
        ),
    ]


_FIGURE_5 = (
    ("left, DD-VAE U/U", "bricks-ddvae-uniform", {"kl": "bricks.uniform.kl", "js": "bricks.uniform.js"}),
    ("middle, DD-VAE U/T", "bricks-ddvae-tricube", {"kl": "bricks.tricube.kl", "js": "bricks.tricube.js"}),
    ("right, VAE", "bricks-vae-gaussian", {"kl": "bricks.gaussian.kl", "js": "bricks.gaussian.js"}),
)
"""Panels, presets, and keys of `PRINTED` by result."""


def _bricks() -> list[Item]:
    rows = []
    for panel, name, keys in _FIGURE_5:
        records = recorded(name)
        found = {key: [record.results[result] for record in records] for result, key in keys.items()}
        what = f"Figure 5, {panel}: KL / JS of decoded samples (from the released notebooks)"
        rows.append(_item(what, "03_synthetic_bricks", found, 4, *_trained(records)))
    return rows


def _digits() -> list[Item]:
    rows = []
    for title, name, key in (
        ("DD-VAE", "mnist-ddvae-uniform", "mnist.ddvae.knn"),
        ("VAE", "mnist-vae-gaussian", "mnist.vae.knn"),
    ):
        records = recorded(name)
        for reading, result in (("", "knn_released"), (", honest reading", "knn_honest")):
            found = {key: [record.results[result] for record in records]}
            what = f"Figure 6: kNN accuracy, {title}{reading}"
            rows.append(_item(what, "04_binary_mnist", found, 1, *_trained(records)))
    return rows


def _moses() -> list[Item]:
    """A row a method and accuracy; where no run of the published size comes to it, of the smaller ones."""
    large, small = table_runs(), small_runs()
    sizes = [(word, runs, table_three(curves_of(runs))) for word, runs in (("", large), (", small", small))]
    rows = []
    for title in large:
        for level in LEVELS:
            for word, runs, values in sizes:
                cells = [Cell(title, metric, level) for metric in METRICS]
                if all(values.get(cell) for cell in cells):
                    what = f"Table 3: FCD / SNN at {100 * level:.0f} % accuracy, {title}{word}"
                    found = {cell.key: values[cell] for cell in cells}
                    n = min(map(len, found.values()))
                    rows.append(_item(what, "05_moses", found, 3, *_trained(runs[title], n)))
                    break
    return rows


def _zinc() -> list[Item]:
    rows = []
    for title, record in zinc_models().items():
        fits, searches = on_record(record, "regression"), on_record(record, "published")
        values = values_of(record, fits, {"published": searches})
        trained = ("reconstruction (%)", "valid or empty (%)")
        splits, seeds = f"full, {len(fits)} of 10 splits", f"full, {len(searches)} of 10 seeds"
        for columns, what, digits, done in (
            (trained, "Table 4: reconstruction / validity", 1, _trained([record])),
            (("LL", "RMSE"), "Table 4: LL / RMSE of the process on codes", 3, (splits, _SEARCHED)),
            (TOP_THREE, "Tables 4, 5, Appendix D: best of the published search", 2, (seeds, _SEARCHED)),
        ):
            found = {KEYS[title, column]: values[column] for column in columns if values.get(column)}
            if found:
                rows.append(_item(f"{what}, {title}", "06_zinc_bo", found, digits, *done))
    return rows


def _beyond() -> list[Item]:
    favours = [audit_row(one, recorded)["in favour of"] for one in DIFFERENCES]
    counts = ", ".join(f"{favours.count(who)} {who}" for who in ("the code", "the text", "nobody", "unknown"))
    ratios = {row["what"]: row["ratio"] for row in measured("table", "recorded")}
    step = [
        f"{ratios[f'training step {label}, bf16']:.0f}x ({published(label).collection})" for label in MODELS
    ]
    return [
        Item(
            f"– : {len(DIFFERENCES)} differences of text and code, in favour of",
            "07_audit",
            "–",
            counts,
            "as recorded",
            "–",
            f"{_REPRODUCE} 7 --budget recorded",
        ),
        Item(
            "– : training step against the released way",
            "08_speed",
            "–",
            ", ".join(step),
            "full",
            "–",
            "python benchmarks/engine.py",
        ),
    ]
