"""Presets that differ from another in one thing: for Table 3 beyond the paper, and for the audit."""

from dataclasses import dataclass, replace

from ...experiments.preset import READINGS, Preset
from ...experiments.smiles import Smiles
from ...training.schedules import HoldAccuracy, Linear, LogLinear, Piecewise, stretch
from ...training.settings import FineTuning
from .smiles_presets import published_smiles

__all__ = ["SWITCHES", "VARIATIONS", "switched", "variations"]

EPOCHS = 28
"""Of `molecules.EPOCH` molecules: less than half of a sweep, so that six fit into an hour or two."""


@dataclass(frozen=True)
class _Change:
    """One idea to change in the common recipe: `title` says it, `settings` are fields of `Run`."""

    title: str
    settings: dict


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
    "best: longer fall and weights averaged", VARIATIONS["fall"].settings | VARIATIONS["averaged"].settings
)


def variations() -> dict[str, Smiles]:
    """DD-VAE (T) of the sweeps' size with each change."""
    sweep = published_smiles()["moses-sweep-ddvae-triweight"]
    shorter = {
        name: stretch(getattr(sweep.short, name), EPOCHS / sweep.short.epochs)
        for name in ("learning_rate", "temperature")
    }
    common = replace(sweep.short, epochs=EPOCHS, beta=_falling(0.7), **shorter)
    return {
        f"moses-variation-{word}": replace(
            sweep,
            title=f"DD-VAE (T), {change.title}",
            source="beyond the paper",
            run=replace(common, **change.settings),
            short=replace(common, **change.settings),
            epochs={"smoke": 2, "laptop": 12},
            seeds=1,
        )
        for word, change in VARIATIONS.items()
    }


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


def switched(uniform: Preset, tricube: Preset) -> dict[str, Preset]:
    """The released runs on six-bit strings, each with one thing as in the paper's text.

    Args:
        uniform: DD-VAE U/U, the one to switch but for beta, which it has as in the text.
        tricube: DD-VAE U/T.
    """
    text = READINGS["paper"]
    changed = {
        name: replace(uniform, run=replace(uniform.run, **{name: text[name]}))
        for name in ("scores", "reduction")
    }
    changed["squash"] = replace(uniform, squash=text["squash"])
    changed["text"] = uniform.under("paper")
    changed["beta"] = replace(tricube, run=replace(tricube.run, beta=replace(tricube.run.beta, end=1.0)))
    rate = uniform.run.learning_rate(uniform.run.epochs)
    changed["tuned"] = replace(uniform, run=replace(uniform.run, fine_tuning=FineTuning(20, rate)))
    linear = Linear(**vars(uniform.run.temperature))
    changed["linear"] = replace(uniform, run=replace(uniform.run, temperature=linear))
    return {
        f"bricks-switch-{word}": replace(
            preset, title=f"{preset.title}, {SWITCHES[word]}", source="the audit", seeds=3
        )
        for word, preset in changed.items()
    }
