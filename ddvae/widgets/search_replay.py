"""A recorded search round by round, and one more round live: the widget of chapter 6."""

import html
from typing import Any

import ipywidgets as ui

from ..figures.molecules import search_lines, search_map
from ..molecules.chemistry import draw_grid
from ..optimization.acquisitions import ACQUISITIONS
from ..papers.dd_vae.zinc.codes import SEARCHES, encoded, on_record, zinc_models
from ..papers.dd_vae.zinc.searches import best_so_far, one_more_round
from .live_figure import LiveFigure
from .pad import CopyButton

__all__ = ["SearchReplay"]

AS_RECORDED = "as recorded"
"""The live round's acquisition: the recorded search's own."""
_LABELS = {"description_width": "90px"}
_LAYOUT = {
    "margin_t": 10,
    "legend": {"orientation": "h", "x": 0, "y": -0.2, "xanchor": "left", "yanchor": "top"},
}


class SearchReplay(ui.VBox):
    """A search on the two principal axes of codes, its best molecule so far beside it.

    Args:
        search: One of `codes.SEARCHES` that is on record.
        seed: Of the recorded search.
        until: Last round shown; None for all.

    Raises:
        ValueError: there is no such search, seed or round on record.
    """

    def __init__(
        self, search: str = "trust region, 38 atoms", seed: int | None = None, until: int | None = None
    ):
        self.record = zinc_models()["DD-VAE (T)"]
        kinds = [name for name in SEARCHES if on_record(self.record, name)]
        if search not in kinds:
            raise ValueError(f"search is {search!r}; expected one of {', '.join(kinds)}")
        seeds = list(on_record(self.record, search))
        if seed is not None and seed not in seeds:
            raise ValueError(f"seed is {seed!r}; expected one of {seeds}")
        self.search = ui.Dropdown(options=kinds, value=search, description="search", style=_LABELS)
        self.seed = ui.Dropdown(options=seeds, value=seed or seeds[0], description="seed", style=_LABELS)
        self.rows = on_record(self.record, search)[self.seed.value]["proposed"]
        self.recorded_rounds = last = self.rows[-1]["round"]
        if until is not None and not 1 <= until <= last:
            raise ValueError(f"until is {until!r}; expected a round from 1 to {last}")
        self.round = ui.IntSlider(until or last, min=1, max=last, description="round", style=_LABELS)
        self.acquisition = ui.Dropdown(
            options=[AS_RECORDED, *ACQUISITIONS], description="live round", style=_LABELS
        )
        self.more = ui.Button(description="One more round, live", layout=ui.Layout(width="200px"))
        self.best, self.message, self.copy = ui.HTML(), ui.HTML(), CopyButton()
        self.map, self.line = LiveFigure(), LiveFigure()
        self.drawn = ui.Image(width="380px")
        self.search.observe(lambda _: self._change_search(), "value")
        self.seed.observe(lambda _: self._load(), "value")
        self.round.observe(lambda _: self._show(), "value")
        self.map.on_hover(self._draw_point)
        self.more.on_click(lambda _: self._add_round())
        controls = [self.search, self.seed, self.round, self.acquisition, self.more, self.copy]
        wrapped = ui.Layout(flex_flow="row wrap")
        pictures = ui.HBox([self.map, ui.VBox([self.line, self.drawn])], layout=wrapped)
        super().__init__([ui.HBox(controls, layout=wrapped), self.best, pictures, self.message])
        self._show()

    def _change_search(self) -> None:
        self.seed.options = list(on_record(self.record, self.search.value))
        self._load()

    def _load(self) -> None:
        self.rows = on_record(self.record, self.search.value)[self.seed.value]["proposed"]
        self.recorded_rounds = self.rows[-1]["round"]
        self.round.max = self.round.value = self.recorded_rounds
        self.message.value = ""
        self._show()

    def _shown(self) -> list[dict[str, Any]]:
        return [row for row in self.rows if row["round"] <= self.round.value]

    def _show(self) -> None:
        shown = self._shown()
        window = {"xaxis_range": _ends(self.rows, "x"), "yaxis_range": _ends(self.rows, "y")}  # of all rounds
        places = search_map(shown).update_layout(_LAYOUT, width=580, height=470, **window)
        self.map.redraw(places)
        line = search_lines({self.search.value: [best_so_far(shown)]})
        self.line.redraw(line.update_layout(_LAYOUT, width=380, height=290))
        scored = [row for row in shown if row["status"] == "scored"]
        self.best.value = f"<p>no molecule scored of {len(shown)} proposed codes</p>"
        self.drawn.layout.display = None if scored else "none"
        if scored:
            best = max(scored, key=lambda row: row["score"])
            self._draw(best["smiles"], f"best so far: {best['score']:.2f}")
            self.best.value = (
                f"<p>{len(scored)} molecules scored of {len(shown)} proposed codes; best so far "
                f"<b>{best['score']:.3f}</b> <code>{html.escape(best['smiles'])}</code></p>"
            )
        until = min(self.round.value, self.recorded_rounds)  # a live round is not on record
        self.copy.text = f"SearchReplay({self.search.value!r}, seed={self.seed.value}, until={until})"

    def _draw_point(self, customdata: list[Any]) -> None:
        """Draws the molecule under the pointer; rejected codes have none."""
        smiles, score = customdata
        self._draw(smiles, f"{score:.2f}")

    def _draw(self, smiles: str, caption: str) -> None:
        self.drawn.value = draw_grid([smiles], [caption], columns=1, size=(380, 180))

    def _add_round(self) -> None:
        """One more round after those shown, from what they found and a few thousand known molecules."""
        self.more.disabled = True
        try:
            self.message.value = "<p>encoding known molecules ...</p>"
            coded = encoded(self.record, n=1_000)
            shown = self._shown()
            count = len(coded.smiles)
            self.message.value = f"<p>fitting a Gaussian process to {count} molecules and searching ...</p>"
            chosen = None if self.acquisition.value == AS_RECORDED else self.acquisition.value
            found = one_more_round(coded, self.search.value, self.seed.value, shown, chosen)
        except (OSError, ValueError) as error:  # no data and no network, or too few molecules to fit
            self.message.value = f'<p role="alert"><b>{html.escape(str(error))}</b></p>'
            return
        finally:
            self.more.disabled = False
        self.rows = [*shown, *found]
        last = self.rows[-1]["round"]
        self.round.max = last
        self.round.value = last
        self._show()
        scored = [row["score"] for row in found if row["status"] == "scored"]
        self.message.value = (
            f"<p>round {last}, live: {len(scored)} of {len(found)} codes scored, "
            f"best {max(scored, default=float('nan')):.3f}; choosing a search shows recorded rounds again</p>"
        )


def _ends(rows: list[dict[str, Any]], axis: str) -> list[float]:
    places = [row[axis] for row in rows]
    return [min(places) - 0.3, max(places) + 0.3]
