"""The house: floors, owners of dependencies, what an import pulls in."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "ddvae"
# Lowest floor first; on a floor, a module may import from its left.
FLOORS = [
    ["files", "compact", "workers", "fused", "kernels", "proposals", "relaxation", "schedules"],
    [
        "gru",
        "nets",
        "vae",
        "sources",
        "data",
        "smiles",
        "chem",
        "tanimoto",
        "chemnet",
        "references",
        "molsets",
    ],
    [
        "layout",
        "run",
        "train",
        "codec",
        "latent",
        "score",
        "moses",
        "plane",
        "metrics",
        "laws",
        "gp",
        "bo",
        "objective",
        "search",
    ],
    [
        "paper",
        "presets",
        "molecules",
        "variations",
        "experiments",
        "records",
        "provenance",
        "recorder",
        "curves",
        "quality",
        "optimization",
        "outcomes",
        "audit",
        "claims",
        "explore",
        "released",
        "speed",
        "parity",
        "measurements",
        "items",
        "plots",
        "pictures",
        "rasters",
        "pad",
        "widgets",
        "charts",
        "molecule_charts",
        "replay",
        "playground",
        "page",
        "book",
        "commands",
        "__main__",
    ],
]
ORDER = ["__init__", *(name for floor in FLOORS for name in floor)]
# Each of these libraries has one owner; the rest of the package does without.
OWNERS = {
    "plotly": {"plots", "pictures", "replay"},
    "kaleido": {"plots"},
    "PIL": {"plots", "pictures", "rasters"},
    "papermill": {"book"},
    "nbformat": {"book"},
    "IPython": {"book"},
    "pandas": {"paper", "book", "molsets"},
    "sklearn": {"metrics", "data", "laws"},
    "scipy": {"moses", "molsets", "curves", "audit"},
    "rdkit": {"chem", "molsets"},
    "networkx": {"chem"},
    "moses": {"molsets"},
    "fcd_torch": {"chemnet"},
    "anywidget": {"pad"},
    "traitlets": {"pad"},
    "ipywidgets": {"widgets", "replay", "playground"},
    "gpytorch": {"bo"},
    "botorch": {"bo"},
    "linear_operator": {"gp"},
    "pebble": {"workers"},
    "loky": {"workers"},
    "pooch": {"sources"},
    "requests": {"sources"},
    "tqdm": {"train", "workers", "chemnet"},
}
ALLOWED_BY_ALL = {"torch", "numpy"}
MODULES = sorted(path.stem for path in PACKAGE.glob("*.py"))


def imports(name):
    """(module of this package or None, top-level library or None) of every import, nested ones too."""
    for node in ast.walk(ast.parse((PACKAGE / f"{name}.py").read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            for target in [node.module] if node.module else [alias.name for alias in node.names]:
                yield target.split(".")[0], None
        elif isinstance(node, ast.ImportFrom):
            yield None, node.module.split(".")[0]
        elif isinstance(node, ast.Import):
            yield from ((None, alias.name.split(".")[0]) for alias in node.names)


def test_every_module_has_its_place():
    assert sorted(ORDER) == MODULES


@pytest.mark.parametrize("name", MODULES)
def test_imports_point_down_or_left(name):
    if name == "__init__":
        return
    for module, _ in imports(name):
        if module and module in ORDER and module != "__version__":
            assert ORDER.index(module) < ORDER.index(name), f"{name} imports {module}"


@pytest.mark.parametrize("name", MODULES)
def test_every_library_has_one_owner(name):
    for _, library in imports(name):
        if library and library not in sys.stdlib_module_names | ALLOWED_BY_ALL:
            assert name in OWNERS.get(library, ()), f"{name} imports {library}"


TORCHS_OWN = {"sympy", "networkx"}
FORBIDDEN = sorted({*OWNERS, "sympy", "matplotlib"})


def test_importing_the_package_pulls_in_torch_and_numpy_alone():
    """Some are torch's own: what counts is what we add to `import torch`."""
    script = """
import sys, torch, torch.distributions, torch.optim.lr_scheduler
torch.optim.Adam([torch.zeros(1, requires_grad=True)])
before = set(sys.modules)
import ddvae, ddvae.data, ddvae.files, ddvae.layout, ddvae.nets, ddvae.schedules, ddvae.train, ddvae.vae
print(*sorted({m.split(".")[0] for m in set(sys.modules) - before}))
"""
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not set(found.stdout.split()) & set(FORBIDDEN)


def test_processes_that_run_rdkit_or_a_score_start_without_torch():
    script = "import sys, ddvae.chem, ddvae.objective; print('torch' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False"]


def test_names_are_found_when_they_are_used():
    import ddvae

    assert set(ddvae.__all__) <= set(dir(ddvae))
    assert all(getattr(ddvae, name).__module__.startswith("ddvae") for name in ("VAE", "propose", "elbo"))
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
from ddvae.data import six_bit_sample
from ddvae.experiments import PRESETS
from ddvae.train import fit
preset = PRESETS["bricks-ddvae-uniform"]
model = preset.model()
print(fit(model, preset.data("smoke"), preset.scaled_run("smoke", 1), progress=True).finished)
"""
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert found.stdout.split() == ["True"], found.stderr
