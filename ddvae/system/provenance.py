"""What a number depends on besides its settings."""

import hashlib
import os
import platform
import re
import subprocess
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

import torch

from .. import __version__
from . import locations

__all__ = ["locked", "provenance", "unlocked"]


def provenance(device: str = "cpu") -> dict[str, str]:
    """What a number depends on besides its settings: code, versions, device."""
    versions = {}
    for library in ("torch", "numpy", "rdkit"):
        try:
            versions[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    kind = torch.device(device).type
    name = torch.cuda.get_device_name(device) if kind == "cuda" else f"{os.cpu_count()} CPU cores"
    return (
        {"ddvae": __version__, "code": _code_version(), "python": platform.python_version()}
        | versions
        | _lock()
        | {"device": name}
    )


def locked() -> dict[str, set[str]]:
    """Versions by library that a checkout's requirements.lock names, more than one where Pythons differ.

    Empty without such a file.
    """
    root = locations.repository()
    if root is None or not (root / "requirements.lock").exists():
        return {}
    versions: dict[str, set[str]] = {}
    for name, version in re.findall(
        r"^([^\s=]+)==(\S+)", (root / "requirements.lock").read_text(), re.MULTILINE
    ):
        versions.setdefault(name, set()).add(version)
    return versions


@cache
def unlocked() -> tuple[str, ...]:
    """Installed libraries whose version is not the lock's, as "plotly 7.1.0"."""
    installed = [
        path.name.removesuffix(".dist-info") for one in sys.path for path in Path(one).glob("*.dist-info")
    ]
    found = dict(
        name.lower().replace("_", "-").rsplit("-", 1) for name in reversed(installed)
    )  # the first counts
    return tuple(
        f"{name} {found[name]}"
        for name, versions in locked().items()
        if name in found and found[name] not in versions
    )


def _lock() -> dict[str, str]:
    """Which lock the installed versions are of, and those that are not."""
    root = locations.repository()
    if root is None or not locked():
        return {}
    content = (root / "requirements.lock").read_bytes()
    others = ", ".join(unlocked())
    return {"lock": hashlib.sha256(content).hexdigest()[:12] + (f" but {others}" if others else "")}


def _code_version() -> str:
    """The commit of a checkout, "+" if files of the package were changed since; "installed" elsewhere."""
    root = locations.repository()
    if root is None or not (root / ".git").exists():  # git would tell the commit of a folder around it
        return "installed"
    git = ["git", "--no-optional-locks", "-C", str(locations.package())]
    try:
        commit, status = (
            subprocess.run([*git, *words], capture_output=True, text=True, check=True).stdout.strip()
            for words in (["rev-parse", "--short", "HEAD"], ["status", "--porcelain", "--", "."])
        )
    except (OSError, subprocess.CalledProcessError):
        return "installed"
    return commit + ("+" if status else "")
