"""Strings that look like SMILES, and those that do not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddvae.molecules import chemistry as chem
from ddvae.molecules.datasets import ZINC, moses
from ddvae.molecules.smiles_files import _is_like_smiles, _is_well_formed


def test_every_published_molecule_looks_like_one():
    strings = moses("test").sample(3000).strings()
    assert all(map(_is_well_formed, strings)) and all(map(_is_like_smiles, strings))


@pytest.mark.parametrize(
    "string, well_formed",
    [
        ("C1CC1", True),
        ("C%10CC%10", True),
        ("*C[*:1]", True),
        ("[2H]C[C@@H](F)/C=C/[nH+:3]", True),
        ("C1CC", False),
        ("C%10CC1", False),
        ("CC(C", False),
        ("C2H6O", False),
        ("CCl[C", False),
        ("C l", False),
    ],
)
def test_molecules_and_identifiers_are_told_apart(string, well_formed):
    assert _is_well_formed(string) == well_formed


@given(st.text(ZINC.symbols, max_size=12))
def test_what_rdkit_takes_looks_like_smiles(string):
    if string and chem.canonical([string])[0]:
        assert _is_like_smiles(string) and _is_well_formed(string)
