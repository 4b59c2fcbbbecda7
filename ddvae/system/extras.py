"""Which extra of this package brings a library that is not installed."""

import re
from importlib import metadata

__all__ = ["extra_of"]

_DISTRIBUTIONS = {"PIL": "pillow", "linear_operator": "gpytorch", "sklearn": "scikit-learn"}
"""Of libraries that are imported under another name, or come with another."""


def extra_of(library: str) -> str | None:
    """The smallest extra that brings a library; None for one that no extra brings.

    Args:
        library: As it is imported.

    >>> extra_of("rdkit"), extra_of("sklearn"), extra_of("os")
    ('molecules', 'book', None)
    """
    wanted = _DISTRIBUTIONS.get(library, library).replace("_", "-").lower()
    for requirement in metadata.requires("ddvae") or []:
        name, extra = re.match(r"[\w.-]+", requirement), re.search(r"extra == [\"'](\w+)", requirement)
        if name and extra and name[0].replace("_", "-").lower() == wanted:
            return extra[1]
    return None
