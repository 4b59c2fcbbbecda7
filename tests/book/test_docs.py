"""Every public name says what it is; `make docs` builds without a warning."""

import importlib
import inspect
import re

import pdoc
import pytest
from conftest import ROOT

import ddvae

FILES = sorted(path.relative_to(ROOT) for path in ROOT.glob("ddvae/**/*.py"))
MODULES = ["ddvae", *(".".join(path.with_suffix("").parts) for path in FILES if path.name[0] != "_")]
"""As in the Makefile."""


@pytest.mark.parametrize("name", MODULES)
def test_public_names_are_documented(name):
    vars(ddvae).update({one: getattr(ddvae, one) for one in ddvae.__all__})  # they are lazy
    module = pdoc.doc.Module(importlib.import_module(name))
    assert module.docstring
    silent = [member.name for member in module.own_members if not member.docstring]
    source = inspect.getsource(module.obj)
    own = [
        one
        for one in getattr(module.obj, "__all__", ["main"])
        if re.search(rf"^(def |class )?{one}\b", source, re.MULTILINE)
    ]
    assert [one for one in silent if one in own] == []


def test_pages_are_built(tmp_path):
    """A warning is an error here, as in the Makefile."""
    pdoc.render.configure(docformat="google", math=True)
    pdoc.pdoc(*MODULES, output_directory=tmp_path)
    assert len(list(tmp_path.glob("**/*.html"))) == len(MODULES) + 1
