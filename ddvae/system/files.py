"""Files that are whole or not there: written beside, then renamed; read without running code."""

import bz2
import codecs
import contextlib
import gzip
import lzma
import os
import sys
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

__all__ = [
    "check_same_settings",
    "load_checkpoint",
    "read_text",
    "replace_file",
    "save_checkpoint",
    "spoken_name",
]

# How files begin that are compressed, that are no text, and that are text of wide characters.
COMPRESSED = {
    b"\x1f\x8b": ("gzip", gzip.decompress),
    b"BZh": ("bzip2", bz2.decompress),
    b"\xfd7zXZ\0": ("xz", lzma.decompress),
}
NO_TEXT = {
    b"PK\x03\x04": "an Excel workbook or another zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"PAR1": "a Parquet file",
    b"\x28\xb5\x2f\xfd": "compressed by zstd",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "a NumPy array",
    b"%PDF": "a PDF",
}
WIDE = {  # the first two bytes of the third are those of the first
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def spoken_name(path: str | os.PathLike[str]) -> str:
    """A path as messages call it: "-" is standard input."""
    return "standard input" if os.fspath(path) == "-" else os.fspath(path)


def read_text(path: str | os.PathLike[str], expected: str) -> str:
    """The text of a file, each line ended by one line feed, without byte order marks.

    Args:
        path: UTF-8, or UTF-16 or UTF-32 with a byte order mark; compressed by gzip, bzip2 or xz, or not;
            "-" reads standard input in the same way.
        expected: What the file should hold, for messages.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: it cannot be read.
        ValueError: it is no text, or what compresses it is damaged.
    """
    name = spoken_name(path)
    content = _decompressed(_bytes(path, expected), name)
    for start, kind in NO_TEXT.items():
        if content.startswith(start):
            raise ValueError(f"{name} is {kind}; expected {expected}")
    encoding = next((wide for mark, wide in WIDE.items() if content.startswith(mark)), "utf-8")
    if encoding == "utf-8" and b"\0" in content:
        hint = "it holds bytes of 0; UTF-16 needs its byte order mark"
        raise ValueError(f"{name} is no text; expected {expected} ({hint})")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        found = f"byte 0x{content[error.start]:02x} in line {line} is not"
        raise ValueError(f"{name} is no text; expected {expected} in {encoding.upper()} ({found})") from None
    # joined files hold marks inside
    return text.replace("\ufeff", "").replace("\r\n", "\n").replace("\r", "\n")


def _bytes(path: str | os.PathLike[str], expected: str) -> bytes:
    name = spoken_name(path)
    try:
        if os.fspath(path) != "-":
            return Path(path).read_bytes()
        # notebooks and tests put a stream of text alone in its place
        return sys.stdin.buffer.read() if hasattr(sys.stdin, "buffer") else sys.stdin.read().encode()
    except FileNotFoundError:
        raise FileNotFoundError(f"{name} is missing; expected a file of {expected}") from None
    except OSError as error:
        raise OSError(f"{name} cannot be read ({error.strerror}); expected a file of {expected}") from None


def _decompressed(content: bytes, name: str) -> bytes:
    for start, (kind, decompress) in COMPRESSED.items():
        if content.startswith(start):
            try:
                return decompress(content)
            except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
                raise ValueError(f"{name} is damaged ({error}); expected a whole {kind} file") from None
    return content


@contextlib.contextmanager
def replace_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A path to write beside the real one, which it replaces if the block succeeds.

    Whatever fails, a full disk included, the old file stays whole and no half-written one is left.

    Raises:
        OSError: the file cannot be written; the message names it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=path.suffix)
    os.close(handle)
    beside = Path(name)
    try:
        yield beside
        beside.chmod(0o644)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def save_checkpoint(path: str | os.PathLike[str], state: dict[str, Any]) -> None:
    """Writes tensors and plain values beside the path, then renames; an old file survives failure.

    Raises:
        OSError: the file cannot be written; the message names it.
    """
    try:
        with replace_file(path) as beside, open(beside, "wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
    except (OSError, RuntimeError) as error:
        # torch reports a failed write as a RuntimeError of its zip writer.
        raise OSError(f"{path} could not be written ({error}); an earlier checkpoint is kept") from error


def load_checkpoint(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads what `save_checkpoint` wrote, without unpickling code.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no checkpoint or is damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; expected a checkpoint written by fit")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises half a dozen kinds for a file that is not its own
        raise ValueError(f"{path} is no readable checkpoint ({type(error).__name__})") from error
    if not isinstance(state, dict) or "model" not in state:
        raise ValueError(f"{path} is no checkpoint of fit; expected a dictionary with 'model'")
    return state


def check_same_settings(found: dict[str, Any], wanted: dict[str, Any], where: str) -> None:
    """Refuses to go on with what was begun under other settings.

    Args:
        found: Settings by name, as they were.
        wanted: Settings of what is to go on.
        where: What has them, to be named: "runs/a holds a search".

    Raises:
        ValueError: a setting differs; the first one is named with both values.
    """
    for name in wanted | found:
        if found.get(name) != wanted.get(name):
            raise ValueError(
                f"{where} with {name} {found.get(name)!r}, not {wanted.get(name)!r}; expected the same "
                "settings, another folder, or a start without resume"
            )
