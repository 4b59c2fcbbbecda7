"""The README's numbers are those of the recorded runs, its commands and links exist."""

import json
import re
import statistics

import pytest
from conftest import ROOT
from PIL import Image

from ddvae.curves import LEVELS, METHODS, curve, table_runs, table_three
from ddvae.measurements import measured
from ddvae.optimization import on_record
from ddvae.outcomes import best_molecules
from ddvae.paper import PRINTED
from ddvae.playground import WIDGETS
from ddvae.quality import contest
from ddvae.records import recorded
from ddvae.speed import MODELS

README = (ROOT / "README.md").read_text()


def mean_and_spread(name, result, digits):
    values = [record.results[result] for record in recorded(name)]
    spread = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.{digits}f}{spread}"


def bricks_row(panel, title, run, key):
    paper = " / ".join(f"{PRINTED[f'bricks.{key}.{q}'].value:.4f}" for q in ("kl", "js"))
    ours = " / ".join(mean_and_spread(run, q, 4) for q in ("kl", "js"))
    return (
        f"| Figure 5, {panel}: KL / JS of decoded samples, {title} "
        f"| [3](notebooks/03_synthetic_bricks.ipynb) | {paper} | {ours} "
        f"| `python -m ddvae train {run} --budget full` |"
    )


def digits_row(title, run, key):
    ours = mean_and_spread(run, "knn_released", 1)
    honest = mean_and_spread(run, "knn_honest", 1)
    return (
        f"| Figure 6: kNN accuracy, {title} | [4](notebooks/04_binary_mnist.ipynb) "
        f"| {PRINTED[f'mnist.{key}.knn'].value} % | {ours} % (honest reading {honest} %) "
        f"| `python -m ddvae train {run} --budget full` |"
    )


def moses_rows():
    rows = []
    for title, records in table_runs().items():
        curves = [curve(record) for record in records]
        key = METHODS[title].replace("-", ".")
        paper = " / ".join(f"{PRINTED[f'moses.{key}.{metric}.70'].value:.3f}" for metric in ("fcd", "snn"))
        found = [table_three(curves, metric)[LEVELS[0]] for metric in ("FCD/Test", "SNN/Test")]
        ours = " / ".join(
            f"{mean:.3f}" + (f" ± {spread:.3f}" if spread == spread else "") for mean, spread in found
        )
        seeds = "1 seed" if len(records) == 1 else f"{len(records)} seeds"
        seen = int(records[0].log[-1]["step"]) * records[0].settings["batch_size"] / (200 * 1_584_663)
        rows.append(
            f"| Table 3: FCD / SNN at 70 % accuracy, {title} | [5](notebooks/05_moses.ipynb) "
            f"| {paper} | {ours} ({seeds}, {100 * seen:.1f} % of the paper's molecules) "
            f"| `python -m ddvae train {records[0].name} --budget {records[0].budget}` |"
        )
    return "\n".join(rows)


def zinc_row():
    record = recorded("zinc-ddvae-tricube")[0]
    paper = [PRINTED[f"zinc.ddvae.tricube.{q}"].value for q in ("accuracy", "valid")]
    ours = [record.results[q] for q in ("sequence_accuracy", "valid_or_empty")]
    now = json.loads(json.dumps(record.preset.describe(record.budget, record.seed)))
    same = all(record.settings.get(key) == value for key, value in now.items())
    earlier = "" if same else ", with the settings and code version of its run.json, not today's"
    return (
        "| Table 4: ZINC reconstruction / validity, DD-VAE (T) | [8](notebooks/08_speed.ipynb) "
        f"| {paper[0]} % / {paper[1]} % "
        f"| {ours[0]:.1f} % / {ours[1]:.1f} % (after {record.seconds / 60:.0f} minutes on a core{earlier}) "
        f"| `python -m ddvae train zinc-ddvae-tricube --budget {record.budget}` |"
    )


def search_rows():
    record = recorded("zinc-ddvae-tricube")[0]
    fits, hunts = list(on_record(record, "regression").values()), on_record(record, "published")
    paper = {
        key: PRINTED[f"zinc.ddvae.tricube.{key}"].value for key in ("ll", "rmse", "top1", "top2", "top3")
    }
    fit = [[one[key] for one in fits] for key in ("log_likelihood", "rmse")]
    ours = " / ".join(f"{statistics.mean(found):.3f} ± {statistics.stdev(found):.3f}" for found in fit)
    best = [value for value, _ in best_molecules(hunts.values())[:3]]
    shown = [f"{value:.2f}" for value in [*best, *(paper[f"top{i}"] for i in (1, 2, 3))]]
    return (
        "| Table 4: LL / RMSE of the process on codes, DD-VAE (T) | [6](notebooks/06_zinc_bo.ipynb) "
        f"| {paper['ll']:.3f} / {paper['rmse']:.3f} | {ours} "
        "| `python -m ddvae reproduce --budget recorded --chapters 6` |\n"
        "| Table 4: best three of the published search, DD-VAE (T) | [6](notebooks/06_zinc_bo.ipynb) "
        f"| {' / '.join(shown[3:])} (10 seeds together) "
        f"| {' / '.join(shown[:3])} ({len(hunts)} seeds together) | same |"
    )


def moses_sentence():
    found = recorded("moses-ddvae-triweight")[0]
    ours = [found.results[key] for key in ("sequence_accuracy", "kl_nats", "valid")]
    numbers = (*ours, found.seconds / 60)
    return "{:.1f} % at {:.0f} nats with {:.0f} % of samples valid after {:.0f} minutes".format(*numbers)


def contest_sentence():
    curves = {title: list(map(curve, records)) for title, records in table_runs().items()}
    rows = [row for row in contest(curves) if row["better"] != "–"]
    return f"better in {sum(row['better'] == 'DD-VAE' for row in rows)} of {len(rows)} cells that both"


def search_sentence():
    record = recorded("zinc-ddvae-tricube")[0]
    found = []
    for kind in ("trust region, 38 atoms", "local steps, 38 atoms"):
        runs = on_record(record, kind)
        best = [best_molecules([run])[0][0] for run in runs.values()]
        found.append(f"{statistics.mean(best):.2f} ± {statistics.stdev(best):.2f} ({len(best)} seeds)")
    return found


def speed_row():
    table = {row["what"]: row["ratio"] for row in measured("table", "recorded")}
    step = [table[f"training step {label}, bf16"] for label in MODELS]
    return (
        "| – : training step against the released way | [8](notebooks/08_speed.ipynb) | – "
        f"| {step[0]:.0f}x (MOSES), {step[1]:.0f}x (ZINC) | `python benchmarks/engine.py` |"
    )


def beyond_sentence():
    best = recorded("bricks-layout-uniform")[0].results
    gap = best["mean_kl"] - best["limit"]
    return f"{gap:.2f} nats of it", f"{mean_and_spread('mnist-ddvae-upright', 'knn_honest', 1)} %"


ROWS = [
    lambda: bricks_row("left", "DD-VAE U/U", "bricks-ddvae-uniform", "uniform"),
    lambda: bricks_row("middle", "DD-VAE U/T", "bricks-ddvae-tricube", "tricube"),
    lambda: bricks_row("right", "VAE", "bricks-vae-gaussian", "gaussian"),
    lambda: digits_row("DD-VAE", "mnist-ddvae-uniform", "ddvae"),
    lambda: digits_row("VAE", "mnist-vae-gaussian", "vae"),
    moses_rows,
    zinc_row,
    search_rows,
    speed_row,
]


@pytest.mark.parametrize("row", ROWS)
def test_the_table_holds_the_recorded_numbers(row):
    assert row() in README, f"expected this row:\n{row()}"


def test_the_numbers_beyond_the_paper_are_recorded():
    for part in (*beyond_sentence(), contest_sentence(), moses_sentence(), *search_sentence()):
        assert part in " ".join(README.split()), part


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("http") or (ROOT / target).exists(), target


def test_each_module_is_named():
    told = README[README.index("    ddvae/ ") : README.index("    figures/ ")]
    modules = {path.stem for path in (ROOT / "ddvae").glob("[!_]*.py")}
    assert modules == modules & set(told.split()), modules - set(told.split())


def test_each_widget_moves():
    films = set(re.findall(r'src="(figures/widgets/\w+\.webp)"', README))
    assert films == {f"figures/widgets/{kind.__name__}.webp" for kind in WIDGETS.values()}
    for film in films:
        with Image.open(ROOT / film) as picture:
            assert picture.n_frames >= 5 and (ROOT / film).stat().st_size < 3e6, film


def test_the_five_lines_run():
    five, _ = re.findall(r"```python\n(.*?)```", README, flags=re.S)
    names = {}
    exec(five, names)
    assert names["kl"].shape == (8, 2) and names["log_prob"].shape == (8,)


def test_the_search_runs(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    _, code = re.findall(r"```python\n(.*?)```", README, flags=re.S)
    exec(code, {})
    assert re.match(r"\(\d\.\d+, '\w", capsys.readouterr().out)
