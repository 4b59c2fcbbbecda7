"""Table 3 from curves made by hand, and the runs behind it."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from ddvae.experiments.molecule_runs import from_most_accurate
from ddvae.figures.molecules import quality_lines
from ddvae.papers.dd_vae.printed import PRINTED
from ddvae.papers.dd_vae.table_three import (
    averages,
    contest,
    noise,
    ours,
    small_runs,
    table_runs,
    table_three,
    table_three_rows,
    variation_rows,
    variation_runs,
)
from ddvae.papers.dd_vae.variations import VARIATIONS


def checkpoint(accuracy, fcd, snn):
    return {"accuracy": accuracy, "n": 100, "valid": 0.5, "FCD/Test": fcd, "SNN/Test": snn}


CURVES = {
    "VAE (T)": [[checkpoint(0.8, 3.0, 0.4), checkpoint(0.7, 2.0, 0.5)]],
    "DD-VAE (T)": [
        [checkpoint(0.8, 3.5, 0.4), checkpoint(0.7, 1.0, 0.6)],
        [checkpoint(0.8, 4.5, 0.4), checkpoint(0.7, 1.0, 0.4)],
    ],
}


def test_table_three_by_hand():
    """What comes before the most accurate checkpoint is left out."""
    curves = [
        [{"accuracy": 0.3}, {"accuracy": 0.8, "FCD/Test": 3.0}, {"accuracy": 0.7, "FCD/Test": 1.0}],
        [{"accuracy": 0.65, "FCD/Test": 9.0}, {"accuracy": 0.7, "FCD/Test": 2.0}],
    ]
    found = table_three({"VAE (G)": curves}, ["FCD/Test"])
    assert found == {
        ("VAE (G)", "FCD/Test", 0.7): [1.0, 2.0],
        ("VAE (G)", "FCD/Test", 0.8): [3.0],
        ("VAE (G)", "FCD/Test", 0.9): [],
    }


def test_a_missing_value_spoils_nothing():
    rows = [{"accuracy": 0.71, "FCD/Test": math.nan}, {"accuracy": 0.7, "FCD/Test": 1.0}]
    assert table_three({"VAE (G)": [rows]})["VAE (G)", "FCD/Test", 0.7] == [1.0]


def test_a_cell_has_the_papers_key():
    (cell,) = [one for one in table_three(CURVES) if one == ("DD-VAE (T)", "FCD/Test", 0.8)]
    assert (cell.column, cell.key) == ("FCD/Test 80 %", "moses.ddvae.triweight.fcd.80")


def test_table_three_and_the_papers_rows():
    vae, printed, ddvae, _ = table_three_rows(CURVES)
    assert vae["valid 80 % (%)"] == "50.0"
    assert (vae["method"], vae["seeds"], vae["n"], vae["FCD/Test 70 %"]) == ("VAE (T)", 1, 100, "2.000")
    assert printed["FCD/Test 90 %"] == "0.753 ± 0.019" and vae["FCD/Test 90 %"] == "–"
    assert ddvae["FCD/Test 80 %"] == "4.000 ± 0.707" and ddvae["SNN/Test 70 %"] == "0.500 ± 0.141"
    assert table_three_rows(CURVES, "small")[0]["method"] == "VAE (T), small"


def test_ours_are_printed_numbers_keys():
    found = ours(CURVES)
    assert set(found) <= set(PRINTED) and len(found) == 8
    assert found["moses.ddvae.triweight.fcd.80"] == [3.5, 4.5]


def test_the_better_one_of_each_pair():
    better = {(row["metric"], row["accuracy (%)"]): row["better"] for row in contest(CURVES)}
    assert better == {
        ("FCD/Test", "70"): "DD-VAE",
        ("FCD/Test", "80"): "VAE",
        ("FCD/Test", "90"): "–",
        ("SNN/Test", "70"): "DD-VAE",  # a draw
        ("SNN/Test", "80"): "DD-VAE",
        ("SNN/Test", "90"): "–",
    }


def test_noise_is_a_two_sided_interval_of_pooled_seeds():
    """At 80 % the two seeds of DD-VAE (T) deviate by 0.707; Student's t of one degree is 12.7."""
    assert noise(CURVES, "FCD/Test", 0.8) == pytest.approx(12.7062 * math.sqrt(0.5) * math.sqrt(2), rel=1e-5)
    assert noise(CURVES, "FCD/Test", 0.8, (2, 2)) == pytest.approx(12.7062 * math.sqrt(0.5), rel=1e-5)
    assert math.isnan(noise({"VAE (T)": CURVES["VAE (T)"]}, "FCD/Test", 0.8))
    assert math.isnan(noise(CURVES, "FCD/Test", 0.8, (0, 1)))


def test_a_difference_is_beyond_noise_where_seeds_are_closer():
    close = {"DD-VAE (T)": [[checkpoint(0.8, 3.0 + shift, 0.4)] for shift in (0.0, 0.001)]}
    beyond = {
        (row["metric"], row["accuracy (%)"]): row["beyond noise"] for row in contest(CURVES, seeds=close)
    }
    assert beyond["FCD/Test", "80"] == "yes" and beyond["FCD/Test", "70"] == "–"
    assert {row["beyond noise"] for row in contest(CURVES) if row["accuracy (%)"] == "80"} == {"no"}


def test_variations():
    results = {"sequence_accuracy": 69.0, "kl_nats": 42.0, "valid": 60.0}
    record = SimpleNamespace(results=results)
    (row,) = variation_rows({"a": record}, {"a": CURVES["VAE (T)"][0]})
    assert row["highest accuracy (%)"] == pytest.approx(80) and row["valid (%)"] == 60
    assert (row["FCD/Test 70 %"], row["FCD/Test 80 %"], row["SNN/Test 70 %"]) == (2, 3, 0.5)


FALLING = [
    checkpoint(accuracy, 1.0, snn) | {"epoch": i}
    for i, (accuracy, snn) in enumerate(((0.1, 9.0), (0.9, 0.4), (0.8, 0.5), (0.73, 0.6)))
]


def test_averages_go_through_table_three():
    levels, values = averages({"VAE (G)": [FALLING, FALLING]})["VAE (G)"]["SNN/Test"]
    assert 0.70 < levels[0] < 0.74 and 0.88 < levels[-1] < 0.92  # where there are checkpoints on both sides
    table = table_three({"VAE (G)": [FALLING]}, ["SNN/Test"])
    assert [len(found) for found in table.values()] == [0, 1, 1]  # no run comes to 70 %
    for cell, found in table.items():
        for value in found:
            assert values[np.argmin(abs(levels - cell.level))] == pytest.approx(value)


def test_lines_are_drawn_as_they_are_given():
    """Against accuracy, what does not count is pale; else a run's snapshots are joined."""
    curves = {"VAE (G)": [FALLING]}
    lines = averages(curves)
    fcd, line, *_ = quality_lines(curves, "accuracy", "accuracy", lines).data
    late = len(from_most_accurate(FALLING))
    assert list(fcd.marker.opacity) == [0.25] * (len(FALLING) - late) + [1] * late and fcd.mode == "markers"
    assert list(line.x) == list(lines["VAE (G)"]["FCD/Test"][0]) and line.mode == "lines"
    fcd, legend, *_ = quality_lines(curves, "epoch", "epoch").data
    assert (list(fcd.x), fcd.mode, fcd.marker.opacity) == ([0, 1, 2, 3], "lines+markers", 1)
    assert list(legend.x) == [None] and legend.showlegend


def test_table_three_takes_published_runs_before_shorter_ones(monkeypatch):
    stored = {"moses-vae-gaussian": ["hours"], "moses-large-vae-gaussian": ["hours", "smoke"]}
    stored |= {"moses-ddvae-gaussian": ["full", "hours"], "moses-large-ddvae-gaussian": ["hours"]}
    stored |= {"moses-sweep-vae-triweight": ["hours"]}
    monkeypatch.setattr("ddvae.experiments.record.is_recorded", stored.__contains__)

    def recorded(name):
        return [SimpleNamespace(name=name, budget=budget) for budget in stored[name]]

    monkeypatch.setattr("ddvae.experiments.record.recorded", recorded)

    def names(found):
        return {method: [(run.name, run.budget) for run in runs] for method, runs in found.items()}

    assert names(table_runs()) == {
        "VAE (G)": [("moses-large-vae-gaussian", "hours")],
        "DD-VAE (G)": [("moses-ddvae-gaussian", "full")],
    }
    assert names(small_runs()) == {"VAE (T)": [("moses-sweep-vae-triweight", "hours")]}


@pytest.mark.parametrize(
    ("budget", "methods", "seeds"), [("smoke", 1, [2]), ("hours", 4, [2]), ("full", 4, [1, 2, 3])]
)
def test_what_is_trained_for_table_three(monkeypatch, budget, methods, seeds):
    asked = []
    monkeypatch.setattr("ddvae.papers.dd_vae.table_three.obtain", lambda *given: asked.append(given))
    assert len(table_runs(budget, "there", seed=2)) == methods
    assert all(("sweep" in preset.name) == (budget != "full") for preset, *_ in asked)
    assert all(list(given[3]) == seeds and given[1:3] == (budget, "there") for given in asked)


def test_variations_are_trained_or_read(monkeypatch):
    """Those without a record are missing; only long budgets train them."""
    asked = []

    def obtain(preset, budget, *rest):
        asked.append((budget, *rest))
        if preset.name.endswith("flat"):
            raise FileNotFoundError
        return [preset.name]

    monkeypatch.setattr("ddvae.papers.dd_vae.table_three.obtain", obtain)
    found = variation_runs("laptop", "there", 3, "cpu")
    assert len(found) == len(VARIATIONS) - 1 and "moses-variation-batch" in found.values()
    assert set(asked) == {("recorded", "there", (3,), "cpu")}
    variation_runs("full")
    assert asked[-1] == ("full", "", (1,), "cpu")


def test_recorded_runs_of_table_three_have_curves():
    """Else a chapter that draws from records would compute for minutes, and write into them."""
    found = [
        record for runs in (table_runs(), small_runs()) for records in runs.values() for record in records
    ]
    for record in (*found, *variation_runs().values()):
        assert record.kept("curve"), f"run python -m ddvae curve {record.folder}"
