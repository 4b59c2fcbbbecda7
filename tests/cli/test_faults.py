"""The whole under faults: killed at random moments, fed with rubbish, on a full disk.

The suite runs few of each; `DDVAE_FAULTS=30 python -m pytest tests/test_faults.py` kills thirty times and
feeds a thousand inputs.
"""

import json
import os
import random
import shutil
import subprocess
import sys
import time

import pytest
from conftest import ROOT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_training import start_training

from ddvae.__main__ import main
from ddvae.experiments.molecule_runs import load_codec
from ddvae.molecules.chemistry import canonical, heavy_atoms, score_parts, traits
from ddvae.molecules.datasets import own_molecules
from ddvae.optimization.evaluations import read_evaluations
from ddvae.system.files import load_checkpoint

FAULTS = int(os.environ.get("DDVAE_FAULTS", 3))
KILLS = max(1, FAULTS // 3)
"""Of each of three works."""
fuzzed = settings(max_examples=max(20, FAULTS * 1000 // 120), suppress_health_check=list(HealthCheck))
"""For each of four kinds of input."""
pytestmark = pytest.mark.slow
MODEL = ROOT / "data" / "runs" / "moses-sweep-ddvae-triweight" / "seed1"


def command(*words, path=""):
    return subprocess.Popen(
        [sys.executable, "-m", "ddvae", *map(str, words)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(path), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def end(process):
    told, _ = process.communicate()
    assert process.returncode == 0, told.decode()


class Training:
    """Done is what a checkpoint holds."""

    longest = 4.0

    def __init__(self, folder):
        self.folder = folder

    def start(self):
        return start_training(self.folder)

    def done(self):
        path = self.folder / "checkpoint.pt"
        return load_checkpoint(path)["step"] if path.exists() else 0

    def outcome(self):
        model = load_checkpoint(self.folder / "end.pt")["model"]
        return {name: weight.tolist() for name, weight in model.items()}


class Reproduction:
    """Done is a chapter with its figures."""

    longest = 25.0

    def __init__(self, folder):
        self.folder = folder

    def start(self):
        words = ["--budget", "smoke", "--chapters", "1-2", "--out", self.folder, "--resume"]
        return command("reproduce", *words)

    def done(self):
        return sum(1 for _ in self.folder.glob("*/done.json"))

    def outcome(self):
        pages = {path.parent.name: json.loads(path.read_text()) for path in self.folder.glob("*/page.json")}
        return {name: [item.get("file") for item in page["items"]] for name, page in pages.items()}


class Optimisation:
    """Done is an evaluated molecule."""

    longest = 6.0

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        (folder / "mine.py").write_text("def length(smiles):\n    return [float(len(s)) for s in smiles]\n")
        (folder / "known.smi").write_text("CCO\nCCN\nc1ccccc1\nCC(=O)O\nCCCC\nCCOC\nCCNC\nCCC\n")

    def start(self):
        words = ["--score", "mine:length", "--model", MODEL, "--start", self.folder / "known.smi"]
        words += ["--rounds", 3, "--batch", 4, "--acquisition", "local", "--out", self.folder / "search"]
        return command("optimize", *words, "--resume", path=self.folder)

    def done(self):
        folder = self.folder / "search"
        return len(read_evaluations(folder)) if (folder / "evaluations.csv").exists() else 0

    def outcome(self):
        return (self.folder / "search" / "evaluations.csv").read_text()


WORKS = [Optimisation, *([Training, Reproduction] if FAULTS >= 30 else [])]
"""The suite's time is short, and `test_train` and `test_book` interrupt the other two."""


@pytest.mark.parametrize("work", WORKS)
def test_killed_at_random_moments_nothing_finished_is_lost(work, tmp_path):
    moments = random.Random(work.__name__)
    whole, killed = work(tmp_path / "whole"), work(tmp_path / "killed")
    end(whole.start())
    kills = 0
    for _ in range(KILLS):
        before, process = killed.done(), killed.start()
        time.sleep(moments.uniform(0.0, work.longest))
        process.kill()
        process.communicate()
        kills += process.returncode != 0
        assert killed.done() >= before
    end(killed.start())
    assert killed.outcome() == whole.outcome() and (kills or KILLS < 5)


SMILES_LIKE = st.text("CNOSFclnos()[]=#123456789@+-/\\%.H\x00é😀", max_size=60)


@fuzzed
@given(st.lists(SMILES_LIKE | st.text(max_size=20), max_size=4))
def test_any_string_is_a_molecule_or_none(strings):
    found, parts, looked = canonical(strings), score_parts(strings), traits(strings)
    assert len(strings) == len(found) == len(parts) == len(looked) == len(heavy_atoms(strings))
    for one, part, look in zip(found, parts, looked):
        assert (one is None) == (part is None) == (look is None)


@fuzzed
@given(
    content=st.binary(max_size=300) | st.text(max_size=200).map(str.encode),
    suffix=st.sampled_from([".smi", ".csv", ".gz"]),
)
def test_any_file_is_read_or_refused(content, suffix, tmp_path_factory):
    path = tmp_path_factory.mktemp("given") / f"mine{suffix}"
    path.write_bytes(content)
    try:
        assert len(own_molecules(path)) > 0
    except ValueError as error:
        assert str(path) in str(error)


ANY = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=10)
    | st.lists(st.integers(), max_size=2)
)


@fuzzed
@given(keys=st.lists(st.integers(0, 40), min_size=1, max_size=2), value=ANY, cut=st.none() | st.floats(0, 1))
def test_any_settings_are_taken_or_refused(keys, value, cut, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    content = json.loads((MODEL / "run.json").read_text())
    place = content
    for key in keys:
        names = list(place)
        name = names[key % len(names)]
        if not isinstance(place[name], dict) or key == keys[-1]:
            place[name] = value
            break
        place = place[name]
    text = json.dumps(content)
    (folder / "run.json").write_text(text if cut is None else text[: int(cut * len(text))])
    shutil.copy(MODEL / "weights.pt", folder)
    try:
        assert load_codec(folder).latent_size == 64
    except (ValueError, OSError) as error:
        assert str(folder) in str(error)


@fuzzed
@given(place=st.floats(0, 1), byte=st.integers(0, 255), cut=st.booleans())
def test_any_weights_are_taken_or_refused(place, byte, cut, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    shutil.copy(MODEL / "run.json", folder)
    content = bytearray((MODEL / "weights.pt").read_bytes())
    where = min(int(place * len(content)), len(content) - 1)
    content[where:] = b"" if cut else bytes([byte]) + content[where + 1 :]
    (folder / "weights.pt").write_bytes(content)
    try:
        assert load_codec(folder).latent_size == 64
    except ValueError as error:
        assert str(folder) in str(error)


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a file system of 48 KB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=48k", "tmpfs", folder]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def whole_files(folder):
    """Nothing half-written is left beside."""
    return not [path for path in folder.rglob(".*") if path.is_file()]


def test_a_training_on_a_full_disk(small_disk, capsys):
    assert main(["train", "bricks-ddvae-uniform", "--budget", "smoke", "--out", str(small_disk / "run")]) == 2
    assert "could not be written" in capsys.readouterr().err and whole_files(small_disk)


def test_a_reproduction_on_a_full_disk(small_disk, capsys):
    words = ["reproduce", "--budget", "smoke", "--chapters", "1", "--out", str(small_disk)]
    assert main(words) == 2
    assert "No space left" in capsys.readouterr().err and whole_files(small_disk)


def test_a_search_on_a_full_disk(small_disk, tmp_path, monkeypatch, capsys):
    Optimisation(tmp_path / "mine")
    monkeypatch.chdir(tmp_path / "mine")
    monkeypatch.syspath_prepend(tmp_path / "mine")
    (small_disk / "ballast").write_bytes(b"x" * 44_000)
    words = ["--score", "mine:length", "--model", str(MODEL), "--start", "known.smi", "--rounds", "3"]
    words += ["--batch", "4", "--acquisition", "local", "--out", str(small_disk / "search")]
    assert main(["optimize", *words]) == 2
    assert "No space left" in capsys.readouterr().err and whole_files(small_disk)
