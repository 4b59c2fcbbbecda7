"""The paper's claims, from what is recorded."""

import re

import pytest

from ddvae.claims import CLAIMS
from ddvae.records import is_recorded


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.what)
def test_evidence_is_numbers_from_records(claim):
    told = claim.evidence()
    if told == "no run on record":
        assert "annealing" in claim.what and not is_recorded("bricks-switch-linear")
    else:
        assert re.search(r"\d", told) and "nan" not in told
