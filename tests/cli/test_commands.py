"""Options of the command line reach the arguments that they are named after."""

import inspect
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import ROOT

from ddvae.__main__ import main
from ddvae.book import notebooks
from ddvae.book import regenerate as book
from ddvae.cli import models
from ddvae.experiments import molecule_runs
from ddvae.experiments import runner as recorder
from ddvae.optimization import search
from ddvae.papers.dd_vae import results_table as items

MODEL = ROOT / "data" / "runs" / "moses-sweep-ddvae-triweight" / "seed1"


@pytest.fixture
def called(monkeypatch):
    """Puts a function in place that keeps the arguments it is called with, by name."""

    def replaced(module, name, answer=()):
        found, signature = {}, inspect.signature(getattr(module, name))

        def keep(*arguments, **named):
            bound = signature.bind(*arguments, **named)
            bound.apply_defaults()
            found.update(bound.arguments)
            return answer

        monkeypatch.setattr(module, name, keep)
        return found

    return replaced


def test_reproduce(called, capsys):
    found = called(book, "reproduce")
    words = "reproduce --budget smoke --chapters 2-3 --seed 4 --out there --device meta"
    assert main(words.split()) == 0
    told = {key: found[key] for key in ("budget", "seed", "out", "device", "resume", "fresh")}
    expected = {"budget": "smoke", "seed": 4, "out": Path("there"), "device": "meta"}
    assert told == expected | {"resume": False, "fresh": False}
    assert found["chosen"] == notebooks.chapters()[1:3]
    for option in ("resume", "fresh"):
        assert main(["reproduce", f"--{option}"]) == 0
        assert [name for name in ("resume", "fresh") if found[name]] == [option]


def test_train(called, monkeypatch, tmp_path):
    found = called(recorder, "train", None)  # as if it had been stopped
    monkeypatch.chdir(tmp_path)
    words = "train zinc-ddvae-tricube --budget smoke --seed 3 --out there --time-limit 7 --reading paper"
    words += " --data my.smi --no-evaluation --resume --device meta"
    Path("my.smi").write_text("CCO\nCCN\n" * 10)
    assert main(words.split()) == 1
    preset = found.pop("preset")
    assert (preset.name, preset.recipe.objective.scores) == ("zinc-ddvae-tricube", "prob")
    assert (len(preset.own), preset.symbols) == (20, "CNO")
    assert found.pop("progress") is True and found.pop("watch") is None
    assert found == {
        "budget": "smoke",
        "seed": 3,
        "folder": Path("there"),
        "device": "meta",
        "resume": True,
        "time_limit": 7.0,
        "evaluation": False,
    }


@pytest.mark.parametrize("way", ["minimize", "maximize"])
def test_optimize(called, monkeypatch, tmp_path, way):
    """The score is the molecules' length."""
    found = called(search, "optimize")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    Path(f"{way}_lengths.py").write_text(
        "def count(smiles):\n    return [float(len(one)) for one in smiles]\n"
    )
    words = (
        f"optimize --score {way}_lengths:count --n-start 5 --rounds 2 --batch 3 --acquisition prior --seed 9"
    )
    words += f" --max-heavy-atoms 20 --time-limit 11 --out there --{way}"
    assert main(words.split()) == 0
    expected = search.Search(2, 3, "prior", way == "maximize", 20, seed=9)
    assert found["search"] == expected and found["score"].time_limit == 11.0 and found["out"] == Path("there")
    assert len(found["values"]) == len(found["codes"]) == 5 and found["resume"] is False


def test_curve(monkeypatch, capsys):
    """Rows are printed, a missing metric as a dash; --thin thins what was judged."""
    thinned = []
    monkeypatch.setattr(
        molecule_runs, "curve", lambda record, progress: [{"epoch": 3, "accuracy": 0.5, "n": 0}]
    )
    monkeypatch.setattr(molecule_runs, "thin", thinned.append)
    folder = next((ROOT / "data" / "runs").glob("moses-sweep-*/seed1"))
    assert main(["curve", str(folder)]) == 0 and not thinned
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == str(folder) and shown[2].split()[:4] == ["3", "-", "0.5", "-"]
    assert main(["curve", "--thin", str(folder)]) == 0
    assert [record.folder for record in thinned] == [folder]


CODES = [[0.25, -1.0, 3e-05], [0.0, 1.0, 2.5]]
HEADER, INDEX = "left out the header", "left out the header and the index"
CODE_FILES = {
    "0.25 -1 3e-05\n0 1 2.5\n": "",
    "0.25,-1,3e-05\n0,1,2.5\n": "",
    "0.25, -1, 3e-05\n\n0, 1, 2.5,\n\n": "",
    "0.25;-1;3e-05\r\n0;1;2.5\r\n": "",
    "0,25;-1;3e-05\n0;1;2,5\n": "",
    " 0.25\t-1\t3e-05\n0\t1\t2.5": "",
    "\ufeff0.25,-1,3e-05\n0,1,2.5\n": "",
    '"0.25","-1","3e-05"\n"0","1","2.5"\n': "",
    "0,1,2\n0.25,-1,3e-05\n0,1,2.5\n": HEADER,
    "\n0 1 2\n0.25 -1 3e-05\n0 1 2.5\n": HEADER,
    "\ufeff0;1;2\n0.25;-1;3e-05\n0;1;2.5\n": HEADER,
    "z0,z1,z2\n0.25,-1,3e-05\n0,1,2.5\n": HEADER,
    '"V1","V2","V3"\n0.25,-1,3e-05\n0,1,2.5\n': HEADER,
    "# 0 1 2\n0.25 -1 3e-05\n0 1 2.5\n": HEADER,
    ",0,1,2\n0,0.25,-1,3e-05\n1,0,1,2.5\n": INDEX,
    "\t0\t1\t2\n0\t0.25\t-1\t3e-05\n1\t0\t1\t2.5\n": INDEX,
    '"","V1","V2","V3"\n"1",0.25,-1,3e-05\n"2",0,1,2.5\n': INDEX,
    '"V1" "V2" "V3"\n"1" 0.25 -1 3e-05\n"2" 0 1 2.5\n': INDEX,
    "smiles,0,1,2\nCCO,0.25,-1,3e-05\nCC,0,1,2.5\n": INDEX,
}
WRONG_CODES = {
    "0.25,-1,nan\n": "line 1 of {} holds 'nan'; expected 3 finite numbers",
    "0,1,2\n0.25,-1,1\n0,-inf,1\n": "line 3 of {} holds '-inf'; expected 3 finite numbers",
    "1e39,0,0\n": "line 1 of {} holds '1e39'; expected 3 finite numbers",
    "NA,NA,NA\n0,0,0\n": "line 1 of {} holds 'NA'; expected 3 finite numbers",
    "0.25,x,1\n": "line 1 of {} holds 'x'; expected 3 finite numbers",
    "0.25,,1\n": "line 1 of {} holds ''; expected 3 finite numbers",
    "CCO\nCC\n": "line 1 of {} holds 'CCO'; expected 3 finite numbers",
    "0,1,2,3\n1,1,1,1\n": "line 1 of {} holds 4 numbers; expected 3",
    "0.1 0.2\n": "line 1 of {} holds 2 numbers; expected 3",
    ",0,1,2\n0,1,1,1\n1,1,1\n": "line 2 of {} holds 4 numbers; expected 3",
    "0,1,2\n": "{} holds no code; expected lines of 3 numbers",
    "\n\n": "{} holds no code; expected lines of 3 numbers",
    "1 2 3\0": "{} is no text; expected lines of 3 numbers",
}


@pytest.fixture
def decoded(monkeypatch):
    """Decodes codes of three numbers; what it was given."""

    class Stub:
        latent_size, given = 3, []

        def decode(self, codes):
            self.given.append(codes)
            return ["C"] * len(codes)

    stub = Stub()
    monkeypatch.setattr(molecule_runs, "load_codec", lambda run: stub)
    monkeypatch.setattr(stub, "given", [])
    return stub.given


def given_both_ways(text, tmp_path, monkeypatch):
    """Runs the command on a file and on standard input; exit codes and the names in messages."""
    path = tmp_path / "codes.csv"
    path.write_bytes(text.encode())
    yield main(["decode", "run", str(path)]), path
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    yield main(["decode", "run"]), "standard input"


@pytest.mark.parametrize("text", CODE_FILES)
def test_codes(decoded, tmp_path, monkeypatch, capsys, text):
    for code, name in given_both_ways(text, tmp_path, monkeypatch):
        told = capsys.readouterr()
        assert code == 0 and told.out == "C\nC\n"
        assert told.err == (f"{name}: {CODE_FILES[text]}\n" if CODE_FILES[text] else "")
        assert torch.equal(decoded.pop(), torch.tensor(CODES))


@pytest.mark.parametrize("text", WRONG_CODES)
def test_wrong_codes(decoded, tmp_path, monkeypatch, capsys, text):
    for code, name in given_both_ways(text, tmp_path, monkeypatch):
        assert code == 2 and WRONG_CODES[text].format(name) in capsys.readouterr().err


def test_a_table_of_codes_as_pandas_writes_it(tmp_path, capsys):
    """Whatever is said of them, the molecules are those of the bare lines."""
    codes = [[f"{x:.4f}" for x in row] for row in torch.rand(2, 64).tolist()]
    lines = "".join(",".join(row) + "\n" for row in codes)
    found = []
    for text in (lines, ",".join(map(str, range(64))) + "\n" + lines):
        (tmp_path / "codes.csv").write_text(text)
        assert main(["decode", str(MODEL), str(tmp_path / "codes.csv")]) == 0
        found.append(capsys.readouterr().out)
    assert found[0] == found[1] and len(found[0].splitlines()) == 2


@pytest.mark.parametrize(
    "words",
    ["presets", "items", "sample RUN -n 9", "encode RUN FILE", "decode RUN CODES", "curve RUN", "--help"],
)
def test_a_reader_that_has_gone_is_no_error(monkeypatch, tmp_path, capsys, words):
    """As `head` does; neither while printing nor when what is left in the buffer is written."""
    (tmp_path / "ten.smi").write_text("CCO\n" * 300)
    (tmp_path / "codes").write_text((" ".join(["0.1"] * 64) + "\n") * 9)
    monkeypatch.setattr(molecule_runs, "curve", lambda record, progress: [{"epoch": 3, "n": 0}] * 9)
    monkeypatch.setattr(items, "table", lambda: ["| item |"])
    files = {"RUN": MODEL, "FILE": tmp_path / "ten.smi", "CODES": tmp_path / "codes"}
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as gone:
        monkeypatch.setattr(sys, "stdout", gone)
        assert main([str(files.get(word, word)) for word in words.split()]) == 0
    assert not capsys.readouterr().err


@pytest.mark.parametrize(
    "command, unbuffered", [("presets | head -n 1", "1"), ("--help | true", ""), ("presets 2>&1 | true", "")]
)
def test_a_reader_that_has_gone_in_a_shell(command, unbuffered):
    """Buffered output is written as Python ends."""
    words = f"{sys.executable} -m ddvae {command}; echo ${{PIPESTATUS[0]}} >&2"
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    done = subprocess.run(["bash", "-c", words], capture_output=True, text=True, env=environment)
    assert done.stderr == "0\n" and done.stdout.count("\n") == ("head" in command)


def test_output_that_cannot_be_written_is_an_error():
    words = [sys.executable, "-m", "ddvae", "presets"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert "error: standard output cannot be written (No space left on device)" in done.stderr


def test_another_broken_pipe_is_an_error(monkeypatch, capsys):
    def fail():
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(models, "inventory", fail)
    assert main(["presets"]) == 2
    assert "error: [Errno 32] Broken pipe" in capsys.readouterr().err
