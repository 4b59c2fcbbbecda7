"""Presets that differ from another in one thing: for Table 3 beyond the paper, and for the audit."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ...experiments.bricks import Bricks
from ...experiments.smiles import Smiles
from ...training.schedules import HoldAccuracy, Linear, LogLinear, Piecewise
from ...training.settings import FineTuning
from .readings import READINGS, under

__all__ = ["SWITCHES", "VARIATIONS", "switched", "variations"]

EPOCHS = 28
"""Of `molecules.EPOCH` molecules: less than half of a sweep, so that six fit into an hour or two."""


@dataclass(frozen=True)
class _Change:
    """One idea to change in the common recipe: `title` says it, `settings` are fields of a `Recipe`."""

    title: str
    settings: Mapping[str, Any]


def _falling(begin: float) -> HoldAccuracy:
    """A weight that aims at 90 % accuracy for that share of the run, and then lower, down to 68 %.

    No run so short gets near 90 %, so the weight stays at its least until then, as in the sweeps.
    """
    return HoldAccuracy(Piecewise(((0, 0.9), (begin * EPOCHS, 0.9), (EPOCHS, 0.68))), start=0.0015)


VARIATIONS = {
    "common": _Change("common recipe", {}),
    "fall": _Change(
        "longer fall of accuracy, at low temperature",
        {"temperature": LogLinear(0.2, 0.1, begin=0, finish=0.2 * EPOCHS), "beta": _falling(0.4)},
    ),
    "flat": _Change(
        "learning rate without decay",
        {"learning_rate": Linear(0.0, 3e-3, begin=0, finish=0.03 * EPOCHS)},
    ),
    "batch": _Change("batches of 256", {"batch_size": 256}),
    "moments": _Change("moments of each batch matched", {"moments": 0.02}),
    "averaged": _Change("weights averaged", {"averaging": 0.999}),
}
"""By the last word of a preset's name, `moses-variation-<word>`."""
VARIATIONS["best"] = _Change(
    "best: longer fall and weights averaged",
    {**VARIATIONS["fall"].settings, **VARIATIONS["averaged"].settings},
)


def variations(smiles: list[Smiles]) -> list[Smiles]:
    """DD-VAE (T) of the sweeps' size with each change.

    Args:
        smiles: Among them the sweep `moses-sweep-ddvae-triweight`.
    """
    sweep = next(preset for preset in smiles if preset.name == "moses-sweep-ddvae-triweight")
    common = sweep.recipe.over(EPOCHS).changed(beta=_falling(0.7))
    changed = {word: common.changed(**change.settings) for word, change in VARIATIONS.items()}
    return [
        replace(
            sweep,
            name=f"moses-variation-{word}",
            title=f"DD-VAE (T), {VARIATIONS[word].title}",
            source="beyond the paper",
            recipe=recipe,
            short=recipe,
            epochs={"smoke": 2, "laptop": 12},
            seeds=1,
        )
        for word, recipe in changed.items()
    ]


SWITCHES = {
    "scores": "probabilities compared",
    "reduction": "sums over positions",
    "squash": "tanh of the whole argument",
    "text": "all three as in the text",
    "beta": "beta up to 1",
    "tuned": "decoder fine-tuned",
    "linear": "temperature falling linearly",
}
"""What the paper's text has or speaks of and the released code has not, by the last word of
`bricks-switch-<word>`."""


def switched(uniform: Bricks, tricube: Bricks) -> list[Bricks]:
    """The released runs on six-bit strings, each with one thing as in the paper's text.

    Args:
        uniform: DD-VAE U/U, the one to switch but for beta, which it has as in the text.
        tricube: DD-VAE U/T.
    """
    text, recipe = READINGS["paper"], uniform.recipe
    annealed: tuple[Any, Any] = (uniform.recipe.objective, tricube.recipe.objective)
    rate = recipe.settings.rate(recipe.settings.epochs)
    linear = Linear(**vars(annealed[0].temperature))
    whole = replace(annealed[1].beta, end=1.0)
    changed = {
        "scores": replace(uniform, recipe=recipe.changed(scores=text["scores"])),
        "reduction": replace(uniform, recipe=recipe.changed(reduction=text["reduction"])),
        "squash": replace(uniform, squash=text["squash"]),
        "text": under(uniform, "paper"),
        "beta": replace(tricube, recipe=tricube.recipe.changed(beta=whole)),
        "tuned": replace(uniform, recipe=recipe.changed(fine_tuning=FineTuning(20, rate))),
        "linear": replace(uniform, recipe=recipe.changed(temperature=linear)),
    }
    return [
        replace(
            preset,
            name=f"bricks-switch-{word}",
            title=f"{preset.title}, {SWITCHES[word]}",
            source="the audit",
            seeds=3,
        )
        for word, preset in changed.items()
    ]
