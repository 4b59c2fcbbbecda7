"""The README's table is that of the recorded runs, its commands and links exist."""

import json
import re

from conftest import ROOT
from PIL import Image

from ddvae.experiments.record import recorded
from ddvae.papers.catalogue import find_preset
from ddvae.papers.dd_vae.readme_table import table
from ddvae.widgets.tabs import WIDGETS

README = (ROOT / "README.md").read_text()


def test_the_table_is_that_of_the_recorded_runs():
    wanted = table()
    found = README[README.index("<!-- items -->") : README.index("<!-- end of items -->")].splitlines()[1:]
    assert [line for line in found if line] == wanted, "expected what python -m ddvae items prints"
    assert all(cell.strip() for line in wanted for cell in line.strip("|").split("|"))


def test_the_commands_train_what_is_recorded():
    """A preset changed since would give other numbers; what was added since is off by default."""
    commands = set(re.findall(r"`python -m ddvae train ([\w-]+) --budget (full|hours)`", README))
    assert len(commands) > 10
    for name, budget in commands:
        for record in recorded(name):
            now = json.loads(json.dumps(find_preset(name).describe(budget, record.seed)))
            changed = {key for key, value in now.items() if record.settings.get(key, value) != value}
            assert record.budget == budget and not changed, (name, record.seed, changed)


def test_every_item_of_the_paper_has_a_row():
    """Numbered in the paper: five tables, six figures, a theorem."""
    told = " ".join(re.findall(r"^\| (.*?) \|", README, flags=re.M))
    for kind, numbers in (("Table", "12345"), ("Figure", "123456")):
        found = "".join(re.findall(rf"{kind}s? ([\d, and]+)", told))
        assert {one for one in found if one.isdigit()} == set(numbers)
    assert "Theorem 1" in told and "Appendix D" in told


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("http") or (ROOT / target).exists(), target


def test_each_wing_is_named():
    told = README[README.index("    ddvae/ ") : README.index("    figures/ ")]
    wings = {path.parent.name for path in (ROOT / "ddvae").glob("*/__init__.py")}
    assert wings == wings & set(re.findall(r"\w+", told)), wings - set(re.findall(r"\w+", told))


def test_each_widget_moves():
    films = set(re.findall(r'src="(figures/widgets/\w+\.webp)"', README))
    assert films == {f"figures/widgets/{kind.__name__}.webp" for kind in WIDGETS.values()}
    for film in films:
        with Image.open(ROOT / film) as picture:
            assert picture.n_frames >= 5 and (ROOT / film).stat().st_size < 3e6, film


def test_the_five_lines_run():
    five, _ = re.findall(r"```python\n(.*?)```", README, flags=re.S)
    names = {}
    exec(five, names)
    assert names["kl"].shape == (8, 2) and names["log_prob"].shape == (8,)


def test_the_search_runs(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    _, code = re.findall(r"```python\n(.*?)```", README, flags=re.S)
    exec(code, {})
    assert re.match(r"\(\d\.\d+, '\w", capsys.readouterr().out)
