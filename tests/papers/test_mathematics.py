"""Tables 1 and 2 and Theorem 1, computed."""

import math

import pytest
import torch

from ddvae.mathematics.kernels import KERNELS
from ddvae.mathematics.relaxation import log_relaxed_indicator
from ddvae.papers.dd_vae.kl_tables import divergences
from ddvae.papers.dd_vae.printed import PRINTED, TABLE_1, TABLE_2, printed_kl
from ddvae.papers.dd_vae.theorem_one import (
    STRINGS,
    best_reconstruction,
    decay_exponent,
    joint_weights,
    lay_out,
    measure,
    solve,
    theorem_one,
    walk_prefixes,
)


def test_divergences_are_the_printed_formulas():
    found = divergences()
    assert len(found) == len(TABLE_1) + len(TABLE_2)
    for number, table in ((1, TABLE_1), (2, TABLE_2)):
        for name, formula in table.items():
            assert found[f"table{number}.{name}"] == pytest.approx(printed_kl(formula, 0.25, 0.5), abs=1e-12)


@pytest.mark.parametrize("temperature", [0.4, 0.1, 0.01])
@pytest.mark.parametrize("smaller", [0.02, 0.3, 0.5])
def test_no_margin_reconstructs_better(smaller, temperature):
    margins = torch.linspace(-1, 1, 20_001).double()
    a, b = torch.tensor(1 - smaller).double(), torch.tensor(smaller).double()
    searched = a * log_relaxed_indicator(margins, temperature)
    searched = (searched + b * log_relaxed_indicator(-margins, temperature)).max()
    best = best_reconstruction(a, b, temperature)
    assert searched - 1e-12 < best < searched + 1e-4  # the grid's step


def test_touching_proposals_keep_all_mass_and_make_no_error():
    q, divergence, breakpoints = lay_out("tricube", 1.0)
    joint = joint_weights(q, breakpoints)
    torch.testing.assert_close(joint.sum(0), STRINGS, rtol=1e-9, atol=0)
    assert walk_prefixes(joint)[2] == pytest.approx(1, abs=1e-9)
    lossless = math.log(2) - KERNELS["tricube"].entropy - STRINGS.log()
    torch.testing.assert_close(divergence, lossless, rtol=1e-9, atol=0)


def test_a_lower_temperature_overlaps_less():
    """The triangular kernel's edge is the steepest of those that overlap at all: its errors fall fastest."""
    errors = [measure("triangular", solve("triangular", t))["greedy"] for t in (1e-1, 1e-2, 1e-6)]
    assert errors[0] > errors[1] > errors[2] > 0
    assert decay_exponent("triangular", 1e-2, 1e-6) > 1
    assert math.isnan(decay_exponent("uniform", 1e-2, 1e-6))  # no error at all


def test_theorem_one():
    """Slower than the rate that chapter 2 derives for the thinnest edge, 1 + 1 / 3, but not by much."""
    found = theorem_one()
    assert set(found) == {key for key in PRINTED if key.startswith("theorem1.")}
    assert found["theorem1.exponent"] == pytest.approx(4 / 3, abs=0.04)
    assert 0 < found["theorem1.error"] < 1e-5
