"""The paper's claims, from what is recorded."""

import re

import pytest

from ddvae.papers.dd_vae.audit.claims import CLAIMS


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.what)
def test_evidence_is_numbers_from_records(claim):
    told = claim.evidence()
    assert re.search(r"\d\.\d|\d of [1-9]", told) and "nan" not in told
