"""The search for the temperature of stochastic vector quantisation (paper, section 3, Algorithm 1).

Claim 3.2: for the right τ the variants X̃'(τ) of real series are distributed as the generated series X̂. So τ is
the one of a grid that minimises FID(X̂, X̃'(τ)) on ROCKET features.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from nm_vqtsg.errors import ParameterError
from nm_vqtsg.metrics.fid import Gaussian, frechet_distance
from nm_vqtsg.params import Svq
from nm_vqtsg.session import Session, Task
from nm_vqtsg.svq.quantize import check_tau
from nm_vqtsg.svq.variants import Codec, StochasticVariants
from nm_vqtsg.training.seeds import new_rng

Features = Callable[[np.ndarray], np.ndarray]
"""(n, C, L) float32 -> (n, F): one row of features for each series."""


def ascending(grid: Sequence[float]) -> tuple[float, ...]:
    """The temperatures of a grid, checked.

    Raises
    ------
    ParameterError
        If it is empty or holds an impossible temperature.
    """
    taus = tuple(sorted(check_tau(tau) for tau in grid))
    if not taus:
        raise ParameterError("tau_grid: is empty; give at least one temperature")
    return taus


def lies_at_edge(tau: float | None, grid: Sequence[float]) -> bool:
    """Whether `tau` is the lowest or highest of several temperatures in ascending order."""
    return len(grid) > 1 and tau in (grid[0], grid[-1])


@dataclass(frozen=True)
class TauCurve:
    """What the search found.

    Attributes
    ----------
    grid : tuple of float
        The temperatures tried, ascending.
    fid : tuple of float
        FID(X̂, X̃'(τ)) of each.
    n_generated, n_train : int
        Series on either side.
    """

    grid: tuple[float, ...]
    fid: tuple[float, ...]
    n_generated: int
    n_train: int

    @property
    def tau(self) -> float:
        """The temperature of the smallest FID; of equal ones the lowest."""
        return self.grid[int(np.argmin(self.fid))]

    @property
    def at_edge(self) -> bool:
        """Whether the best temperature is the lowest or highest of several."""
        return lies_at_edge(self.tau, self.grid)


def search_tau(
    generator: Codec,
    x: Tensor,
    x_hat: Tensor,
    grid: Sequence[float],
    features: Features,
    *,
    svq: Svq | None = None,
    n_train: int | None = None,
    seed: int = 0,
    session: Session | None = None,
) -> TauCurve:
    """Compare generated series with stochastic variants of real ones over a grid of temperatures.

    The real series are encoded once and the generated ones are described once. All temperatures share the same
    random numbers, so the FID of one does not depend on which others are tried, and differences between
    temperatures are not those between draws.

    Parameters
    ----------
    generator : Codec
        A `VQGenerator`, or its tokeniser alone.
    x : Tensor
        (n, C, L) float32, z-scored TRAIN.
    x_hat : Tensor
        (m, C, L) float32, unconditional samples, z-scored.
    grid : sequence of float
        Temperatures > 0, in any order.
    features : callable
        See `Features`; the paper's are ROCKET's, rows L2-normalised.
    svq : Svq, optional
        Distance and unit of the temperatures; see `StochasticVariants`.
    n_train : int, optional
        Use a seeded subset of so many series of `x`; all by default.
    seed, session
        Of the draws and the subset; device and progress.

    Raises
    ------
    ParameterError
        If the grid is empty or holds an impossible temperature.
    """
    session = session or Session()
    taus = ascending(grid)
    if n_train is not None and n_train < len(x):
        chosen = torch.randperm(len(x), generator=new_rng(seed, "tau", "subset"))[:n_train]
        x = x[chosen.sort().values.to(x.device)]
    variants = StochasticVariants(generator, x.to(session.device), svq)
    generated = Gaussian(features(x_hat.cpu().numpy()), "generated series")
    fid: list[float] = []
    with session.track("tau search", len(taus) * len(x)) as task:
        for tau, batches in zip(taus, variants.batches_at(taus, new_rng(seed, "tau", "draw")), strict=True):
            described = _describe(batches, features, task)
            fid.append(frechet_distance(generated, Gaussian(described, "variants of TRAIN")))
            task.advance(0, tau=tau, fid=fid[-1])
    return TauCurve(taus, tuple(fid), len(x_hat), len(x))


def _describe(batches: Iterable[Tensor], features: Features, task: Task) -> np.ndarray:
    rows = []
    for batch in batches:
        rows.append(features(batch.cpu().numpy()))
        task.advance(len(batch))
    return np.concatenate(rows)
