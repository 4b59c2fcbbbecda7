"""All of molsets: its own metrics, run as they are, in a process of their own.

Molsets 0.3.1 needs names that today's libraries dropped. They are supplied in a fresh process, which this
module is run as: nothing changes in the caller's.
"""

import importlib.util
import json
import subprocess
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rdkit.Chem import Mol
    from rdkit.DataStructs import ExplicitBitVect

__all__ = ["molsets_file", "reference_metrics"]


def reference_metrics(smiles: list[str], **settings: object) -> dict[str, float]:
    """molsets' `get_all_metrics`, with its own functions and numbers.

    Args:
        smiles: Strings; molsets knows no None.
        settings: Its keywords: k, n_jobs, device, batch_size, test, test_scaffolds, train.

    Raises:
        ValueError: molsets failed; its last line tells why.
    """
    request = json.dumps({"gen": list(smiles)} | settings)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", __name__], input=request, capture_output=True, text=True
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it told nothing"])[-1]
        raise ValueError(f"molsets failed with exit code {done.returncode}: {last}")
    return json.loads(done.stdout.splitlines()[-1])


def _supply_what_vanished() -> None:
    """What molsets and fcd_torch import or call and newer releases lack, each beside what dropped it."""
    import numpy
    import pandas
    import scipy.linalg
    from rdkit.Chem import AllChem, rdFingerprintGenerator

    six = types.ModuleType("rdkit.six")  # RDKit 2024.03
    vars(six).update(iteritems=dict.items)
    sys.modules["rdkit.six"] = six
    vars(numpy).update(NaN=numpy.nan, row_stack=numpy.vstack)  # NumPy 2.0
    pandas.DataFrame.append = lambda self, other, sort: pandas.concat([self, other], sort=sort)  # pandas 2.0
    for name in ("matplotlib", "matplotlib.pyplot"):  # molsets plots with it, but not here
        sys.modules.setdefault(name, types.ModuleType(name))
    vars(sys.modules["matplotlib"]).update(pyplot=sys.modules["matplotlib.pyplot"])

    root = scipy.linalg.sqrtm
    scipy.linalg.sqrtm = lambda matrix, disp=True: (
        root(matrix) if disp else (root(matrix), None)
    )  # SciPy 1.18

    # deprecated in RDKit 2023.09, with a line a call
    def morgan(molecule: "Mol", radius: int, nBits: int) -> "ExplicitBitVect":
        generator = rdFingerprintGenerator.GetMorganGenerator(radius=radius, fpSize=nBits)
        return generator.GetFingerprint(molecule)

    vars(AllChem).update(GetMorganFingerprintAsBitVect=morgan)


if __name__ in ("__main__", "__mp_main__"):  # also where molsets' own processes are not forked
    _supply_what_vanished()

if __name__ == "__main__":
    from moses.metrics import get_all_metrics

    found = get_all_metrics(**json.load(sys.stdin))
    print(json.dumps({name: float(value) for name, value in found.items()}))


def molsets_file(*parts: str) -> Path:
    """A file inside the molsets package, which is found, not imported: its imports need old libraries.

    Raises:
        FileNotFoundError: molsets is not installed, or lacks the file.
    """
    package = importlib.util.find_spec("moses")
    # a mere folder of that name is found too, and has no origin
    folder = Path(package.origin).parent if package and package.origin else Path("moses")
    path = folder.joinpath(*parts)
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing; expected it in molsets 0.3.1: pip install --no-deps molsets"
        )
    return path
