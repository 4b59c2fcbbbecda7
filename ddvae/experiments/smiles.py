"""Runs on SMILES strings in a 64-D latent space."""

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch

from ..data.vocabulary import Vocabulary
from ..engine.precision import autocast
from ..evaluation.reconstruction import reconstruction
from ..models.vae import VAE
from ..molecules.datasets import MOSES, ZINC, Molecules, moses, zinc
from ..molecules.moses import validity
from ..molecules.smiles_files import LONGEST
from .preset import Preset, Recipe

__all__ = ["Smiles"]

EPOCH = 80_000
"""Molecules of an epoch at the short budgets."""
SAMPLES = {"smoke": 50, "laptop": 10_000, "hours": 30_000, "full": 30_000}
"""Decoded samples from the prior that a record keeps: MOSES' 30,000 where there is time."""
SNAPSHOT = {"smoke": 50, "laptop": 3_000, "hours": 10_000, "full": 30_000}
"""Those that a snapshot keeps."""


_VOCABULARIES = {"MOSES": MOSES, "ZINC": ZINC}


@dataclass(frozen=True)
class Smiles(Preset[VAE]):
    """SMILES strings in a 64-D latent space with a Gaussian prior.

    The published run needs hundreds of epochs on a GPU. At the smaller budgets another one, `short`,
    stands in: a higher learning rate that falls to 0, smaller batches, and a weight of the divergence
    that holds an accuracy.

    Args:
        collection: "MOSES" or "ZINC".
        hidden_size, num_layers: Of encoder and decoder.
        short: Recipe at the budgets below "full"; its epochs are `EPOCH` molecules.
        own: A user's molecules, which take the place of the collection.
        symbols: Of the user's vocabulary.
    """

    collection: str = "MOSES"
    hidden_size: int = 512
    num_layers: int = 2
    short: Recipe | None = None
    own: Molecules | None = None
    symbols: str | None = None
    compact: ClassVar[bool] = True
    not_settings: ClassVar[tuple[str, ...]] = (*Preset.not_settings, "short", "own")

    def recipe_at(self, budget: str) -> Recipe:
        return self.recipe if budget == "full" or self.short is None else self.short

    def on(self, own: Molecules) -> "Smiles":
        """The same model for a user's molecules and their vocabulary.

        Raises:
            ValueError: they are fewer than ten, a tenth of which is held out.
        """
        if len(own) < 10:
            raise ValueError(f"data holds {len(own)} molecules; expected 10 or more, to hold a tenth out")
        return replace(self, own=own, symbols=own.vocabulary.symbols)

    @classmethod
    def architecture_of(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        symbols = settings.get("symbols") or _VOCABULARIES[settings["collection"]].symbols
        sizes = {"length": LONGEST + 1, "latent_size": 64, "embedding_size": 64}
        sizes |= {name: settings[name] for name in ("hidden_size", "num_layers")}
        shape = {"proposal": settings["proposal"], "squash": settings["squash"], "prior": "standard-normal"}
        return {"name": "sequence-vae", "symbols": symbols, "ends": True} | sizes | shape

    @property
    def vocabulary(self) -> Vocabulary:
        return Vocabulary(self.symbols, ends=True) if self.symbols else _VOCABULARIES[self.collection]

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
        """Accuracy and nats on test molecules and, once 60 % come back, decoded samples from the prior.

        Returns:
            A structured scalar with `accuracy` in [0, 1], `kl` in nats, `samples` (N,) bytes.
        """
        model = copy.deepcopy(model).eval()
        strings: list[str] = []
        n, device = 50 if budget == "smoke" else 2_000, next(model.parameters()).device
        accelerators = [] if device.type == "cpu" else [device]
        with (
            torch.random.fork_rng(accelerators),
            torch.no_grad(),
            autocast(device, self.recipe.settings.precision),
        ):
            torch.manual_seed(0)  # training goes on as if nothing had been drawn
            found = reconstruction(model, self.molecules("test").sample(n))
            if found["accuracy"] >= 0.6:
                strings = self.vocabulary.decode(model.sample(SNAPSHOT[budget]))
        samples = np.array(strings, dtype=bytes)
        kinds = [("accuracy", "f8"), ("kl", "f8"), ("samples", samples.dtype, samples.shape)]
        return np.array((found["accuracy"], found["kl"], samples), dtype=kinds)

    def evaluate(self, model: VAE, budget: str) -> tuple[dict, dict]:
        few = budget == "smoke"
        test, train = self.molecules("test"), self.data(budget)
        n = 50 if few else 10_000
        torch.manual_seed(0)  # the same codes and samples whenever a record is evaluated
        with torch.no_grad(), autocast("cpu", self.recipe.settings.precision):
            on_test = reconstruction(model, test.sample(n))
            on_train = reconstruction(model, train.sample(n))
            samples = self.vocabulary.decode(model.sample(SAMPLES[budget]))
        results = {
            "sequence_accuracy": 100 * on_test["accuracy"],
            "train_accuracy": 100 * on_train["accuracy"],
            "kl_nats": on_test["kl"],
            "molecules": on_test["n"],
            "samples": len(samples),
        } | validity(samples)
        return results, {"samples": np.array(samples, dtype=bytes)}
