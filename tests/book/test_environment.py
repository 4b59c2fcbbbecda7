"""environment.yml, pyproject.toml and the Makefile ask for the same things."""

import re
import tomllib

import pytest
from conftest import ROOT

yaml = pytest.importorskip("yaml")


def bare(requirement):
    return re.split(r"[<>=!~ \[]", requirement)[0].lower()


def split(requirement):
    name = bare(requirement)
    return name, requirement[len(name) :]


def test_conda_and_pip_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = project["dependencies"] + [
        r for extra in project["optional-dependencies"].values() for r in extra
    ]
    pip = dict(split(one) for one in asked if not one.startswith("ddvae["))
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    conda = dict(split(d) for d in environment["dependencies"] if isinstance(d, str))
    renamed = {
        "pytorch": "torch",
        "pytorch-cpu": "torch",
        "python-kaleido": "kaleido",
        "fcd_torch": "fcd-torch",
        "python-build": "build",
    }
    conda = {renamed.get(name, name): version for name, version in conda.items()}
    assert conda.pop("python") == ">=3.11" and project["requires-python"] == ">=3.11"
    conda.pop("pip")
    conda.pop("make")
    assert conda == pip


def test_molsets_comes_without_its_pins():
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(r"pip install --quiet --no-compile --no-deps .?molsets==0\.3\.1", makefile)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "molsets" not in str(project)


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
