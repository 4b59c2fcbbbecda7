"""The published runs, and ours beyond them, as presets with budgets."""

from ...experiments.bricks import Bricks
from ...experiments.digits import Digits
from ...experiments.preset import READINGS, Preset
from ...mathematics.kernels import KERNELS
from ...training.schedules import Cosine, Linear, LogLinear, Piecewise, Step
from ...training.settings import Run
from .smiles_presets import published_smiles
from .variations import switched, variations

__all__ = ["PRESETS"]


_RELEASED_RATE = Step(5e-3, factor=0.5, every=20)
_DIGITS_TEMPERATURE = LogLinear(0.01, 1e-3, begin=0, finish=100)
_BRICKS_EPOCHS = {"smoke": 1, "laptop": 6}


def _released_squash(proposal: str) -> str | None:
    return None if proposal == "gaussian" else READINGS["released"]["squash"]


def _published_bricks(title: str, proposal: str, beta: float, temperature: LogLinear | None) -> Bricks:
    return Bricks(
        title,
        "Section 4.1, released settings",
        proposal,
        Run(
            epochs=100,
            learning_rate=_RELEASED_RATE,
            beta=Linear(0.0, beta, begin=2, finish=100),
            temperature=temperature,
            scores=None if temperature is None else READINGS["released"]["scores"],
            reduction=READINGS["released"]["reduction"],
            clip_value=2.0,
        ),
        squash=_released_squash(proposal),
        epochs=_BRICKS_EPOCHS,
        seeds=5,
    )


def _published_digits(
    title: str,
    proposal: str,
    beta: float,
    temperature: LogLinear | None = None,
    clip_value: float | None = None,
    upright: bool = False,
) -> Digits:
    return Digits(
        title,
        "beyond the paper" if upright else "Section 4.2, released settings",
        proposal,
        Run(
            epochs=150,
            learning_rate=_RELEASED_RATE,
            beta=Linear(1e-5, beta, begin=4, finish=100),
            temperature=temperature,
            scores=None if temperature is None else READINGS["released"]["scores"],
            reduction=READINGS["released"]["reduction"],
            clip_value=clip_value,
        ),
        squash=_released_squash(proposal),
        epochs={"smoke": 1, "laptop": 15},
        seeds=5,
        upright=upright,
    )


def _packed_bricks(kernel: str) -> Bricks:
    epochs = 60
    return Bricks(
        f"DD-VAE {kernel}, exact expectation",
        "beyond the paper",
        kernel,
        Run(
            epochs=epochs,
            learning_rate=Cosine(3e-3, warmup=1, finish=epochs),
            beta=Piecewise(((1, 0.0), (0.3 * epochs, 3.0), (0.6 * epochs, 3.0), (0.9 * epochs, 1.0))),
            temperature=LogLinear(0.2, 1e-4, begin=0, finish=0.9 * epochs),
            scores="log_prob",
            clip_norm=1.0,
        ),
        squash="tanh",
        epochs={"smoke": 1, "laptop": 4},
        codes=96,
    )


def _laid_out_bricks(kernel: str) -> Bricks:
    epochs = 30
    return Bricks(
        f"DD-VAE {kernel}, optimal layout",
        "beyond the paper",
        kernel,
        Run(
            epochs=epochs,
            learning_rate=Cosine(3e-3, warmup=1, finish=epochs),
            temperature=LogLinear(0.3, 1e-3, begin=0, finish=0.8 * epochs),
            scores="log_prob",
            clip_norm=1.0,
        ),
        squash="tanh",
        epochs={"smoke": 1, "laptop": 10},
        codes=128,
        layout=0.985,
    )


PRESETS: dict[str, Preset] = {
    "bricks-ddvae-uniform": _published_bricks(
        "DD-VAE U/U", "uniform", 1.0, LogLinear(0.1, 1e-3, begin=0, finish=100)
    ),
    "bricks-ddvae-tricube": _published_bricks(
        "DD-VAE U/T", "tricube", 0.1, LogLinear(0.1, 1e-2, begin=0, finish=100)
    ),
    "bricks-vae-gaussian": _published_bricks("VAE", "gaussian", 0.1, None),
    "mnist-ddvae-uniform": _published_digits("DD-VAE", "uniform", 0.05, temperature=_DIGITS_TEMPERATURE),
    "mnist-vae-gaussian": _published_digits("VAE", "gaussian", 0.005, clip_value=10.0),
    "mnist-ddvae-upright": _published_digits(
        "DD-VAE, upright digits", "uniform", 0.05, upright=True, temperature=_DIGITS_TEMPERATURE
    ),
    **{f"bricks-packed-{kernel}": _packed_bricks(kernel) for kernel in KERNELS},
    **{f"bricks-layout-{kernel}": _laid_out_bricks(kernel) for kernel in ("uniform", "tricube")},
    **published_smiles(),
    **variations(),
}
"""Training runs by name."""
PRESETS |= switched(PRESETS["bricks-ddvae-uniform"], PRESETS["bricks-ddvae-tricube"])
