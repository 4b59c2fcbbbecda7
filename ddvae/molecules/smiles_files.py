"""Molecules of a user's files."""

import csv
import io
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import zip_longest

from ..data.vocabulary import Vocabulary
from ..system.files import read_text, spoken_name

__all__ = ["LONGEST", "read_smiles", "smiles_column"]

LONGEST = 200
"""Characters of the longest line taken for a molecule."""
EXPECTED = "SMILES strings"
NAMES = "smiles, canonical_smiles, isosmiles, smi, structure or the like"
DELIMITERS = {"\t": "tab", ";": "semicolon", ",": "comma", "|": "bar", " ": "blank"}
OTHER_FORMATS = {
    "an SD file": r"(?:.*\n){3}.*V[23]000[ \t]*$",
    "a mol2 file": r"(?:#.*\n|\s)*@<TRIPOS>",
    "a PDB file": r"(?:HEADER|COMPND|REMARK|CRYST1|HETATM|ATOM)  ",
    "a FASTA file": r">\w",
    "a CIF file": r"data_\S*\n\s*(?:#|_|loop_)",
    "a JSON file": r'\s*(?:\{\s*"|\[\s*[{"])',
    "an HTML or XML page": r"\s*<[!?A-Za-z]",
}
ATOM = r"\[[0-9]*(?:[A-Z][a-z]?|[a-z]{1,2}|\*|#[0-9]+)[@A-Z0-9+\-:]*\]"
# Whatever a model may write with the characters of SMILES; numbers, dates and CAS numbers are not.
LIKE_SMILES = re.compile(rf"(?=.*[^-0-9.+:/%])(?:{ATOM}|[][()0-9#%*+\-./:=<>?@$\\~BCFHINOPSbclnoprs])+")
WELL_FORMED = re.compile(rf"(?:{ATOM}|Br|Cl|[BCFINOPSbcnops*]|[-=#$:/\\.~()]|%[0-9]{{2}}|[0-9])+")


def read_smiles(
    path: str | os.PathLike[str], vocabulary: Vocabulary | None = None
) -> tuple[list[str], Counter[str]]:
    """SMILES strings of a file and, by reason, how many lines were left out.

    Args:
        path: A list with a molecule first on each line (.smi), or a table whose header names a column of
            SMILES, in any form that `read_text` takes; "-" reads standard input.
        vocabulary: Lines with a character outside it are left out; None takes any that SMILES have.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no text or no whole table, or does not hold SMILES.
    """
    strings: list[str] = []
    skipped: Counter[str] = Counter()
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
        elif not _is_like_smiles(string):
            skipped["not written like SMILES"] += 1
        else:
            strings.append(string)
    return strings, skipped


def smiles_column(path: str | os.PathLike[str]) -> list[str]:
    """One string a line of a list, or a row of a table, as it is; the arguments and errors of `read_smiles`.

    Of a table, standard error tells which column was taken. What follows the SMILES in a line or field, a
    name or a CXSMILES extension, is cut off. A blank line of a list is the empty string.
    """
    text, name = read_text(path, EXPECTED), spoken_name(path)
    for kind, pattern in OTHER_FORMATS.items():
        if re.match(pattern, text, re.MULTILINE):
            raise ValueError(f"{name} is {kind}; expected {EXPECTED}")
    told = re.match(r'\s*"?sep=(.)"?\n', text)  # how Excel names a delimiter
    start, delimiters = (told[0].count("\n"), told[1]) if told else (0, "".join(DELIMITERS))
    lines = list(io.StringIO(text))
    head = next((i for i in range(start, len(lines)) if lines[i].strip()), None)
    if head is None:
        return [""] * (len(lines) - start)
    strings = _from_table(name, lines, head, delimiters)
    return _from_list(name, lines, start, head) if strings is None else strings


@dataclass(frozen=True)
class _Column:
    """A column of a table: the names of all columns, what stands between them, and the place of this one."""

    header: list[str]
    delimiter: str
    place: int

    def __str__(self) -> str:
        if len(self.header) == 1:
            return f'column "{self.header[0]}"'
        n = self.place + 1
        nth = "th" if n % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
        return f'column "{self.header[self.place]}" ({n}{nth} of {len(self.header)})'

    def tell(self, name: str) -> None:
        between = f", {DELIMITERS.get(self.delimiter, repr(self.delimiter))}-separated"
        print(f"{name}: {self}{between * (len(self.header) > 1)}", file=sys.stderr)

    @property
    def rank(self) -> tuple[bool, int, int]:
        """How well the name fits SMILES, the best first; not at all with 3 in the middle.

        Names may hold blanks.
        """
        words = re.findall("[a-z]+", self.header[self.place].lower())
        joined, last = "".join(words), words[-1] if words else ""
        fits = (joined == "smiles", "smile" in joined, last in ("smi", "structure", "mol", "molecule"), True)
        return self.delimiter == " ", fits.index(True), len(joined)

    @property
    def fits(self) -> bool:
        """Whether the name fits SMILES at all."""
        return self.rank[1] < 3

    def rows(self, name: str, lines: list[str], first: int) -> dict[int, tuple[str, ...]]:
        """Fields of each row from line `first` on, by the number of the line that it ends in."""
        body = lines[first:]
        reader = csv.reader(body, delimiter=self.delimiter, skipinitialspace=True, strict=True)
        by_quotes = ((first + reader.line_num, row) for row in reader)
        by_line = ((n, _fields(line, self.delimiter)) for n, line in enumerate(body, first + 1))
        try:
            return self._filled(by_line if self.delimiter == " " else by_quotes)
        except csv.Error as error:
            if self.delimiter == "\t":  # databases have quotation marks there that mean nothing
                return self._filled(by_line)
            problem = f"{error} in line {first + reader.line_num}"
            raise ValueError(f"{name} is no table ({problem}); expected a smiles column") from None

    def _filled(self, rows: Iterable[tuple[int, list[str]]]) -> dict[int, tuple[str, ...]]:
        """Rows that are not blank; a column alone may hold the empty string, in quotation marks."""
        alone = len(self.header) == 1
        return {n: tuple(row) for n, row in rows if (row if alone else any(row))}

    def strings(self, rows: dict[int, tuple[str, ...]]) -> list[str]:
        fields = (row[self.place] if len(row) > self.place else "" for row in rows.values())
        return [(field.split() or [""])[0] for field in fields]

    def check_widths(self, name: str, rows: dict[int, tuple[str, ...]]) -> None:
        """What follows the first column does no harm; else a delimiter within a field moves the column."""
        width = len(self.header)
        for n, row in rows.items() if self.place else ():
            if len(row) > width and any(map(str.strip, row[width:])):
                raise ValueError(
                    f"line {n} of {name} has {len(row)} fields; expected {width} ({_listed(self.header)})"
                )


def _from_table(name: str, lines: list[str], head: int, delimiters: str) -> list[str] | None:
    """Strings of the column that the header names like SMILES; None if this is no header."""
    columns = _named_columns(lines[head], delimiters)
    for named in columns:
        rows = named.rows(name, lines, head + 1)
        # pandas' and R's index: each row has one field more than the header
        indexed = rows and all(len(row) == len(named.header) + 1 for row in rows.values())
        behind = replace(named, header=["", *named.header], place=named.place + 1)
        for column in (behind, named) if indexed else (named,):
            strings = column.strings(rows)
            if _share(strings, _is_like_smiles if column.rank[1] < 2 else _is_well_formed) >= 0.5:
                column.check_widths(name, rows)
                column.tell(name)
                return strings
    if not columns or not _is_title(lines[head]):
        return None
    strings = columns[0].strings(columns[0].rows(name, lines, head + 1))
    found = next((f'"{one[:40]}"' for one in strings if one and not _is_like_smiles(one)), "no string")
    raise ValueError(f"{name}: {columns[0]} holds {found}; expected {EXPECTED}")


def _named_columns(line: str, delimiters: str) -> list[_Column]:
    """Columns whose names fit SMILES, best first, among all ways to read a header."""
    columns: list[_Column] = []
    header = line.strip().lstrip("# ")
    for delimiter in delimiters:
        names = _fields(header, delimiter)
        if len(names) > 1 or delimiter == delimiters[-1]:
            columns += [_Column(names, delimiter, place) for place in range(len(names))]
    if _is_title(line):  # a list may begin with a molecule and its name
        columns.append(_Column([header], delimiters[-1], 0))
    return sorted((column for column in columns if column.fits), key=lambda column: column.rank)


def _from_list(name: str, lines: list[str], start: int, head: int) -> list[str]:
    """The first field of each line, without a first line that is no SMILES where others are."""
    strings = [_first_field(line) for line in lines[start:]]
    if not any(strings):
        return strings
    _check_first(name, lines[head:])
    delimiter = next((d for d in DELIMITERS if len(_fields(lines[head], d)) > 1), " ")
    header = _fields(lines[head].strip().lstrip("# "), delimiter)
    titled = _is_title(lines[head])
    rest = strings[head - start + 1 :] if titled else strings
    # "C1" may be a poor sample in a list, and is an identifier in a table
    if _share(rest, _is_well_formed if titled and len(header) > 1 else _is_like_smiles) < 0.5:
        if titled and delimiter != " ":
            columns = f"columns {_listed(header)}; expected one that holds SMILES, named {NAMES}"
            raise ValueError(f"{name} has {columns}")
        n, wrong = next((n, s) for n, s in enumerate(strings, start + 1) if s and not _is_like_smiles(s))
        raise ValueError(f'line {n} of {name} begins with "{wrong[:40]}"; expected {EXPECTED}')
    if titled:
        _Column(header, delimiter, 0).tell(name)
    return rest


def _check_first(name: str, lines: list[str]) -> None:
    """Refuses a table without a header whose SMILES stand behind something else."""
    rows = [re.split(r"[\s,;|]+", line.strip().replace('"', "")) for line in _sample(lines)]
    first, *others = (
        sum(map(_is_well_formed, column)) / len(rows) for column in zip_longest(*rows, fillvalue="")
    )
    header = _is_title(lines[0]) and not any(map(_is_well_formed, rows[0][1:]))
    if first < 0.5 <= max(others, default=0.0) and not header:
        raise ValueError(
            f'{name}: lines begin with "{rows[0][0][:40]}", SMILES follow; expected SMILES first, '
            f"or a header that names their column {NAMES}"
        )


def _fields(line: str, delimiter: str) -> list[str]:
    """Fields of one line; between tabs and blanks, a quotation mark that is not closed means nothing."""
    if delimiter == " ":
        return [quoted or bare for quoted, bare in re.findall(r'"([^"]*)"(?!\S)|(\S+)', line)]
    if delimiter == "\t":
        return [field.strip(' "\n') for field in line.split("\t")]
    row = next(csv.reader([line[:100_000]], delimiter=delimiter, skipinitialspace=True), [])
    return [field.strip() for field in row]


def _first_field(line: str) -> str:
    """What stands before the first blank, delimiter or quotation mark, none of which SMILES have."""
    return next(re.finditer(r'[\s"]*([^\s,;|"]*)', line))[1]


def _is_title(line: str) -> bool:
    """Whether a first line is a header or a comment, not a molecule."""
    return re.match(r"\s*#+\s+\S", line) is not None or not _is_like_smiles(_first_field(line))


def _listed(names: list[str]) -> str:
    return ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")


def _sample(items: list[str]) -> list[str]:
    """About a thousand, evenly, so that a large file costs no more."""
    return items[:: len(items) // 1000 + 1]


def _share(strings: list[str], test: Callable[[str], bool]) -> float:
    """Share of a sample of the strings that pass, the empty ones aside."""
    tested = [test(string) for string in _sample([string for string in strings if string])]
    return sum(tested) / max(1, len(tested))


def _is_like_smiles(string: str) -> bool:
    return LIKE_SMILES.fullmatch(string) is not None


def _is_well_formed(string: str) -> bool:
    """Whether atoms, brackets and the ends of rings are those of SMILES."""
    rings = Counter(re.findall(r"%[0-9]{2}|[0-9]", re.sub(r"\[.*?\]", "", string)))
    paired = all(count % 2 == 0 for count in rings.values()) and string.count("(") == string.count(")")
    return paired and WELL_FORMED.fullmatch(string) is not None
