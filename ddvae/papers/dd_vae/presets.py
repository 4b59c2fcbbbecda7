"""The published runs on strings and images, ours beyond them, and all presets of the paper by name."""

from ...experiments.bricks import Bricks
from ...experiments.digits import Digits
from ...experiments.preset import Preset, Recipe
from ...mathematics.kernels import KERNELS
from ...training.annealed_objectives import AnnealedRelaxedELBO
from ...training.schedules import Cosine, Linear, LogLinear, Piecewise, Step
from ...training.settings import Settings
from .readings import READINGS, objective
from .smiles_presets import published_smiles
from .variations import switched, variations

__all__ = ["PRESETS"]

_RELEASED_RATE = Step(5e-3, factor=0.5, every=20)
_DIGITS_TEMPERATURE = LogLinear(0.01, 1e-3, begin=0, finish=100)


def _released_squash(proposal: str) -> str | None:
    return None if proposal == "gaussian" else READINGS["released"]["squash"]


def _published_bricks(
    name: str, title: str, proposal: str, beta: float, temperature: LogLinear | None
) -> Bricks:
    settings = Settings(epochs=100, learning_rate=_RELEASED_RATE, clip_value=2.0)
    falling = objective("released", Linear(0.0, beta, begin=2, finish=100), temperature)
    return Bricks(
        name,
        title,
        "Section 4.1, released settings",
        proposal,
        Recipe(settings, falling),
        squash=_released_squash(proposal),
        epochs={"smoke": 1, "laptop": 6},
        seeds=5,
    )


def _published_digits(
    name: str,
    title: str,
    proposal: str,
    beta: float,
    temperature: LogLinear | None = None,
    clip_value: float | None = None,
    upright: bool = False,
) -> Digits:
    settings = Settings(epochs=150, learning_rate=_RELEASED_RATE, clip_value=clip_value)
    return Digits(
        name,
        title,
        "beyond the paper" if upright else "Section 4.2, released settings",
        proposal,
        Recipe(settings, objective("released", Linear(1e-5, beta, begin=4, finish=100), temperature)),
        squash=_released_squash(proposal),
        epochs={"smoke": 1, "laptop": 15},
        seeds=5,
        upright=upright,
    )


def _packed_bricks(kernel: str) -> Bricks:
    epochs = 60
    beta = Piecewise(((1, 0.0), (0.3 * epochs, 3.0), (0.6 * epochs, 3.0), (0.9 * epochs, 1.0)))
    falling = LogLinear(0.2, 1e-4, begin=0, finish=0.9 * epochs)
    return Bricks(
        f"bricks-packed-{kernel}",
        f"DD-VAE {kernel}, exact expectation",
        "beyond the paper",
        kernel,
        Recipe(
            Settings(epochs, Cosine(3e-3, warmup=1, finish=epochs), clip_norm=1.0),
            AnnealedRelaxedELBO(beta, temperature=falling, scores="log_prob"),
        ),
        squash="tanh",
        epochs={"smoke": 1, "laptop": 4},
        codes=96,
    )


def _laid_out_bricks(kernel: str) -> Bricks:
    epochs = 30
    falling = LogLinear(0.3, 1e-3, begin=0, finish=0.8 * epochs)
    return Bricks(
        f"bricks-layout-{kernel}",
        f"DD-VAE {kernel}, optimal layout",
        "beyond the paper",
        kernel,
        Recipe(
            Settings(epochs, Cosine(3e-3, warmup=1, finish=epochs), clip_norm=1.0),
            AnnealedRelaxedELBO(temperature=falling, scores="log_prob"),
        ),
        squash="tanh",
        epochs={"smoke": 1, "laptop": 10},
        codes=128,
        layout=0.985,
    )


def _published() -> tuple[list[Bricks], list[Digits]]:
    """The runs of Sections 4.1 and 4.2, and digits made upright."""
    falling, further = (LogLinear(0.1, end, begin=0, finish=100) for end in (1e-2, 1e-3))
    kernel = ("uniform", 0.05, _DIGITS_TEMPERATURE)
    bricks = [
        _published_bricks("bricks-ddvae-uniform", "DD-VAE U/U", "uniform", 1.0, further),
        _published_bricks("bricks-ddvae-tricube", "DD-VAE U/T", "tricube", 0.1, falling),
        _published_bricks("bricks-vae-gaussian", "VAE", "gaussian", 0.1, None),
    ]
    return bricks, [
        _published_digits("mnist-ddvae-uniform", "DD-VAE", *kernel),
        _published_digits("mnist-vae-gaussian", "VAE", "gaussian", 0.005, clip_value=10.0),
        _published_digits("mnist-ddvae-upright", "DD-VAE, upright digits", *kernel, upright=True),
    ]


def _presets() -> list[Preset]:
    bricks, digits = _published()
    uniform, tricube, _ = bricks
    packed = [_packed_bricks(kernel) for kernel in KERNELS]
    laid_out = [_laid_out_bricks(kernel) for kernel in ("uniform", "tricube")]
    smiles = published_smiles()
    published = [*bricks, *digits, *packed, *laid_out]
    return [*published, *smiles, *variations(smiles), *switched(uniform, tricube)]


PRESETS: dict[str, Preset] = {preset.name: preset for preset in _presets()}
"""Training runs by name."""
