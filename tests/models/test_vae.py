"""Objectives: their parts, their weights, what they refuse."""

import math

import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal, kl_divergence

from ddvae import VAE, argmax_elbo, elbo, relaxed_elbo
from ddvae.data.batches import Batch
from ddvae.data.bits import six_bit_distribution
from ddvae.models.networks import SequenceDecoder, SequenceEncoder
from ddvae.models.objectives import moment_gap
from ddvae.models.priors import StandardNormal, UnitCube


def small_model(proposal="uniform", squash="tanh"):
    prior = UnitCube(2) if squash else StandardNormal(2)
    return VAE(
        SequenceEncoder(2, 2, 16, 1, 4, proposal, squash), SequenceDecoder(2, 2, 16, 1, 4, length=6), prior
    )


@pytest.fixture
def batch():
    tokens, probs = six_bit_distribution()
    return Batch(tokens, weights=probs * 64, repeats=torch.full((64,), 3))


OBJECTIVES = [
    pytest.param(elbo, id="elbo"),
    pytest.param(lambda m, b, **k: relaxed_elbo(m, b, temperature=0.1, **k), id="relaxed"),
    pytest.param(argmax_elbo, id="argmax"),
]


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_terms(objective, batch):
    model = small_model()
    terms = objective(model, batch, beta=0.3)
    assert all(t.shape == (64,) for t in terms[:4]) and not terms.kl_sampled
    assert torch.equal(terms.kl, kl_divergence(model.encode(batch.tokens), model.prior()))
    assert torch.allclose(terms.value, terms.reconstruction - 0.3 * terms.kl)
    assert ((terms.exact >= 0) & (terms.exact <= 1)).all()


@pytest.mark.parametrize("objective", OBJECTIVES[:2])
def test_mean_reduction_divides_the_reconstruction_alone(objective, batch):
    model = small_model()
    torch.manual_seed(1)
    total = objective(model, batch, beta=0.5)
    torch.manual_seed(1)
    mean = objective(model, batch, beta=0.5, reduction="mean")
    assert torch.equal(total.reconstruction, mean.reconstruction)
    assert torch.allclose(mean.value, total.reconstruction / 6 - 0.5 * total.kl)


@pytest.mark.parametrize("objective", OBJECTIVES[:2])
def test_moments_weigh_the_gap_of_the_aggregate(objective):
    """The gap is the divergence of two Gaussians, and its weight changes the value alone."""
    model, batch = small_model("gaussian", None).requires_grad_(False), Batch(six_bit_distribution()[0])
    torch.manual_seed(1)
    without = objective(model, batch)
    torch.manual_seed(1)
    weighed = objective(model, batch, moments=0.5)
    torch.manual_seed(1)
    z = model.encode(batch.tokens).rsample()
    own = Independent(Normal(z.mean(0), z.std(0, correction=0)), 1)
    gap = kl_divergence(own, model.prior())
    assert gap > 0 and moment_gap(z, model.prior()) == pytest.approx(gap.item(), rel=1e-5)
    assert torch.allclose(without.value - weighed.value, 0.5 * gap, rtol=1e-3)
    assert torch.equal(without.kl, weighed.kl) and torch.equal(without.reconstruction, weighed.reconstruction)


def test_exact_is_what_free_running_decoding_does(batch):
    """Teacher-forced and free-running greedy decoding agree on "the whole string is right"."""
    model = small_model()
    single = Batch(batch.tokens)
    torch.manual_seed(2)
    terms = elbo(model, single)
    torch.manual_seed(2)
    z = model.encode(single.tokens).rsample()
    assert torch.equal(terms.exact.bool(), (model.decode(z) == single.tokens).all(1))


def test_argmax_elbo_is_infinite_unless_exact(batch):
    terms = argmax_elbo(small_model(), Batch(batch.tokens))
    assert torch.equal(terms.value == -math.inf, terms.exact == 0)


def test_relaxed_elbo_reads_probabilities_or_their_logarithms(batch):
    model = small_model()
    values = []
    for scores in ("prob", "log_prob"):
        torch.manual_seed(3)
        values.append(relaxed_elbo(model, batch, 0.1, scores=scores).reconstruction)
    assert not torch.allclose(*values)
    with pytest.raises(ValueError, match="scores is 'logits'; expected 'prob' or 'log_prob'"):
        relaxed_elbo(model, batch, 0.1, scores="logits")


def test_repeats_average_codes(batch):
    """4 strings x 1,000 to 3,000 codes against single ones; 5 standard errors, 3e-6 false alarms."""
    model = small_model()
    with torch.no_grad():
        many = elbo(model, Batch(batch.tokens[:4], repeats=torch.tensor([2000, 1000, 3000, 2000])))
        rows = torch.stack([elbo(model, Batch(batch.tokens[:4])).reconstruction for _ in range(400)])
    error = rows.std(0) * (1 / 400 + 1 / 1000) ** 0.5
    assert ((many.reconstruction - rows.mean(0)).abs() < 5 * error).all()


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_padding_does_not_count(objective):
    """Neither what it holds nor that it is there: strings of four tokens, padded to six and not at all."""
    model = small_model()
    tokens, mask = torch.randint(2, (8, 6)), torch.arange(6).expand(8, 6) < 4
    found = []
    for batch in (
        Batch(tokens, mask),
        Batch(torch.where(mask, tokens, 1 - tokens), mask),
        Batch(tokens[:, :4]),
    ):
        torch.manual_seed(1)
        found.append(objective(model, batch))
    for terms in found[1:]:
        for name in ("value", "reconstruction", "kl", "exact"):
            torch.testing.assert_close(getattr(terms, name), getattr(found[0], name))


def test_a_divergence_without_closed_form_is_sampled_and_says_so(batch):
    class Mixture(torch.nn.Module):
        def forward(self):
            parts = Independent(Normal(torch.randn(3, 2, generator=torch.Generator().manual_seed(0)), 1.0), 1)
            return MixtureSameFamily(Categorical(torch.ones(3)), parts)

    model = small_model("gaussian", None)
    model.prior = Mixture()
    terms = elbo(model, Batch(batch.tokens))
    assert terms.kl_sampled and terms.kl.isfinite().all()
    with pytest.raises(ValueError, match="repeats need a registered divergence"):
        elbo(model, batch)


def test_prior_samples_decode():
    model = small_model()
    samples = model.sample(10)
    assert samples.shape == (10, 6) and ((samples == 0) | (samples == 1)).all()


def test_wrong_reduction(batch):
    with pytest.raises(ValueError, match="reduction is 'max'; expected 'sum' or 'mean'"):
        elbo(small_model(), batch, reduction="max")


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_wrong_token(objective):
    model = small_model()
    tokens = torch.zeros(2, 6, dtype=torch.long)
    tokens[1, 3] = 7
    with pytest.raises(ValueError, match=r"a token is 7; expected values in \[0, 2\)"):
        objective(model, Batch(tokens))
