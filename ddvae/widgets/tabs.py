"""All widgets on one page: the start notebook's, and what `make app` serves."""

import html

import ipywidgets as ui

from .bricks import BrickExplorer
from .digits import DigitPlane
from .molecules import MoleculeExplorer
from .search_replay import SearchReplay

__all__ = ["WIDGETS", "Playground"]

WIDGETS = {
    "Bricks": BrickExplorer,
    "Digits": DigitPlane,
    "Molecules": MoleculeExplorer,
    "A search": SearchReplay,
}
"""Widgets by the title of their tab."""


class Playground(ui.Tab):
    """The widgets in tabs, each made when its tab is first opened.

    One that cannot be made, for want of a recorded model say, tells so in its place.

    >>> Playground().titles
    ('Bricks', 'Digits', 'Molecules', 'A search')
    """

    def __init__(self) -> None:
        super().__init__([ui.VBox() for _ in WIDGETS], titles=list(WIDGETS), selected_index=0)
        self.observe(lambda _: self._open(), "selected_index")
        self._open()

    def _open(self) -> None:
        index = self.selected_index or 0
        if not self.children[index].children:
            self.children[index].children = [_made(list(WIDGETS.values())[index])]


def _made(kind: type) -> ui.Widget:
    try:
        return kind()
    except Exception as error:  # whatever lacks, the other tabs go on
        words = html.escape(f"{type(error).__name__}: {error}")
        return ui.HTML(
            f'<p role="alert"><b>{kind.__name__} could not be made.</b> {words}</p>'
            "<p>It draws from the recorded runs under data/runs and needs what <code>make install</code> "
            "installs: check that the clone is whole (<code>git status</code>) and run "
            "<code>make install</code> again.</p>"
        )
