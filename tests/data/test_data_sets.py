"""Data sets, and every way in which a file can be wrong."""

import gzip
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from ddvae.data.bits import StringDistribution, six_bit_distribution, six_bit_sample
from ddvae.data.images import BinaryImages, binary_mnist, deskew
from ddvae.data.vocabulary import Vocabulary
from ddvae.system import downloads as sources

MNIST = Path(os.environ.get("DDVAE_DATA", "missing")) / "mnist"
needs_mnist = pytest.mark.skipif(not MNIST.is_dir(), reason="DDVAE_DATA holds no mnist folder")


def test_six_bit_distribution():
    tokens, probs = six_bit_distribution()
    assert tokens.shape == (64, 6) and len(set(map(tuple, tokens.tolist()))) == 64
    assert probs.double().sum().item() == pytest.approx(1)
    assert probs[-1].item() == pytest.approx(0.8**6) and probs[0].item() == pytest.approx(0.2**6)


def test_six_bit_sample_has_the_law():
    """Chi-squared with 63 degrees of freedom below 140: 1e-7 false alarms; the seed is fixed."""
    sample = six_bit_sample()
    _, probs = six_bit_distribution()
    counts = sample.index.bincount(minlength=64)
    expected = 100_000 * probs
    assert ((counts - expected) ** 2 / expected).sum() < 140


def test_sample_batches_hold_every_draw_once():
    sample = six_bit_sample(1000, seed=3)
    batches = list(sample.batches(epoch=2, batch_size=300, seed=1))
    assert len(batches) == sample.steps(300) == 4
    assert sum(int(b.repeats.sum()) for b in batches) == 1000
    for b in batches:
        assert b.weights.mean().item() == pytest.approx(1)
        assert torch.allclose(b.weights, b.repeats / b.repeats.sum() * len(b.repeats))


def test_order_is_a_function_of_seed_and_epoch():
    images = BinaryImages(torch.arange(50)[:, None], torch.arange(50), "test")
    order = lambda epoch, seed: torch.cat([b.tokens for b in images.batches(epoch, 8, seed)])  # noqa: E731
    assert torch.equal(order(1, 2), order(1, 2))
    assert not torch.equal(order(1, 2), order(2, 2)) and not torch.equal(order(1, 2), order(1, 3))
    assert sorted(order(1, 2).flatten().tolist()) == list(range(50))


def test_law_weighs_by_probability():
    tokens, probs = six_bit_distribution()
    distribution = StringDistribution(tokens, probs, codes=256, epoch_steps=2)
    batches = list(distribution.batches(0, 512, 0))
    assert len(batches) == 2
    assert torch.allclose(batches[0].weights / 64, probs)
    assert batches[0].repeats.min() >= 2 and abs(int(batches[0].repeats.sum()) - 256) < 128


def test_vocabulary():
    vocabulary = Vocabulary("01")
    strings = ["0110", "1111"]
    assert vocabulary.decode(vocabulary.encode(strings)) == strings
    assert vocabulary.decode(torch.tensor([[0, -1]])) == ["0?"]
    with pytest.raises(ValueError, match="character '2' is no token; expected '01'"):
        vocabulary.encode(["02"])
    with pytest.raises(ValueError, match=r"strings have lengths \[1, 2\]; expected one length"):
        vocabulary.encode(["0", "11"])


def test_deskewing_centres_and_uprights():
    """A slanted bar becomes an upright one in the middle; a second pass changes little."""
    rows, columns = torch.meshgrid(torch.arange(28.0), torch.arange(28.0), indexing="ij")
    bar = ((columns - (20 - 0.5 * rows)).abs() < 2) & (rows > 4) & (rows < 20)
    image = bar.float()[None]
    upright = deskew(image)[0]
    place = torch.arange(28.0)
    mass = upright.sum()
    x, y = (upright.sum(0) * place).sum() / mass, (upright.sum(1) * place).sum() / mass
    trend = (upright * (rows - y) * (columns - x)).sum() / (upright * (rows - y) ** 2).sum()
    assert x.item() == pytest.approx(13.5, abs=0.1) and y.item() == pytest.approx(13.5, abs=0.1)
    assert abs(trend.item()) < 0.02
    assert (deskew(upright[None])[0] - upright).abs().mean() < 0.02


@needs_mnist
def test_mnist():
    test = binary_mnist("test")
    assert test.tokens.shape == (10_000, 784) and test.tokens.dtype == torch.uint8 and test.source == "MNIST"
    assert test.labels.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert 0.12 < test.tokens.double().mean() < 0.16
    assert binary_mnist("test", threshold=0.9).tokens.sum() < test.tokens.sum()
    few = binary_mnist("test", first=3)
    assert torch.equal(few.tokens, test.tokens[:3]) and torch.equal(few.labels, test.labels[:3])
    with pytest.raises(ValueError, match="first is 0; expected a whole number from 1"):
        binary_mnist("test", first=0)


@pytest.fixture
def broken_mnist(tmp_path, monkeypatch):
    """A copy of the data whose files a test may damage."""
    if not MNIST.is_dir():
        pytest.skip("DDVAE_DATA holds no mnist folder")
    shutil.copytree(MNIST, tmp_path / "mnist")
    monkeypatch.setenv("DDVAE_DATA", str(tmp_path))
    return tmp_path / "mnist" / "t10k-images-idx3-ubyte.gz"


def test_a_missing_file_is_named(broken_mnist):
    broken_mnist.unlink()
    with pytest.raises(FileNotFoundError, match=r"t10k-images-idx3-ubyte.gz is missing; expected .* get it"):
        binary_mnist("test")


def test_a_truncated_file_is_named(broken_mnist):
    broken_mnist.write_bytes(broken_mnist.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"t10k-images-idx3-ubyte.gz is damaged .* expected .* get it from"):
        binary_mnist("test")


def test_another_file_is_named(broken_mnist):
    broken_mnist.write_bytes(gzip.compress(np.zeros(100, np.uint8).tobytes()))
    with pytest.raises(ValueError, match=r"t10k-images-idx3-ubyte.gz has other content; expected .* sha256"):
        binary_mnist("test")


def test_a_file_that_is_no_gzip_is_named(broken_mnist):
    broken_mnist.write_text("<html>not found</html>")
    with pytest.raises(ValueError, match=r"t10k-images-idx3-ubyte.gz is damaged"):
        binary_mnist("test")


def test_a_damaged_download_is_removed(monkeypatch, tmp_path):
    path = tmp_path / "t10k-images-idx3-ubyte.gz"
    path.write_text("half a page")
    monkeypatch.delenv("DDVAE_DATA", raising=False)
    monkeypatch.setattr(sources, "_download", lambda address, name, folder: tmp_path / name)
    with pytest.raises(ValueError, match=r"is damaged .*; expected .*; the download was removed, run again"):
        binary_mnist("test")
    assert not path.exists()


def test_half_a_download_is_no_reason_for_the_stand_in(monkeypatch, tmp_path):
    def refuse(address, name, folder):
        raise ConnectionError(name)

    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / "train-images-idx3-ubyte.gz").touch()
    monkeypatch.delenv("DDVAE_DATA", raising=False)
    monkeypatch.setattr(sources, "_download", refuse)
    monkeypatch.setenv("DDVAE_CACHE", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="MNIST's test files could not be downloaded"):
        binary_mnist("test")


def test_without_a_network_the_stand_in_says_so(monkeypatch, tmp_path):
    def refuse(address, name, folder):
        raise ConnectionError(name)

    monkeypatch.delenv("DDVAE_DATA", raising=False)
    monkeypatch.setattr(sources, "_download", refuse)
    monkeypatch.setenv("DDVAE_CACHE", str(tmp_path))
    with pytest.warns(UserWarning, match=r"no network .*: small digits stand in for MNIST"):
        train, test = binary_mnist("train"), binary_mnist("test")
    assert "stand-in" in train.source and len(train) + len(test) == 1797
    assert train.tokens.shape[1] == 784 and set(train.tokens.unique().tolist()) == {0, 1}


def test_wrong_split():
    with pytest.raises(ValueError, match="split is 'valid'; expected 'train' or 'test'"):
        binary_mnist("valid")
