"""Runs on SMILES strings in a 64-D latent space."""

import copy
import math
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch

from ..data.vocabulary import Vocabulary
from ..engine.precision import autocast
from ..evaluation.reconstruction import reconstruction
from ..models.networks import SequenceDecoder, SequenceEncoder
from ..models.priors import StandardNormal
from ..models.vae import VAE
from ..molecules.datasets import MOSES, ZINC, Molecules, moses, zinc
from ..molecules.moses import validity
from ..molecules.smiles_files import LONGEST
from ..training.settings import Run
from .preset import Preset

__all__ = ["Smiles"]

EPOCH = 80_000
"""Molecules of an epoch at the short budgets."""
SAMPLES = {"smoke": 50, "laptop": 10_000, "hours": 30_000, "full": 30_000}
"""Decoded draws of the prior that a record keeps: MOSES' 30,000 where there is time."""
SNAPSHOT = {"smoke": 50, "laptop": 3_000, "hours": 10_000, "full": 30_000}
"""Those that a snapshot keeps."""


@dataclass(frozen=True)
class Smiles(Preset):
    """SMILES strings in a 64-D latent space with a Gaussian prior.

    The published run needs hundreds of epochs on a GPU. At the smaller budgets another one, `short`,
    stands in: a higher learning rate that falls to 0, smaller batches, and a weight of the divergence
    that holds an accuracy.

    Args:
        collection: "MOSES" or "ZINC".
        hidden_size, num_layers: Of encoder and decoder.
        short: Settings at the budgets below "full"; its epochs are `EPOCH` molecules.
        own: A user's molecules, which take the place of the collection.
        symbols: Of the user's vocabulary.
    """

    collection: str = "MOSES"
    hidden_size: int = 512
    num_layers: int = 2
    short: Run | None = None
    own: Molecules | None = None
    symbols: str | None = None
    latent_size: ClassVar[int] = 64
    compact: ClassVar[bool] = True

    def base_run(self, budget: str) -> Run:
        return self.run if budget == "full" else self.short

    def describe(self, budget: str, seed: int) -> dict:
        return {k: v for k, v in super().describe(budget, seed).items() if k not in ("short", "own")}

    def under(self, reading: str) -> "Smiles":
        short = super(Smiles, replace(self, run=self.short)).under(reading).run
        return replace(super().under(reading), short=short)

    def restored(self, settings: dict) -> "Smiles":
        return replace(super().restored(settings), symbols=settings.get("symbols"))

    def on(self, own: Molecules) -> "Smiles":
        """The same model for a user's molecules and their vocabulary.

        Raises:
            ValueError: they are fewer than ten, a tenth of which is held out.
        """
        if len(own) < 10:
            raise ValueError(f"data holds {len(own)} molecules; expected 10 or more, to hold a tenth out")
        return replace(self, own=own, symbols=own.vocabulary.symbols)

    @property
    def vocabulary(self) -> Vocabulary:
        if self.symbols is not None:
            return Vocabulary(self.symbols, ends=True)
        return {"MOSES": MOSES, "ZINC": ZINC}[self.collection]

    def prior(self) -> StandardNormal:
        return StandardNormal(self.latent_size)

    def model(self) -> VAE:
        sizes = (len(self.vocabulary), self.latent_size, self.hidden_size, self.num_layers, 64)
        encoder = SequenceEncoder(*sizes, self.proposal, self.squash)
        decoder = SequenceDecoder(*sizes, length=LONGEST + 1, end=self.vocabulary.end)
        return VAE(encoder, decoder, self.prior())

    def molecules(self, split: str) -> Molecules:
        if self.own is not None:
            rest, held = self.own.halves(min(len(self.own) // 10, 10_000))
            return rest if split == "train" else held
        return {"MOSES": moses, "ZINC": zinc}[self.collection](split)

    def data(self, budget: str) -> Molecules:
        if budget == "smoke" and self.own is None:
            return self.molecules("test").first(32)
        molecules = self.molecules("train")
        return molecules if budget in ("smoke", "full") else replace(molecules, epoch_size=EPOCH)

    def snapshot_epochs(self, epochs: int) -> set[int]:
        return {math.ceil(epochs * i / 20) for i in range(1, 21)}

    def snapshot(self, model: VAE, budget: str) -> np.ndarray:
        """Accuracy and nats on test molecules and, once 60 % come back, decoded draws of the prior.

        Returns:
            A structured scalar with `accuracy` in [0, 1], `kl` in nats, `samples` (N,) bytes.
        """
        model = copy.deepcopy(model).eval()
        n, device = 50 if budget == "smoke" else 2_000, next(model.parameters()).device
        accelerators = [] if device.type == "cpu" else [device]
        with torch.random.fork_rng(accelerators), torch.no_grad(), autocast(device, self.run.precision):
            torch.manual_seed(0)  # training goes on as if nothing had been drawn
            found = reconstruction(model, self.molecules("test").drawn(n))
            samples = []
            if found["accuracy"] >= 0.6:
                samples = self.vocabulary.decode(model.sample(SNAPSHOT[budget]))
        samples = np.array(samples, dtype=bytes)
        kinds = [("accuracy", "f8"), ("kl", "f8"), ("samples", samples.dtype, samples.shape)]
        return np.array((found["accuracy"], found["kl"], samples), dtype=kinds)

    def evaluate(self, model: VAE, budget: str) -> tuple[dict, dict]:
        few = budget == "smoke"
        test, train = self.molecules("test"), self.data(budget)
        n = 50 if few else 10_000
        torch.manual_seed(0)  # the same codes and samples whenever a record is evaluated
        with torch.no_grad(), autocast("cpu", self.run.precision):
            on_test = reconstruction(model, test.drawn(n))
            on_train = reconstruction(model, train.drawn(n))
            samples = self.vocabulary.decode(model.sample(SAMPLES[budget]))
        results = {
            "sequence_accuracy": 100 * on_test["accuracy"],
            "train_accuracy": 100 * on_train["accuracy"],
            "kl_nats": on_test["kl"],
            "molecules": on_test["n"],
            "samples": len(samples),
        } | validity(samples)
        return results, {"samples": np.array(samples, dtype=bytes)}
