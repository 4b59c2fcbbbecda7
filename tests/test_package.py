"""The wheel holds every wing, works outside the repository and writes nothing beside itself."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT
from test_layering import FORBIDDEN, TORCHS_OWN

from ddvae.system import extras, locations

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy, so that nothing is left in the repository."""
    copy, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    tracked = subprocess.run(
        ["git", "ls-files", "ddvae", "pyproject.toml", "README.md", "LICENSE"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in tracked.stdout.split():
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((ROOT / name).read_bytes())
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", out, copy]
    done = subprocess.run(build, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list(out.glob("*.tar.gz"))) == 1
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A folder that holds nothing but the package."""
    target = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", target, wheel]
    subprocess.run(pip, check=True)
    return target


def run(installed, folder, *words, lacks=(), **environment):
    """A Python command in a folder of its own, with the installed package before the checkout's.

    Libraries that it lacks are lacking in the processes that it starts, too.
    """
    for library in lacks:
        told = f"raise ModuleNotFoundError('No module named {library}', name={library!r})"
        (folder / "lacking").mkdir(exist_ok=True)
        (folder / "lacking" / f"{library}.py").write_text(told)
    path = os.pathsep.join([str(folder / "lacking"), str(installed)])
    variables = os.environ | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    variables.pop("DDVAE_RUNS", None)
    return subprocess.run(
        [sys.executable, *words], cwd=folder, env=variables | environment, capture_output=True, text=True
    )


def test_the_wheel_holds_every_wing(wheel):
    wanted = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "ddvae").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {path for path in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in path} == wanted
    assert {"ddvae/py.typed", "ddvae/engine/native.cpp", "ddvae/widgets/pad.js"} <= wanted


COMMAND = "import sys; from ddvae.__main__ import main; sys.exit(main(sys.argv[1:]))"


def test_training_from_the_wheel_needs_torch_and_numpy_alone(installed, tmp_path):
    words = ("train", "bricks-layout-uniform", "--budget", "smoke", "--out", "run")
    bare = [name for name in FORBIDDEN if name not in TORCHS_OWN]
    before = sorted(installed.rglob("*"))
    script = f"import ddvae; assert ddvae.__file__.startswith({str(installed)!r}); {COMMAND}"
    done = run(installed, tmp_path, "-c", script, *words, lacks=bare, DDVAE_CACHE=str(tmp_path / "cache"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "run.json").exists() and sorted(installed.rglob("*")) == before


@pytest.mark.parametrize(
    ("library", "extra", "words"),
    [
        ("rdkit", "molecules", ["moses-metrics", "own.smi", "--reference", "own.smi"]),
        ("botorch", "optimize", ["optimize", "--score", "math:prod"]),
        ("papermill", "book", ["notebooks", "--chapters", "1"]),
    ],
)
def test_a_missing_extra_is_named_in_one_line(installed, tmp_path, library, extra, words):
    (tmp_path / "own.smi").write_text("CCO\nCCN\n")
    recorded = {"DDVAE_RUNS": str(ROOT / "data" / "runs")} if library == "botorch" else {}
    site = ROOT if library == "papermill" else installed  # the book is of a clone
    done = run(site, tmp_path, "-c", COMMAND, *words, lacks=[library], **recorded)
    told = f"error: {library} is missing; expected it from pip install 'ddvae[{extra}]'\n"
    assert (done.returncode, done.stderr[-len(told) :]) == (2, told)
    assert "Traceback" not in done.stderr


def test_recorded_runs_are_looked_for_where_they_may_be(installed, tmp_path):
    script = "from ddvae import recorded; print(recorded('bricks-ddvae-uniform')[0].results['kl'])"
    lost = run(installed, tmp_path, "-c", script)
    assert "DDVAE_RUNS is not set; expected the folder data/runs of a clone" in lost.stderr
    done = run(installed, tmp_path, "-c", script, DDVAE_RUNS=str(ROOT / "data" / "runs"))
    assert float(done.stdout) < 0.01


def test_the_command_is_installed(installed):
    script = Path(installed, "bin", "ddvae")
    assert script.is_file() and "from ddvae.__main__ import main" in script.read_text()


def test_extras_bring_what_their_wings_import():
    from test_layering import OWNERS

    brought = {library: extras.extra_of(library) for ones in OWNERS.values() for library in ones}
    own = {"widgets": "widgets", "book": "book", "optimization": "optimize", "figures": "widgets"}
    for wing, libraries in OWNERS.items():
        for library in libraries - {
            "moses",
            "kaleido",
            "IPython",
            "traitlets",
            "ipykernel",
            "jupyter_client",
        }:
            assert brought[library] == own.get(wing, "molecules"), library
    assert brought["kaleido"] == "book" and brought["moses"] is None


def test_folders_follow_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("DDVAE_CACHE", str(tmp_path))
    assert locations.cache_folder("scores") == tmp_path / "scores"
    monkeypatch.setenv("DDVAE_RUNS", str(tmp_path / "none"))
    with pytest.raises(FileNotFoundError, match=r"DDVAE_RUNS is '.*none', which is no folder; expected"):
        locations.runs()
    monkeypatch.delenv("DDVAE_CACHE")
    assert ROOT not in locations.cache_folder("scores").parents
