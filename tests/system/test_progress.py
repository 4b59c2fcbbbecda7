"""The progress bar: what it shows, and where it is silent."""

import sys

import pytest

from ddvae.system.progress import ProgressBar


def run(**options):
    with ProgressBar(4, "boiling", unit="egg", **options) as bar:
        bar.update(3)
        bar.set_postfix({"minutes": "2.5"})
    return bar


def test_what_is_told(capsys):
    assert run(initial=1, leave=True).shown
    told = capsys.readouterr().err.lstrip()
    assert told.startswith("boiling") and "4/4" in told and "egg" in told and "minutes=2.5" in told


def test_a_closed_bar_leaves_nothing(capsys):
    bar = run()  # kept: a bar that is forgotten closes itself
    assert bar.shown and capsys.readouterr().err.rsplit("\r", 1)[-1].strip() == ""


@pytest.mark.parametrize("missing", [False, True])
def test_silence(monkeypatch, capsys, missing):
    """Where no bar is wanted, and where tqdm is not installed."""
    if missing:
        for name in ("tqdm", "tqdm.auto"):
            monkeypatch.setitem(sys.modules, name, None)
    assert not run(shown=missing).shown
    assert capsys.readouterr().err == ""
