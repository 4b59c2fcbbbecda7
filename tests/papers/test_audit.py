"""The audit: its arithmetic by hand, its evidence from what is recorded."""

from types import SimpleNamespace

import pytest

from ddvae.book.statistics import Pair
from ddvae.experiments.record import recorded
from ddvae.papers.dd_vae.audit.differences import DIFFERENCES, Difference, audit_row
from ddvae.papers.dd_vae.presets import PRESETS


def difference(pair, better="lower", paired=False, ratio=False):
    return Difference(1, "what", "text", "code", "number", better, paired, lambda runs: pair, ratio)


def test_all_fourteen_in_order():
    assert [one.number for one in DIFFERENCES] == list(range(1, 15))
    assert all(one.better in ("lower", "higher") for one in DIFFERENCES)


@pytest.mark.parametrize(
    ("pair", "options", "effect", "interval", "favour"),
    [
        (Pair([3.0, 3.1, 2.9], [1.0, 1.1, 0.9]), {}, "-2", "-2.23 to -1.77", "the code"),
        (Pair([3.0, 3.1, 2.9], [1.0, 1.1, 0.9]), {"better": "higher"}, "-2", "-2.23 to -1.77", "the text"),
        (Pair([1.0, 5.0], [2.0, 4.0]), {}, "+0", "-13.8 to 13.8", "nobody"),
        (Pair([1.0, 5.0], [2.0, 6.1]), {"paired": True}, "+1.05", "0.415 to 1.69", "the text"),
        (Pair([1.0, 5.0], [1.0, 5.0]), {"paired": True}, "+0", "0 to 0", "nobody"),
        (Pair([3.0, 3.1, 2.9], [1.0]), {}, "-2", "-2.5 to -1.5", "the code"),
        (Pair([1.0], [2.0, 2.3]), {}, "+1.15", "-2.15 to 4.45", "nobody"),
        (Pair([0.1, 0.2], [0.01, 0.02]), {"ratio": True}, "x 0.1", "0.0121 to 0.824", "the code"),
        (Pair([0.1, 0.2], [0.3, 0.4]), {"ratio": True}, "x 2.45", "0.166 to 36.2", "nobody"),
        (Pair([0.1], [0.2]), {"ratio": True}, "x 2", "–", "unknown"),
        (Pair([1.0], [2.0]), {}, "+1", "–", "unknown"),
        (Pair([], [2.0]), {}, "–", "–", "unknown"),
    ],
)
def test_a_row_by_hand(pair, options, effect, interval, favour):
    row = audit_row(difference(pair, **options), runs=None)
    assert (row["code against text"], row["95 %"], row["in favour of"]) == (effect, interval, favour)


def test_switches_are_trained_presets():
    """The evidence of the first four and of fine-tuning: runs by name."""
    asked = []

    def runs(name):
        asked.append(name)
        return [SimpleNamespace(results={"kl": 1.0})]

    for number in (1, 2, 3, 4, 7):
        assert len(DIFFERENCES[number - 1].measure(runs).code) == 1
    assert len(asked) == 10 and set(asked) <= set(PRESETS)
    assert sum("switch" in name for name in asked) == 5


@pytest.mark.parametrize("number", range(1, 15))
def test_evidence_on_record(number):
    row = audit_row(DIFFERENCES[number - 1], recorded)
    assert row["code against text"] != "–" and row["95 %"] != "–" and row["in favour of"] != "unknown"
