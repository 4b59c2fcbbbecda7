"""Molecules: the published sets, users' files, batches by length."""

import gzip
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from ddvae.data.vocabulary import Vocabulary
from ddvae.molecules import datasets
from ddvae.molecules.datasets import MOSES, ZINC, Molecules, moses, moses_strings, own_molecules, zinc

needs_zinc = pytest.mark.skipif(
    not (Path(os.environ.get("DDVAE_DATA", "missing")) / "zinc").is_dir(), reason="DDVAE_DATA holds no zinc"
)


@given(st.lists(st.text(MOSES.symbols, max_size=30), min_size=1, max_size=20))
def test_strings_come_back(strings):
    tokens = MOSES.encode(strings)
    assert tokens.dtype == torch.uint8 and tokens.shape[1] == max(map(len, strings)) + 1
    assert MOSES.decode(tokens) == strings
    assert Molecules(tokens, MOSES, "").lengths.tolist() == [len(s) + 1 for s in strings]


def test_undefined_tokens_show():
    assert MOSES.decode(torch.tensor([[MOSES.symbols.index("C"), -1, -1]])) == ["C??"]


def test_wrong_symbols():
    with pytest.raises(ValueError, match="character 'X' is no token"):
        MOSES.encode(["CCX"])
    with pytest.raises(ValueError, match="expected different ASCII characters"):
        Vocabulary("CCO")
    with pytest.raises(ValueError, match="no token that ends a string; expected ends=True"):
        Molecules(torch.zeros(1, 2, dtype=torch.uint8), Vocabulary("CO"), "").batch(torch.tensor([0]))


@pytest.mark.parametrize("split, size", [("test", 176_074), ("test_scaffolds", 176_225)])
def test_moses(split, size):
    molecules, lines = moses(split), moses_strings(split)
    assert len(lines) == size and len(MOSES) == 27
    assert molecules.first(2000).strings() == lines[:2000]
    assert (molecules.lengths - 1).tolist() == [len(string) for string in lines]


@needs_zinc
@pytest.mark.parametrize("split, size", [("train", 220_011), ("valid", 24_445), ("test", 5_000)])
def test_zinc(split, size):
    with gzip.open(Path(os.environ["DDVAE_DATA"], "zinc", f"{split}.csv.gz"), "rt") as file:
        lines = file.read().split()
    molecules = zinc(split)
    assert len(lines) == size and len(ZINC) == 35
    assert molecules.first(2000).strings() == lines[:2000]
    assert (molecules.lengths - 1).tolist() == [len(string) for string in lines]


@needs_zinc
def test_tokens_are_kept_and_checked(monkeypatch, tmp_path):
    monkeypatch.setenv("DDVAE_CACHE", str(tmp_path))
    first = zinc("test")
    file = tmp_path / "tokens" / "zinc-test.npz"
    monkeypatch.setenv("DDVAE_DATA", str(tmp_path / "nothing"))
    assert torch.equal(zinc("test").tokens, first.tokens)  # the file is enough
    with np.load(file) as kept:
        changed = dict(kept)
    changed["tokens"] = changed["tokens"][::-1]
    np.savez_compressed(file, **changed)
    with pytest.raises(FileNotFoundError, match=r"zinc/test\.csv\.gz is missing"):
        zinc("test")
    file.write_bytes(b"PK\x03\x04 half")
    with pytest.raises(FileNotFoundError):
        zinc("test")
    monkeypatch.undo()
    monkeypatch.setenv("DDVAE_CACHE", str(tmp_path))
    assert torch.equal(zinc("test").tokens, first.tokens)  # damaged: made again
    monkeypatch.setenv("DDVAE_CACHE", str(file / "no folder"))
    assert torch.equal(zinc("test").tokens, first.tokens)  # nowhere to keep it


def test_an_unknown_split():
    for load in (moses, zinc):
        with pytest.raises(ValueError, match="split is 'dev'; expected one of train"):
            load("dev")


@pytest.fixture
def molecules():
    generator = np.random.default_rng(0)
    strings = ["C" * n for n in generator.integers(1, 20, 1000)]
    return Molecules(MOSES.encode(strings), MOSES, "chains")


@pytest.mark.parametrize("epoch_size, epochs", [(None, 1), (320, 4), (5000, 1)])
def test_epochs_of_batches(molecules, epoch_size, epochs):
    """Whatever an epoch is, batches follow each other through whole passes."""
    molecules = Molecules(molecules.tokens, MOSES, "chains", epoch_size)
    batches = [b for e in range(epochs) for b in molecules.batches(e, 64, seed=1)]
    assert len(batches) == epochs * molecules.steps(64)
    first_pass = torch.cat([F.pad(b.tokens, (0, 20 - b.tokens.shape[1]), value=26) for b in batches[:16]])
    assert sorted(MOSES.decode(first_pass)) == sorted(molecules.strings())
    padded = 0
    for batch in batches:
        lengths = (batch.tokens != MOSES.end).sum(1) + 1
        assert batch.tokens.shape[1] == lengths.max()
        if batch.mask is None:
            assert lengths.min() == lengths.max()
        else:
            assert torch.equal(batch.mask.sum(1), lengths)
            padded += int((~batch.mask).sum())
    assert padded < 0.1 * sum(b.tokens.numel() for b in batches)


def test_order_is_a_function_of_seed_and_pass(molecules):
    def order(epoch, seed):
        return torch.cat([b.tokens.sum(1) for b in molecules.batches(epoch, 50, seed)])

    assert torch.equal(order(1, 2), order(1, 2))
    assert not torch.equal(order(1, 2), order(2, 2)) and not torch.equal(order(1, 2), order(1, 3))


def test_epochs_of_a_pass_share_its_order(molecules):
    """Each of four epochs of a quarter of a pass goes on where the last one ended; it is shuffled once."""
    quarters = replace(molecules, epoch_size=250)
    whole = [b.tokens.sum(1) for b in molecules.batches(0, 50, 1)]
    datasets._shuffled.cache_clear()
    parts = [b.tokens.sum(1) for epoch in range(4) for b in quarters.batches(epoch, 50, 1)]
    assert all(map(torch.equal, whole, parts)) and len(whole) == len(parts)
    assert datasets._shuffled.cache_info().misses == 1


def test_two_sets_in_turn_are_shuffled_once_each(molecules):
    def seeds(molecules, seed):
        return [b.tokens.sum(1) for b in molecules.batches(0, 50, seed)]

    other = molecules.first(500)
    wanted = list(zip(seeds(molecules, 1), seeds(other, 2)))
    datasets._shuffled.cache_clear()
    both = zip(molecules.batches(0, 50, 1), other.batches(0, 50, 2))
    found = [(a.tokens.sum(1), b.tokens.sum(1)) for a, b in both]
    assert all(torch.equal(x, y) for a, b in zip(found, wanted, strict=True) for x, y in zip(a, b))
    assert datasets._shuffled.cache_info().misses == 2


def test_halves_have_nothing_in_common():
    molecules = Molecules(MOSES.encode(["C" * n for n in range(1, 51)]), MOSES, "chains")
    rest, held = molecules.halves(10)
    assert len(held) == 10 and sorted(rest.strings() + held.strings()) == sorted(molecules.strings())


def test_in_order_holds_every_row_once(molecules):
    rows = torch.cat([rows for rows, _ in molecules.in_order(64)])
    assert torch.equal(rows.sort().values, torch.arange(1000))


def test_lines_left_out_are_counted(tmp_path, capsys):
    path = tmp_path / "own.smi"
    path.write_text("CCO\n\n" + "C" * 201 + "\nCCX\nC\u00e9\nCCX\nCC\n")
    molecules = own_molecules(path, MOSES)
    assert molecules.strings() == ["CCO", "CC"]
    told = capsys.readouterr().err
    for line in (
        "1 lines: empty",
        "1 lines: over 200 characters",
        "2 lines: character 'X'",
        "1 lines: character '\u00e9' is no token",
    ):
        assert line in told
    assert own_molecules(path).vocabulary.symbols == "CO"
    assert "2 lines: not written like SMILES" in capsys.readouterr().err


@pytest.mark.parametrize(
    "content, message",
    [
        (gzip.compress(b"CCO\n" * 1000, mtime=0)[:-20], "is damaged .*expected a whole gzip file"),
        (b"\x89PNG\r\n\0\0", "is no text; expected SMILES"),
        (b"CC\xff\xfe", "is no text"),
        (b"\n\n", "holds no usable molecule"),
        (b"", "holds no usable molecule"),
        (b'id,smiles\n1,"CCO\n2,CC\n', "is no table .*expected a smiles column"),
    ],
)
def test_wrong_files(tmp_path, content, message):
    path = tmp_path / "own.smi"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        own_molecules(path)


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.smi is missing; expected a file of SMILES"):
        own_molecules(tmp_path / "none.smi")


def test_a_draw_is_like_the_whole_where_the_file_is_in_order():
    """MOSES' test molecules are shorter at first; bounds of 5 standard errors of a mean length, 6e-7."""
    test = moses("test")
    sets = (test.first(10_000), test.sample(10_000), test)
    first, drawn, whole = (one.lengths.float().mean().item() for one in sets)
    assert abs(drawn - whole) < 5 * 5 / 100 < whole - first
    assert torch.equal(test.sample(50).tokens, test.sample(50).tokens) and len(test.sample(50)) == 50
