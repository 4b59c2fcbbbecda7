"""The README's table: the paper's tables and figures, what it prints, what the recorded runs have."""

import csv
import statistics
from dataclasses import dataclass

from ...book.comparison import compare
from ...book.statistics import spread
from ...experiments.molecule_runs import curve
from ...experiments.record import Record, recorded
from ...system.locations import figures
from .audit import DIFFERENCES, audit_row
from .printed import PRINTED
from .speed.engine import MODELS
from .speed.recorded import measured
from .table_three import LEVELS, small_runs, table_runs, table_three
from .table_three import METHODS as MOSES_METHODS
from .zinc.codes import on_record, zinc_models
from .zinc.table_four import best_molecules, printed_key

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
        verdict: See `paper.compare`.
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
    means = {key: statistics.fmean(values) for key, values in found.items()}
    fixed = f".{digits}f"
    unit = " %" if PRINTED[next(iter(found))].unit == "%" else ""
    paper = " / ".join(f"{PRINTED[key].value:{fixed}}{unit}" for key in found)
    ours = " / ".join(spread(values, fixed, fixed) + unit for values in found.values())
    return Item(what, chapter, paper, ours, budget, _once(compare(means, PRINTED)["verdict"]), command)


def _once(verdicts) -> str:
    """Several verdicts, or the one that all are, without their tolerances."""
    words = [verdict.partition(" (")[0] for verdict in verdicts]
    return words[0] if len(set(words)) == 1 else " / ".join(words)


def _trained(records: list[Record], n: int | None = None) -> tuple[str, str]:
    """Budget, with how many of the runs have the number, all by default, and command of recorded runs."""
    first, n = records[0], n or len(records)
    seeds = "1 seed" if n == 1 else f"{n} seeds"
    return f"{first.budget}, {seeds}", f"{_TRAIN} {first.name} --budget {first.budget}"


def _computed(chapter: str) -> list[dict]:
    """Rows of a chapter's comparison with the paper, as committed."""
    with (figures() / chapter / "comparison.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def _mathematics() -> list[Item]:
    kl, rate = _computed("01_kl_tables"), _computed("02_relaxed_argmax")
    agree = sum(row["verdict"].startswith("agrees") for row in kl)
    slowest, error = rate[:2]
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
        Item(
            "Figure 2: diagram of the relaxed objective",
            "02_relaxed_argmax",
            "a diagram",
            "not redrawn, its objective derived",
            "any",
            "–",
            second,
        ),
        Item("Figure 4: relaxed indicator", "02_relaxed_argmax", "drawn", "drawn", "any", "–", second),
        Item(
            "Theorem 1: power of 1 / log(1/τ), error at τ → 0",
            "02_relaxed_argmax",
            f"at least {float(slowest['paper']):.0f} / {float(error['paper']):.0f}",
            f"{float(slowest['ours']):.2f} (slowest kernel) / {float(error['ours']):.0e}",
            "any",
            _once(row["verdict"] for row in (slowest, error)),
            second,
        ),
    ]


def _bricks() -> list[Item]:
    rows = []
    for panel, title, name, key in (
        ("left", "DD-VAE U/U", "bricks-ddvae-uniform", "uniform"),
        ("middle", "DD-VAE U/T", "bricks-ddvae-tricube", "tricube"),
        ("right", "VAE", "bricks-vae-gaussian", "gaussian"),
    ):
        records = recorded(name)
        found = {f"bricks.{key}.{q}": [r.results[q] for r in records] for q in ("kl", "js")}
        what = f"Figure 5, {panel}, {title}: KL / JS of decoded samples (from the released notebooks)"
        rows.append(_item(what, "03_synthetic_bricks", found, 4, *_trained(records)))
    return rows


def _digits() -> list[Item]:
    rows = []
    for title, name, key in (
        ("DD-VAE", "mnist-ddvae-uniform", "ddvae"),
        ("VAE", "mnist-vae-gaussian", "vae"),
    ):
        records = recorded(name)
        for reading, word in (("", "released"), (", honest reading", "honest")):
            found = {f"mnist.{key}.knn": [r.results[f"knn_{word}"] for r in records]}
            what = f"Figure 6: kNN accuracy, {title}{reading}"
            rows.append(_item(what, "04_binary_mnist", found, 1, *_trained(records)))
    return rows


def _moses() -> list[Item]:
    """A row a method and accuracy; where no run of the published size comes to it, of the smaller ones."""
    rows, small = [], small_runs()
    for title, records in table_runs().items():
        for level in LEVELS:
            for label, runs in ((title, records), (f"{title}, small", small.get(title, []))):
                found = _at_level(MOSES_METHODS[title], level, [curve(record) for record in runs])
                if all(found.values()):
                    what = f"Table 3: FCD / SNN at {100 * level:.0f} % accuracy, {label}"
                    n = min(map(len, found.values()))
                    rows.append(_item(what, "05_moses", found, 3, *_trained(runs, n)))
                    break
    return rows


def _at_level(name: str, level: float, curves: list[list[dict]]) -> dict[str, list[float]]:
    """FCD and SNN of the curves that come to that accuracy, by key of `PRINTED`."""
    found = {}
    for word, metric in (("fcd", "FCD/Test"), ("snn", "SNN/Test")):
        values = [table_three([one], metric).get(level, (float("nan"),))[0] for one in curves]
        found[f"moses.{name.replace('-', '.')}.{word}.{100 * level:.0f}"] = [v for v in values if v == v]
    return found


def _zinc() -> list[Item]:
    rows = []
    for title, record in zinc_models().items():
        key = printed_key(title)
        found = {"accuracy": "sequence_accuracy", "valid": "valid_or_empty"}
        found = {f"{key}.{name}": [record.results[result]] for name, result in found.items()}
        what = f"Table 4: reconstruction / validity, {title}"
        rows.append(_item(what, "06_zinc_bo", found, 1, *_trained([record])))
        if fits := on_record(record, "regression").values():
            found = {"ll": "log_likelihood", "rmse": "rmse"}
            found = {f"{key}.{name}": [fit[result] for fit in fits] for name, result in found.items()}
            what = f"Table 4: LL / RMSE of the process on codes, {title}"
            rows.append(_item(what, "06_zinc_bo", found, 3, f"full, {len(fits)} of 10 splits", _SEARCHED))
        if hunts := on_record(record, "published").values():
            best = enumerate(best_molecules(hunts)[:3], start=1)
            found = {f"{key}.top{i}": [value] for i, (value, _) in best}
            what = f"Tables 4, 5, Appendix D: best of the published search, {title}"
            rows.append(_item(what, "06_zinc_bo", found, 2, f"full, {len(hunts)} of 10 seeds", _SEARCHED))
    return rows


def _beyond() -> list[Item]:
    favours = [audit_row(one, recorded)["in favour of"] for one in DIFFERENCES]
    counts = ", ".join(f"{favours.count(who)} {who}" for who in ("the code", "the text", "nobody", "unknown"))
    ratios = {row["what"]: row["ratio"] for row in measured("table", "recorded")}
    step = [f"{ratios[f'training step {label}, bf16']:.0f}x ({label.split()[0]})" for label in MODELS]
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
