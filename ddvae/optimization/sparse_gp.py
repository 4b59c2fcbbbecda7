"""Sparse Gaussian process on many codes: a few inducing points, the rest in closed form."""

import copy
import math
import warnings
from dataclasses import dataclass

import torch
from linear_operator.utils.cholesky import psd_safe_cholesky
from linear_operator.utils.errors import NanError, NotPSDError
from linear_operator.utils.warnings import NumericalWarning
from torch import Tensor

from .descent import descend
from .standardization import ONE, Standardization

__all__ = ["Features", "Hyperparameters", "SparseGP"]

BLOCK = 2_048
"""Codes whose covariances with the inducing points are held at a time: as many as fit the caches."""
FLOOR = 1e-4
"""Least noise, as a share of the targets' variance: without it FITC explains all by its own residual."""
BOUND = 30.0
"""Fitted parameters stay within exp(±BOUND) spreads of the codes or targets: far from what data can tell."""
RESOLUTION = 1e-10
"""Least posterior variance, as a share of the prior's: below it there are rounding errors alone."""

Features = tuple[Tensor, Tensor]
"""Of the prior and of the posterior, each (..., Q, M): see `SparseGP.features`."""


@dataclass(frozen=True)
class Hyperparameters:
    """All that is fitted by gradient, float64, in the units of the codes and targets that the user gave.

    Attributes:
        inducing: Inducing points (M, D), in units of the codes.
        log_lengths: Logarithms of the length scales (D,) of the squared exponential, in units of the codes.
        log_variance, log_noise: Of the latent function and of what is added to it, logarithms of squared
            units of the targets: finite where the variances themselves would not be.
        mean: Constant of the latent function, in units of the targets.
    """

    inducing: Tensor
    log_lengths: Tensor
    log_variance: Tensor
    log_noise: Tensor
    mean: Tensor

    @classmethod
    def guess(cls, x: Tensor, y: Tensor, inducing: int, seed: int) -> "Hyperparameters":
        """Random inducing points, lengths of the median distance of those that differ (as published)."""
        chosen = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))[:inducing]
        points = x[chosen].clone()
        distances = torch.pdist(points[:500])
        distances = distances[distances > 0]
        length = distances.median() if len(distances) else torch.ones((), dtype=x.dtype)
        lengths, spread = length.log().expand(x.shape[1]).clone(), y.var().log()
        return cls(points, lengths, spread - 1.0, spread - 1.0, y.mean().clone())

    def enter(self, codes: Standardization, targets: Standardization) -> "Hyperparameters":
        """The same in these units."""
        return Hyperparameters(
            codes.enter(self.inducing),
            self.log_lengths - codes.log,
            self.log_variance - 2 * targets.log,
            self.log_noise - 2 * targets.log,
            targets.enter(self.mean),
        )

    def leave(self, codes: Standardization, targets: Standardization) -> "Hyperparameters":
        """Of what is in these units, back."""
        return Hyperparameters(
            codes.leave(self.inducing),
            self.log_lengths + codes.log,
            self.log_variance + 2 * targets.log,
            self.log_noise + 2 * targets.log,
            targets.leave(self.mean),
        )

    def covariance(self, a: Tensor, b: Tensor) -> Tensor:
        """Covariances (..., A, B) of the latent function at a (..., A, D) and b (..., B, D)."""
        # Squares lose the digits of small distances far from the origin, so the origin moves to the codes.
        origin, lengths = self.inducing.detach().median(0).values, self.log_lengths.exp()
        a, b = (a - origin) / lengths, (b - origin) / lengths
        squares = a.square().sum(-1)[..., :, None] + b.square().sum(-1)[..., None, :]
        distances = (squares - 2 * a @ b.mT).clamp_min(0)
        return torch.exp(self.log_variance - distances / 2)

    def factor(self) -> Tensor:
        """Cholesky factor (M, M) of the inducing points' covariance; a warning tells of more jitter."""
        own = self.covariance(self.inducing, self.inducing)
        jitter = 1e-6 * self.log_variance.exp().item()
        own = own + jitter * torch.eye(len(own), dtype=own.dtype)
        return psd_safe_cholesky(own, jitter=10 * jitter, max_tries=4)


class SparseGP:
    """Regression with a fully independent training conditional (FITC), its posterior in closed form.

    Targets of any size are scaled inside; predictions and errors are in their units, the nearest floats.

    Args:
        hyper: Fitted hyper-parameters.
        x: Codes (N, D).
        y: Targets (N,).

    Raises:
        ValueError: shapes that do not fit, entries that are no numbers, or hyper that gives no posterior.

    Source: Snelson and Ghahramani (2006); Kusner et al. (2017) fit the same model by stochastic gradients.

    >>> x = torch.linspace(-3, 3, 200).double()[:, None]
    >>> gp = SparseGP.fit(x, torch.sin(x[:, 0]), inducing=10)
    >>> mean, variance = gp.predict(torch.tensor([[0.5]]))
    >>> abs(mean.item() - math.sin(0.5)) < 0.01
    True
    """

    @torch.no_grad()
    def __init__(self, hyper: Hyperparameters, x: Tensor, y: Tensor):
        x, y = _checked(x, y)
        _check_hyper("hyper", hyper, x)
        self.hyper, self._targets = hyper, Standardization.of(y)
        self._inside = hyper.enter(ONE, self._targets)
        try:
            found = _statistics(self._inside, x, self._targets.enter(y))
        except (NanError, NotPSDError) as error:
            raise ValueError("hyper gives x and y no posterior; expected it fitted to such data") from error
        self._factor, self._inner, self._weights = found["factor"], found["inner"], found["weights"]

    @classmethod
    def fit(
        cls,
        x: Tensor,
        y: Tensor,
        inducing: int = 500,
        subset: int = 10_000,
        steps: int = 60,
        seed: int = 0,
        amplitude: float = math.inf,
        start: Hyperparameters | None = None,
    ) -> "SparseGP":
        """Hyper-parameters by L-BFGS on the likelihood of a random subset, the posterior from all data.

        Args:
            x: Codes (N, D).
            y: Targets (N,).
            inducing: Inducing points, no more than N.
            subset: Codes that the hyper-parameters are fitted to.
            steps: Of the optimiser.
            seed: Of the subset and the first inducing points.
            amplitude: Most variance of the latent function, in variances of the targets. Without a limit it
                fits best and nearly linearly; at 1 predictions far from data return to the mean.
            start: Hyper-parameters to go on from; None guesses.

        Raises:
            ValueError: shapes that do not fit, entries that are no numbers, or targets that are all the same.

        Warns:
            RuntimeWarning: the fit ended early; see `descend`.
        """
        x, y = _checked(x, y)
        for name, value in {"inducing": inducing, "subset": subset}.items():
            if value < 1:
                raise ValueError(f"{name} is {value}; expected a whole number from 1")
        if not amplitude > 0:
            raise ValueError(f"amplitude is {amplitude}; expected a number above 0")
        if (y == y[0]).all():
            raise ValueError(f"y holds {len(y)} times {y[0].item():g}; expected targets that differ")
        units = codes, targets = Standardization.of(x), Standardization.of(y)
        inside, known = codes.enter(x), targets.enter(y)
        if start is not None:
            _check_hyper("start", start, x)
        first = start.enter(*units) if start else Hyperparameters.guess(inside, known, inducing, seed)
        chosen = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed + 1))[:subset]
        hyper = _fitted(first, inside[chosen], known[chosen], steps, amplitude)
        return cls(hyper.leave(*units), x, y)

    @property
    def standard(self) -> "SparseGP":
        """The same in units in which the targets have mean 0 and deviation 1: no number of it overflows."""
        found = copy.copy(self)
        found.hyper, found._targets = self._inside, ONE
        return found

    @torch.no_grad()
    def predict(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance (N,) of the latent function at codes (N, D)."""
        parts = [self.standard.joint(part[:, None]) for part in x.double().split(BLOCK)]
        mean, covariance = (torch.cat(found) for found in zip(*parts))
        variance = covariance[:, 0, 0].clamp_min(RESOLUTION * self._inside.log_variance.exp())
        return self._targets.leave(mean[:, 0]), self._targets.variance(variance)

    def joint(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean (..., Q) and covariance (..., Q, Q) of the latent function at codes (..., Q, D).

        Gradients flow to x.
        """
        features = self.features(x)
        return self.mean(features), self.covariance(x, features, x, features)

    def features(self, x: Tensor) -> Features:
        """Features (..., Q, M) of codes (..., Q, D) for `covariance`: of the prior and of the posterior."""
        cross = self._inside.covariance(self._inside.inducing, x.double().reshape(-1, x.shape[-1]))
        a = torch.linalg.solve_triangular(self._factor, cross, upper=False)
        b = torch.linalg.solve_triangular(self._inner, a, upper=False)
        return tuple(part.T.reshape(*x.shape[:-1], -1) for part in (a, b))

    def mean(self, features: Features) -> Tensor:
        """Posterior mean (..., Q) of codes with these features."""
        return self._targets.leave(self._inside.mean + features[1] @ self._weights)

    def covariance(self, x: Tensor, x_features: Features, y: Tensor, y_features: Features) -> Tensor:
        """Posterior covariances (..., Q, R) of codes x (..., Q, D) and y (..., R, D), by their features."""
        (a, b), (c, d) = x_features, y_features
        return self._targets.square(self._inside.covariance(x.double(), y.double()) - a @ c.mT + b @ d.mT)

    @property
    def noise(self) -> float:
        """Variance of a target around the latent function."""
        return self._targets.variance(self._inside.log_noise.exp()).item()

    def judge(self, x: Tensor, y: Tensor) -> dict[str, float]:
        """Mean log-likelihood of targets (nats each) and root mean squared error, in their units."""
        x, y = _checked(x, y)
        mean, variance = self.standard.predict(x)
        inside = self._targets.enter(y)
        predicted = torch.distributions.Normal(mean, (variance + self.standard.noise).sqrt())
        error = (inside - mean).square().mean().sqrt()
        return {
            "log_likelihood": (predicted.log_prob(inside).mean() - self._targets.log).item(),
            "rmse": self._targets.size(error).item(),
        }


def _checked(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    x, y = x.detach().double(), y.detach().double()
    if x.dim() != 2 or y.shape != x.shape[:1] or len(y) < 2 or not x.shape[1]:
        raise ValueError(
            f"x and y have shapes {tuple(x.shape)} and {tuple(y.shape)}; expected (N, D) and (N,), N >= 2"
        )
    if not ((x.abs() < 1e300).all() and y.isfinite().all()):
        raise ValueError("x or y holds entries that are no numbers; expected finite ones, codes below 1e300")
    return x, y


def _check_hyper(name: str, hyper: Hyperparameters, x: Tensor) -> None:
    if hyper.inducing.shape[1:] != x.shape[1:]:
        shapes = f"{tuple(hyper.inducing.shape)} and x has shape {tuple(x.shape)}"
        raise ValueError(f"{name} has inducing points of shape {shapes}; expected (M, D) and (N, D)")


def _fitted(start: Hyperparameters, x: Tensor, y: Tensor, steps: int, amplitude: float) -> Hyperparameters:
    """The likeliest that a descent from start finds, all in units of standardised codes and targets."""

    def loss(values: dict[str, Tensor]) -> Tensor:
        try:
            return -_statistics(_bounded(values, amplitude), x, y)["log_likelihood"] / len(x)
        except (NanError, NotPSDError):
            return torch.tensor(math.nan)

    with warnings.catch_warnings():
        # a factor with more jitter is that of a poorer step
        warnings.simplefilter("ignore", NumericalWarning)
        return _bounded(descend(loss, vars(start), steps), amplitude)


def _bounded(values: dict[str, Tensor], amplitude: float) -> Hyperparameters:
    """Within BOUND; softly at the least noise and the amplitude, which fits do reach."""
    ends = {name: BOUND if name.startswith("log_") else math.exp(BOUND) for name in values}
    held = {name: value.clamp(-ends[name], ends[name]) for name, value in values.items()}
    least, most = values["mean"].new_tensor([FLOOR, amplitude]).log()
    held["log_noise"] = torch.logaddexp(held["log_noise"], least)
    held["log_variance"] = -torch.logaddexp(-held["log_variance"], -most)
    return Hyperparameters(**held)


def _statistics(hyper: Hyperparameters, x: Tensor, y: Tensor) -> dict[str, Tensor]:
    """FITC's log-likelihood of the targets, and what its posterior needs."""
    factor = hyper.factor()
    noise, size = hyper.log_noise.exp(), len(factor)
    inner, moment = torch.eye(size, dtype=x.dtype), torch.zeros(size, dtype=x.dtype)
    squares = logarithms = 0.0
    for part, target in zip(x.split(BLOCK), y.split(BLOCK)):
        cross = hyper.covariance(hyper.inducing, part)
        a = torch.linalg.solve_triangular(factor, cross, upper=False)
        residual = (hyper.log_variance.exp() - a.square().sum(0)).clamp_min(0) + noise
        gap = target - hyper.mean
        weighted = a / residual
        inner = inner + weighted @ a.T
        moment = moment + weighted @ gap
        squares = squares + (gap.square() / residual).sum()
        logarithms = logarithms + residual.log().sum()
    # Where the latent function is known very well, rounding hides the identity's part in this.
    inner = psd_safe_cholesky(inner, jitter=1e-14 * inner.diagonal().max().item(), max_tries=4)
    weights = torch.linalg.solve_triangular(inner, moment[:, None], upper=False)[:, 0]
    volume = logarithms + 2 * inner.diagonal().log().sum() + len(x) * math.log(2 * math.pi)
    likelihood = -(squares - weights.square().sum() + volume) / 2
    return {"log_likelihood": likelihood, "factor": factor, "inner": inner, "weights": weights}
