"""The code that a number is said to come from."""

import subprocess

import pytest

from ddvae.system import locations
from ddvae.system.provenance import provenance


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A committed package of two wings, as if it were this one."""
    for name in ("pyproject.toml", "notebooks/01.ipynb", "ddvae/system/files.py", "ddvae/book/chapter.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "-c", "user.name=A", "-c", "user.email=a@b.c", "commit", "--quiet", "--message", "All")
    monkeypatch.setattr(locations, "__file__", str(tmp_path / "ddvae" / "system" / "locations.py"))
    return tmp_path


def git(folder, *words):
    command = ["git", "-C", folder, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_a_change_anywhere_in_the_package_is_told(checkout):
    commit = git(checkout, "rev-parse", "--short", "HEAD")
    assert provenance()["code"] == commit
    (checkout / "README.md").touch()
    assert provenance()["code"] == commit
    (checkout / "ddvae" / "book" / "chapter.py").write_text("changed")
    assert provenance()["code"] == commit + "+"


def test_a_package_in_the_repository_of_something_else_is_installed(checkout, monkeypatch):
    """As in a virtual environment in one's own project, or a downloaded archive unpacked there."""
    for inner in (checkout / "lib", checkout / "archive"):
        (inner / "ddvae" / "system").mkdir(parents=True)
        monkeypatch.setattr(locations, "__file__", str(inner / "ddvae" / "system" / "locations.py"))
        if inner.name == "archive":
            (inner / "notebooks").mkdir()
            (inner / "pyproject.toml").touch()
            assert locations.repository() == inner
        assert provenance()["code"] == "installed"
