"""Chapter 6's experiments on a few molecules of the recorded model."""

import dataclasses
import math

import pytest

from ddvae.optimization import SEARCHES, best_so_far, encoded, hunt, on_record, regression, zinc_models


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
    assert 0 < found["rmse"] < 10 and found == regression(coded, 1)


def test_a_search_leaves_nothing_where_few_molecules_are_known(coded):
    before = sorted(coded.record.folder.iterdir())
    rows = hunt(coded, "local steps, 38 atoms", 1, rounds=2, batch=3)
    assert {row["round"] for row in rows} == {1, 2}
    scored = [row for row in rows if row["status"] == "scored"]
    assert scored and best_so_far(rows)[-1] == max(row["score"] for row in scored)
    assert not {row["smiles"] for row in scored} & set(coded.smiles)
    assert sorted(coded.record.folder.iterdir()) == before


def test_what_is_whole_is_kept(coded, tmp_path):
    record = dataclasses.replace(coded.record, folder=tmp_path)
    whole = dataclasses.replace(coded, record=record, whole=True)
    rows = hunt(whole, "prior draws, 38 atoms", 2, rounds=1, batch=3)
    assert on_record(record, "prior draws, 38 atoms") == {2: rows}
    judged = regression(whole, 1)
    assert on_record(record, "regression") == {1: judged}
    assert on_record(record, "published") == {}


def test_the_searches_are_told_apart():
    assert len({str(search) for search in SEARCHES.values()}) == len(SEARCHES)
    with pytest.raises(ValueError, match="search is 'best'; expected one of published"):
        hunt(None, "best", 1)
