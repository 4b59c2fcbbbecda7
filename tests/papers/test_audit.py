"""The audit: its arithmetic by hand, its evidence from what is recorded."""

from types import SimpleNamespace

import pytest

from ddvae.book.statistics import Pair
from ddvae.experiments.record import recorded
from ddvae.papers.dd_vae.audit.differences import (
    DIFFERENCES,
    EFFECTS,
    MARKS,
    NONE,
    Difference,
    audit_row,
    relative_effect,
)
from ddvae.papers.dd_vae.presets import PRESETS


def difference(pair, better="lower", changes="model", paired=False, ratio=False):
    return Difference(1, "what", "text", "code", "number", better, changes, paired, lambda runs: pair, ratio)


def test_all_fourteen_in_order():
    assert [one.number for one in DIFFERENCES] == list(range(1, 15))
    assert all(one.better in ("lower", "higher") and one.changes in EFFECTS for one in DIFFERENCES)


@pytest.mark.parametrize(
    ("pair", "options", "effect", "interval", "word"),
    [
        (Pair([3.0, 3.1, 2.9], [1.0, 1.1, 0.9]), {}, "-2", "-2.23 to -1.77", "improves the model"),
        (
            Pair([3.0, 3.1, 2.9], [1.0, 1.1, 0.9]),
            {"better": "higher"},
            "-2",
            "-2.23 to -1.77",
            "worsens the model",
        ),
        (
            Pair([3.0, 3.1], [1.0, 1.3]),
            {"changes": "measurement", "paired": True},
            "-1.9",
            "-3.17 to -0.629",
            "flatters the number",
        ),
        (
            Pair([3.0, 3.1], [1.0, 1.3]),
            {"changes": "measurement", "paired": True, "better": "higher"},
            "-1.9",
            "-3.17 to -0.629",
            "understates the number",
        ),
        (Pair([1.0, 5.0], [2.0, 4.0]), {}, "+0", "-13.8 to 13.8", NONE),
        (Pair([1.0, 5.0], [2.0, 6.1]), {"paired": True}, "+1.05", "0.415 to 1.69", "worsens the model"),
        (Pair([1.0, 5.0], [1.0, 5.0]), {"paired": True}, "+0", "0 to 0", NONE),
        (Pair([3.0, 3.1, 2.9], [1.0]), {}, "-2", "-2.5 to -1.5", "improves the model"),
        (Pair([1.0], [2.0, 2.3]), {}, "+1.15", "-2.15 to 4.45", NONE),
        (Pair([0.1, 0.2], [0.01, 0.02]), {"ratio": True}, "x 0.1", "0.0121 to 0.824", "improves the model"),
        (Pair([0.1, 0.2], [0.3, 0.4]), {"ratio": True}, "x 2.45", "0.166 to 36.2", NONE),
        (Pair([0.1], [0.2]), {"ratio": True}, "x 2", "–", "unknown"),
        (Pair([1.0], [2.0]), {}, "+1", "–", "unknown"),
        (Pair([], [2.0]), {}, "–", "–", "unknown"),
    ],
)
def test_a_row_by_hand(pair, options, effect, interval, word):
    row = audit_row(difference(pair, **options), pair)
    assert (row["code against text"], row["95 %"], row["the code's choice"]) == (effect, interval, word)


def test_relative_effects_by_hand():
    """Multiples of the text's number; of negative numbers the ends stay in order."""
    pair = Pair([2.0, 4.0], [4.0, 8.0])
    assert relative_effect(difference(pair, ratio=True), pair)[0] == pytest.approx(2)
    assert relative_effect(difference(pair), pair)[0] == pytest.approx(2)
    below = Pair([-2.0, -4.0], [-4.0, -8.2])
    middle, low, high = relative_effect(difference(below, paired=True), below)
    assert middle == pytest.approx(6.1 / 3) and low < middle < high


def test_every_word_has_a_mark():
    words = {word for pair in EFFECTS.values() for word in pair} | {NONE, "unknown"}
    assert set(MARKS) == words


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
    one = DIFFERENCES[number - 1]
    row = audit_row(one, one.measure(recorded))
    assert row["code against text"] != "–" and row["95 %"] != "–" and row["the code's choice"] != "unknown"
