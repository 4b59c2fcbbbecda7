"""Strings to codes and back, in Python and on the command line."""

import io
import json

import pytest
import torch

from ddvae.__main__ import main
from ddvae.experiments.molecule_runs import load_codec
from ddvae.experiments.runner import train
from ddvae.molecules.codec import Codec
from ddvae.molecules.datasets import own_molecules
from ddvae.papers.catalogue import find_preset
from ddvae.system.files import load_checkpoint, save_checkpoint


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A model of a user's few molecules, trained for a moment."""
    folder = tmp_path_factory.mktemp("codec")
    own = folder / "own.smi"
    own.write_text("\n".join("C" * n + "O" for n in range(1, 60)))
    preset = find_preset("zinc-ddvae-tricube").on(own_molecules(own))
    train(preset, "smoke", folder=folder / "run", progress=False)
    return folder / "run"


@pytest.fixture(scope="module")
def codec(run):
    return load_codec(run, "float32")


def test_codes_do_not_depend_on_company(codec):
    strings = ["CCO", "C", "CCCCCCO", "OC"]
    together = codec.encode(strings)
    assert together.shape == (4, 64) and codec.latent_size == 64
    for row, string in zip(together, strings):
        assert torch.allclose(codec.encode([string])[0], row, atol=1e-5)
    mean, scale = codec.proposal(strings)
    assert torch.equal(mean, together) and (scale > 0).all()


def test_decoding_and_sampling(codec):
    z = torch.randn(5, 64)
    strings = codec.decode(z)
    assert len(strings) == 5 and set("".join(strings)) <= set("CO?")
    assert codec.decode(z[2:3]) == strings[2:3]
    torch.manual_seed(3)
    first = codec.sample(4)
    torch.manual_seed(3)
    assert codec.sample(4) == first
    narrow = torch.distributions.Independent(torch.distributions.Normal(z[0], 1e-9), 1)
    assert codec.sample(3, narrow) == strings[:1] * 3


@pytest.mark.parametrize("codes", [torch.zeros(3, 2), torch.zeros(64), torch.full((1, 64), float("nan"))])
def test_wrong_codes(codec, codes):
    with pytest.raises(ValueError, match=r"codes have shape .* expected \(N, 64\) finite numbers"):
        codec.decode(codes)


def test_wrong_strings(codec):
    with pytest.raises(ValueError, match="character 'N' is no token; expected 'CO'"):
        codec.encode(["CN"])


def test_commands(run, capsys, monkeypatch, tmp_path):
    (tmp_path / "in.smi").write_text("CCO\nCN\nCO\n")
    assert main(["encode", str(run), str(tmp_path / "in.smi")]) == 0
    told = capsys.readouterr()
    codes = torch.tensor([[float(x) for x in line.split()] for line in told.out.splitlines()])
    torch.testing.assert_close(codes, load_codec(run).encode(["CCO", "CO"]), atol=1e-5, rtol=1e-4)
    assert "skipped 1 lines: character 'N' is no token" in told.err
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(told.out.encode())))
    assert main(["decode", str(run / "weights.pt")]) == 0
    assert capsys.readouterr().out.splitlines() == load_codec(run).decode(codes)
    assert main(["sample", str(run), "-n", "7", "--seed", "2"]) == 0
    first = capsys.readouterr().out
    assert len(first.splitlines()) == 7
    assert main(["sample", str(run), "-n", "7", "--seed", "2"]) == 0
    assert capsys.readouterr().out == first
    assert main(["sample", str(run), "-n", "7", "--seed", "3"]) == 0
    assert capsys.readouterr().out != first


@pytest.mark.parametrize(
    "text, message",
    [
        ("1 2 3", "line 1 of standard input holds 3 numbers; expected 64"),
        ("one", "line 1 of standard input holds 'one'; expected 64 finite numbers"),
        ("", "standard input holds no code; expected lines of 64 numbers"),
    ],
)
def test_wrong_lines_of_codes(run, capsys, monkeypatch, text, message):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert main(["decode", str(run)]) == 2
    assert message in capsys.readouterr().err


def test_wrong_runs(run, tmp_path, capsys):
    assert main(["sample", str(tmp_path)]) == 2
    assert "holds no settings.json or run.json; expected a folder that train wrote" in capsys.readouterr().err
    assert main(["sample", str(run), "-n", "0"]) == 2
    assert "n is 0; expected a whole number from 1" in capsys.readouterr().err
    other = tmp_path / "other"
    other.mkdir()
    record = json.loads((run / "run.json").read_text())
    record["settings"]["symbols"] = "CNO"
    (other / "run.json").write_text(json.dumps(record))
    kept = load_checkpoint(run / "weights.pt")
    assert "architecture" in kept
    save_checkpoint(other / "weights.pt", {k: v for k, v in kept.items() if k != "architecture"})
    with pytest.raises(ValueError, match=r"weights.pt is of another model: size mismatch for encoder"):
        load_codec(other)
    save_checkpoint(other / "weights.pt", {"model": {}})
    with pytest.raises(ValueError, match=r"is of another model: Missing key"):
        load_codec(other)
    (other / "weights.pt").write_bytes(b"half")
    with pytest.raises(ValueError, match="is no readable checkpoint"):
        load_codec(other)
    (other / "run.json").write_text("{}")
    with pytest.raises(ValueError, match="is no record of a run"):
        load_codec(other)
    digits = find_preset("mnist-vae-gaussian").model()
    (other / "run.json").unlink()
    content = {"model": digits.state_dict(), "architecture": digits.architecture}
    save_checkpoint(other / "weights.pt", content)
    with pytest.raises(ValueError, match="is a model of 'dense-vae'; expected a model of mol"):
        load_codec(other / "weights.pt")


def test_own_data_need_a_molecular_preset_and_ten_molecules(tmp_path, capsys):
    (tmp_path / "few.smi").write_text("CCO\n" * 9)
    assert main(["train", "zinc-ddvae-tricube", "--data", str(tmp_path / "few.smi")]) == 2
    assert "data holds 9 molecules; expected 10 or more" in capsys.readouterr().err
    assert main(["train", "mnist-vae-gaussian", "--data", "x.smi"]) == 2
    assert "data is 'x.smi'; expected it with a molecular preset" in capsys.readouterr().err


def test_a_codec_is_in_evaluation_mode(codec):
    assert isinstance(codec, Codec) and not codec.model.training
