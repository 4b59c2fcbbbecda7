"""Molecules as SMILES strings: the two published sets, a user's own files, batches by length.

Tokens are bytes that stay in memory: a batch is one indexing operation, no molecule is touched in Python.
"""

import hashlib
import math
import os
import sys
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import groupby
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..data.batches import Batch
from ..data.vocabulary import Vocabulary
from ..system.downloads import checked, published
from ..system.files import replace_file, spoken_name
from ..system.locations import cache_folder
from .molsets import molsets_file
from .smiles_files import read_smiles

__all__ = ["MOSES", "ZINC", "Molecules", "moses", "moses_strings", "own_molecules", "zinc"]

MOSES = Vocabulary("#()-123456=BCFHNOS[]clnors", ends=True)
"""Characters of MOSES' training set."""
ZINC = Vocabulary("#()+-/12345678=@BCFHINOPS[\\]clnors", ends=True)
"""Characters of ZINC's training set."""
ZINC_ADDRESS = (
    "https://raw.githubusercontent.com/insilicomedicine/DD-VAE/"
    "74e714639fd53b321c319aef5e10d48f88f9d512/data/zinc/"
)
# Molecules, and sha256 of the uncompressed file.
ZINC_FILES = {
    "train": (220_011, "a3b0ec77d45a6d5cc6884532145de6fc310f4a6da77d25babcd9449e03a027c7"),
    "valid": (24_445, "ad7d9c2bfebd93ffda6c32ed0e89d1714ae1f592f6340c0e6ae057521bbae30d"),
    "test": (5_000, "31f6ce92914814db33bf0dbfc45f3836193e27cb80a59c54d88bc05a1f5fab83"),
}
MOSES_FILES = {
    "train": (1_584_663, "cc9d6e8e9534e25a7a36361529ae739ddda8036e9072b2fc5cea6930a0592144"),
    "test": (176_074, "0248e682a9c29ca7649184dd88a4edc83f48f0e84af6b923990069c3da4501b6"),
    "test_scaffolds": (176_225, "86c298db856515f4b31a90805de16a580c60a6adcc0ad700ae180d88ba0b9bce"),
}


@dataclass(frozen=True)
class Molecules:
    """SMILES strings as tokens.

    Args:
        tokens: (N, L) uint8, each string closed and filled up with the end token.
        vocabulary: What the tokens mean.
        source: Where they come from, to be named in every figure and table.
        epoch_size: Molecules of an epoch, which is a row of the log and the unit of schedules: a part of
            a pass over a large set, several over a small one; None for one pass.
    """

    tokens: Tensor
    vocabulary: Vocabulary
    source: str
    epoch_size: int | None = None

    def __str__(self) -> str:
        epoch = "" if self.epoch_size is None else f", {self.epoch_size} an epoch"
        return f"{len(self)} molecules of {self.source}{epoch}"

    def __len__(self) -> int:
        return len(self.tokens)

    @cached_property
    def lengths(self) -> Tensor:
        """(N,) tokens of each string, its end included.

        Raises:
            ValueError: the vocabulary has no end.
        """
        end = self.vocabulary.end
        if end is None:
            raise ValueError(f"{self.vocabulary} has no token that ends a string; expected ends=True")
        return (self.tokens != end).sum(1) + 1

    def strings(self) -> list[str]:
        return self.vocabulary.decode(self.tokens)

    def first(self, n: int) -> "Molecules":
        """The first n molecules."""
        return replace(self, tokens=self.tokens[:n])

    def sample(self, n: int) -> "Molecules":
        """n molecules at random, always the same ones, or all: files are not in random order."""
        return self.halves(n)[1]

    def halves(self, n: int) -> tuple["Molecules", "Molecules"]:
        """All but n molecules chosen at random, and these n."""
        order = torch.randperm(len(self), generator=torch.Generator().manual_seed(0))
        return replace(self, tokens=self.tokens[order[n:]]), replace(self, tokens=self.tokens[order[:n]])

    def steps(self, batch_size: int) -> int:
        return math.ceil((self.epoch_size or len(self)) / batch_size)

    def batches(self, epoch: int, batch_size: int, seed: int) -> Iterator[Batch]:
        """Batches of neighbours in length, so that little or nothing is padded, in random order."""
        steps, of_a_pass = self.steps(batch_size), math.ceil(len(self) / batch_size)
        epoch_steps = range(epoch * steps, (epoch + 1) * steps)
        for a_pass, part in groupby(epoch_steps, lambda step: step // of_a_pass):
            shuffled = _shuffled(self.lengths, batch_size, seed, a_pass)
            for step in part:
                yield self.batch(shuffled[step % of_a_pass])

    def in_order(self, batch_size: int) -> Iterator[tuple[Tensor, Batch]]:
        """Batches by length with the rows they hold, every row once, for evaluation."""
        for rows in self.lengths.sort(stable=True).indices.split(batch_size):
            yield rows, self.batch(rows)

    def batch(self, rows: Tensor) -> Batch:
        """The batch of those rows, without positions that all of them fill up."""
        lengths = self.lengths[rows]
        longest, shortest = int(lengths.max()), int(lengths.min())
        tokens = self.tokens[rows, :longest]
        mask = None if longest == shortest else torch.arange(longest) < lengths[:, None]
        return Batch(tokens, mask)


@lru_cache(maxsize=1)  # epochs that are parts of a pass share it; a tensor is the same key as itself alone
def _shuffled(lengths: Tensor, batch_size: int, seed: int, a_pass: int) -> tuple[Tensor, ...]:
    """Rows of all batches of a pass: random within a length, batches in random order."""
    generator = torch.Generator().manual_seed(1_000_003 * seed + a_pass)
    mixed = torch.randperm(len(lengths), generator=generator)
    batches = mixed[lengths[mixed].sort(stable=True).indices].split(batch_size)
    return tuple(batches[i] for i in torch.randperm(len(batches), generator=generator))


def moses(split: str = "train") -> Molecules:
    """MOSES (Polykovskiy et al., 2018a), from the molsets package.

    Args:
        split: "train" (1,584,663 molecules), "test" (176,074) or "test_scaffolds" (176,225).

    Raises:
        ValueError: unknown split, or a file with other content.
        FileNotFoundError: neither the molsets package nor data/tokens holds the split.
    """
    _check_split(split, MOSES_FILES)
    size, sha256 = MOSES_FILES[split]

    def strings() -> list[str]:
        try:
            return moses_strings(split)
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"{error}, or put moses-{split}.npz into {cache_folder('tokens')}"
            ) from None

    return _tokenized(f"moses-{split}", strings, MOSES, size, sha256, f"MOSES {split}")


def moses_strings(split: str = "train") -> list[str]:
    """The strings of `moses`, from the molsets package."""
    _check_split(split, MOSES_FILES)
    file = molsets_file("dataset", "data", f"{split}.csv.gz")
    content = checked(file, MOSES_FILES[split][1], "reinstall molsets 0.3.1")
    return content.decode().split("\n")[1:-1]


def zinc(split: str = "train") -> Molecules:
    """ZINC250k with the published split, from $DDVAE_DATA or a checked download.

    Args:
        split: "train" (220,011 molecules), "valid" (24,445) or "test" (5,000).

    Raises:
        ValueError, FileNotFoundError, ConnectionError: as in `published`.

    Source: Kusner et al. (2017); split of the released code.
    """
    _check_split(split, ZINC_FILES)
    size, sha256 = ZINC_FILES[split]

    def strings() -> list[str]:
        return published("zinc", f"{split}.csv.gz", sha256, ZINC_ADDRESS).decode().split()

    return _tokenized(f"zinc-{split}", strings, ZINC, size, sha256, f"ZINC {split}")


def own_molecules(path: str | os.PathLike[str], vocabulary: Vocabulary | None = None) -> Molecules:
    """A user's molecules; what cannot be used is counted and printed.

    Args:
        path: Anything `read_smiles` takes.
        vocabulary: None makes one of the file's characters.

    Raises:
        ValueError: no molecule is left, or as in `read_smiles`.
    """
    strings, skipped = read_smiles(path, vocabulary)
    name = spoken_name(path)
    for reason, count in skipped.items():
        print(f"{name}: skipped {count} lines: {reason}", file=sys.stderr)
    if not strings:
        raise ValueError(f"{name} holds no usable molecule; expected one SMILES string a line")
    vocabulary = vocabulary or Vocabulary("".join(sorted(set("".join(strings)))), ends=True)
    return Molecules(vocabulary.encode(strings), vocabulary, os.path.basename(name))


def _check_split(split: str, splits: Collection[str]) -> None:
    if split not in splits:
        raise ValueError(f"split is {split!r}; expected one of {', '.join(splits)}")


def _tokenized(
    name: str,
    strings: Callable[[], list[str]],
    vocabulary: Vocabulary,
    size: int,
    sha256: str,
    source: str,
) -> Molecules:
    """A published set from its file in data/tokens, which is made where it is missing or of other data."""
    file = cache_folder("tokens") / f"{name}.npz"
    flat = _kept_tokens(file, vocabulary, sha256)
    if flat is None:
        molecules = Molecules(vocabulary.encode(strings()), vocabulary, source)
        tokens = molecules.tokens.numpy()
        # the end of each string tells its length
        flat = tokens[np.arange(tokens.shape[1]) < molecules.lengths.numpy()[:, None]]
        digest = hashlib.sha256(flat.data).hexdigest()
        # where nothing can be written it is made again next time
        with suppress(OSError), replace_file(file) as path, open(path, "wb") as stream:
            np.savez_compressed(stream, tokens=flat, sha256=digest, source=sha256, symbols=vocabulary.symbols)
    else:
        ends = np.flatnonzero(flat == vocabulary.end)
        lengths = np.diff(ends, prepend=-1)
        tokens = np.full((len(ends), lengths.max()), vocabulary.end, np.uint8)
        tokens[np.arange(tokens.shape[1]) < lengths[:, None]] = flat
        molecules = Molecules(torch.from_numpy(tokens), vocabulary, source)
    if len(molecules) != size:
        raise ValueError(f"{source} holds {len(molecules)} molecules; expected {size}")
    return molecules


def _kept_tokens(file: Path, vocabulary: Vocabulary, sha256: str) -> np.ndarray | None:
    """Concatenated tokens of a file in data/tokens; None if it is missing, damaged or of other data."""
    if not file.is_file():
        return None
    try:
        with open(file, "rb") as stream, np.load(stream, allow_pickle=False) as kept:
            flat, told = kept["tokens"], (str(kept["sha256"]), str(kept["source"]), str(kept["symbols"]))
    except (OSError, ValueError, KeyError, EOFError, zlib.error, zipfile.BadZipFile):
        return None
    whole = told == (hashlib.sha256(flat).hexdigest(), sha256, vocabulary.symbols)
    return flat if whole else None
