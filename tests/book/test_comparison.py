"""Printed numbers and how ours are held against them."""

import math

import numpy as np
import pytest
import sympy

from ddvae.book.comparison import Printed, cells, compare
from ddvae.mathematics.kernels import KERNELS
from ddvae.papers.dd_vae.printed import PRINTED, TABLE_1, TABLE_2

MU, SIGMA = sympy.symbols("mu", real=True), sympy.symbols("sigma", positive=True)
Z = sympy.symbols("z", positive=True)
DENSITIES = {
    "uniform": sympy.Rational(1, 2),
    "triangular": 1 - Z,
    "epanechnikov": sympy.Rational(3, 4) * (1 - Z**2),
    "quartic": sympy.Rational(15, 16) * (1 - Z**2) ** 2,
    "triweight": sympy.Rational(35, 32) * (1 - Z**2) ** 3,
    "tricube": sympy.Rational(70, 81) * (1 - Z**3) ** 3,
    "cosine": sympy.pi / 4 * sympy.cos(sympy.pi * Z / 2),
}


def parse(formula):
    return sympy.sympify(formula, locals={"mu": MU, "sigma": SIGMA})


@pytest.mark.parametrize("name", list(KERNELS))
def test_tables_at_40_digits(name):
    """Quadrature of the densities, independent of the package and of chapter 1."""
    from mpmath import mp, quad

    with mp.workdps(40):
        f = sympy.lambdify(Z, DENSITIES[name], "mpmath")
        moment = 2 * quad(lambda z: z**2 * f(z), [0, 1])
        entropy = -2 * quad(lambda z: f(z) * mp.log(f(z)) if f(z) else mp.mpf(0), [0, 0.5, 1])
        mu, sigma = mp.mpf("0.3"), mp.mpf("0.7")
        ours_1 = mu**2 / 2 + moment * sigma**2 / 2 - mp.log(sigma) + mp.log(2 * mp.pi) / 2 - entropy
        ours_2 = mp.log(2) - mp.log(sigma) - entropy
        exact = {MU: sympy.Rational(3, 10), SIGMA: sympy.Rational(7, 10)}
        printed = [sympy.N(parse(t[name]).subs(exact), 40) for t in (TABLE_1, TABLE_2)]
        assert abs(ours_1 - mp.mpf(printed[0])) < mp.mpf("1e-25")
        assert abs(ours_2 - mp.mpf(printed[1])) < mp.mpf("1e-25")


def test_tables_have_all_rows():
    assert list(TABLE_1) == [*KERNELS, "gaussian"] and list(TABLE_2) == list(KERNELS)


def test_compare_keeps_misses_visible():
    frame = compare({"mnist.vae.knn": 60.0, "mnist.ddvae.knn": 95.0, "bricks.uniform.kl": 0.0031}, PRINTED)
    verdicts = dict(zip(frame["quantity"], frame["verdict"]))
    assert verdicts["kNN accuracy, VAE (%)"] == "worse (n = 1)"
    assert verdicts["kNN accuracy, DD-VAE (%)"] == "better (n = 1)"
    assert frame["verdict"].iloc[2].startswith("agrees")
    assert frame["difference"].iloc[0] == pytest.approx(60 - 86.1)


def test_recorded_values_have_a_column_where_there_are_any():
    assert "recorded" not in compare({"mnist.vae.knn": 60.0}, PRINTED)
    ours = {"mnist.vae.knn": 60.0, "mnist.ddvae.knn": 95.0}
    both = compare(ours, PRINTED, {"mnist.vae.knn": 85.2})["recorded"]
    assert both.iloc[0] == 85.2 and math.isnan(both.iloc[1])


def test_nan_agrees_with_nothing():
    assert compare({"mnist.vae.knn": math.nan}, PRINTED)["verdict"].iloc[0] == "differs (n = 1)"


def test_compare_refuses_what_is_not_printed():
    with pytest.raises(ValueError, match=r"no printed number 'mnist\.knn'; expected one of"):
        compare({"mnist.knn": 1.0}, PRINTED)


@pytest.mark.parametrize("key", PRINTED)
def test_entries(key):
    printed = PRINTED[key]
    assert isinstance(printed, Printed) and printed.better in ("lower", "higher", "equal")
    assert math.isfinite(printed.value) and 0 < printed.tolerance and printed.source


def test_cells_of_a_table():
    """Every number of a table has a place of its own: Table 3 has four methods, two metrics, three levels."""
    found = cells(PRINTED, "Table 3")
    assert found["DD-VAE (T)", "FCD/Test 80 %"] == "moses.ddvae.triweight.fcd.80"
    assert len(found) == 4 * 2 * 3 == sum(one.source == "Table 3" for one in PRINTED.values())
    assert len(cells(PRINTED, "Table 4")) == 4 * 7


@pytest.mark.parametrize(
    ("better", "value", "verdict"),
    [
        ("lower", 1.1, "agrees"),
        ("lower", 1.2, "worse"),
        ("lower", 0.8, "better"),
        ("higher", 1.2, "better"),
        ("higher", 0.8, "worse"),
        ("equal", 0.8, "differs"),
        ("lower", math.nan, "differs"),
    ],
)
def test_verdicts(better, value, verdict):
    assert Printed("", 1.0, "", better, tolerance=0.11).verdict(value) == verdict


@pytest.mark.parametrize(
    ("ours", "printed", "verdict"),
    [
        (
            [0.0033, 0.0035, 0.0055],
            "bricks.uniform.kl",
            "within noise",
        ),
        ([0.0081, 0.0082, 0.0083], "bricks.uniform.kl", "worse"),
        ([0.0081, 0.0091], "bricks.uniform.kl", "within noise"),  # of two seeds nobody knows the spread
        ([-1.47] * 9 + [-1.45], "zinc.vae.tricube.ll", "better"),
        (-1.50, "zinc.vae.tricube.ll", "within noise"),  # one seed of ours has the paper's
        (1.7, "moses.vae.gaussian.fcd.80", "worse"),
    ],
)
def test_verdicts_know_how_far_seeds_lie_apart(ours, printed, verdict):
    assert PRINTED[printed].verdict(ours) == verdict
    frame = compare({printed: ours}, PRINTED)
    n = len(ours) if isinstance(ours, list) else 1
    assert frame["verdict"].iloc[0] == f"{verdict} (n = {n})" and ("±" in frame) == (n > 1)
    assert ("paper ±" in frame) == math.isfinite(PRINTED[printed].deviation)


def test_noise_is_a_95_percent_interval():
    """Where nothing differs, 5 % of verdicts say so: here 2.6 to 7.4 %, in all but 1 of 2,000 suites."""
    random = np.random.default_rng(1)
    words = []
    for theirs, *ours in random.normal(size=(1_000, 5)):
        words.append(Printed("", theirs, "", "lower", tolerance=1e-9).verdict(ours))
    assert 0.026 < 1 - words.count("within noise") / 1_000 < 0.074


def test_what_the_paper_prints_of_its_spread():
    """Tables 3 and 4 have deviations, and no other number has."""
    spread = {key for key, one in PRINTED.items() if math.isfinite(one.deviation)}
    assert spread == {key for key in PRINTED if key.startswith("moses.") or key.endswith((".ll", ".rmse"))}
