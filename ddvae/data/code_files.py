"""Codes in a user's files."""

import os
import re
import sys
from math import isnan, nan

import torch
from torch import Tensor

from ..system.files import read_text, spoken_name

__all__ = ["read_codes"]

LARGEST = torch.finfo(torch.float32).max


def read_codes(path: str | os.PathLike, size: int) -> Tensor:
    """Codes (N, D) of a table: a line of numbers each, between blanks, commas, semicolons or tabs.

    A header, and the index that pandas or R put before the rows, is left out; standard error tells.

    Args:
        path: In any form that `read_text` takes; "-" reads standard input.
        size: D.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no text, or a line does not hold D finite numbers.
    """
    name = spoken_name(path)
    lines = read_text(path, f"lines of {size} numbers").split("\n")
    rows = [(n, _code_fields(line)) for n, line in enumerate(lines, start=1) if line.strip()]
    header = bool(rows) and _is_header(rows[0][1], size)
    index = header and all(len(fields) == size + 1 for _, fields in rows[1:])
    if header:
        print(f"{name}: left out the header{' and the index' * index}", file=sys.stderr)
    codes = []
    for line, fields in rows[header:]:
        codes.append([_number(field) for field in fields[index:]])
        wrong = [field for field, x in zip(fields[index:], codes[-1]) if not abs(x) <= LARGEST]
        if wrong:
            raise ValueError(f"line {line} of {name} holds {wrong[0]!r}; expected {size} finite numbers")
        if len(codes[-1]) != size:
            raise ValueError(f"line {line} of {name} holds {len(codes[-1])} numbers; expected {size}")
    if not codes:
        raise ValueError(f"{name} holds no code; expected lines of {size} numbers")
    return torch.tensor(codes)


def _code_fields(line: str) -> list[str]:
    """Fields between commas, semicolons or blanks; beside semicolons a comma is a decimal mark."""
    line = line.replace('"', "").replace(*(",." if ";" in line else ",,"))
    return re.split(r"\s*[,;]\s*|\s+", line.strip(" \t,;"))


def _is_header(fields: list[str], size: int) -> bool:
    """Whether these are names of columns: 0, 1, ... as pandas has them, or different words."""
    names = fields[-size:]
    words = len(set(names)) == size and all(isnan(_number(name)) for name in names)
    return len(fields) in (size, size + 1) and (words or names == [str(i) for i in range(size)])


def _number(field: str) -> float:
    try:
        return float(field)
    except ValueError:
        return nan
