"""Wiring: each control changes what it should, each view tells the code that makes it again."""

import pytest
import torch

from ddvae.figures import rasters
from ddvae.widgets.bricks import BrickExplorer
from ddvae.widgets.digits import DigitPlane
from ddvae.widgets.molecules import MoleculeExplorer
from ddvae.widgets.search_replay import SearchReplay


def move(pad, index, place):
    """What the browser does: new points, then a question."""
    points = [list(point) for point in pad.points]
    points[index] = list(place)
    pad.points = points
    pad.asked += 1
    assert pad.answered == pad.asked


def again(widget):
    """The widget that the copied code makes."""
    return eval(widget.copy.text, {type(widget).__name__: type(widget)})


def test_bricks():
    widget = BrickExplorer()
    before = widget.pad.picture
    widget.epoch.value = widget.epoch.options[0]
    assert widget.pad.picture != before
    move(widget.pad, 0, (0.8, 0.7))
    found = widget.bricks.at(widget.point, widget.epoch.value)
    assert f"<b>{found['string']}</b>" in widget.facts.value
    widget.blurred.value = True
    assert widget.pad.picture == rasters.certainty_raster(widget.bricks.certainty(0.1))
    trained = widget.bricks.at(widget.point, widget.bricks.epochs[-1])
    assert f"<b>{trained['string']}</b>" in widget.facts.value  # weights are of the trained model alone
    widget.temperature.value = -3.0
    assert widget.pad.picture == rasters.certainty_raster(widget.bricks.certainty(1e-3))
    made = again(widget)
    assert made.pad.picture == widget.pad.picture and made.facts.value == widget.facts.value
    widget.blurred.value = False
    widget.model.value = "VAE, Gaussian"
    assert widget.epoch.value == widget.bricks.epochs[-1]
    assert again(widget).pad.picture == widget.pad.picture


@pytest.mark.parametrize("model", BrickExplorer.MODELS)
def test_each_model_of_bricks(model):
    widget = BrickExplorer()
    widget.blurred.value = True
    widget.model.value = model
    assert widget.blurred.disabled is not widget.bricks.has_weights
    made = again(widget)
    assert made.model.value == model and made.pad.picture == widget.pad.picture
    if not made.bricks.has_weights:
        with pytest.raises(ValueError, match=f"temperature is -1; expected None, for {model} has no weights"):
            BrickExplorer(model, temperature=-1)


def test_digits_move_together():
    widget = DigitPlane()
    before = [picture.value for picture in widget.pictures]
    move(widget.pads[1], 0, (0.9, 0.1))
    assert widget.pads[0].points == widget.pads[1].points
    assert [picture.value for picture in widget.pictures] != before
    begin, end = widget.pads[0].points
    assert widget.large == "begin"
    strips = [rasters.digit_raster(model.strip(begin, end), scale=2) for model in widget.digits]
    assert [strip.value for strip in widget.strips] == strips
    assert [strip.value for strip in again(widget).strips] == strips
    move(widget.pads[0], 1, (0.2, 0.8))
    assert widget.large == "end"
    largest = [rasters.digit_raster(model.strip(begin, (0.2, 0.8))[-1:]) for model in widget.digits]
    assert [picture.value for picture in widget.pictures] == largest
    assert [picture.value for picture in again(widget).pictures] == largest


def test_molecules():
    widget = MoleculeExplorer()
    widget.smiles.value = "COc1ccccc1"
    assert widget.point == pytest.approx((0, 0), abs=1e-3)
    back = widget.space.codec.decode(widget.space.codec.encode(["COc1ccccc1"]))
    assert f"<code>{back[0]}</code>" in widget.facts.value
    assert widget.pad.picture == rasters.plane_raster(*widget.space.map())
    assert "<b>" not in widget.message.value
    point, copied = widget.point, widget.copy.text
    for bad in ("C1CC", "[Na+]", "<script>"):
        widget.smiles.value = bad
        assert 'role="alert"' in widget.message.value and "<script>" not in widget.message.value
        assert widget.point == point and widget.copy.text == copied
    move(widget.pad, 0, (0.45, 0.55))
    (string,) = widget.space.codec.decode(widget.space.code(widget.point)[None])
    assert string.replace("&", "&amp;") in widget.facts.value
    widget.smiles.value = "COc1ccccc1"
    for button in widget.buttons.values():
        button.click()
    assert bytes(widget.grid.value[:4]) == b"\x89PNG" and widget.grid.layout.display is None
    assert "decoding changes at distance" in widget.message.value
    torch.testing.assert_close(torch.tensor(again(widget).point), torch.tensor(widget.point))
    assert again(widget).pad.picture == widget.pad.picture
    widget.other.value = "CCO"
    assert again(widget).other.value == "CCO"
    move(widget.pad, 0, (0.5, 0.5))
    assert widget.grid.layout.display == "none"  # of another code


def test_a_plane_is_laid_through_three_molecules_and_back():
    widget = MoleculeExplorer()
    around = widget.pad.picture
    widget.third.value = "COc1ccccc1"
    widget.planes["three"].click()
    three = tuple(widget.accepted.values())
    assert widget.through == three and three[2] == "COc1ccccc1" and widget.pad.picture != around
    assert again(widget).pad.picture == widget.pad.picture
    widget.planes["one"].click()
    assert widget.through is None and widget.pad.picture == around
    widget.third.value = "C1CC"
    widget.planes["three"].click()
    assert "C1CC&#x27; is no molecule" in widget.message.value and widget.through is None


def test_a_plane_through_three_molecules_stays():
    three = ("CC(=O)Nc1ccc(O)cc1", "COc1ccccc1", "CCN(CC)CC")
    widget = MoleculeExplorer(through=three)
    before = widget.pad.picture
    widget.smiles.value = three[1]
    assert widget.pad.picture == before
    assert widget.point == pytest.approx(widget.space.place(three[1]), abs=1e-3)


def test_bad_arguments():
    with pytest.raises(ValueError, match="model is 'GAN'; expected one of DD-VAE, uniform"):
        BrickExplorer("GAN")
    with pytest.raises(ValueError, match="epoch is 7000; expected one of"):
        BrickExplorer(epoch=7000)
    with pytest.raises(ValueError, match="large is 'both'; expected one of begin, end"):
        DigitPlane(large="both")
    with pytest.raises(ValueError, match="'xyz' is no molecule"):
        MoleculeExplorer("xyz")


def test_what_a_widget_brings_loads_at_once():
    """anywidget drops all messages to a model whose module has not loaded within two seconds."""
    parts = [*parts_of(SearchReplay()), *parts_of(DigitPlane())]
    modules = [getattr(part, "_esm", "") for part in parts]
    assert sum(map(bool, modules)) >= 5 and max(map(len, modules)) < 20_000


def parts_of(widget):
    yield widget
    for child in getattr(widget, "children", ()):
        yield from parts_of(child)
