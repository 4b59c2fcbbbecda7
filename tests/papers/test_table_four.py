"""Chapter 6's tables on searches made by hand."""

import math

from ddvae.papers.dd_vae.zinc.codes import zinc_models
from ddvae.papers.dd_vae.zinc.table_four import (
    best_molecules,
    decode_table,
    held_out_table,
    ours,
    round_table,
    search_table,
    seed_table,
    table_four,
)


def row(status, score=None, smiles="", mean=1.0):
    return {"status": status, "score": score, "smiles": smiles, "mean": mean}


RUN = {
    "proposed": [
        row("scored", 2.0, "CC", 4.0),
        row("invalid"),
        row("duplicate", None, "CC"),
        row("scored", 3.0, "CCC", 2.0),
    ],
    "held_out": {
        "before": {"log_likelihood": -1.0, "rmse": 1.0},
        "after": {"log_likelihood": -1.5, "rmse": 2.0},
    },
}
NOTHING = RUN | {"proposed": [row("invalid"), row("invalid")]}
RUNS = {"DD-VAE (T)": {"published": {1: RUN, 2: NOTHING}}}
FIT = {"log_likelihood": -1.4, "rmse": 1.2, "constant log_likelihood": -2.0, "constant rmse": 2.1}


def test_best_molecules_are_counted_once():
    assert best_molecules([RUN, RUN, NOTHING]) == [(3.0, "CCC"), (2.0, "CC")]


def test_searches():
    (found,) = search_table(RUNS)
    assert (found["seeds"], found["codes"], found["molecules"], found["new, scored"]) == (2, 3, 1.5, 1)
    assert (found["predicted"], found["true"], found["best of all"]) == (3.0, 2.5, 3.0)
    assert found["best of a seed"] == "3.00"


def test_a_search_that_scored_nothing():
    (found,) = search_table({"VAE (G)": {"published": {1: NOTHING}}})
    assert found["best of a seed"] == "–"
    assert math.isnan(found["best of all"]) and math.isnan(found["true"])


def test_held_out():
    (found,) = held_out_table({"DD-VAE (T)": {1: FIT}}, RUNS)
    assert (found["splits"], found["LL free"], found["RMSE capped, after"]) == (1, -1.4, 2.0)
    assert (found["LL capped, before"], found["LL capped, after"]) == (-1.0, -1.5)


def test_seeds():
    large = row("scored", 9.0, "C" * 39)
    first, second = seed_table({1: RUN | {"proposed": [*RUN["proposed"], large]}, 2: NOTHING})
    assert (first["codes"], first["molecules scored"]) == (5, 3)
    assert (first["best score"], first["its heavy atoms"], first["best up to 38 atoms"]) == (9.0, 39, 3.0)
    assert second["molecules scored"] == 0 and "best score" not in second


def test_decodes_without_enough_codes():
    few, more = {"valid": 0.0, "same": 0.0}, {"valid": 1.0, "same": 0.5, "codes": 20} | FIT
    greedy, drawn = decode_table({"VAE (G)": {}, "VAE (T)": {1: {"greedy": more, "drawn": few}}})
    assert (greedy["same (%)"], greedy["LL"], greedy["LL of a constant"]) == (50, -1.4, -2.0)
    assert drawn["codes"] == 0 and math.isnan(drawn["LL"])


def test_table_four_and_what_is_compared():
    models = {title: one for title, one in zinc_models().items() if title == "DD-VAE (T)"}
    fits = {"DD-VAE (T)": {1: FIT, 2: FIT | {"rmse": 1.4}}}
    mine, paper, constant = table_four(models, fits, RUNS)
    assert mine["RMSE"] == "1.300 ± 0.141" and mine["top 1"] == 3.0 and "top 3" not in mine
    assert (paper["LL"], paper["top 3"]) == ("-1.470 ± 0.022", 5.64) and constant["LL"] == "-2.000 ± 0.000"
    found = ours(models, fits, RUNS)
    assert found["zinc.ddvae.tricube.rmse"] == [1.2, 1.4]
    assert found["zinc.ddvae.tricube.top1"] == [3.0], "the other seed scored nothing"
    assert "zinc.ddvae.tricube.top3" not in found


def test_rounds():
    recorded = [[line | {"round": 1} for line in RUN["proposed"]] + [row("scored", 9.0) | {"round": 2}]]
    found = round_table({"EI": RUN["proposed"]}, {"EI": NOTHING["proposed"]}, {"EI": recorded})
    assert [one["cells, now"] for one in found] == [75, 1.75 + 0.25, 2.5, 3.0]
    assert [one["cells less recorded"] for one in found] == [0, 0, 0, 0]
    assert found[0]["package, now"] == 0 and found[2]["recorded"] == "2.50" and found[2]["seeds"] == 1
