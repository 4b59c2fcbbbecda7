"""All of RDKit."""

from collections.abc import Iterable

__all__ = ["canonical"]


def canonical(strings: Iterable[str]) -> list[str | None]:
    """Canonical SMILES of each string; None for what is no molecule, the empty string included."""
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():  # RDKit tells of every string that it cannot read
        molecules = (Chem.MolFromSmiles(string) if string else None for string in strings)
        return [None if molecule is None else Chem.MolToSmiles(molecule) for molecule in molecules]
