"""Options of the command line reach the arguments that they are named after."""

import inspect
import sys
from pathlib import Path

import pytest

from ddvae.__main__ import main
from ddvae.book import regenerate as book
from ddvae.experiments import runner as recorder
from ddvae.optimization import search
from ddvae.papers.dd_vae import table_three as curves


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
    assert found["chapters"] == book.CHAPTERS[1:3]
    for option in ("resume", "fresh"):
        assert main(["reproduce", f"--{option}"]) == 0
        assert [name for name in ("resume", "fresh") if found[name]] == [option]


def test_train(called, monkeypatch, tmp_path):
    found = called(recorder, "train", None)  # as if it had been stopped
    monkeypatch.chdir(tmp_path)
    words = "train zinc-ddvae-tricube --budget smoke --seed 3 --out there --time-limit 7 --reading paper"
    words += " --data my.smi --no-evaluation --resume --device meta"
    assert main(words.split()) == 1
    assert found.pop("progress") is True and found.pop("watch") is None
    assert found == {
        "name": "zinc-ddvae-tricube",
        "budget": "smoke",
        "seed": 3,
        "folder": Path("there"),
        "device": "meta",
        "resume": True,
        "time_limit": 7.0,
        "reading": "paper",
        "own": "my.smi",
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
    assert found["search"] == expected and found["time_limit"] == 11.0 and found["out"] == Path("there")
    assert len(found["values"]) == len(found["codes"]) == 5 and found["resume"] is False


def test_curve(monkeypatch, capsys):
    """Rows are printed, a missing metric as a dash; --thin thins what was judged."""
    thinned = []
    monkeypatch.setattr(curves, "curve", lambda record, progress: [{"epoch": 3, "accuracy": 0.5, "n": 0}])
    monkeypatch.setattr(curves, "thin", thinned.append)
    folder = next((Path(__file__).parents[1] / "data" / "runs").glob("moses-sweep-*/seed1"))
    assert main(["curve", str(folder)]) == 0 and not thinned
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == str(folder) and shown[2].split()[:4] == ["3", "-", "0.5", "-"]
    assert main(["curve", "--thin", str(folder)]) == 0
    assert [record.folder for record in thinned] == [folder]
