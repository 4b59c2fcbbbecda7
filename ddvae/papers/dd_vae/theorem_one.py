"""Theorem 1 computed: the optimum of L_tau for six-bit strings on a line, with the best decoder.

In lexicographic order each string owns an interval whose prior mass is its probability. Its proposal has the
interval's centre and `stretch` times its half-width: the encoder chooses nothing else. Chapter 2 derives what
is computed here.
"""

import math
from functools import cache

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor
from torch.distributions import Distribution, Normal, Uniform, kl_divergence

from ...data.bits import six_bit_distribution
from ...mathematics.proposals import KernelProposal
from ...mathematics.relaxation import log_relaxed_indicator

__all__ = [
    "BOUNDED",
    "STRINGS",
    "best_reconstruction",
    "decay_exponent",
    "joint_weights",
    "lay_out",
    "measure",
    "objective",
    "solve",
    "theorem_one",
    "walk_prefixes",
]

BOUNDED = ("uniform", "triangular", "quartic", "tricube")
"""Proposals for which L_* is finite; "gaussian" is the counter-example."""
_PROBS = six_bit_distribution()[1].double()
STRINGS = _PROBS / _PROBS.sum()
"""Probabilities of the 64 strings."""
_BORDERS = torch.cat([torch.zeros(1).double(), STRINGS.cumsum(0)]).clamp_max(1)
_CENTRES, _HALVES = (_BORDERS[1:] + _BORDERS[:-1]) / 2, _BORDERS.diff() / 2
_ZERO, _ONE = torch.tensor([0.0, 1.0]).double()
_LINE = Uniform(-_ONE, _ONE, validate_args=False)
_NORMAL = Normal(_ZERO, _ONE)


def best_reconstruction(larger: Tensor, smaller: Tensor, temperature: float, cap: float = 1.0) -> Tensor:
    """Relaxed log-likelihood at branch points of these weights, with the best margin.

    Args:
        larger, smaller: (N,), weights of the strings that continue a prefix with either bit.
        temperature: tau.
        cap: The largest margin: 1 between probabilities, infinity between log-probabilities.
    """
    shift = math.log(1 / temperature - 1)
    gap = larger - smaller
    root = torch.hypot(gap, 2 * (larger * smaller).sqrt() * math.exp(-shift))
    margin = temperature * (shift + ((gap + root) / (2 * smaller)).log())
    margin = margin.clamp_max(cap)
    right = larger * log_relaxed_indicator(margin, temperature)
    return right + smaller * log_relaxed_indicator(-margin, temperature)


def lay_out(family: str, stretch: float) -> tuple[Distribution, Tensor, Tensor]:
    """Proposals of the 64 strings, their divergences (64,), and the breakpoints of their densities."""
    if family == "gaussian":
        loc = _NORMAL.icdf(_CENTRES)
        normal = Normal(loc, stretch * _HALVES / _NORMAL.log_prob(loc).exp())
        steps = torch.tensor([-8, -5, -3, -1.5, 0, 1.5, 3, 5, 8]).double()
        return normal, kl_divergence(normal, _NORMAL), loc[:, None] + steps * normal.scale[:, None]
    low = _LINE.icdf((_CENTRES - stretch * _HALVES).clamp_min(0))
    high = _LINE.icdf((_CENTRES + stretch * _HALVES).clamp_max(1))
    q = KernelProposal(family, (low + high) / 2, (high - low) / 2)
    # Table 2 without its test of the support, which an end rounded past 1 would fail.
    return q, math.log(2) - q.entropy(), torch.cat([low, high, q.loc, _LINE.icdf(_BORDERS)])


def joint_weights(q: Distribution, breakpoints: Tensor, nodes: int = 8) -> Tensor:
    """p(x) q(z | x) dz at Gauss-Legendre nodes z between breakpoints, one row a node, one column a string."""
    x, weight = (torch.from_numpy(a) for a in np.polynomial.legendre.leggauss(nodes))
    ends = breakpoints.flatten().unique()
    half, middle = ends.diff()[:, None] / 2, (ends[1:] + ends[:-1])[:, None] / 2
    z, dz = (middle + half * x).flatten(), (half * weight).flatten()
    return STRINGS * q.log_prob(z[:, None]).exp() * dz[:, None]


def walk_prefixes(joint: Tensor) -> tuple[Tensor, Tensor, float]:
    """Weights of both branches at all nodes and prefixes, the larger first; what greedy decoding gets right.

    Args:
        joint: Of `joint_weights`.
    """
    pairs, right = [], torch.ones_like(joint, dtype=torch.bool)
    for length in range(6):
        both = joint.view(len(joint), 2**length, 2, -1).sum(-1)
        pairs.append(both.flatten(0, 1))
        wins = (both > both.flip(-1)).flatten(1)
        right &= wins.repeat_interleave(joint.shape[1] // wins.shape[1], dim=1)
    weights = torch.cat(pairs)
    return weights.amax(1), weights.amin(1), joint[right].sum().item()


@cache
def measure(family: str, parameter: float) -> dict:
    """All that an objective needs to know of a family's proposals, and the error rates of decoders.

    Args:
        family: One of `BOUNDED`, or "gaussian".
        parameter: log(stretch - 1), of Gaussians log(stretch).

    Returns:
        kl, mean divergence in nats; greedy and optimal, sequence errors; branches, the larger and smaller
        weights where both are above 0, and the sum of the others.
    """
    stretch = math.exp(parameter) + (family != "gaussian")
    q, divergence, breakpoints = lay_out(family, stretch)
    joint = joint_weights(q, breakpoints)
    larger, smaller, right = walk_prefixes(joint)
    mixed = smaller > 1e-22  # elsewhere the branch is certain
    branches = larger[mixed], smaller[mixed], larger[~mixed].sum().item()
    greedy, optimal = 1 - right / joint.sum().item(), 1 - (joint.amax(1).sum() / joint.sum()).item()
    return {"kl": (STRINGS @ divergence).item(), "greedy": greedy, "optimal": optimal, "branches": branches}


def objective(parameter: float, family: str, temperature: float) -> float:
    """L_tau with the best decoder, in nats a string."""
    known = measure(family, parameter)
    larger, smaller, certain = known["branches"]
    sure = certain * log_relaxed_indicator(torch.tensor(1.0).double(), temperature).item()
    return sure + best_reconstruction(larger, smaller, temperature).sum().item() - known["kl"]


@cache
def solve(family: str, temperature: float) -> float:
    """The parameter (see `measure`) that maximises L_tau: the best on a grid, refined by Brent's method."""
    grid = np.linspace(-2, 1, 13) if family == "gaussian" else np.r_[-40, np.linspace(-9, 9, 19)]
    cost = [-objective(g, family, temperature) for g in grid]
    i = int(np.argmin(cost))
    found = minimize_scalar(
        lambda g: -objective(g, family, temperature),
        bounds=(grid[max(i - 1, 0)], grid[min(i + 1, len(grid) - 1)]),
        method="bounded",
        options={"xatol": 3e-3},
    )
    return float(found.x if found.fun < cost[i] else grid[i])


def decay_exponent(family: str, first: float, last: float) -> float:
    """Minus the slope of the log error over log log(1/tau) between two temperatures; NaN without errors."""
    errors = [measure(family, solve(family, temperature))["greedy"] for temperature in (first, last)]
    if min(errors) < 1e-12:
        return math.nan
    depths = np.log(1 / np.array([first, last]))
    return float(-np.diff(np.log(errors))[0] / np.diff(np.log(depths))[0])


def theorem_one() -> dict[str, float]:
    """The slowest decay of bounded proposals, and their largest error at a temperature next to 0.

    Returns:
        By key of `PRINTED`. The uniform kernel makes no error whose decay could be seen.
    """
    exponents = [decay_exponent(family, 1e-2, 1e-6) for family in BOUNDED if family != "uniform"]
    errors = [measure(family, solve(family, 1e-300))["greedy"] for family in BOUNDED]
    return {"theorem1.exponent": min(exponents), "theorem1.error": max(errors)}
