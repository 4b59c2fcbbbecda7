"""Where to look next in a latent space: acquisitions over a sparse Gaussian process, higher is better."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from botorch.acquisition.acquisition import AcquisitionFunction
from botorch.acquisition.analytic import LogExpectedImprovement, PosteriorMean
from botorch.acquisition.logei import qLogExpectedImprovement
from botorch.generation import MaxPosteriorSampling
from botorch.models.model import Model
from botorch.optim import optimize_acqf
from botorch.posteriors import GPyTorchPosterior
from botorch.sampling.normal import SobolQMCNormalSampler
from gpytorch.distributions import MultivariateNormal
from torch import Tensor

from .sparse_gp import Features, SparseGP

__all__ = ["ACQUISITIONS", "Box", "View", "next_codes"]

GRID = 10_000
"""Random codes whose predictions start a search, as published."""
ELITE = 20
"""Best known codes around which the modern acquisitions look."""


@dataclass(frozen=True)
class Box:
    """Codes between two corners, low and high (D,)."""

    low: Tensor
    high: Tensor

    def __post_init__(self) -> None:
        if self.low.shape != self.high.shape or not (self.low < self.high).all():
            ends = f"low is {self.low.tolist()} and high is {self.high.tolist()}"
            raise ValueError(f"{ends:.200}; expected low < high in every dimension")

    @classmethod
    def around(cls, codes: Tensor) -> "Box":
        """The smallest box that holds codes (N, D): the published search space."""
        return cls(codes.double().amin(0), codes.double().amax(0))

    @classmethod
    def spread(cls, codes: Tensor, deviations: float) -> "Box":
        """Around the mean of codes (N, D), so many of their standard deviations to each side."""
        mean, reach = codes.double().mean(0), deviations * codes.double().std(0)
        return cls(mean - reach, mean + reach)

    @property
    def bounds(self) -> Tensor:
        """(2, D), as botorch takes them."""
        return torch.stack([self.low, self.high])

    def random(self, n: int) -> Tensor:
        """n codes, uniform."""
        return self.low + torch.rand(n, len(self.low), dtype=torch.float64) * (self.high - self.low)


@dataclass(frozen=True)
class View:
    """What a proposal is made from.

    Attributes:
        gp: Fitted to all that is known, higher is better.
        box: Where to search.
        codes, values: What is known, (N, D) and (N,).
        rounds: (N,), in which round each was evaluated, 0 before the first.
    """

    gp: SparseGP
    box: Box
    codes: Tensor
    values: Tensor
    rounds: Tensor

    def elite(self) -> Tensor:
        """The codes of highest value (ELITE, D), best first."""
        return self.codes[self.values.argsort(descending=True)[:ELITE]].double()


def next_codes(view: View, count: int, acquisition: str, seed: int) -> Tensor:
    """Codes (count, D) to evaluate next.

    Args:
        view: What is known.
        count: How many.
        acquisition: One of `ACQUISITIONS`.
        seed: Of everything random.

    Raises:
        ValueError: there is no such acquisition.
    """
    check_acquisition(acquisition)
    view = replace(view, gp=view.gp.standard)  # for variances of targets of any size
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return ACQUISITIONS[acquisition](view, count)


def check_acquisition(name: str) -> None:
    if name not in ACQUISITIONS:
        raise ValueError(f"acquisition is {name!r}; expected one of {', '.join(ACQUISITIONS)}")


def kriging_believer(view: View, count: int) -> Tensor:
    """Expected improvement, one code at a time, each believed to turn out as predicted before the next.

    The incumbent is the best prediction in the box, not the best observation. With that on a random grid
    alone, a summit of the mean that no grid comes near would draw all codes of the batch to one place.

    Source: Section 4.4, its released code; Ginsbourger et al. (2010).
    """
    grid = view.box.random(GRID)
    summit = _best(PosteriorMean(_Surrogate(view.gp)), grid, view.box)
    incumbent = view.gp.predict(summit)[0].max()
    # A belief takes variance away and leaves the mean, so no value rises: the last ones limit the next.
    chosen, limits = grid[:0], torch.full((len(grid),), math.inf, dtype=torch.float64)
    while len(chosen) < count:
        acquisition = LogExpectedImprovement(_Surrogate(view.gp, chosen), incumbent)
        chosen = torch.cat([chosen, _best(acquisition, grid, view.box, limits)])
    return chosen


def log_expected_improvement(view: View, count: int) -> Tensor:
    """Batch expected improvement over the best known code's prediction, its logarithm (qLogEI).

    Source: Ament et al. (2023).
    """
    surrogate = _Surrogate(view.gp)
    elite = view.elite()
    incumbent = view.gp.predict(elite)[0].max()
    spread = (view.box.high - view.box.low) / 20
    chosen = elite[:0]
    while len(chosen) < count:
        near = elite.repeat(50, 1) + spread * torch.randn(50 * len(elite), len(spread), dtype=torch.float64)
        starts = near.clamp(view.box.low, view.box.high)
        sampler = SobolQMCNormalSampler(torch.Size([64]), seed=len(chosen))
        acquisition = qLogExpectedImprovement(surrogate, incumbent, sampler, X_pending=chosen)
        chosen = torch.cat([chosen, _best(acquisition, starts, view.box)])
    return chosen


def trust_region(view: View, count: int, candidates: int = 2_000) -> Tensor:
    """Thompson samples in a box around the best known code, which grows with success and shrinks without.

    Source: TuRBO-1 of Eriksson et al. (2019).
    """
    best = view.elite()[0]
    lengths = view.gp.hyper.log_lengths
    shape = (lengths - lengths.mean()).exp().clamp(0.2, 5.0)
    reach = _side(view, count) * shape * (view.box.high - view.box.low) / 2
    candidates = max(candidates, count)  # each is chosen once at most
    offsets = reach * (2 * torch.rand(candidates, len(best), dtype=torch.float64) - 1)
    moved = torch.rand(candidates, len(best)) < min(1.0, 20 / len(best))
    near = (best + offsets * moved).clamp(view.box.low, view.box.high)
    return MaxPosteriorSampling(_Surrogate(view.gp), replacement=False)(near, num_samples=count)


def _side(view: View, batch: int, first: float = 0.4, success: int = 2) -> float:
    """The region's side, in parts of the box's, after the rounds so far."""
    tolerance = max(1, -(-view.codes.shape[1] // batch))
    side, won, lost = first, 0, 0
    for index in range(1, int(view.rounds.max()) + 1):
        before, now = view.values[view.rounds < index], view.values[view.rounds == index]
        better = len(now) > 0 and now.max() > before.max()
        won, lost = (won + 1, 0) if better else (0, lost + 1)
        if won == success:
            side, won = min(2 * side, 1.6), 0
        elif lost == tolerance:
            side, lost = side / 2, 0
    return side


def uniform(view: View, count: int) -> Tensor:
    """Random codes of the box: the baseline of every search."""
    return view.box.random(count)


def prior(view: View, count: int) -> Tensor:
    """Draws of N(0, I)."""
    return torch.randn(count, view.codes.shape[1], dtype=torch.float64)


def local(view: View, count: int) -> Tensor:
    """Small random steps from the best known codes, without a model."""
    elite = view.elite()
    start = elite[torch.randint(len(elite), (count,))]
    return start + 0.05 * (view.box.high - view.box.low) * torch.randn_like(start)


ACQUISITIONS: dict[str, Callable[[View, int], Tensor]] = {
    "believer": kriging_believer,
    "log-ei": log_expected_improvement,
    "trust-region": trust_region,
    "uniform": uniform,
    "prior": prior,
    "local": local,
}
"""Ways to choose codes, the last three without a model."""


class _Surrogate(Model):
    """The Gaussian process as botorch takes it, with codes believed to turn out as predicted.

    Such a belief leaves the mean as it is and takes variance away.
    """

    def __init__(self, gp: SparseGP, believed: Tensor | None = None):
        super().__init__()
        self.gp = gp
        self.believed: tuple[Tensor, Features, Tensor] | None = None
        if believed is not None and len(believed):
            features = gp.features(believed)
            own = gp.covariance(believed, features, believed, features)
            factor = torch.linalg.cholesky(own + _little(gp, len(believed)))
            self.believed = believed, features, factor

    @property
    def num_outputs(self) -> int:
        return 1

    @property
    def batch_shape(self) -> torch.Size:
        return torch.Size()

    def posterior(self, X: Tensor, *_: object, **__: object) -> GPyTorchPosterior:
        features = _features(self.gp, X)
        mean, covariance = self.gp.mean(features), self.gp.covariance(X, features, X, features)
        if self.believed is not None:
            codes, known, factor = self.believed
            cross = self.gp.covariance(codes, known, X, features)
            taken = torch.linalg.solve_triangular(factor, cross, upper=False)
            covariance = covariance - taken.mT @ taken
        return GPyTorchPosterior(MultivariateNormal(mean, covariance + _little(self.gp, X.shape[-2])))


def _features(gp: SparseGP, x: Tensor) -> Features:
    """`SparseGP.features` of codes (..., Q, D), once of what a batch shares: all but first ones."""
    if x.dim() != 3 or 1 in x.shape[:2] or not (x[:, 1:] == x[:1, 1:]).all():
        return gp.features(x)
    own, shared = gp.features(x[:, :1]), gp.features(x[:1, 1:])
    prior, posterior = (torch.cat([a, b.expand(len(x), -1, -1)], 1) for a, b in zip(own, shared))
    return prior, posterior


def _little(gp: SparseGP, size: int) -> Tensor:
    """A diagonal that keeps covariances of neighbours positive definite."""
    return max(gp.noise, 1e-6 * gp.hyper.log_variance.exp().item()) * torch.eye(size, dtype=torch.float64)


def _best(acquisition: AcquisitionFunction, starts: Tensor, box: Box, limits: Tensor | None = None) -> Tensor:
    """(1, D) where the acquisition is highest, by L-BFGS from the best of the starts (N, D).

    Values at the starts are known not to exceed limits (N,), without which all are computed: with them only
    as many as show which is the best, and the limits are lowered to those.
    """
    limits = torch.full((len(starts),), math.inf, dtype=torch.float64) if limits is None else limits
    computed = torch.zeros(len(starts), dtype=torch.bool)
    while not computed[limits.argmax()]:
        part = limits.masked_fill(computed, -math.inf).topk(min(500, len(starts))).indices
        with torch.no_grad():
            limits[part] = acquisition(starts[part, None])
        computed[part] = True
    code, _ = optimize_acqf(
        acquisition,
        box.bounds,
        q=1,
        num_restarts=1,
        batch_initial_conditions=starts[limits.argmax()].view(1, 1, -1),
        options={"maxiter": 50},
    )
    return code.detach()
