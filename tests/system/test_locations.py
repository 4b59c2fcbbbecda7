"""Where the package reads and writes without being told."""

from ddvae.system import locations


def test_what_is_computed_anew_has_a_folder_of_its_own(tmp_path, monkeypatch):
    root = locations.repository()
    assert locations.reproduced() == root / "reproduced"
    assert "/reproduced/" in (root / ".gitignore").read_text().split()
    monkeypatch.setattr(locations, "repository", lambda: None)
    monkeypatch.chdir(tmp_path)
    assert locations.reproduced() == tmp_path / "reproduced"
