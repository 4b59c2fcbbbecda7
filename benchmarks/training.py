"""What makes a training step on six-bit strings fast, each against the plain way."""

import torch
from timing import ratio, show

from ddvae.data.batches import Batch
from ddvae.data.bits import six_bit_sample
from ddvae.experiments.record import recorded
from ddvae.papers.dd_vae.presets import PRESETS

NAME = "bricks-ddvae-uniform"


def step(model, optimizer, batch: Batch, epoch: float = 99.0) -> None:
    terms = PRESETS[NAME].recipe.objective(model, batch, epoch)
    weights = 1.0 if batch.weights is None else batch.weights
    optimizer.zero_grad()
    (-(weights * terms.value).mean()).backward()
    optimizer.step()


def distinct_strings() -> dict[str, float]:
    """The encoder runs once a distinct string, not once a draw."""
    model = PRESETS[NAME].model()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-5)
    batch = next(six_bit_sample().batches(0, 512, 0))
    rows = Batch(batch.tokens.repeat_interleave(batch.repeats, 0))
    return ratio(lambda: step(model, optimizer, rows), lambda: step(model, optimizer, batch))


def denormal_numbers() -> dict[str, float]:
    """A trained model's gradients are full of numbers below 1e-38; `fit` counts them as 0."""
    model = recorded(NAME)[0].model()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.0)
    batch = next(six_bit_sample().batches(0, 512, 0))

    def work(flush: bool) -> None:
        torch.set_flush_denormal(flush)
        step(model, optimizer, batch)
        torch.set_flush_denormal(False)

    return ratio(lambda: work(False), lambda: work(True))


if __name__ == "__main__":
    torch.manual_seed(0)
    print("one step, 512 strings: plain, ours, ratio")
    show("encoder once a distinct string", distinct_strings())
    show("denormal numbers as 0, end of training", denormal_numbers())
