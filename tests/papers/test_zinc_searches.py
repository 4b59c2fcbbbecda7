"""Chapter 6's experiments on a few molecules of the recorded model."""

import dataclasses
import math
from importlib import metadata

import pytest
import torch

from ddvae.papers.dd_vae.zinc.codes import (
    SEARCHES,
    SPREADS,
    decodes,
    encoded,
    on_record,
    plane,
    regression,
    zinc_models,
)
from ddvae.papers.dd_vae.zinc.searches import best_so_far, run_search


@pytest.fixture(scope="module")
def coded():
    return encoded(zinc_models()["DD-VAE (T)"], n=40)


def test_splits_part_all_molecules(coded):
    train, test = coded.split(1)
    assert len(train) == 108 and sorted([*train.tolist(), *test.tolist()]) == list(range(120))
    assert len(coded.smiles) == 120 and coded.codes.shape == (120, 64)


def test_regression(coded):
    found = regression(coded, 1)
    train, test = coded.split(1)
    known, unseen = coded.values[train], coded.values[test]
    by_hand = (
        -0.5 * (math.log(2 * math.pi) + ((unseen - known.mean()) / known.std()) ** 2) - known.std().log()
    )
    assert found["constant log_likelihood"] == pytest.approx(by_hand.mean().item())
    assert 0 < found["rmse"] < 1.2 * found["constant rmse"] and found == regression(coded, 1)


def test_a_search_leaves_nothing_where_few_molecules_are_known(coded):
    before = sorted(coded.record.folder.iterdir())
    found = run_search(coded, "local steps, 38 atoms", 1, rounds=2, batch=3)
    rows = found["proposed"]
    assert found["held_out"]["before"] != found["held_out"]["after"]
    assert {row["round"] for row in rows} == {1, 2}
    scored = [row for row in rows if row["status"] == "scored"]
    assert scored and best_so_far(rows)[-1] == max(row["score"] for row in scored)
    assert not {row["smiles"] for row in scored} & set(coded.smiles)
    assert sorted(coded.record.folder.iterdir()) == before


def test_what_is_whole_is_kept(coded, tmp_path, monkeypatch):
    record = dataclasses.replace(coded.record, folder=tmp_path)
    whole = dataclasses.replace(coded, record=record, whole=True)
    run_search(whole, "prior samples, 38 atoms", 2, rounds=1, batch=3)  # another search
    assert on_record(record, "prior samples, 38 atoms") == {}
    short = dataclasses.replace(SEARCHES["prior samples, 38 atoms"], rounds=1, batch=3)
    monkeypatch.setitem(SEARCHES, "prior samples, 38 atoms", short)
    found = run_search(whole, "prior samples, 38 atoms", 2)
    assert found["seconds"] > 0 and found["provenance"]["torch"] == metadata.version("torch")
    assert on_record(record, "prior samples, 38 atoms") == {2: found}
    assert {row["round"] for row in found["proposed"]} == {1}
    judged = regression(whole, 1)
    assert on_record(record, "regression") == {1: judged}
    assert on_record(record, "published") == {}


def test_both_ways_of_decoding_are_judged_on_the_same_codes(coded):
    """The next code's molecule stands in for a draw."""
    almost = dataclasses.replace(coded, draw=lambda codes: [*coded.decode(codes)[1:], "C"])
    found = decodes(almost, 1)
    greedy, drawn = found["greedy"], found["drawn"]
    assert greedy["codes"] == drawn["codes"] >= 20 and greedy["rmse"] != drawn["rmse"]
    assert greedy["same"] > 0.7 > drawn["same"]


def test_drawn_from_a_decoder_that_is_no_distribution(coded):
    """Training at temperature 0.1 leaves token probabilities flat: what is drawn is no molecule."""
    found = decodes(coded, 1)
    assert found["drawn"]["valid"] < 0.5 < found["greedy"]["valid"] and "rmse" not in found["drawn"]


def test_a_plane_has_the_axes_of_the_search(coded):
    found = plane(coded, 1)
    train, _ = coded.split(1)
    assert found["score"] == [round(value, 3) for value in coded.values[train].tolist()]
    x, y = torch.tensor(found["x"]), torch.tensor(found["y"])
    assert x.std() > y.std() > coded.codes[train].std(0).median()
    assert abs(torch.corrcoef(torch.stack([x, y]))[0, 1]) < 1e-3


def test_the_shared_box(coded):
    proposed = run_search(coded, "published, shared box", 1, rounds=1, batch=2)["proposed"]
    free = run_search(coded, "published", 1, rounds=1, batch=2)["proposed"]
    assert [(row["x"], row["y"]) for row in proposed] != [(row["x"], row["y"]) for row in free]


def test_the_searches_are_told_apart():
    told = {f"{search} {SPREADS.get(name)}" for name, search in SEARCHES.items()}
    assert len(told) == len(SEARCHES) and set(SPREADS) < set(SEARCHES)
    with pytest.raises(ValueError, match="search is 'best'; expected one of published"):
        run_search(None, "best", 1)
