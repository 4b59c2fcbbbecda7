"""The presets on molecules: published settings, budgets, readings, exact resumption."""

from dataclasses import replace

import pytest
import torch

from ddvae.evaluation.reconstruction import reconstruction
from ddvae.experiments.runner import train
from ddvae.experiments.smiles import EPOCH, Smiles
from ddvae.molecules.datasets import own_molecules
from ddvae.molecules.moses import validity
from ddvae.papers.catalogue import PRESETS
from ddvae.papers.dd_vae.readings import under
from ddvae.system.files import load_checkpoint
from ddvae.training.annealed_objectives import AnnealedELBO, AnnealedRelaxedELBO

ALL = [name for name, preset in PRESETS.items() if isinstance(preset, Smiles)]
NAMES = [name for name in ALL if not {"sweep", "large", "variation"} & set(name.split("-"))]
each = pytest.mark.parametrize("name", NAMES)


def test_every_published_run_is_there():
    kernels = {"moses": ("gaussian", "triweight"), "zinc": ("gaussian", "tricube")}
    wanted = {f"{s}-{m}-{k}" for s, ks in kernels.items() for k in ks for m in ("vae", "ddvae")}
    assert set(NAMES) == wanted
    assert sum("sweep" in name for name in ALL) == 4  # each method of Table 3
    assert sum("large" in name for name in ALL) == 8  # each method of both tables


@each
def test_published_settings(name):
    """The table of the published runs' hyper-parameters."""
    preset, (collection, method, kernel) = PRESETS[name], name.split("-")
    run, falling = vars(preset.scaled("full", seed=1)).values()
    assert (run.epochs, run.batch_size, preset.proposal) == (200, 512, kernel)
    sizes = {"moses": (512, 2), "zinc": (1024, 1)}[collection]
    assert (preset.hidden_size, preset.num_layers) == sizes
    betas = {
        ("moses", "vae"): (20, 0.0005, 200, 0.01),
        ("moses", "ddvae"): (20, 0.0015, 200, 0.02),
        ("zinc", "vae"): (0, 1e-4, 50, 8e-4),
        ("zinc", "ddvae"): (0, 1e-3, 50, 0.02),
    }
    begin, low, finish, high = betas[collection, method]
    assert falling.beta(begin) == low and falling.beta(finish) == pytest.approx(high) == falling.beta(200)
    assert run.clip_value == {"moses": 10, "zinc": 2}[collection] and falling.reduction == "mean"
    if method == "vae":
        assert isinstance(falling, AnnealedELBO) and not isinstance(falling, AnnealedRelaxedELBO)
    else:
        ends = {"moses": ((0, 0.2), (10, 0.1)), "zinc": ((0, 1e-3), (100, 1e-4))}[collection]
        assert all(falling.temperature(epoch) == pytest.approx(value) for epoch, value in ends)
        assert falling.scores == "log_prob"
    rates = {"moses": (5e-4, 2.5e-4, 2.5e-4), "zinc": (5e-4, 5e-4, 2.5e-4)}[collection]
    assert [run.learning_rate(epoch) for epoch in (0, 20, 50)] == pytest.approx(list(rates))


@each
def test_sizes_and_budgets(name):
    preset = PRESETS[name]
    model = preset.model()
    assert sum(p.numel() for p in model.parameters()) * 2 < 15 << 20  # half precision: 15 MB
    assert preset.data("smoke").steps(16) == 2
    assert replace(preset.molecules("test"), epoch_size=EPOCH).steps(256) == 313


def test_readings_change_what_they_say_and_nothing_else():
    for name, preset in PRESETS.items():
        paper, released = under(preset, "paper"), under(preset, "released")
        read, coded = (one.scaled("full", 1).describe() for one in (paper, released))
        changed = {key for key, value in read.items() if value != coded[key]}
        assert changed == ({"reduction"} if read["temperature"] is None else {"scores", "reduction"}), name
        assert (paper.squash is None) == (preset.squash is None)
    with pytest.raises(ValueError, match="reading is 'text'; expected one of paper, released"):
        under(preset, "text")


def test_an_interrupted_run_is_bit_identical(tmp_path):
    own = tmp_path / "own.smi"
    own.write_text("\n".join(PRESETS["moses-ddvae-triweight"].molecules("test").first(512).strings()))
    preset = PRESETS["moses-ddvae-triweight"].on(own_molecules(own))
    settings = {"preset": preset, "budget": "smoke", "seed": 3, "progress": False}
    train(**settings, folder=tmp_path / "whole")
    pieces = 0
    while train(**settings, folder=tmp_path / "cut", resume=True, time_limit=0.0) is None:
        pieces += 1
    assert pieces == 3  # of four steps
    whole, cut = (load_checkpoint(tmp_path / part / "weights.pt")["model"] for part in ("whole", "cut"))
    assert all(torch.equal(whole[key], cut[key]) for key in whole)


def test_reconstruction_counts_whole_strings():
    """A model that answers with the truth but for one token of every tenth string."""
    preset = PRESETS["moses-vae-gaussian"]
    molecules = preset.molecules("test").first(40)
    model = preset.model()

    def answers(z, tokens):
        scores = torch.nn.functional.one_hot(tokens.long(), 27).float()
        wrong = (tokens[:, 0] == tokens[0, 0]).nonzero()[:1]
        scores[wrong, 0] = scores[wrong, 0].roll(1, -1)
        return scores.log_softmax(-1)

    model.decoder.score_tokens = answers
    with torch.no_grad():
        found = reconstruction(model, molecules, batch_size=10)
    assert found["accuracy"] == pytest.approx(36 / 40) and found["n"] == 40 and found["kl"] > 0


def test_validity():
    found = validity(["CCO", "OCC", "C(", "", "c1ccccc1"])
    assert found == {"valid": 60.0, "valid_or_empty": 80.0, "unique": pytest.approx(200 / 3)}


def test_snapshots_leave_the_training_as_it_is():
    """Accuracy, nats, and no draws before 60 % come back; the generator goes on where it was."""
    preset = PRESETS["moses-sweep-ddvae-triweight"]
    model, before = preset.model(), torch.get_rng_state()
    kept = preset.snapshot(model, "smoke")
    assert kept["accuracy"] == 0 and kept["kl"] > 0 and kept["samples"].shape == (0,)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_sweep_passes_through_the_accuracies_of_table_3():
    falling, sooner = (
        PRESETS["moses-sweep-vae-gaussian"].scaled(b, 1).objective for b in ("hours", "laptop")
    )
    assert falling.beta.target(0) == falling.beta.target(44) == 0.93 and falling.beta.target(
        64
    ) == pytest.approx(0.68)
    assert sooner.beta.target(15) == pytest.approx(0.68)
