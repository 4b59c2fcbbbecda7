"""Files that are whole or not there; text in whatever form it comes."""

import bz2
import errno
import gzip
import io
import lzma
import os
import zipfile

import pytest

from ddvae.system.files import check_same_settings, read_text, replace_file


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


TEXT = "CCO äthanol\nc1ccccc1\n"
PLAIN = TEXT.encode()
FORMS = {
    "plain": PLAIN,
    "mark": b"\xef\xbb\xbf" + PLAIN,
    "two marks": b"\xef\xbb\xbf" + PLAIN[:13] + b"\xef\xbb\xbf" + PLAIN[13:],
    "CRLF": PLAIN.replace(b"\n", b"\r\n"),
    "CR": PLAIN.replace(b"\n", b"\r"),
    "gzip": gzip.compress(PLAIN, mtime=0),
    "gzip, two members": gzip.compress(PLAIN[:13], mtime=0) + gzip.compress(PLAIN[13:], mtime=0),
    "bzip2": bz2.compress(PLAIN),
    "xz": lzma.compress(PLAIN),
    "UTF-16": TEXT.encode("utf-16"),
    "UTF-16, big end first": b"\xfe\xff" + TEXT.encode("utf-16-be"),
    "UTF-32": TEXT.encode("utf-32"),
    "UTF-16, CRLF, xz": lzma.compress(TEXT.replace("\n", "\r\n").encode("utf-16")),
    "mark, gzip": gzip.compress(b"\xef\xbb\xbf" + PLAIN, mtime=0),
}


def workbook():
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return content.getvalue()


WRONG = {
    "UTF-16 without a mark": (TEXT.encode("utf-16-le"), "is no text; expected codes .*its byte order mark"),
    "Latin 1": (
        b"CC x\nCCO \xe4thanol\nC\n",
        "is no text; expected codes in UTF-8 .byte 0xe4 in line 2 is not",
    ),
    "half of UTF-16": (TEXT.encode("utf-16")[:-1], "is no text; expected codes in UTF-16"),
    "picture": (b"\x89PNG\r\n\0\0", "is no text; expected codes"),
    "workbook": (workbook(), "is an Excel workbook or another zip archive; expected codes"),
    "old workbook": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99), "is an old Excel workbook"),
    "Parquet": (b"PAR1" + bytes(9), "is a Parquet file; expected codes"),
    "NumPy": (b"\x93NUMPY" + bytes(9), "is a NumPy array; expected codes"),
    "HDF5": (b"\x89HDF\r\n", "is an HDF5 file"),
    "PDF": (b"%PDF-1.7\n", "is a PDF"),
    "zstd": (b"\x28\xb5\x2f\xfd" + bytes(9), "is compressed by zstd; expected codes"),
    "cut gzip": (gzip.compress(PLAIN * 99, mtime=0)[:-20], "is damaged .*expected a whole gzip file"),
    "changed gzip": (
        gzip.compress(PLAIN, mtime=0)[:-8] + bytes(8),
        "is damaged .*expected a whole gzip file",
    ),
    "cut bzip2": (bz2.compress(PLAIN)[:-9], "is damaged .*expected a whole bzip2 file"),
    "cut xz": (lzma.compress(PLAIN)[:-9], "is damaged .*expected a whole xz file"),
}


@pytest.fixture
def both_ways(tmp_path, monkeypatch):
    """The arguments of a reader that find these bytes in a file, and in standard input."""

    def ways(content):
        (tmp_path / "mine").write_bytes(content)
        yield tmp_path / "mine", str(tmp_path / "mine")
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content), encoding="ascii"))
        yield "-", "standard input"

    return ways


@pytest.mark.parametrize("form", FORMS)
def test_text_reads_alike_in_every_form(both_ways, form):
    assert [read_text(path, "codes") for path, _ in both_ways(FORMS[form])] == [TEXT, TEXT]


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_no_text_is_refused_alike(both_ways, kind):
    content, message = WRONG[kind]
    for path, name in both_ways(content):
        with pytest.raises(ValueError, match=message) as caught:
            read_text(path, "codes")
        assert str(caught.value).startswith(f"{name} is ")


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.txt is missing; expected a file of codes"):
        read_text(tmp_path / "none.txt", "codes")
    with pytest.raises(OSError, match=r"cannot be read \(Is a directory\); expected a file of codes"):
        read_text(tmp_path, "codes")


def test_a_pipe_is_read_by_its_name():
    """As the shell's <(...) gives it."""
    reading, writing = os.pipe()
    os.write(writing, gzip.compress(PLAIN))
    os.close(writing)
    assert read_text(f"/dev/fd/{reading}", "codes") == TEXT
    os.close(reading)


@pytest.mark.parametrize(
    "found, wanted, message",
    [
        ({"a": 1}, {"a": 2}, "with a 1, not 2"),
        ({"a": 1, "b": [1]}, {"a": 1, "b": [2]}, r"with b \[1\], not \[2\]"),
        ({"a": 1}, {"a": 1, "b": 0}, "with b None, not 0"),
        ({"a": 1, "c": "x"}, {"a": 1}, "with c 'x', not None"),
    ],
)
def test_other_settings_are_refused(found, wanted, message):
    check_same_settings(found, dict(found), "runs/a holds a search")
    expected = rf"^runs/a holds a search {message}; expected the same settings, another folder, or a"
    with pytest.raises(ValueError, match=expected):
        check_same_settings(found, wanted, "runs/a holds a search")
