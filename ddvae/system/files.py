"""Files that are whole or not there: written beside, then renamed; read without running code."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch

__all__ = ["load_checkpoint", "replace_file", "save_checkpoint"]


@contextlib.contextmanager
def replace_file(path: str | os.PathLike) -> Iterator[Path]:
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


def save_checkpoint(path: str | os.PathLike, state: dict) -> None:
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


def load_checkpoint(path: str | os.PathLike) -> dict:
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
