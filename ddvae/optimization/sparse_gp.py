"""Sparse Gaussian process on many codes: a few inducing points, the rest in closed form."""

import math
from dataclasses import asdict, dataclass, replace

import torch
from linear_operator.utils.cholesky import psd_safe_cholesky
from torch import Tensor

__all__ = ["Hyperparameters", "SparseGP"]

BLOCK = 2_048
"""Codes whose covariances with the inducing points are held at a time: as many as fit the caches."""
FLOOR = 1e-4
"""Least noise, as a share of the targets' variance: without it FITC explains all by its own residual."""


@dataclass(frozen=True)
class Hyperparameters:
    """All that is fitted by gradient, float64.

    Attributes:
        inducing: Inducing points (M, D).
        log_lengths: Logarithms of the length scales (D,) of the squared exponential.
        log_variance, log_noise, mean: Of the latent function, of what is added to it, its constant.
    """

    inducing: Tensor
    log_lengths: Tensor
    log_variance: Tensor
    log_noise: Tensor
    mean: Tensor

    @classmethod
    def guess(cls, x: Tensor, y: Tensor, inducing: int, seed: int) -> "Hyperparameters":
        """Random inducing points, length scales of the median distance between them (as published)."""
        chosen = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))[:inducing]
        points = x[chosen].clone()
        distances = torch.pdist(points[:500])
        length = distances.median() if len(distances) else torch.ones((), dtype=x.dtype)
        spread = y.var().log()
        return cls(
            points, length.log().expand(x.shape[1]).clone(), spread - 1.0, spread - 1.0, y.mean().clone()
        )

    def covariance(self, a: Tensor, b: Tensor) -> Tensor:
        """Covariances (..., A, B) of the latent function at a (..., A, D) and b (..., B, D)."""
        a, b = a / self.log_lengths.exp(), b / self.log_lengths.exp()
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

    Targets are as given: predictions and errors are in their units.

    Args:
        hyper: Fitted hyper-parameters.
        x: Codes (N, D).
        y: Targets (N,).

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
        self.hyper = hyper
        found = _statistics(hyper, x, y)
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
        """
        x, y = _checked(x, y)
        if not amplitude > 0:
            raise ValueError(f"amplitude is {amplitude}; expected a number above 0")
        if not y.var() > 0:
            raise ValueError(f"y holds {len(y)} times {y[0].item():g}; expected targets that differ")
        chosen = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed + 1))[:subset]
        hyper = start or Hyperparameters.guess(x, y, min(inducing, len(x)), seed)
        return cls(_climb(hyper, x[chosen], y[chosen], steps, amplitude), x, y)

    @torch.no_grad()
    def predict(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance (N,) of the latent function at codes (N, D)."""
        parts = [self.joint(part[:, None]) for part in x.double().split(BLOCK)]
        mean, covariance = (torch.cat(found) for found in zip(*parts))
        return mean[:, 0], covariance[:, 0, 0]

    def joint(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean (..., Q) and covariance (..., Q, Q) of the latent function at codes (..., Q, D).

        Gradients flow to x.
        """
        features = self.features(x)
        return self.mean(features), self.covariance(x, features, x, features)

    def features(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Features (..., Q, M) of codes (..., Q, D) for `covariance`: of the prior and of the posterior."""
        cross = self.hyper.covariance(self.hyper.inducing, x.double().reshape(-1, x.shape[-1]))
        a = torch.linalg.solve_triangular(self._factor, cross, upper=False)
        b = torch.linalg.solve_triangular(self._inner, a, upper=False)
        return tuple(part.T.reshape(*x.shape[:-1], -1) for part in (a, b))

    def mean(self, features) -> Tensor:
        """Posterior mean (..., Q) of codes with these features."""
        return self.hyper.mean + features[1] @ self._weights

    def covariance(self, x: Tensor, x_features, y: Tensor, y_features) -> Tensor:
        """Posterior covariances (..., Q, R) of codes x (..., Q, D) and y (..., R, D), by their features."""
        (a, b), (c, d) = x_features, y_features
        return self.hyper.covariance(x.double(), y.double()) - a @ c.mT + b @ d.mT

    @property
    def noise(self) -> float:
        """Variance of a target around the latent function."""
        return self.hyper.log_noise.exp().item()

    def judge(self, x: Tensor, y: Tensor) -> dict[str, float]:
        """Mean log-likelihood of targets (nats each) and root mean squared error, in their units."""
        x, y = _checked(x, y)
        mean, variance = self.predict(x)
        law = torch.distributions.Normal(mean, (variance + self.noise).sqrt())
        return {
            "log_likelihood": law.log_prob(y).mean().item(),
            "rmse": (y - mean).square().mean().sqrt().item(),
        }


def _checked(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    if x.dim() != 2 or y.shape != x.shape[:1] or len(y) < 2:
        raise ValueError(
            f"x and y have shapes {tuple(x.shape)} and {tuple(y.shape)}; expected (N, D) and (N,), N >= 2"
        )
    if not (x.isfinite().all() and y.isfinite().all()):
        raise ValueError("x or y holds entries that are no numbers; expected finite ones")
    return x.double(), y.double()


def _climb(hyper: Hyperparameters, x: Tensor, y: Tensor, steps: int, amplitude: float) -> Hyperparameters:
    floor, most = math.log(FLOOR) + y.var().log(), math.log(amplitude) + y.var().log()
    values = {name: value.clone().requires_grad_() for name, value in asdict(hyper).items()}
    optimizer = torch.optim.LBFGS(
        values.values(), max_iter=steps, history_size=20, line_search_fn="strong_wolfe"
    )

    def now() -> Hyperparameters:
        noise = torch.logaddexp(values["log_noise"], floor)
        variance = -torch.logaddexp(-values["log_variance"], -most)
        return replace(Hyperparameters(**values), log_noise=noise, log_variance=variance)

    def loss() -> Tensor:
        optimizer.zero_grad()
        negative = -_statistics(now(), x, y)["log_likelihood"] / len(x)
        negative.backward()
        return negative

    optimizer.step(loss)
    return Hyperparameters(**{name: value.detach() for name, value in vars(now()).items()})


def _statistics(hyper: Hyperparameters, x: Tensor, y: Tensor) -> dict[str, Tensor]:
    """FITC's log-likelihood of the targets, and what its posterior needs."""
    factor = hyper.factor()
    noise, size = hyper.log_noise.exp(), len(factor)
    inner = torch.eye(size, dtype=x.dtype)
    moment = torch.zeros(size, dtype=x.dtype)
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
    inner = psd_safe_cholesky(inner)
    weights = torch.linalg.solve_triangular(inner, moment[:, None], upper=False)[:, 0]
    volume = logarithms + 2 * inner.diagonal().log().sum() + len(x) * math.log(2 * math.pi)
    value = -(squares - weights.square().sum() + volume) / 2
    return {"log_likelihood": value, "factor": factor, "inner": inner, "weights": weights}
