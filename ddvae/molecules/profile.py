"""All that MOSES' metrics take from a set of strings, each molecule looked at once."""

import warnings
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..system.processes import map_chunks
from .chemistry import Traits, traits
from .chemnet import activations, moments
from .moses_statistics import PROPERTIES, Reference

__all__ = ["Profile", "checked_strings", "profile"]


@dataclass(frozen=True)
class Profile:
    """All that MOSES' metrics take from a set of strings.

    Attributes:
        given: Number of strings.
        traits: Of those that are molecules, in order.
        device, progress: For ChemNet, which runs once its activations are asked for.
    """

    given: int
    traits: tuple[Traits, ...]
    device: str = "cpu"
    progress: bool = False

    @cached_property
    def activations(self) -> np.ndarray:
        """ChemNet's, (len(traits), 512)."""
        unique = list(dict.fromkeys(self.smiles))
        row = {one: i for i, one in enumerate(unique)}
        hidden = activations(unique, self.device, progress=self.progress)
        return hidden[[row[one] for one in self.smiles]]

    @cached_property
    def smiles(self) -> list[str]:
        return [one.smiles for one in self.traits]

    @cached_property
    def fingerprints(self) -> np.ndarray:
        return np.array([one.fingerprint for one in self.traits], np.uint8).reshape(len(self.traits), 128)

    @cached_property
    def fragments(self) -> Counter[str]:
        return Counter(fragment for one in self.traits for fragment in one.fragments)

    @cached_property
    def scaffolds(self) -> Counter[str]:
        return Counter(one.scaffold for one in self.traits if one.scaffold is not None)

    @cached_property
    def values(self) -> dict[str, np.ndarray]:
        return {
            key: np.array([getattr(one, name) for one in self.traits]) for key, name in PROPERTIES.items()
        }

    def reference(self) -> Reference:
        """The same set as one to compare with.

        Raises:
            ValueError: it holds fewer than 2 molecules.
        """
        if len(self.traits) < 2:
            raise ValueError(f"the reference holds {len(self.traits)} molecules; expected at least 2")
        gaussian = moments(self.activations)
        return Reference(*gaussian, self.fingerprints, self.fragments, self.scaffolds, self.values)


def profile(
    smiles: Iterable[str | None],
    *,
    n_jobs: int | None = None,
    device: str = "cpu",
    time_limit: float = 10.0,
    progress: bool = False,
) -> Profile:
    """One pass over a set of strings.

    Args:
        smiles: Strings; None, the empty string and whatever RDKit cannot read are no molecules.
        n_jobs: Processes for RDKit; None for one a core.
        device: For ChemNet.
        time_limit: Seconds a string may take before it counts as no molecule, with a warning.
        progress: Whether to show a bar.

    Raises:
        ValueError: smiles is empty.
        TypeError: it is one string, or holds something else than strings and None.
    """
    strings = checked_strings(smiles)
    distinct = list(dict.fromkeys(string for string in strings if string))
    traits([])  # a library that is missing is named here, not lost with another process
    found, lost = map_chunks(
        traits, distinct, n_jobs=n_jobs, time_limit=time_limit, label="RDKit" if progress else None, keep=True
    )
    if lost:
        warnings.warn(
            f"{len(lost)} strings took over {time_limit:g} s or crashed and count as no molecules, "
            f"the first one {distinct[lost[0]][:60]!r}",
            stacklevel=2,
        )
    by_string = dict(zip(distinct, found))
    traits_of_each = (by_string[string] for string in strings if string)
    valid = tuple(one for one in traits_of_each if one is not None)
    return Profile(len(strings), valid, device, progress)


def checked_strings(given: Iterable[str | None], name: str = "smiles") -> list[str | None]:
    """The strings of an argument of that name, which must be some and nothing else."""
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise TypeError(f"{name} is {given!r:.60}; expected a list of strings")
    strings = list(given)
    if not strings:
        raise ValueError(f"{name} is empty; expected at least one string")
    for i, string in enumerate(strings):
        if not isinstance(string, str | None):
            raise TypeError(f"{name}[{i}] is {string!r}; expected a string or None")
    return strings
