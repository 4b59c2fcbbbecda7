"""Every path that the package reads or writes without being given one.

In a checkout that is the repository; elsewhere the user's own folders. Nothing is written beside an
installed package.
"""

import os
from pathlib import Path

__all__ = ["cache_folder", "figures", "notebooks", "package", "repository", "reproduced", "runs"]


def package() -> Path:
    """The folder of the package's own modules."""
    return Path(__file__).resolve().parents[1]


def repository() -> Path | None:
    """The checkout that this package runs from; None where it is installed from a wheel."""
    root = package().parent
    return root if (root / "pyproject.toml").is_file() and (root / "notebooks").is_dir() else None


def cache_folder(kind: str) -> Path:
    """The folder of a kind of things that can be made or downloaded anew; it need not exist.

    $DDVAE_CACHE names the folder of all kinds; by default it is the user's cache.
    """
    folder = os.environ.get("DDVAE_CACHE")
    return (Path(folder) if folder else _user_cache()) / kind


def _user_cache() -> Path:
    try:
        import platformdirs
    except ImportError:  # training needs torch and numpy alone
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ddvae"
    return Path(platformdirs.user_cache_dir("ddvae", appauthor=False))


def runs() -> Path:
    """The folder of recorded runs: $DDVAE_RUNS, else data/runs of the checkout.

    Raises:
        FileNotFoundError: neither is there.
    """
    folder, root = os.environ.get("DDVAE_RUNS"), repository()
    path = Path(folder) if folder else root / "data" / "runs" if root else None
    if path is None or not path.is_dir():
        where = f"DDVAE_RUNS is {folder!r}, which is no folder" if folder else "DDVAE_RUNS is not set"
        raise FileNotFoundError(
            f"recorded runs are missing: {where}; expected the folder data/runs of a clone of the "
            "companion's repository, which an installed package does not carry"
        )
    return path


def notebooks() -> Path:
    """The folder of the chapters' notebooks.

    Raises:
        FileNotFoundError: this is no checkout.
    """
    return _of_the_repository("notebooks")


def figures() -> Path:
    """The folder of committed figures and tables; the errors of `notebooks`."""
    return _of_the_repository("figures")


def reproduced() -> Path:
    """The folder that receives what is computed anew; it need not exist.

    In a checkout git ignores it; elsewhere it lies in the working directory.
    """
    return (repository() or Path.cwd()) / "reproduced"


def _of_the_repository(name: str) -> Path:
    root = repository()
    if root is None:
        raise FileNotFoundError(f"{name}/ is missing: expected a clone of the companion's repository")
    return root / name
