"""What a number depends on besides its settings."""

import os
import platform
import subprocess
from importlib import metadata

import torch

from .. import __version__
from . import locations

__all__ = ["provenance"]


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
        | {"device": name}
    )


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
