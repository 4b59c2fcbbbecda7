"""The replay of a recorded search, on a small one recorded here."""

import dataclasses

import pytest
import torch

from ddvae.molecules.chemistry import draw_grid
from ddvae.optimization.acquisitions import Box
from ddvae.papers.dd_vae.zinc import searches as optimization
from ddvae.papers.dd_vae.zinc.codes import SEARCHES, axes, encoded, zinc_models
from ddvae.papers.dd_vae.zinc.searches import best_so_far, one_more_round, run_search
from ddvae.widgets import search_replay as replay


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """Few molecules, and the rows of a search of two rounds among them, kept beside a record of their own."""
    coded = encoded(zinc_models()["DD-VAE (T)"], n=40)
    record = dataclasses.replace(coded.record, folder=tmp_path_factory.mktemp("record"))
    coded = dataclasses.replace(coded, record=record, whole=True)
    short = dataclasses.replace(SEARCHES["local steps, 38 atoms"], rounds=2, batch=4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SEARCHES, "local steps, 38 atoms", short)
        return coded, run_search(coded, "local steps, 38 atoms", 1)["proposed"]


@pytest.fixture
def small(searched, monkeypatch):
    """A widget of that search."""
    coded, rows = searched
    monkeypatch.setattr(replay, "zinc_models", lambda: {"DD-VAE (T)": coded.record})
    live = dataclasses.replace(coded, whole=False)
    monkeypatch.setattr(replay, "encoded", lambda record, n: live)
    return replay.SearchReplay("local steps, 38 atoms"), rows


def test_rounds_are_replayed_and_one_more_is_run(small):
    widget, rows = small
    assert widget.round.value == 2 and f"<b>{best_so_far(rows)[-1]:.3f}</b>" in widget.best.value
    widget.round.value = 1
    first = [row for row in rows if row["round"] == 1]
    assert f"<b>{best_so_far(first)[-1]:.3f}</b>" in widget.best.value
    assert "until=1" in widget.copy.text
    dots = next(trace for trace in widget.map.figure["data"] if trace["name"] == "round 1")
    scored = [row for row in first if row["status"] == "scored"]
    assert len(dots["x"]) == len(scored)
    for row, told in zip(scored, dots["customdata"]):
        widget.map.hovered = told
        assert widget.drawn.value == draw_grid([row["smiles"]], [f"{row['score']:.2f}"], 1, (380, 180))
    widget.more.click()
    assert widget.round.value == 2 and "round 2, live:" in widget.message.value and not widget.more.disabled
    live = [row for row in widget.rows if row["round"] == 2]
    found = {row["smiles"] for row in first} | {""}
    assert live and not {row["smiles"] for row in live if row["status"] == "scored"} & found
    widget.acquisition.value = "prior"
    widget.more.click()
    assert widget.round.value == 3 and "until=2" in widget.copy.text  # only two rounds are on record
    again = [row for row in widget.rows if row["round"] == 3]
    assert [row["mean"] for row in again] != [row["mean"] for row in live]
    widget._load()
    assert widget.round.max == 2 and widget.rows == rows and widget.message.value == ""


def test_a_live_round_has_the_kind_of_box_of_its_search(searched, monkeypatch):
    coded, rows = searched
    spread = Box.spread(coded.codes, 3.0)
    boxes = []
    monkeypatch.setattr(optimization, "optimize", lambda *_, box, **__: boxes.append(box) or [])
    monkeypatch.setattr(optimization, "_rows", lambda *_: [])
    for name in ("published", "published, shared box"):
        one_more_round(coded, name, 1, rows)
    assert boxes[0] is None and boxes[1].low.equal(spread.low) and boxes[1].high.equal(spread.high)


def test_a_live_round_has_the_recorded_axes(small, monkeypatch):
    """A code lies where the recorded search would have put it."""
    widget, rows = small
    coded = dataclasses.replace(replay.encoded(widget.record, 40), whole=True)
    kept, done, real = axes(coded, 1), [], optimization.optimize
    monkeypatch.setattr(optimization, "optimize", lambda *a, **b: done.extend(real(*a, **b)) or done)
    found = one_more_round(coded, "local steps, 38 atoms", 1, rows, batch=3)
    assert found and {row["round"] for row in found} == {3}
    codes = torch.tensor([one.code for one in done]).double() - torch.tensor(kept["middle"]).double()
    places = codes @ torch.tensor(kept["axes"]).double().T
    assert places.tolist() == [pytest.approx([row["x"], row["y"]], abs=6e-4) for row in found]


def test_what_fails_is_told(small, monkeypatch):
    def fails(record, n):
        raise OSError("no network")

    widget, _ = small
    monkeypatch.setattr(replay, "encoded", fails)
    widget.more.click()
    assert "no network" in widget.message.value and not widget.more.disabled


def test_bad_arguments(small):
    with pytest.raises(ValueError, match="search is 'published'; expected one of local steps, 38 atoms"):
        replay.SearchReplay("published")
    with pytest.raises(ValueError, match=r"seed is 9; expected one of \[1\]"):
        replay.SearchReplay("local steps, 38 atoms", seed=9)
    with pytest.raises(ValueError, match="until is 5; expected a round from 1 to 2"):
        replay.SearchReplay("local steps, 38 atoms", until=5)
