"""The package molsets, where it is not what it should be."""

import importlib.util
from importlib.machinery import ModuleSpec

import pytest

from ddvae.molecules.molsets import molsets_file


@pytest.mark.parametrize("found", [None, ModuleSpec("moses", None, is_package=True)])
def test_molsets_is_missing_also_where_a_folder_has_its_name(monkeypatch, found):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: found)
    with pytest.raises(FileNotFoundError, match=r"expected it in molsets 0\.3\.1"):
        molsets_file("metrics", "mcf.csv")
