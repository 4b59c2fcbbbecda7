"""All of RDKit: what is computed from one molecule at a time."""

import csv
import math
from collections.abc import Iterable
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .molsets import molsets_file

if TYPE_CHECKING:
    from rdkit.Chem import Mol
    from rdkit.Chem.rdSubstructLibrary import PatternHolder

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
        return [None if one is None else Chem.MolToSmiles(one) for one in map(_molecule, strings)]


def heavy_atoms(strings: Iterable[str | None]) -> list[int]:
    """Heavy atoms of each string; 0 for what is no molecule."""
    from rdkit import rdBase

    with rdBase.BlockLogs():
        return [0 if one is None else one.GetNumHeavyAtoms() for one in map(_molecule, strings)]


def similarities(string: str, others: Iterable[str]) -> list[float]:
    """Tanimoto similarity of Morgan fingerprints between one molecule and others; NaN where one is none."""
    from rdkit import rdBase
    from rdkit.Chem import rdFingerprintGenerator
    from rdkit.DataStructs import TanimotoSimilarity

    morgan = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=FINGERPRINT_BITS)
    with rdBase.BlockLogs():
        molecules = [_molecule(each) for each in (string, *others)]
        own, *rest = [None if one is None else morgan.GetFingerprint(one) for one in molecules]
    return [math.nan if own is None or one is None else TanimotoSimilarity(own, one) for one in rest]


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
    from rdkit.Chem import QED, rdFingerprintGenerator
    from rdkit.Chem.rdSubstructLibrary import PatternHolder

    _sascorer()  # both read now: a call without strings prepares a process
    _patterns()
    morgan = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=FINGERPRINT_BITS)
    with rdBase.BlockLogs():
        molecules = [_molecule(string) for string in strings]
        found = [molecule for molecule in molecules if molecule is not None]
        complete, bare = ([change(one) for one in found] for change in (Chem.AddHs, Chem.RemoveHs))
        prints = PatternHolder()
        for molecule in complete:
            prints.AddMol(molecule)
        stopped = _matches(_patterns(), complete, prints)
        alerts = _matches(QED.StructuralAlerts, bare, prints)
        rows = (
            Traits(
                smiles := Chem.MolToSmiles(molecule),
                np.packbits(morgan.GetFingerprintAsNumPy(molecule)),
                Chem.MolToSmiles(Chem.FragmentOnBRICSBonds(molecule)).split("."),
                _scaffold(molecule),
                *_properties(molecule, bare[i], alerts[i]),
                not stopped[i] and _is_common(molecule, smiles),
            )
            for i, molecule in enumerate(found)
        )
        return [None if molecule is None else next(rows) for molecule in molecules]


def score_parts(strings: Iterable[str], cycle: str = "basis") -> list[tuple[float, float, float] | None]:
    """logP, SA and the excess of the largest ring over six atoms; None for what is no molecule.

    Args:
        strings: SMILES.
        cycle: "basis" or "sssr", see `score.score`.
    """
    from rdkit import rdBase
    from rdkit.Chem.rdMolDescriptors import CalcCrippenDescriptors

    accessibility = _sascorer().calculateScore
    with rdBase.BlockLogs():
        return [
            None
            if molecule is None
            else (CalcCrippenDescriptors(molecule)[0], accessibility(molecule), _excess(molecule, cycle))
            for molecule in map(_molecule, strings)
        ]


def _excess(molecule: "Mol", cycle: str) -> int:
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
    options.legendFontSize, options.bondLineWidth = 18, 1  # type: ignore[assignment]  # the stub has no value
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


def _molecule(string: str | None) -> "Mol | None":
    """RDKit's molecule; None for None, the empty string and what RDKit cannot read."""
    from rdkit import Chem

    try:
        return Chem.MolFromSmiles(string) if string else None
    except UnicodeEncodeError:  # half of a surrogate pair
        return None


def _properties(molecule: "Mol", bare: "Mol", alerts: int) -> tuple[float, float, float, float]:
    """logP, SA, QED and weight; NaN where RDKit has none for this molecule.

    QED is of the molecule `bare` of hydrogens and of the number of its structural alerts.
    """
    from rdkit import Chem
    from rdkit.Chem import QED
    from rdkit.Chem import rdMolDescriptors as descriptors
    from rdkit.Chem.Descriptors import MolWt  # type: ignore[attr-defined]  # a lambda, not in the stub

    try:
        logp, weight = descriptors.CalcCrippenDescriptors(bare)[0], MolWt(bare)
        parts = QED.QEDproperties(
            MW=weight,
            ALOGP=logp,
            HBA=sum(len(bare.GetSubstructMatches(acceptor)) for acceptor in QED.Acceptors),
            HBD=descriptors.CalcNumHBD(bare),
            PSA=descriptors.CalcTPSA(bare),
            ROTB=descriptors.CalcNumRotatableBonds(bare, descriptors.NumRotatableBondsOptions.Strict),
            AROM=len(Chem.GetSSSR(Chem.DeleteSubstructs(bare, QED.AliphaticRings))),
            ALERTS=int(alerts),
        )
        if molecule.GetNumAtoms() > molecule.GetNumHeavyAtoms():  # those two count what QED drops
            logp, weight = descriptors.CalcCrippenDescriptors(molecule)[0], MolWt(molecule)
        return logp, _sascorer().calculateScore(molecule), QED.qed(molecule, qedProperties=parts), weight
    except (ValueError, RuntimeError, ZeroDivisionError):
        return (math.nan,) * 4


def _scaffold(molecule: "Mol") -> str | None:
    from rdkit import Chem
    from rdkit.Chem.Scaffolds import MurckoScaffold

    try:
        scaffold = MurckoScaffold.GetScaffoldForMol(molecule)
    except (ValueError, RuntimeError):
        return None
    return Chem.MolToSmiles(scaffold) if scaffold.GetRingInfo().NumRings() >= 2 else None


def _matches(patterns: list["Mol"], molecules: list["Mol"], prints: "PatternHolder") -> np.ndarray:
    """How many of the patterns each molecule holds.

    All molecules are held against a pattern at once: RDKit's library skips those whose fingerprint, here of
    the molecule with all hydrogens, lacks the pattern's.
    """
    from rdkit.Chem import SubstructMatchParameters
    from rdkit.Chem.rdSubstructLibrary import MolHolder, SubstructLibrary

    holder, how = MolHolder(), SubstructMatchParameters()
    for molecule in molecules:
        holder.AddMol(molecule)
    library = SubstructLibrary(holder, prints)
    counts = np.zeros(len(molecules), int)
    for pattern in patterns if molecules else ():
        counts[list(library.GetMatches(pattern, how, numThreads=1, maxResults=len(molecules)))] += 1
    return counts


def _is_common(molecule: "Mol", smiles: str) -> bool:
    """Whether MOSES' other filters pass it: small rings, no charge, common atoms, readable when flat."""
    from rdkit import Chem

    if molecule.HasSubstructMatch(_uncommon()):
        return False
    if any(len(ring) > 7 for ring in molecule.GetRingInfo().AtomRings()):
        return False
    if not any(atom in smiles for atom in "@/\\"):  # without stereochemistry it is what was read just now
        return True
    return _molecule(Chem.MolToSmiles(molecule, isomericSmiles=False)) is not None


@cache
def _uncommon() -> "Mol":
    """An atom that MOSES' filters stop: charged, or of another element."""
    from rdkit import Chem

    return Chem.MolFromSmarts("[!+0,!#1!#6!#7!#8!#9!#16!#17!#35]")


@cache
def _patterns() -> list["Mol"]:
    """Substructures of the medicinal chemistry and PAINS filters, from the molsets package."""
    from rdkit import Chem

    with open(molsets_file("metrics", "mcf.csv"), newline="") as stream:
        smarts = [row["smarts"] for row in csv.DictReader(stream)]
    with open(molsets_file("metrics", "wehi_pains.csv"), newline="") as stream:
        smarts += [row[0] for row in csv.reader(stream)]
    return [Chem.MolFromSmarts(one) for one in smarts]


@cache
def _sascorer() -> ModuleType:
    """RDKit's module of the synthetic accessibility score, with its table read."""
    from rdkit.Contrib.SA_Score import sascorer

    sascorer.readFragmentScores()
    return sascorer
