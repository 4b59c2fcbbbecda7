"""Molecules of a user's files."""

import csv
import gzip
import sys
import zlib
from collections import Counter
from pathlib import Path

from ..data.vocabulary import Vocabulary

__all__ = ["read_smiles", "smiles_column"]

LONGEST = 200
"""Characters of the longest line taken for a molecule."""


def read_smiles(path: str | Path, vocabulary: Vocabulary | None = None) -> tuple[list[str], Counter]:
    """SMILES strings of a file and, by reason, how many lines were left out.

    Args:
        path: A text file, gzip or not, with a molecule first on each line (.smi), or a table whose
            header names a column smiles or ...smiles (.csv); "-" reads standard input.
        vocabulary: Lines with a character outside it are left out; None takes any ASCII.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no text or no whole table, or its gzip is cut short.
    """
    strings, skipped = [], Counter()
    for string in smiles_column(path):
        unknown = "" if string.isascii() else next(c for c in string if not c.isascii())
        if vocabulary is not None and not unknown:
            unknown = vocabulary.lacks(string)
        if not string:
            skipped["empty"] += 1
        elif len(string) > LONGEST:
            skipped[f"over {LONGEST} characters"] += 1
        elif unknown:
            skipped[f"character {unknown!r} is no token"] += 1
        else:
            strings.append(string)
    return strings, skipped


def smiles_column(path: str | Path) -> list[str]:
    """One string a line of a file, as it is; the arguments and errors of `read_smiles`."""
    lines = _text(path).splitlines()
    fields = [line.split() for line in lines]
    if lines and "," in lines[0] and ("smiles" in lines[0].lower() or "," in fields[0][0]):
        try:
            fields = list(csv.reader(lines, strict=True))
        except csv.Error as error:
            raise ValueError(f"{path} is no table ({error}); expected a smiles column") from None
    header = [field.strip().lower() for field in fields[0]] if fields else []
    named = sorted((name for name in header if name.endswith("smiles")), key=len)
    column = header.index(named[0]) if named else 0
    strings = [field[column].strip() if len(field) > column else "" for field in fields]
    return strings[1:] if named else strings


def _text(path: str | Path) -> str:
    if str(path) == "-":
        return sys.stdin.read()
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; expected a file of SMILES strings")
    content = path.read_bytes()
    try:
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path} is damaged ({error}); expected a whole gzip file") from None
    if b"\0" in content:
        raise ValueError(f"{path} is no text; expected SMILES strings, one a line")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text ({error}); expected SMILES strings, one a line") from None
