"""Every public name says what it is."""

import ast
import importlib

import pytest
from conftest import ROOT

FILES = sorted(path.relative_to(ROOT) for path in ROOT.glob("ddvae/**/*.py"))
MODULES = ["ddvae", *(".".join(path.with_suffix("").parts) for path in FILES if path.name[0] != "_")]


def undocumented(source, public):
    """Of the public names that the source defines, those without a docstring; a constant's follows it."""
    body = ast.parse(source).body
    silent = []
    for node, after in zip(body, [*body[1:], None]):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            named, told = [node.name], ast.get_docstring(node)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            named = [target.id for target in targets if isinstance(target, ast.Name)]
            told = isinstance(after, ast.Expr) and isinstance(getattr(after.value, "value", None), str)
        else:
            continue
        silent += [name for name in named if name in public and not told]
    return silent


@pytest.mark.parametrize("name", MODULES)
def test_public_names_are_documented(name):
    module = importlib.import_module(name)
    assert module.__doc__
    with open(module.__file__) as file:
        assert undocumented(file.read(), getattr(module, "__all__", ["main"])) == []


def test_silent_names_are_found():
    source = "A = 1\nA[0] = 2\nB = 2\n'''b'''\ndef f(): pass\nclass C:\n    '''c'''\nD: int = 3"
    assert undocumented(source, ["A", "B", "C", "D", "f", "elsewhere"]) == ["A", "f", "D"]
