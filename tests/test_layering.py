"""The house: which wing may import which, who owns a library, what an import pulls in."""

import ast
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "ddvae"
ROWS = (
    ("system",),
    ("engine", "data", "figures"),
    ("mathematics",),
    ("models",),
    ("training", "evaluation"),
    ("molecules",),
    ("optimization", "experiments"),
    ("book",),
    ("papers",),
    ("widgets", "cli"),
)
"""Wings, lowest row first: a wing imports from rows above its own here, never from its neighbours."""
ROW = {wing: i for i, row in enumerate(ROWS) for wing in row}
OWNERS = {
    "system": {"loky", "pebble", "platformdirs", "pooch", "requests", "tqdm"},
    "figures": {"PIL", "kaleido", "plotly"},
    "molecules": {"fcd_torch", "moses", "networkx", "rdkit"},
    "optimization": {"botorch", "gpytorch", "linear_operator"},
    "book": {"IPython", "ipykernel", "jupyter_client", "nbformat", "pandas", "papermill"},
    "widgets": {"anywidget", "ipywidgets", "traitlets"},
}
"""Libraries by the one wing that imports them."""
FOUNDATIONS = {"torch", "numpy", "scipy", "sklearn"}
"""Any wing may use these; rows below `molecules` may import the last two inside functions alone."""
PATCHES = "_supply_what_vanished"
"""What this function imports it does not use: it supplies molsets, in another process, with lost names."""


def modules(package=PACKAGE):
    """Dotted names, without the package's own, of all its modules."""
    files = sorted(package.rglob("*.py"))
    return {".".join(file.relative_to(package).with_suffix("").parts): file for file in files}


def imports(name, file):
    """Targets of every import, nested ones too: ("ours", dotted name) or ("library", top-level name)."""
    tree = ast.parse(file.read_text())
    patches = [node for node in ast.walk(tree) if getattr(node, "name", None) == PATCHES]
    left_out = {id(node) for patch in patches for node in ast.walk(patch)}
    package = name.split(".")[:-1]
    for node in ast.walk(tree):
        if id(node) in left_out:
            continue
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            target = [*base, *(node.module or "").split(".")] if node.module else base
            for alias in node.names:
                yield "ours", ".".join([*target, alias.name])
        elif isinstance(node, ast.ImportFrom):
            yield "library", node.module.split(".")[0]
        elif isinstance(node, ast.Import):
            yield from (("library", alias.name.split(".")[0]) for alias in node.names)


def wing(name):
    """The wing of a module: a paper's is its own, such as papers.dd_vae; "" for modules of none."""
    parts = name.split(".")
    if parts[0] == "papers" and len(parts) > 2:
        return ".".join(parts[:2])
    return parts[0] if parts[0] in ROW else ""


def faults(package=PACKAGE):
    """Every import that breaks the rule of the wings, in words."""
    found = []
    for name, file in modules(package).items():
        here = wing(name)
        if file.name == "__init__.py" and name != "__init__":
            found += [f"{name} imports {target}" for _, target in imports(name, file)]
            continue
        if not here:
            continue
        for kind, target in imports(name, file):
            if kind == "library":
                continue
            there = wing(target)
            if not there and target not in ("__version__",):
                found.append(f"{name} imports {target}, which is in no wing")
            elif there and there != here and not _allowed(here, there):
                found.append(f"{name} imports {target}")
    return found


def _allowed(here, there):
    if here == "papers":  # the catalogue of all papers
        return there == "papers" or there.startswith("papers.") or ROW[there] < ROW["papers"]
    return ROW[there.split(".")[0]] < ROW[here.split(".")[0]]


def test_wings_import_from_rows_above():
    assert faults() == []


def test_every_module_is_in_a_wing():
    assert [name for name in modules() if not wing(name)] == ["__init__", "__main__"]


@pytest.mark.parametrize(
    ("name", "line", "fault"),
    [
        ("mathematics.kernels", "from ..models.vae import VAE", "mathematics.kernels imports models.vae.VAE"),
        ("training.loop", "from ..evaluation import codes", "training.loop imports evaluation.codes"),
        ("papers.rae.tables", "from ..dd_vae.presets import PRESETS", "papers.rae.tables imports papers."),
        ("papers.rae.tables", "def f():\n    from ...cli import book", "papers.rae.tables imports cli.book"),
        (
            "data.__init__",
            "from .bits import six_bit_distribution",
            "data.__init__ imports data.bits.six_bit_distribution",
        ),
        ("data.bits", "from ..odds import ends", "data.bits imports odds.ends, which is in no wing"),
    ],
)
def test_the_rule_is_enforced(tmp_path, name, line, fault):
    file = tmp_path.joinpath(*name.split(".")).with_suffix(".py")
    file.parent.mkdir(parents=True)
    file.write_text(line)
    (found,) = faults(tmp_path)
    assert found.startswith(fault)


def used_libraries(package=PACKAGE):
    """Wings by library that they import, the standard library and the foundations left out."""
    found = defaultdict(set)
    for name, file in modules(package).items():
        for kind, target in imports(name, file):
            if kind == "library" and target not in sys.stdlib_module_names | FOUNDATIONS:
                found[target].add(name.split(".")[0])
    return dict(found)


def test_every_library_has_one_owner():
    assert used_libraries() == {one: {owner} for owner, ones in OWNERS.items() for one in ones}


def test_a_second_owner_is_noticed(tmp_path):
    for name in ("figures/style.py", "book/chapter.py"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("import plotly.graph_objects as go")
    assert used_libraries(tmp_path) == {"plotly": {"figures", "book"}}


def private_imports(package=PACKAGE):
    """Names of modules' own that another module imports."""
    targets = {
        name: [t for kind, t in imports(name, file) if kind == "ours"]
        for name, file in modules(package).items()
    }
    return {
        name: found
        for name, ones in targets.items()
        if (found := [t for t in ones if "._" in t and "__" not in t])
    }


def test_what_is_a_modules_own_nobody_imports(tmp_path):
    assert private_imports() == {}
    (tmp_path / "a.py").write_text("from .b import _mine, yours")
    assert private_imports(tmp_path) == {"a": ["b._mine"]}


def test_rooms_and_wings_are_small():
    long = {name: n for name, file in modules().items() if (n := len(file.read_text().splitlines())) > 300}
    folders = {file.parent for file in modules().values()}
    full = {str(folder.relative_to(PACKAGE)): n for folder in folders if (n := _files(folder)) > 12}
    assert (long, full) == ({}, {})


def _files(folder):
    return sum(file.is_file() and not file.name.startswith("_") for file in folder.iterdir())


def test_floors_are_few():
    """The longest chain of wings that import each other; a circle among them would never end."""
    below = defaultdict(set)
    for name, file in modules().items():
        below[wing(name)] |= {wing(target) for kind, target in imports(name, file) if kind == "ours"}

    def height(one, above=()):
        assert one not in above, (*above, one)
        return 1 + max((height(other, (*above, one)) for other in below[one] - {"", one}), default=0)

    assert max(map(height, set(below) - {""})) <= 12


TORCHS_OWN = {"sympy", "networkx"}
FORBIDDEN = sorted(
    {one for ones in OWNERS.values() for one in ones} | {"sympy", "scipy", "sklearn", "matplotlib"}
)


def test_importing_rows_1_to_5_pulls_in_torch_and_numpy_alone():
    """Some are torch's own: what counts is what we add to `import torch`."""
    light = [name for name in modules() if wing(name) in ROW and ROW[wing(name)] < ROW["molecules"]]
    light = [name for name in light if wing(name) != "figures" and not name.endswith("__init__")]
    script = f"""
import sys, torch, torch.distributions, torch.optim.lr_scheduler
torch.optim.Adam([torch.zeros(1, requires_grad=True)])
before = set(sys.modules)
import ddvae, {", ".join(f"ddvae.{name}" for name in light)}
print(*sorted({{m.split(".")[0] for m in set(sys.modules) - before}}))
"""
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not set(found.stdout.split()) & set(FORBIDDEN)


def test_nothing_imports_torchs_compiler():
    """It takes as long to import as torch itself, and every kernel and process would wait for it."""
    names = [
        f"ddvae.{name}" for name in modules() if not name.endswith("__init__") and "__main__" not in name
    ]
    script = f"import sys, {', '.join(names)}; print('torch' in sys.modules, 'torch._dynamo' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["True", "False"]


def test_processes_that_run_rdkit_or_a_score_start_without_torch():
    modules = "ddvae.molecules.chemistry, ddvae.optimization.guarded_score"
    script = f"import sys, {modules}; print('torch' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False"]


def test_names_are_found_when_they_are_used():
    import ddvae

    assert set(ddvae.__all__) <= set(dir(ddvae))
    assert all(getattr(ddvae, name).__module__.startswith("ddvae.") for name in ddvae.__all__)
    with pytest.raises(AttributeError, match="module 'ddvae' has no attribute 'VEA'"):
        ddvae.VEA  # noqa: B018


def test_the_package_trains_where_only_torch_and_numpy_are():
    """Blocks every other library, as on a bare GPU machine."""
    script = f"""
import sys
for name in {FORBIDDEN!r}:
    if name not in {TORCHS_OWN!r}:
        sys.modules[name] = None
import torch, ddvae
from ddvae.papers.catalogue import PRESETS
from ddvae.training.loop import fit
preset = PRESETS["bricks-ddvae-uniform"]
model = preset.model()
recipe = preset.scaled("smoke", 1)
print(fit(model, preset.data("smoke"), recipe.settings, recipe.to_maximise(), progress=True).finished)
"""
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert found.stdout.split() == ["True"], found.stderr
