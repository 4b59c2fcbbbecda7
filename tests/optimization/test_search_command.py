"""A search from the command line: scores as users write them, and what it tells of bad ones."""

import sys

import pytest

from ddvae.__main__ import main
from ddvae.optimization.evaluations import read_evaluations

START = """CC(C)(C)c1ccc2occ(CC(=O)Nc3ccccc3F)c2c1
C[C@@H]1CC(Nc2cncc(-c3nncn3C)c2)C[C@@H](C)C1
CC[NH+](CC)[C@](C)(CC)[C@H](O)c1cscc1Br
O=C(Nc1nc[nH]n1)c1cccnc1Nc1cccc(F)c1
N#CC1=C(SCC(=O)Nc2cccc(Cl)c2)N=C([O-])[C@H](C#N)C12CCCCC2
O=C(N1CCc2c(F)ccc(F)c2C1)C1(O)Cc2ccccc2C1
CC(C)[C@@H](Oc1cccc(Cl)c1)C(=O)N1CCC(n2cccn2)CC1
COc1ccc(C(=O)N(C)[C@@H](C)C/C(N)=N/O)cc1O
"""
HEAD = """import os, sys, time
def lengths(smiles):
    return [float(len(one)) for one in smiles]
def score(smiles):
"""
FIELD = {  # with how many of the eight molecules are scored
    "gradient": ("import torch; return 2 * torch.tensor(lengths(smiles), requires_grad=True)", 8),
    "exit": ("return sys.exit(1) if 'Cl' in str(smiles) else lengths(smiles)", 6),
    "death": ("return os._exit(1) if 'Cl' in str(smiles) else lengths(smiles)", 6),
    "largest float": ("return [sys.float_info.max if 'F' in one else len(one) for one in smiles]", 8),
    "slow first call": (
        "hasattr(score, 'read') or time.sleep(4); score.read = True; return lengths(smiles)",
        8,
    ),
}


def own_score(folder, monkeypatch, text, name):
    """Words of a search with the score of a file in the working directory."""
    (folder / f"{name}.py").write_text(f"{HEAD}    {text}\n")
    (folder / "start.smi").write_text(START)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [*sys.path])
    words = ["optimize", "--score", f"{name}:score", "--start", "start.smi", "--time-limit", "2"]
    return [*words, "--rounds", "1", "--batch", "2", "--out", "found"]


def test_command(tmp_path, monkeypatch, capsys):
    """A user's own score, in a file in the working directory, on the recorded model."""
    (tmp_path / "rings.py").write_text("def count(smiles):\n    return [s.count('1') for s in smiles]\n")
    monkeypatch.chdir(tmp_path)
    words = ["optimize", "--score", "rings:count", "--n-start", "60", "--rounds", "1", "--batch", "3"]
    assert main([*words, "--acquisition", "local", "--out", "found"]) == 0
    found = read_evaluations(tmp_path / "found")
    assert {"scored"} <= {one.status for one in found} and len(found[0].code) == 64
    assert main([*words, "--score", "rings:nothing"]) == 2
    assert "expected module:function, importable" in capsys.readouterr().err
    (tmp_path / "wrong.py").write_text("a = lambda smiles: [0.0] * len(smiles)\n")
    assert main([*words, "--score", "wrong:a"]) == 2
    assert "expected a function that def makes" in capsys.readouterr().err
    (tmp_path / "broken.py").write_text("def count(smiles:\n")
    assert main([*words, "--score", "broken:count"]) == 2
    assert "expected module:function, importable" in capsys.readouterr().err
    (tmp_path / "exits.py").write_text("import sys\nsys.exit(3)\n")
    assert main([*words, "--score", "exits:count"]) == 2
    assert "score is 'exits:count' (SystemExit: 3); expected module" in capsys.readouterr().err
    (tmp_path / "rings.py").write_text(
        "def count(smiles):\n    raise OSError\ndef fails(smiles):\n    raise OSError('no server')\n"
    )
    monkeypatch.delitem(sys.modules, "rings")
    words = [*words, "--acquisition", "local", "--out", "found", "--resume"]
    assert main(words) == 0  # the molecules to begin with are not scored again
    assert str(read_evaluations(tmp_path / "found")) == str(found)  # NaN equals NaN
    assert main([*words, "--score", "rings:fails"]) == 2
    assert (
        "with score 'rings:count', not 'rings:fails'; expected the same settings" in capsys.readouterr().err
    )
    assert main(words) == 0  # the refused search left the other one whole
    capsys.readouterr()
    assert main([*words, "--score", "rings:fails", "--out", "other"]) == 2
    assert "score failed on all 60 molecules; the first one failed: OSError" in capsys.readouterr().err


@pytest.mark.parametrize("kind", FIELD)
def test_scores_as_users_write_them(kind, tmp_path, monkeypatch, capsys):
    text, scored = FIELD[kind]
    words = own_score(tmp_path, monkeypatch, text, f"field_{kind.replace(' ', '_')}")
    words += [] if kind == "largest float" else ["--acquisition", "local"]
    assert main(words) == 0, capsys.readouterr().err
    rows = (tmp_path / "found" / "start.csv").read_text().splitlines()[1:]
    assert len(rows) == 8 and sum(row.endswith(",scored") for row in rows) == scored
    failed = {"exit": "failed: SystemExit: 1", "death": "failed: its process died, exit code 1"}.get(kind)
    assert all(failed in row for row in rows if "Cl" in row) if failed else scored == 8
    assert "round 1: " in capsys.readouterr().err


@pytest.mark.parametrize(
    "molecules, text, message",
    [
        ("CCO", "return lengths(smiles)", "start holds 1 distinct molecule; expected 2 or more"),
        ("CCO CCO OCC", "return lengths(smiles)", "start holds 1 distinct molecule; expected 2 or more"),
        (
            "CCO CCN CCC",
            "return [1.0] * len(smiles)",
            "score gave 1 for all 3 molecules; expected scores that",
        ),
        (
            "CCO CCN",
            "return [1, 2, 3]",
            "score returned [1, 2, 3] of shape (3,) for 1 molecule; expected",
        ),
        ("CCO CCN", "sys.exit(4)", "score failed on all 2 molecules; the first one failed: SystemExit: 4"),
        ("CCO CCN", "pass\nscore = lambda smiles: 1", "expected a function that def makes"),
        ("CCO CCN", "pass\nraise SystemExit(5)", "(SystemExit: 5); expected module:function, importable"),
        ("CCO CCN", "pass\nscore = 5", "which is no function; expected module:function"),
    ],
)
def test_errors_of_a_search_are_in_the_users_words(molecules, text, message, tmp_path, monkeypatch, capsys):
    words = own_score(tmp_path, monkeypatch, text, f"words_{tmp_path.name}")
    (tmp_path / "start.smi").write_text("\n".join(molecules.split()))
    assert main(words) == 2
    told = capsys.readouterr().err
    assert told.splitlines()[-1].startswith("error: ") and message in told
