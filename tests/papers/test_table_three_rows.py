"""Chapter 5's tables, from curves made by hand."""

from types import SimpleNamespace

import pytest

from ddvae.papers.dd_vae.printed import PRINTED
from ddvae.papers.dd_vae.table_three_rows import contest, ours, table_three_rows, variation_rows


def checkpoint(accuracy, fcd, snn):
    return {"accuracy": accuracy, "n": 100, "valid": 0.5, "FCD/Test": fcd, "SNN/Test": snn}


CURVES = {
    "VAE (T)": [[checkpoint(0.8, 3.0, 0.4), checkpoint(0.7, 2.0, 0.5)]],
    "DD-VAE (T)": [
        [checkpoint(0.8, 3.5, 0.4), checkpoint(0.7, 1.0, 0.6)],
        [checkpoint(0.8, 4.5, 0.4), checkpoint(0.7, 1.0, 0.4)],
    ],
}


def test_table_three_and_the_papers_rows():
    vae, printed, ddvae, _ = table_three_rows(CURVES)
    assert vae["valid 80 % (%)"] == "50.0"
    assert (vae["method"], vae["seeds"], vae["n"], vae["FCD/Test 70 %"]) == ("VAE (T)", 1, 100, "2.000")
    assert printed["FCD/Test 90 %"] == "0.753" and vae["FCD/Test 90 %"] == "–"
    assert ddvae["FCD/Test 80 %"] == "4.000 ± 0.707" and ddvae["SNN/Test 70 %"] == "0.500 ± 0.141"


def test_ours_are_printed_numbers_keys():
    found = ours(CURVES)
    assert set(found) <= set(PRINTED) and len(found) == 8
    assert found["moses.ddvae.triweight.fcd.80"] == 4


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


def test_variations():
    results = {"sequence_accuracy": 69.0, "kl_nats": 42.0, "valid": 60.0}
    record = SimpleNamespace(results=results)
    (row,) = variation_rows({"a": record}, {"a": CURVES["VAE (T)"][0]})
    assert row["highest accuracy (%)"] == pytest.approx(80) and row["valid (%)"] == 60
    assert (row["FCD/Test 70 %"], row["FCD/Test 80 %"], row["SNN/Test 70 %"]) == (2, 3, 0.5)
