"""The README's numbers are those of the recorded runs, its commands and links exist."""

import json
import re
import statistics

from conftest import ROOT
from PIL import Image

from ddvae.book.statistics import spread
from ddvae.experiments.molecule_runs import curve
from ddvae.experiments.record import recorded
from ddvae.papers.dd_vae.readme_table import table
from ddvae.papers.dd_vae.table_three import small_runs, table_runs
from ddvae.papers.dd_vae.table_three_rows import contest
from ddvae.papers.dd_vae.zinc.codes import on_record, zinc_models
from ddvae.papers.dd_vae.zinc.table_four import best_molecules
from ddvae.widgets.tabs import WIDGETS

README = (ROOT / "README.md").read_text()


def moses_sentence():
    found = recorded("moses-ddvae-triweight")[0]
    ours = [found.results[key] for key in ("sequence_accuracy", "kl_nats", "valid")]
    numbers = (*ours, found.seconds / 60)
    return "{:.1f} % at {:.0f} nats with {:.0f} % of samples valid after {:.0f} minutes".format(*numbers)


def seen_sentence():
    """Shares of the molecules that a published run sees in its 200 epochs."""
    share = []
    for name, size in (("moses-large-vae-gaussian", 1_584_663), ("zinc-large-vae-gaussian", 220_011)):
        run = recorded(name)[0]
        share.append(100 * int(run.log[-1]["step"]) * run.settings["batch_size"] / (200 * size))
    return (
        "the runs behind Table 3 saw {:.1f} % of the paper's molecules, those behind Table 4 {:.0f} %".format(
            *share
        )
    )


def contest_sentence():
    found = []
    for runs in (small_runs(), table_runs()):
        rows = contest({title: list(map(curve, records)) for title, records in runs.items()})
        better = [row["better"] for row in rows if row["better"] != "–"]
        found.append(f"{better.count('DD-VAE')} of {len(better)}")
    small, large = found
    return f"is better in {small} cells that both methods reach, at the published size in {large}."


def search_sentence():
    record = zinc_models()["DD-VAE (T)"]
    found = []
    for kind in ("trust region, 38 atoms", "local steps, 38 atoms"):
        runs = on_record(record, kind)
        best = [best_molecules([run])[0][0] for run in runs.values()]
        found.append(f"{statistics.mean(best):.2f} ± {statistics.stdev(best):.2f} ({len(best)} seeds)")
    return found


def beyond_sentence():
    best = recorded("bricks-layout-uniform")[0].results
    gap = best["mean_kl"] - best["limit"]
    upright = [record.results["knn_honest"] for record in recorded("mnist-ddvae-upright")]
    return f"{gap:.2f} nats of it", f"{spread(upright, '.1f', '.1f')} %"


def test_the_table_is_that_of_the_recorded_runs():
    wanted = table()
    assert "\n".join(wanted) in README, "expected this table, which python -m ddvae items prints"
    assert all(cell.strip() for line in wanted for cell in line.strip("|").split("|"))


def test_the_commands_train_what_is_recorded():
    """A preset changed since would give other numbers; what was added since is off by default."""
    commands = set(re.findall(r"`python -m ddvae train ([\w-]+) --budget (full|hours)`", README))
    assert len(commands) > 10
    for name, budget in commands:
        for record in recorded(name):
            now = json.loads(json.dumps(record.preset.describe(budget, record.seed)))
            changed = {key for key, value in now.items() if record.settings.get(key, value) != value}
            assert record.budget == budget and not changed, (name, record.seed, changed)


def test_every_item_of_the_paper_has_a_row():
    """Numbered in the paper: five tables, six figures, a theorem."""
    told = " ".join(re.findall(r"^\| (.*?) \|", README, flags=re.M))
    for kind, numbers in (("Table", "12345"), ("Figure", "123456")):
        found = "".join(re.findall(rf"{kind}s? ([\d, and]+)", told))
        assert {one for one in found if one.isdigit()} == set(numbers)
    assert "Theorem 1" in told and "Appendix D" in told


def test_the_numbers_beyond_the_paper_are_recorded():
    told = (seen_sentence(), contest_sentence(), moses_sentence())
    for part in (*beyond_sentence(), *search_sentence(), *told):
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
