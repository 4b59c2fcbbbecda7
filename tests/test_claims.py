"""The paper's claims, from what is recorded."""

import re

import pytest

from ddvae.claims import CLAIMS


@pytest.mark.parametrize("claim", CLAIMS[:5], ids=lambda claim: claim.what)
def test_evidence_is_numbers_from_records(claim):
    told = claim.evidence()
    assert re.search(r"\d", told) and "nan" not in told


def test_switches_wait_for_their_runs_or_tell_them():
    for claim in CLAIMS[5:]:
        try:
            assert "against" in claim.evidence()
        except FileNotFoundError as error:
            assert "bricks-switch-" in str(error)
