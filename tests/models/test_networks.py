"""Encoders and decoders."""

import pytest
import torch
from torch.distributions import Independent

from ddvae.models.networks import (
    UNDEFINED,
    DenseDecoder,
    DenseEncoder,
    ProposalHead,
    SequenceDecoder,
    SequenceEncoder,
    unique_argmax,
)


def sequence_decoder(length=5):
    return SequenceDecoder(4, 3, 16, 2, 8, length)


HEADS = [("gaussian", None), ("tricube", None), ("tricube", "tanh"), ("tricube", "sigmoid")]


@pytest.mark.parametrize(("proposal", "squash"), HEADS)
def test_encoders_return_proposals(proposal, squash):
    tokens = torch.randint(2, (7, 12))
    for encoder in (
        SequenceEncoder(2, 3, 16, 2, 8, proposal, squash),
        DenseEncoder((12, 10, 6), 3, proposal, squash),
    ):
        q = encoder(tokens)
        assert isinstance(q, Independent) and q.batch_shape == (7,) and q.event_shape == (3,)
        if squash is not None:
            assert (q.mean.abs() + q.base_dist.scale <= 1).all()


@pytest.mark.parametrize(("proposal", "squash"), HEADS)
@pytest.mark.parametrize("log_scale", [-90.0, -1000.0, 200.0])
def test_extreme_scales_stay_valid_and_can_come_back(proposal, squash, log_scale):
    """Also where denormal numbers count as 0, as in training."""
    torch.set_flush_denormal(True)
    try:
        head = ProposalHead(4, 2, proposal, squash)
        with torch.no_grad():
            head.linear.bias.copy_(torch.tensor([-10.0, 3.0, log_scale, log_scale]))
        q = head(torch.randn(50, 4)).base_dist
        assert (q.scale > 0).all() and q.scale.isfinite().all()
        q.scale.log().sum().backward()
        gradient = head.linear.bias.grad[2:]
        assert gradient.isfinite().all() and ((gradient > 0).all() or (squash and log_scale > 0))
    finally:
        torch.set_flush_denormal(False)


def test_an_encoder_sees_each_row_alone():
    encoder = SequenceEncoder(2, 3, 16, 2, 8, "uniform").eval()
    tokens = torch.randint(2, (7, 12))
    alone = torch.cat([encoder(row[None]).mean for row in tokens])
    assert torch.allclose(encoder(tokens).mean, alone, atol=1e-6)


def test_scores_are_log_probabilities():
    for decoder, tokens in (
        (sequence_decoder(), torch.randint(4, (7, 5))),
        (DenseDecoder((3, 8, 5)), torch.randint(2, (7, 5))),
    ):
        log_probs = decoder.score_tokens(torch.randn(7, 3), tokens)
        assert log_probs.shape[:2] == (7, 5)
        assert torch.allclose(log_probs.exp().sum(-1), torch.ones(7, 5), atol=1e-5)


def test_teacher_forcing_does_not_see_the_future():
    decoder, z = sequence_decoder(), torch.randn(7, 3)
    tokens = torch.randint(4, (7, 5))
    changed = tokens.clone()
    changed[:, 3] = (changed[:, 3] + 1) % 4
    a, b = decoder.score_tokens(z, tokens), decoder.score_tokens(z, changed)
    assert torch.equal(a[:, :4], b[:, :4]) and not torch.equal(a[:, 4], b[:, 4])


def test_greedy_decoding_is_the_argmax_of_its_own_scores():
    decoder, z = sequence_decoder(), torch.randn(50, 3)
    tokens = decoder.decode(z)
    assert torch.equal(decoder.score_tokens(z, tokens).argmax(-1), tokens)


def test_sampling_has_the_law():
    """Bound of 5 standard errors on 4 shares: 2e-6 false alarms."""
    decoder = sequence_decoder(length=1)
    z = torch.randn(1, 3)
    probs = decoder.score_tokens(z, torch.zeros(1, 1, dtype=torch.long)).exp()[0, 0]
    share = decoder.sample_tokens(z.expand(40_000, 3)).flatten().bincount(minlength=4) / 40_000
    assert ((share - probs).abs() < 5 * (probs * (1 - probs) / 40_000).sqrt()).all()


def test_ties_are_undefined():
    scores = torch.tensor([[0.2, 0.5, 0.3], [0.4, 0.4, 0.2], [0.1, 0.45, 0.45]])
    assert unique_argmax(scores).tolist() == [1, UNDEFINED, UNDEFINED]


def test_a_tie_makes_the_rest_undefined():
    decoder = sequence_decoder()
    with torch.no_grad():
        for parameter in decoder.scores.parameters():
            parameter.zero_()
    assert (decoder.decode(torch.randn(3, 3)) == UNDEFINED).all()


def test_a_tied_pixel_is_undefined_alone():
    decoder = DenseDecoder((3, 8, 5))
    with torch.no_grad():
        decoder.logits[-1].weight[2] = 0
        decoder.logits[-1].bias[2] = 0
    undefined = (decoder.decode(torch.randn(4, 3)) == UNDEFINED).any(0)
    assert undefined.tolist() == [False, False, True, False, False]


def test_double_precision():
    tokens = torch.randint(2, (3, 12))
    for encoder in (SequenceEncoder(2, 3, 16, 2, 8, "uniform"), DenseEncoder((12, 6), 3, "uniform")):
        assert encoder.double()(tokens).mean.dtype == torch.float64


def test_wrong_squash():
    with pytest.raises(ValueError, match="squash is 'tahn'; expected None, 'tanh' or 'sigmoid'"):
        ProposalHead(4, 2, "uniform", "tahn")
    with pytest.raises(ValueError, match="squash is 'tanh'; expected None, for a Gaussian"):
        ProposalHead(4, 2, "gaussian", "tanh")


@pytest.mark.parametrize(("token", "message"), [(5, r"a token is 5; expected"), (-1, r"a token is -1;")])
def test_an_encoder_names_a_wrong_token(token, message):
    with pytest.raises(ValueError, match=message):
        SequenceEncoder(2, 3, 16, 2, 8, "uniform")(torch.tensor([[0, token]]))


def test_wrong_proposal():
    with pytest.raises(ValueError, match="proposal is 'unifrom'; expected one of gaussian, uniform"):
        DenseEncoder((4, 2), 2, "unifrom")
