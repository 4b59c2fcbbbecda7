"""The paper's claims, from what is recorded."""

import re

import pytest

from ddvae.claims import CLAIMS


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.what)
def test_evidence_is_numbers_from_records(claim):
    told = claim.evidence()
    assert told == "no run on record" or re.search(r"\d", told)
    assert "nan" not in told
