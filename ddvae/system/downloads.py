"""Published data files: found in $DDVAE_DATA or downloaded once, and always checked."""

import gzip
import hashlib
import os
import zlib
from pathlib import Path

from .locations import cache_folder

__all__ = ["checked", "published"]


def published(collection: str, name: str, sha256: str, address: str) -> bytes:
    """The uncompressed content of a published file.

    From the folder `collection` in $DDVAE_DATA if that is set, else a download kept in the user's cache.

    Args:
        collection: Folder of the file.
        name: Of the gzip file.
        sha256: Of the uncompressed content: the same data travel in differently packed files.
        address: Where it is downloaded from, without the name.

    Raises:
        FileNotFoundError: $DDVAE_DATA is set and lacks the file.
        ConnectionError: there is no network.
        ValueError: the file is damaged or has other content; a download is then removed.
    """
    folder = os.environ.get("DDVAE_DATA")
    if folder:
        remedy = f"get it from {address}, or unset DDVAE_DATA to have it downloaded"
        return checked(Path(folder) / collection / name, sha256, remedy)
    path = _download(address, name, cache_folder(collection))
    try:
        return checked(path, sha256, "the download was removed, run again to repeat it")
    except ValueError:
        path.unlink()
        raise


def checked(path: Path, sha256: str, remedy: str) -> bytes:
    """The uncompressed content of a gzip file, if it is the one expected.

    Raises:
        FileNotFoundError, ValueError: as in `published`.
    """
    expected = f"expected the {path.name} with sha256 {sha256[:12]}... (uncompressed)"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; {expected}; {remedy}")
    try:
        content = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path} is damaged ({error}); {expected}; {remedy}") from None
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError(f"{path} has other content; {expected}; {remedy}")
    return content


def _download(address: str, name: str, folder: Path) -> Path:
    """Path of the downloaded file; ConnectionError if there is no network."""
    import pooch
    import requests

    try:
        return Path(pooch.retrieve(address + name, None, fname=name, path=folder))
    except (requests.ConnectionError, requests.Timeout) as error:
        raise ConnectionError(f"{address} cannot be reached") from error
