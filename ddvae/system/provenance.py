"""What a number depends on besides its settings."""

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

import torch

from .. import __version__

__all__ = ["provenance"]


def provenance(device: str = "cpu") -> dict[str, str]:
    """What a number depends on besides its settings: code, versions, device."""
    packages = ("torch", "numpy", "rdkit")
    versions = {}
    for package in packages:
        try:
            versions[package] = metadata.version(package)
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
    """The commit of a checkout, "+" if files were changed since; "installed" elsewhere."""
    git = ["git", "-C", str(Path(__file__).parent)]
    try:
        commit, status = (
            subprocess.run([*git, *words], capture_output=True, text=True, check=True).stdout.strip()
            for words in (["rev-parse", "--short", "HEAD"], ["status", "--porcelain", "--", "."])
        )
    except (OSError, subprocess.CalledProcessError):
        return "installed"
    return commit + ("+" if status else "")
