"""What is installed: the versions of requirements.lock, which meet what pyproject.toml asks for."""

import re
import tomllib
from importlib import metadata

import pytest
from conftest import ROOT
from packaging.requirements import Requirement

from ddvae.system.provenance import locked, unlocked

yaml = pytest.importorskip("yaml")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_lock_has_what_the_package_asks_for():
    """All but torch, whose build depends on the machine; each line with a hash."""
    asked = [one for extra in PROJECT["optional-dependencies"].values() for one in extra]
    asked = [Requirement(one) for one in PROJECT["dependencies"] + asked if not one.startswith("ddvae[")]
    versions = locked()
    for one in asked:
        found = versions.get(one.name.lower().replace("_", "-"), set())
        assert one.name == "torch" or (found and all(one.specifier.contains(version) for version in found)), (
            one
        )
    text = (ROOT / "requirements.lock").read_text()
    assert not re.search("^(torch|nvidia.*)==|//", text, re.MULTILINE)  # nor the address of an index
    entries = re.split(r"^(?=[a-z])", text, flags=re.MULTILINE)[1:]
    assert len(entries) > 150 and all("--hash=sha256:" in entry for entry in entries)


def test_what_is_installed_is_the_lock():
    """`make install LOCK=` takes the newest versions: then this tells which."""
    if changed := unlocked():
        pytest.skip("not those of requirements.lock: " + ", ".join(changed))
    assert metadata.version("plotly") in locked()["plotly"]


def test_conda_brings_python_and_make():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert environment["dependencies"] == ["python=3.11", "pip", "make"]
    assert PROJECT["requires-python"] == ">=3.11"


def test_molsets_comes_without_its_pins():
    makefile = (ROOT / "Makefile").read_text()
    assert '$(PIP) --no-deps "molsets==0.3.1"' in makefile and "molsets" not in str(PROJECT)


def test_ci_runs_make_test():
    script = (ROOT / ".ci" / "run").read_text()
    assert script.splitlines()[-1] == "exec make test" and "DDVAE_BROWSER=required" in script


def test_binder_does_what_make_install_does():
    """From the same environment.yml, by the same command."""
    binder = ROOT / ".binder"
    assert (binder / "environment.yml").resolve() == ROOT / "environment.yml"
    commands = [line for line in (binder / "postBuild").read_text().splitlines() if not line.startswith("#")]
    assert commands == ["set -euo pipefail", 'VIRTUAL_ENV="${NB_PYTHON_PREFIX:-$CONDA_PREFIX}" make install']
    assert (binder / "postBuild").stat().st_mode & 0o100
