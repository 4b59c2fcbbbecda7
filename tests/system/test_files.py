"""Files that are whole or not there."""

import errno
import os

import pytest

from ddvae.system.files import replace_file


def test_replace_file_keeps_the_old_one_on_failure(tmp_path):
    path = tmp_path / "result.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), replace_file(path) as beside:
        beside.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["result.txt"]
    with replace_file(path) as beside:
        beside.write_text("new")
    assert path.read_text() == "new" and os.listdir(tmp_path) == ["result.txt"]


def test_replace_file_on_a_full_disk(tmp_path):
    path = tmp_path / "result.txt"
    path.write_text("old")
    with pytest.raises(OSError) as caught, replace_file(path), open("/dev/full", "wb") as full:
        full.write(b"x" * 100_000)
    assert caught.value.errno == errno.ENOSPC
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["result.txt"]
