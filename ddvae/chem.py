"""All of RDKit: what is computed from one molecule at a time."""

import csv
import math
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

import numpy as np

from .sources import molsets_file

__all__ = [
    "Traits",
    "canonical",
    "draw_grid",
    "heavy_atoms",
    "library_versions",
    "score_parts",
    "similarities",
    "traits",
]

FINGERPRINT_BITS = 1024
"""Of Morgan fingerprints of radius 2, as MOSES takes them."""


def canonical(strings: Iterable[str]) -> list[str | None]:
    """Canonical SMILES of each string; None for what is no molecule, the empty string included."""
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():  # RDKit tells of every string that it cannot read
        molecules = (_molecule(string) for string in strings)
        return [None if molecule is None else Chem.MolToSmiles(molecule) for molecule in molecules]


def heavy_atoms(strings: Iterable[str | None]) -> list[int]:
    """Heavy atoms of each string; 0 for what is no molecule."""
    from rdkit import rdBase

    with rdBase.BlockLogs():
        molecules = (_molecule(string) for string in strings)
        return [0 if molecule is None else molecule.GetNumHeavyAtoms() for molecule in molecules]


def similarities(string: str, others: Iterable[str]) -> list[float]:
    """Tanimoto similarity of Morgan fingerprints between one molecule and others; NaN where one is none."""
    from rdkit import rdBase
    from rdkit.Chem import rdFingerprintGenerator
    from rdkit.DataStructs import TanimotoSimilarity

    morgan = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=FINGERPRINT_BITS)
    with rdBase.BlockLogs():
        one, *rest = (_molecule(each) for each in (string, *others))
        prints = [None if molecule is None else morgan.GetFingerprint(molecule) for molecule in (one, *rest)]
    first = prints[0]
    return [
        math.nan if first is None or other is None else TanimotoSimilarity(first, other)
        for other in prints[1:]
    ]


class Traits(NamedTuple):
    """What MOSES' metrics need of one molecule.

    Attributes:
        smiles: Canonical.
        fingerprint: (128,) uint8, the packed bits of the Morgan fingerprint.
        fragments: SMILES of its BRICS fragments.
        scaffold: SMILES of its Murcko scaffold if that has two rings or more, else None.
        logp, sa, qed, weight: Crippen's logP, synthetic accessibility (1 easy to 10), drug-likeness, Da.
        passes: Whether MOSES' filters let it through.

    Source: Polykovskiy et al. (2018a), molsets 0.3.1.
    """

    smiles: str
    fingerprint: np.ndarray
    fragments: list[str]
    scaffold: str | None
    logp: float
    sa: float
    qed: float
    weight: float
    passes: bool


def traits(strings: Iterable[str | None]) -> list[Traits | None]:
    """Traits of each string; None for what is no molecule, None and the empty string included."""
    from rdkit import Chem, rdBase
    from rdkit.Chem import AllChem, rdFingerprintGenerator

    _sascorer()  # both read now: a call without strings prepares a process
    _patterns()
    morgan = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=FINGERPRINT_BITS)
    with rdBase.BlockLogs():
        molecules = [_molecule(string) for string in strings]
        found = [molecule for molecule in molecules if molecule is not None]
        smiles = [Chem.MolToSmiles(molecule) for molecule in found]
        rows = (
            Traits(
                one,
                np.packbits(morgan.GetFingerprintAsNumPy(molecule)),
                Chem.MolToSmiles(AllChem.FragmentOnBRICSBonds(molecule)).split("."),
                _scaffold(molecule),
                *_properties(molecule),
                passes,
            )
            for molecule, one, passes in zip(found, smiles, _pass_filters(found, smiles))
        )
        return [None if molecule is None else next(rows) for molecule in molecules]


def score_parts(strings: Iterable[str], cycle: str = "basis") -> list[tuple[float, float, float] | None]:
    """logP, SA and the excess of the largest ring over six atoms; None for what is no molecule.

    Args:
        strings: SMILES.
        cycle: "basis" or "sssr", see `score.score`.
    """
    from rdkit import rdBase
    from rdkit.Chem import Crippen

    synthetic_accessibility = _sascorer().calculateScore
    with rdBase.BlockLogs():
        return [
            None
            if molecule is None
            else (Crippen.MolLogP(molecule), synthetic_accessibility(molecule), _excess(molecule, cycle))
            for molecule in map(_molecule, strings)
        ]


def _excess(molecule, cycle: str) -> int:
    if cycle == "basis":
        import networkx
        from rdkit.Chem import GetAdjacencyMatrix

        rings = networkx.cycle_basis(networkx.Graph(GetAdjacencyMatrix(molecule)))
    else:
        rings = molecule.GetRingInfo().AtomRings()
    return max([0, *(len(ring) - 6 for ring in rings)])


def draw_grid(
    strings: list[str],
    captions: list[str] | None = None,
    columns: int = 5,
    size: tuple[int, int] = (190, 150),
) -> bytes:
    """PNG of molecules side by side, row by row; an empty place for what is no molecule.

    Args:
        strings: SMILES; none at all is one empty place.
        captions: One below each.
        columns: Molecules a row.
        size: Pixels of one.
    """
    from rdkit import rdBase
    from rdkit.Chem import Draw

    with rdBase.BlockLogs():
        molecules = [_molecule(string) for string in strings or [""]]
    options = Draw.rdMolDraw2D.MolDrawOptions()
    options.legendFontSize = 18
    grid = Draw.MolsToGridImage(
        molecules,
        molsPerRow=columns,
        subImgSize=size,
        legends=captions,
        drawOptions=options,
        returnPNG=True,
        useSVG=False,
    )
    return getattr(grid, "data", grid)  # in a notebook RDKit wraps the bytes


def library_versions() -> str:
    """Part of the identity of whatever is computed here."""
    import networkx
    from rdkit import rdBase

    return f"RDKit {rdBase.rdkitVersion}, networkx {networkx.__version__}"


def _molecule(string: str | None):
    """RDKit's molecule; None for None, the empty string and what RDKit cannot read."""
    from rdkit import Chem

    try:
        return Chem.MolFromSmiles(string) if string else None
    except UnicodeEncodeError:  # half of a surrogate pair
        return None


def _properties(molecule) -> tuple[float, float, float, float]:
    """logP, SA, QED and weight; NaN where RDKit has none for this molecule."""
    from rdkit.Chem import QED, Crippen, Descriptors

    try:
        parts = QED.properties(molecule)
        if molecule.GetNumAtoms() == molecule.GetNumHeavyAtoms():
            logp, weight = parts.ALOGP, parts.MW
        else:  # QED drops explicit hydrogens, these two count them
            logp, weight = Crippen.MolLogP(molecule), Descriptors.MolWt(molecule)
        return logp, _sascorer().calculateScore(molecule), QED.qed(molecule, qedProperties=parts), weight
    except (ValueError, RuntimeError, ZeroDivisionError):
        return (math.nan,) * 4


def _scaffold(molecule) -> str | None:
    from rdkit import Chem
    from rdkit.Chem.Scaffolds import MurckoScaffold

    try:
        scaffold = MurckoScaffold.GetScaffoldForMol(molecule)
    except (ValueError, RuntimeError):
        return None
    return Chem.MolToSmiles(scaffold) if scaffold.GetRingInfo().NumRings() >= 2 else None


def _pass_filters(molecules: list, smiles: list[str]) -> list[bool]:
    """Whether each molecule passes MOSES' filters.

    Small rings, no charge, common atoms, none of 502 patterns, readable without its stereochemistry. All
    molecules are held against a pattern at once: RDKit's library skips those that lack its fingerprint.
    """
    from rdkit import Chem
    from rdkit.Chem.rdSubstructLibrary import MolHolder, PatternHolder, SubstructLibrary

    passes = np.array(
        [
            not molecule.HasSubstructMatch(_uncommon())
            and all(len(ring) < 8 for ring in molecule.GetRingInfo().AtomRings())
            for molecule in molecules
        ],
        dtype=bool,
    )
    (held,) = np.nonzero(passes)
    library = SubstructLibrary(MolHolder(), PatternHolder())
    for i in held:
        library.AddMol(Chem.AddHs(molecules[i]))
    as_in_molsets = Chem.SubstructMatchParameters()
    for pattern in _patterns() if len(held) else ():
        found = library.GetMatches(pattern, as_in_molsets, numThreads=1, maxResults=len(held))
        passes[held[list(found)]] = False
    for i in np.flatnonzero(passes):
        # without stereochemistry a molecule is what was read just now
        if any(atom in smiles[i] for atom in "@/\\"):
            flat = Chem.MolToSmiles(molecules[i], isomericSmiles=False)
            passes[i] = _molecule(flat) is not None
    return passes.tolist()


@cache
def _uncommon():
    """An atom that MOSES' filters stop: charged, or of another element."""
    from rdkit import Chem

    return Chem.MolFromSmarts("[!+0,!#1!#6!#7!#8!#9!#16!#17!#35]")


@cache
def _patterns() -> list:
    """Substructures of the medicinal chemistry and PAINS filters, from the molsets package."""
    from rdkit import Chem

    with open(molsets_file("metrics", "mcf.csv"), newline="") as stream:
        smarts = [row["smarts"] for row in csv.DictReader(stream)]
    with open(molsets_file("metrics", "wehi_pains.csv"), newline="") as stream:
        smarts += [row[0] for row in csv.reader(stream)]
    return [Chem.MolFromSmarts(one) for one in smarts]


@cache
def _sascorer():
    """RDKit's module of the synthetic accessibility score, with its table read."""
    from rdkit.Contrib.SA_Score import sascorer

    sascorer.readFragmentScores()
    return sascorer
