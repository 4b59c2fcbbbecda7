"""Traits of molecules against RDKit's own slow ways and molsets' definitions."""

import io

import numpy as np
import pytest
from PIL import Image
from rdkit import Chem, rdBase
from rdkit.Chem import AllChem

from ddvae.molecules.chemistry import _patterns, canonical, draw_grid, traits
from ddvae.molecules.datasets import moses_strings, zinc

NO_MOLECULES = [None, "", "?", "C1CC", "c1ccccc", "C(C)(C)(C)(C)C", "ü", "\udc80", "🙂"]
ODD = ["C", "[H][H]", "*", "[Fe]", "C.[Na+]", "[2H]O", "C[N+](C)(C)C", "[Na+].[Cl-]", "C" * 1000]


@pytest.mark.parametrize("string", NO_MOLECULES)
def test_what_is_no_molecule(string):
    assert traits([string]) == [None] and canonical([string]) == [None]


@pytest.mark.parametrize("string", ODD, ids=lambda s: s[:20])
def test_odd_molecules_have_traits(string):
    (one,) = traits([string])
    assert canonical([string]) == [one.smiles]
    assert one.weight > 0 or string == "*"


def slow_filter(string):
    """Pattern after pattern, as molsets describes them."""
    molecule = Chem.MolFromSmiles(string)
    if any(len(ring) >= 8 for ring in molecule.GetRingInfo().AtomRings()):
        return False
    allowed = {"C", "N", "S", "O", "F", "Cl", "Br", "H"}
    if any(a.GetFormalCharge() != 0 or a.GetSymbol() not in allowed for a in molecule.GetAtoms()):
        return False
    hydrogens = Chem.AddHs(molecule)
    return not any(hydrogens.HasSubstructMatch(pattern) for pattern in _patterns())


def test_filters_against_every_pattern():
    """ZINC's molecules meet most filters; screening by fingerprints must not change an answer."""
    strings = zinc("test").strings()[:750]
    found = [one.passes for one in traits(strings)]
    assert found == [slow_filter(string) for string in strings]
    assert 0.3 < np.mean(found) < 0.9  # so both answers are met often


def test_fingerprint_is_the_deprecated_call():
    strings = moses_strings("test")[:50]
    for string, ours in zip(strings, traits(strings)):
        with rdBase.BlockLogs():
            theirs = AllChem.GetMorganFingerprintAsBitVect(Chem.MolFromSmiles(string), 2, nBits=1024)
        np.testing.assert_array_equal(np.unpackbits(ours.fingerprint), list(theirs))


def test_scaffolds_need_two_rings():
    single, fused = traits(["CCc1ccccc1", "CCc1ccc2ccccc2c1"])
    assert single.scaffold is None and fused.scaffold == "c1ccc2ccccc2c1"


def test_a_grid_leaves_places_empty_for_what_is_no_molecule():
    png = draw_grid(["CCO", "C1", "c1ccccc1"], ["a", "b", "c"], columns=2, size=(120, 100))
    with Image.open(io.BytesIO(png)) as image:
        assert image.size == (240, 200)
        dark = np.asarray(image.convert("L")) < 128
    assert dark[:100, :120].any() and not dark[:100, 120:].any() and dark[100:, :120].any()
    with Image.open(io.BytesIO(draw_grid([], size=(120, 100)))) as nothing:
        assert len(nothing.getcolors()) == 1
