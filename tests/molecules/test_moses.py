"""MOSES' metrics: molsets' own numbers, hostile input, the command."""

import io
import json
import subprocess
import sys
import warnings

import numpy as np
import pytest

from ddvae.__main__ import main
from ddvae.molecules.chemnet import extrapolated_fcd, fcd, fcd_interval
from ddvae.molecules.datasets import moses_strings
from ddvae.molecules.moses import evaluate, molecules_behind, profile
from ddvae.molecules.moses_statistics import moses_reference

KEYS = (
    "valid unique@1000 unique@10000 FCD/Test SNN/Test Frag/Test Scaf/Test FCD/TestSF SNN/TestSF Frag/TestSF "
    "Scaf/TestSF IntDiv IntDiv2 Filters logP SA QED weight Novelty"
).split()


@pytest.fixture(scope="module")
def strings():
    """As a model would give them: molecules of the training set, some cut short, some twice."""
    chosen = np.random.default_rng(0).choice(moses_strings("train"), 200).tolist()
    return [s[:-1] if i % 10 == 0 else s for i, s in enumerate(chosen)] + chosen[:20]


@pytest.fixture(scope="module")
def found(strings):
    return evaluate(strings, train=strings[:50])


@pytest.mark.slow
def test_parity_with_molsets(strings, found):
    theirs = evaluate(strings, train=strings[:50], path="reference", n_jobs=1)
    assert list(found) == list(theirs) == KEYS
    for key, value in theirs.items():
        tolerance = {"rel": 1e-4} if key.startswith("FCD") else {"abs": 1e-6}
        assert found[key] == pytest.approx(value, **tolerance), key


def test_nothing_changes_in_this_process():
    import pandas

    sets = {"test": ["CCO", "CCC"], "test_scaffolds": ["CO", "C"], "train": ["C"]}
    with pytest.raises(ValueError, match="molsets failed with exit code 1: "):  # it divides by no molecule
        evaluate(["?"], path="reference", n_jobs=1, **sets)
    assert not hasattr(np, "NaN") and not hasattr(pandas.DataFrame, "append")
    assert "rdkit.six" not in sys.modules and "moses" not in sys.modules


def test_any_set_may_be_the_reference(strings):
    """Against itself a set has distance 0 and similarity 1."""
    own = profile(strings)
    found = evaluate(own, test=own, test_scaffolds=False, train=False, ks=[50])
    assert list(found) == [
        k.replace("1000", "50") for k in KEYS if "SF" not in k and k[-5:] not in ("10000", "velty")
    ]
    assert found["FCD/Test"] == pytest.approx(0, abs=1e-6)
    assert found["SNN/Test"] == 1 and found["Frag/Test"] == pytest.approx(1)
    assert found["logP"] == found["weight"] == 0


def test_a_profile_counts_duplicates():
    own = profile(["CCO", "OCC", "c1ccccc1", None, "", "C1"])
    assert own.given == 6 and own.smiles == ["CCO", "CCO", "c1ccccc1"]
    np.testing.assert_array_equal(own.activations[0], own.activations[1])


@pytest.mark.parametrize("strings", [[None], ["C1CC", ""], ["?"] * 30], ids=str)
def test_nothing_valid(strings):
    with pytest.warns(UserWarning, match=r"FCD/Test, SNN/Test.*no value for 0 valid of"):
        found = evaluate(strings, train=["C"])
    assert found["valid"] == 0
    assert all(np.isnan(value) for key, value in found.items() if key != "valid")


def test_one_molecule():
    with pytest.warns(UserWarning, match="FCD/Test, FCD/TestSF: no value for 1 valid of 1"):
        found = evaluate(["c1ccc2ccccc2c1"], train=["C"])
    assert found["valid"] == found["Novelty"] == 1 and np.isnan(found["FCD/Test"])
    assert found["IntDiv"] == 0 and 0 < found["SNN/Test"] < 1


@pytest.mark.parametrize(
    "wrong, error, message",
    [
        ({"smiles": []}, ValueError, "smiles is empty"),
        ({"smiles": "CCO"}, TypeError, "smiles is 'CCO'; expected a list of strings"),
        ({"train": True}, TypeError, "train is True; expected a list of strings"),
        ({"train": []}, ValueError, "train is empty"),
        ({"test": []}, ValueError, "test is empty"),
        ({"resamples": -1}, ValueError, "resamples is -1; expected a whole number from 0"),
        ({"path": "reference", "resamples": 3}, ValueError, "expected them with path 'fast' alone"),
        ({"smiles": ["C", 4.5]}, TypeError, r"smiles\[1\] is 4.5; expected a string or None"),
        ({"ks": [0]}, ValueError, r"ks is \(0,\); expected whole numbers"),
        ({"path": "slow"}, ValueError, "path is 'slow'; expected 'fast' or 'reference'"),
        ({"test": ["C"]}, ValueError, "the reference holds 1 molecules; expected at least 2"),
        ({"n_jobs": 0}, ValueError, "n_jobs is 0"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_wrong_input(wrong, error, message):
    with pytest.raises(error, match=message):
        evaluate(**{"smiles": ["CCO", "C"], "train": ["C"]} | wrong)


HOSTILE = [
    "C" * 10_000,
    "[Na+].[Cl-]",
    "CC(=O)O.CCN",
    "ü",
    "C12" * 3000,
    "(" * 10_000,
    "c1ccccc1" * 1250,
    "[13CH3]C[N+](C)(C)C",
    "*",
]


@pytest.mark.slow
def test_hostile_strings_end(strings):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that some ran out of time is told, and depends on the machine
        found = evaluate(HOSTILE + strings[1:6], train=["C"], time_limit=2)
    assert list(found) == KEYS and not any(np.isnan(value) for value in found.values())


def test_what_takes_too_long_is_told():
    """No machine reads ten rings of this size within a microsecond."""
    with pytest.warns(UserWarning, match="strings took over 1e-06 s or crashed and count as no molecules"):
        assert profile(["C1" + "C" * 5000 + "1"], time_limit=1e-6).traits == ()


def test_intervals_and_the_limit(strings):
    """FCD falls with n, so its limit lies below; intervals hold their figure. Activations as a Gaussian's."""
    reference = moses_reference("test")
    distribution = reference.mean, reference.covariance
    generator = np.random.default_rng(0)
    drawn = generator.multivariate_normal(*distribution, 3000, method="eigh")
    value, limit = fcd(drawn, *distribution), extrapolated_fcd(drawn, *distribution)
    low, high = fcd_interval(drawn, *distribution, 5)
    assert low < value < high and high - low < value
    assert abs(limit) < 0.2 * value  # its own distribution: the limit is 0
    assert np.isnan(extrapolated_fcd(drawn[:1000], *distribution))


def test_options_add_their_keys(strings, found):
    with pytest.warns(UserWarning, match=r"FCD/Test \(n to infinity\): no value"):
        more = evaluate(
            profile(strings), train=strings[:50], resamples=3, extrapolate=True, test_scaffolds=False
        )
    assert np.isnan(more["FCD/Test (n to infinity)"])
    for key in ("FCD/Test", "SNN/Test"):
        low, high = more[f"{key} 95 %"]
        assert low < high and (low + high) / 2 == pytest.approx(found[key], rel=0.05)


def test_molecules_behind():
    results = {"valid": 0.5, "unique@1000": 1.0, "unique@10": 1.0, "FCD/Test": 1.0}
    assert molecules_behind(results, 200) == {
        "valid": 200,
        "unique@1000": 100,
        "unique@10": 10,
        "FCD/Test": 100,
    }


def test_the_command(tmp_path, strings, capsys, monkeypatch):
    file, out = tmp_path / "some.csv", tmp_path / "out.json"
    file.write_text("name,SMILES\n" + "\n".join(f"m,{s}" for s in strings))
    words = ["-m", "ddvae", "moses-metrics", file, "--reference", file, "-n", "100", "--json", out]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].split() == ["metric", "value", "n"]
    kept = json.loads(out.read_text())
    assert kept["metrics"]["valid"] == 0.9 and kept["n"]["valid"] == 100 and kept["n"]["FCD/Test"] == 90
    file.write_text("CCO\n")
    (tmp_path / "known.smi").write_text("OCC\nCCN\n")
    words = ["moses-metrics", file, "--reference", tmp_path / "known.smi", "--resamples", 2, "--json", out]
    with pytest.warns(UserWarning, match="no value for 1 valid of 1 strings"):
        assert main(list(map(str, words))) == 0
    kept = json.loads(out.read_text(), parse_constant=pytest.fail)["metrics"]
    assert kept["Novelty"] == 0 and None in kept.values()
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    for wrong, message in (
        ([], "error: standard input is empty"),
        ([tmp_path / "none.smi"], "is missing; expected a file of SMILES"),
        ([file, "-n", 0], "n is 0; expected"),
    ):
        assert main(["moses-metrics", *map(str, wrong)]) == 2
        assert message in capsys.readouterr().err
