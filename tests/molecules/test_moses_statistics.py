"""MOSES' statistics: the same whether read from molsets or from what was kept."""

import numpy as np

from ddvae.molecules import moses_statistics as references


def test_kept_statistics_are_molsets_own(tmp_path, monkeypatch):
    monkeypatch.setenv("DDVAE_CACHE", str(tmp_path))
    slow = references.moses_reference.__wrapped__("test_scaffolds")
    (file,) = (tmp_path / "references").iterdir()
    fast = references._read(file)
    assert fast.fingerprints.shape == (176_225, 128) and fast.scaffolds == slow.scaffolds
    for name in ("mean", "covariance", "fingerprints"):
        np.testing.assert_array_equal(getattr(fast, name), getattr(slow, name))
    assert fast.fragments == slow.fragments
    np.testing.assert_array_equal(fast.values["QED"], slow.values["QED"])
    file.write_bytes(file.read_bytes()[:1000])  # a damaged file is made anew
    again = references.moses_reference.__wrapped__("test_scaffolds")
    assert again.scaffolds == slow.scaffolds and references._read(file).scaffolds == slow.scaffolds


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("DDVAE_CACHE", str(tmp_path / "file"))
    assert len(references.moses_reference.__wrapped__("test_scaffolds").fingerprints) == 176_225
