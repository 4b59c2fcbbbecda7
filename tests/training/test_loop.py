"""Training: it learns, it tells, it stops."""

import csv

import pytest
import torch
from small_training import DATA, FALLING, RUN, small_model

from ddvae import VAE
from ddvae.data.batches import Batch
from ddvae.data.bits import StringDistribution, six_bit_distribution
from ddvae.engine.precision import autocast
from ddvae.models.networks import DenseDecoder, DenseEncoder, SequenceDecoder, SequenceEncoder
from ddvae.models.priors import StandardNormal, UnitCube
from ddvae.system.files import load_checkpoint
from ddvae.training.annealed_objectives import AnnealedELBO, AnnealedRelaxedELBO
from ddvae.training.loop import fit
from ddvae.training.schedules import Cosine, LogLinear
from ddvae.training.settings import Settings
from ddvae.training.state import Diverged


def test_it_learns():
    tokens, probs = six_bit_distribution()
    distribution = StringDistribution(tokens, probs, codes=128, epoch_steps=60)
    objective = AnnealedRelaxedELBO(0.01, temperature=LogLinear(0.3, 0.05, 0, 6), scores="log_prob")
    log = fit(small_model(), distribution, Settings(6, Cosine(1e-2, 1, 6)), objective, progress=False).log
    assert log[-1]["exact"] > log[0]["exact"] + 0.3 and log[-1]["reconstruction"] > log[0]["reconstruction"]


def test_images_train_in_the_same_loop():
    images = torch.randint(2, (64, 20), dtype=torch.uint8)

    class Images:
        def steps(self, batch_size):
            return 4

        def batches(self, epoch, batch_size, seed):
            yield from (Batch(rows) for rows in images.split(16))

    model = VAE(DenseEncoder((20, 16), 2, "gaussian"), DenseDecoder((2, 16, 20)), StandardNormal(2))
    fitted = fit(model, Images(), Settings(30, 1e-2), AnnealedELBO(0.1), progress=False)
    assert fitted.log[-1]["reconstruction"] > fitted.log[0]["reconstruction"] + 1


def test_log_is_a_csv(tmp_path):
    fitted = fit(small_model(), DATA, RUN, FALLING, tmp_path, progress=False)
    with open(tmp_path / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3] and int(rows[-1]["step"]) == 24
    assert float(rows[-1]["kl"]) == fitted.log[-1]["kl"]
    assert float(rows[-1]["beta"]) == pytest.approx(1) and float(rows[0]["temperature"]) < 0.1


def test_progress_bar_shows_the_terms(capsys):
    pytest.importorskip("tqdm")
    fit(small_model(), DATA, RUN, FALLING, progress=True)
    assert "24/24" in capsys.readouterr().err


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("part", ["encoder", "decoder"])
def test_divergence_stops_and_keeps_the_last_good_checkpoint(tmp_path, bad, part):
    model = small_model()
    poisoned = {"encoder": model.encoder.head.linear, "decoder": model.decoder.scores}[part]

    class Poisoned:
        steps = staticmethod(DATA.steps)

        def batches(self, *arguments):
            for i, batch in enumerate(DATA.batches(*arguments)):
                if i == 5:
                    with torch.no_grad():
                        poisoned.bias.fill_(bad)
                yield batch

    with pytest.raises(Diverged, match=r"step 5: .*The last checkpoint is kept. Try a lower learning"):
        fit(model, Poisoned(), RUN, FALLING, tmp_path, checkpoint_every=0, progress=False)
    state = load_checkpoint(tmp_path / "checkpoint.pt")
    assert state["step"] == 5 and all(t.isfinite().all() for t in state["model"].values())


def test_a_support_outside_the_prior_is_explained(tmp_path):
    model = VAE(SequenceEncoder(2, 2, 16, 1, 4, "uniform"), SequenceDecoder(2, 2, 16, 1, 4, 6), UnitCube(2))
    with pytest.raises(Diverged, match=r"kl inf.*A proposal leaves the prior's support: try squash='tanh'"):
        fit(model, DATA, RUN, FALLING, progress=False)


def test_bfloat16_where_there_is_no_unit_for_it(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    assert not autocast("cpu", "bfloat16")._enabled
    with pytest.warns(UserWarning, match="no bfloat16 matrix unit: products run in float32"):
        fit(small_model(), DATA, Settings(1, 1e-3, precision="bfloat16"), FALLING, progress=False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True})
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    assert autocast("cpu", "bfloat16")._enabled and not autocast("cpu", "float32")._enabled


def test_out_of_memory_names_the_batch_size():
    def refuse(*_):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    with pytest.raises(MemoryError, match=r"no memory for batch_size 128 .*expected a smaller one"):
        fit(small_model(), DATA, RUN, refuse, progress=False)
