"""What chapter 8 measures: the baseline is the same function, the arithmetic of the rates is right."""

import sys

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from ddvae.figures import speed as charts
from ddvae.mathematics.kernels import KERNELS
from ddvae.models.objectives import relaxed_elbo
from ddvae.papers.dd_vae.presets import PRESETS
from ddvae.papers.dd_vae.speed import ladder, peak_memory, recurrence, table, training
from ddvae.papers.dd_vae.speed.rates import rates
from ddvae.papers.dd_vae.speed.recorded import MEASUREMENTS, measured
from ddvae.papers.dd_vae.speed.released import RejectionSampler, Released, released_batches


@pytest.fixture
def preset():
    return PRESETS["moses-ddvae-triweight"]


def test_the_baseline_has_our_loss(preset, monkeypatch):
    """On one batch of one length and without noise, both compute the same number and count."""
    torch.manual_seed(0)
    model = preset.model().double()
    released = Released(model).double()
    monkeypatch.setattr("ddvae.mathematics.proposals.KernelProposal.rsample", lambda q, shape=(): q.mean)
    batch = next(preset.molecules("test").first(64).batches(0, 4, seed=1))
    lengths = batch.tokens.shape[1] if batch.mask is None else batch.mask.sum(1)
    strings = [row[:n].long() for row, n in zip(batch.tokens, torch.as_tensor(lengths).expand(4))]
    loss, exact = released.loss(strings, temperature=0.2, beta=0.01)
    terms = relaxed_elbo(model, batch, 0.2, 0.01, scores="log_prob", reduction="mean")
    assert loss.item() == pytest.approx(-terms.value.mean().item(), rel=1e-9)
    assert exact == terms.exact.mean().item()


def test_the_baseline_learns_and_decodes(preset):
    torch.manual_seed(0)
    released = Released(preset.model())
    batch = next(released_batches(preset.molecules("test"), 8))
    losses = []
    for _ in range(4):
        losses.append(released.loss(batch, 0.2, 0.0)[0].item())
        released.step(batch, 0.2, 0.0, clip=10.0)
    assert losses[-1] < losses[0]
    assert len(released.decode(torch.randn(5, 64), batch_size=2)) == 5


def test_the_baseline_is_of_strings():
    with pytest.raises(ValueError, match="model has a DenseEncoder; expected a model of strings"):
        Released(PRESETS["mnist-ddvae-uniform"].model())


def test_the_baseline_takes_the_first_weights_of_a_recipe_that_has_them(preset):
    recipe = preset.recipe
    assert training.first_weights(recipe) == (
        recipe.objective.temperature(0.0),
        recipe.objective.beta(0.0),
        recipe.settings.clip_value,
    )
    with pytest.raises(ValueError, match="clip_value is None"):
        training.first_weights(recipe.changed(clip_value=None))
    with pytest.raises(ValueError, match=r"objective is .* expected one with a temperature"):
        training.first_weights(PRESETS["moses-vae-triweight"].recipe)


@pytest.mark.parametrize("name", ["triangular", "tricube", "cosine"])
def test_the_rejection_sampler_has_the_kernel(name):
    """Kolmogorov-Smirnov below 2.3 / sqrt(n): 5e-5 false alarms; the seed is fixed."""
    draws = RejectionSampler(KERNELS[name]).sample(20_000)
    u = KERNELS[name].cdf(draws.double().sort().values)
    assert (u - (torch.arange(20_000) + 0.5) / 20_000).abs().max() < 2.3 / 20_000**0.5


def test_rates_are_objects_a_second(monkeypatch):
    """By a clock that each piece of work sets forward, the first ones, to warm up, by an hour."""
    clock = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: clock[0])

    def work(n, seconds):
        def done():
            clock[0] += seconds.pop(0)
            return n

        return done

    found = rates(work(10, [3600, 1, 2, 4]), work(40, [3600, 1, 1, 1]), rounds=3)
    assert found == {"baseline": 5, "ours": 40, "ratio": 8, "low": 4, "high": 16}


@pytest.mark.parametrize("name", [n for n in MEASUREMENTS if n not in ("table", "ladder", "parity")])
def test_measurements_at_smoke(name):
    rows = measured(name, "smoke")
    numbers = [v for row in rows for v in row.values() if isinstance(v, float)]
    assert rows and all(v >= 0 for v in numbers)


class Dtypes(TorchDispatchMode):
    """Collects what torch's operations inside give, backward passes included."""

    def __enter__(self):
        self.seen = set()
        return super().__enter__()

    def __torch_dispatch__(self, function, types, arguments=(), named=None):
        found = function(*arguments, **(named or {}))
        self.seen |= {one.dtype for one in torch.utils._pytree.tree_leaves(found) if torch.is_tensor(one)}
        return found


@pytest.mark.parametrize("unit", [True, False])
def test_without_a_unit_nothing_is_bfloat16(unit, monkeypatch):
    """Neither what is computed nor what rows say; with one, both are."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": unit})
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    works = [lambda: recurrence.matrix_rate(16), lambda: recurrence.recurrence_rate(16, 2, 3, batch=4)]
    if not unit:  # one that is but claimed takes a minute
        works.append(lambda: recurrence.costs((4,), (3,), (16,)))
    for work in works:
        with Dtypes() as found:
            work()
        assert (torch.bfloat16 in found.seen) == unit and torch.float32 in found.seen
    for module in (recurrence, table):
        for name in ("matrix_rate", "recurrence_rate"):
            monkeypatch.setattr(module, name, lambda *_: 1.0)
    monkeypatch.setattr(ladder, "number_of_a_process", lambda *_: 1.0)
    monkeypatch.setattr(table, "training_step", lambda *_: {"ratio": 1.0})
    monkeypatch.setattr(training, "_losses", lambda *_: [1.0])
    for rows, plain in (
        (ladder.ladder(), "memory used again"),
        (recurrence.roofline((16,)), "hidden units"),
        (list(table.table(["step"])), "training step MOSES 2x512, fp32"),
        (list(table.table(["share"])), "share of the"),
        (training.precision_gap("MOSES 2x512"), "float32"),
    ):
        assert plain in str(rows) and ("bf16" in str(rows) or "bfloat16" in str(rows)) == unit


@pytest.mark.parametrize("name", list(MEASUREMENTS))
def test_measurements_are_recorded(name):
    assert measured(name, "recorded")


def test_verdicts():
    assert table.verdict("kernel sampling", 9.9) == "MISSED"
    assert table.verdict("kernel sampling", 10) == "reached"
    assert table.verdict("training step MOSES 2x512, bf16", 20) == "aim reached"
    assert table.verdict("peak memory of a step ZINC 1x1024", 1.1) == "MISSED"
    assert table.verdict("peak memory of a step ZINC 1x1024", 0.4) == "aim reached"


def test_precisions_stay_together():
    """What chapter 8 shows: over 2,000 steps the mean loss within one percent."""
    rows = measured("precision", "recorded")
    assert rows[-1]["step"] == 2_000
    loss = {name: sum(row[name] for row in rows) for name in ("float32", "bfloat16")}
    assert abs(loss["bfloat16"] / loss["float32"] - 1) < 0.01
    assert all(abs(row["bfloat16"] / row["float32"] - 1) < 0.03 for row in rows)


def test_a_rung_is_measured_in_its_own_process():
    (row,) = ladder.ladder(size=16, layers=1, steps=3, batch=4, rungs=ladder.RUNGS[:1])
    assert row["idea"] == "packed nn.GRU, mixed lengths" and row["sequences_per_s"] > 0


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_is_measured_in_processes_of_their_own():
    found = peak_memory.peak_memory("MOSES 2x512", steps=1, batch=64)
    assert min(found["baseline"], found["ours"]) > 100 and found["ratio"] == found["ours"] / found["baseline"]


def test_unknown_parts_are_named():
    with pytest.raises(
        ValueError, match="part is 'speed'; expected some of step, share, decode, sample, memory"
    ):
        next(table.table(["share", "speed"]))


def test_charts_hold_the_numbers():
    rows = measured("ladder", "recorded")
    fig = charts.ladder_bars(rows)
    assert list(fig.data[0].x) == [row["sequences_per_s"] for row in rows]
    rows = [{"minutes": 1.0, "exact": 0.1}, {"minutes": 2.0, "exact": 0.4}]
    ours, slower = charts.progress_lines({"A": rows}, {"A": 15.0}).data
    assert list(ours.y) == list(slower.y) == [10.0, 40.0]
    assert list(ours.x) == [1.0, 2.0] and list(slower.x) == [15.0, 30.0]
    assert len(charts.cost_lines(measured("costs", "recorded")).data) == 6
    assert len(charts.roofline_chart(measured("roofline", "recorded")).data) == 2
    assert len(charts.precision_lines(measured("precision", "recorded")).data) == 4
