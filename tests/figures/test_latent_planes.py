"""Figures of latent spaces: how wide they are, and where their texts stand."""

import numpy as np
import pytest

from ddvae.figures.digit_planes import DIGIT_COLOURS, code_maps, digit_places, digit_sheets
from ddvae.figures.latent_planes import WIDEST, BrickMap, brick_maps, brick_slider


def quarters(side=1.5, size=60):
    """A plane of four regions, cut at the middle of either axis."""
    upper = np.arange(size) >= size // 2
    return BrickMap(
        "four regions",
        (2 * upper[:, None] + upper).astype(np.uint8),
        side,
        np.full(64, 0.25),
        np.array([[-0.5, -0.5], [0.5, 0.5]]),
        np.full((2, 2), 0.4),
    )


@pytest.mark.parametrize("panels", [1, 3, 4, 7])
def test_maps_of_bricks_fit_the_page(panels):
    assert brick_maps([quarters()] * panels, columns=min(panels, 4)).layout.width <= WIDEST


def test_each_kind_of_outline_is_once_in_the_legend():
    lines = brick_maps([quarters()] * 3).select_traces(selector={"mode": "lines"})
    shown = [trace.name for trace in lines if trace.showlegend]
    assert shown == ["support of a bounded proposal"]


def test_strings_stand_in_their_region_inside_the_trained_square():
    brick_map = quarters()
    (text,) = brick_maps([brick_map]).select_traces(selector={"mode": "text"})
    assert len(text.text) == 4
    for x, y, written in zip(text.x, text.y, text.text):
        i, j = (int((z / brick_map.side + 1) / 2 * len(brick_map.labels)) for z in (x, y))
        assert f"{brick_map.labels[i, j]:06b}" == written[:6] and max(abs(x), abs(y)) < 1


def test_a_region_without_room_has_no_text():
    brick_map = quarters(side=40.0)
    (text,) = brick_maps([brick_map]).select_traces(selector={"mode": "text"})
    assert not text.text


def test_figures_of_digits_fit_the_page():
    codes, labels = np.random.default_rng(0).uniform(-1, 1, (100, 2)), np.arange(100) % 10
    sheet = np.zeros((3, 3, 98), dtype=np.uint8)
    assert code_maps([codes] * 2, labels, ["a", "b"], [1.0, 1.0]).layout.width <= WIDEST
    assert digit_sheets([sheet] * 2, ["a", "b"]).layout.width <= WIDEST
    assert brick_slider({"1": quarters().labels}, 1.5, "epoch ").layout.width <= WIDEST


def test_labels_of_digits_do_not_meet():
    points = np.zeros((30, 2))
    places = list(digit_places(points, np.arange(30) % 3, apart=0.1).values())
    assert len(places) == 3
    for i, a in enumerate(places):
        for b in places[:i]:
            assert np.hypot(*(a - b)) > 0.09


def test_colours_of_digits_that_overlap_differ():
    """4 and 9 in brightness, too: the squared weights of red, green and blue."""
    assert len(set(DIGIT_COLOURS)) == 10

    def brightness(digit):
        red, green, blue = (int(DIGIT_COLOURS[digit][i : i + 2], 16) / 255 for i in (1, 3, 5))
        return 0.21 * red**2 + 0.72 * green**2 + 0.07 * blue**2

    for a, b in ((4, 9), (3, 8), (7, 9)):
        assert abs(brightness(a) - brightness(b)) > 0.2
