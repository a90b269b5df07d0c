"""The temperature chosen by outcome: which mapper makes the generated series most like real ones, if any does?

The paper's search asks at which τ the variants X̃'(τ) look like the generated series X̂. What is wanted is another
thing: that f_φ(X̂) looks like real series that the mapper has not seen. So a short mapper is trained at every τ on
one part of TRAIN, and what it makes of X̂ is held against the other part; no mapping competes like a temperature.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from nm_vqtsg.errors import DataError
from nm_vqtsg.mapper.model import Mapper
from nm_vqtsg.mapper.pool import Pool
from nm_vqtsg.metrics.fid import fid
from nm_vqtsg.metrics.uncertainty import fid_draws
from nm_vqtsg.nn.quantizer import codes_digest
from nm_vqtsg.params import Stage3, Svq
from nm_vqtsg.session import Session
from nm_vqtsg.svq.tau_search import Features, ascending, lies_at_edge
from nm_vqtsg.svq.variants import Codec, StochasticVariants
from nm_vqtsg.training.seeds import derive_seed
from nm_vqtsg.training.validation import holdout

HELD_OUT = 0.2  # share of TRAIN that the mapped series are held against
MOST_HELD_OUT = 512  # series; a bootstrap draw of more takes seconds
DRAWS = 100  # of the bootstrap behind a standard error


@dataclass(frozen=True)
class Outcome:
    """What came of the mappers.

    Attributes
    ----------
    grid : tuple of float
        The temperatures tried, ascending.
    fid : tuple of float
        FID between held-out real series and X̂ after the mapper of each.
    fid_unmapped : float
        The same of X̂ itself.
    standard_error : float
        Of the difference between `fid_unmapped` and the smallest of `fid`, from bootstrap draws of both sets.
    steps : int
        Of each mapper's training.
    n_generated, n_held_out : int
        Series on either side.
    """

    grid: tuple[float, ...]
    fid: tuple[float, ...]
    fid_unmapped: float
    standard_error: float
    steps: int
    n_generated: int
    n_held_out: int

    @property
    def tau(self) -> float | None:
        """The temperature of the smallest FID, if no mapping is worse by more than a standard error; else None."""
        best = int(np.argmin(self.fid))
        return self.grid[best] if self.fid_unmapped - self.fid[best] > self.standard_error else None

    @property
    def at_edge(self) -> bool:
        """Whether the chosen temperature is the lowest or highest of several."""
        return lies_at_edge(self.tau, self.grid)


def search_by_outcome(
    generator: Codec,
    x: Tensor,
    x_hat: Tensor,
    grid: Sequence[float],
    features: Features,
    *,
    config: Stage3,
    svq: Svq,
    y: np.ndarray | None = None,
    pool: Pool | None = None,
    seed: int = 0,
    session: Session | None = None,
) -> Outcome:
    """Train a short mapper at every temperature and hold what it makes of X̂ against real series it has not seen.

    All mappers share seed, start, batches and held-out series, and bootstrap draws are of the same rows of all, so
    that differences are those between temperatures. The standard error knows nothing of other seeds of training.

    Parameters
    ----------
    generator : Codec
        A `VQGenerator`, or its tokeniser alone.
    x : Tensor
        (n, C, L) float32, z-scored TRAIN. A fifth of it, of each class alike, is held out.
    x_hat : Tensor
        (m, C, L) float32, unconditional samples, z-scored.
    grid : sequence of float
        Temperatures > 0, in any order.
    features : callable
        See `Features`; the paper's are ROCKET's, rows L2-normalised.
    config : Stage3
        The mappers', with the steps of each.
    svq : Svq
        Distance and unit of the temperatures.
    y : (n,) array, optional
        Classes of `x`.
    pool : Pool, optional
        For mappers that learn on generated series; others than `x_hat`.
    seed, session
        Of training, split and bootstrap; device and progress.

    Raises
    ------
    ParameterError
        If the grid is empty or holds an impossible temperature.
    DataError
        If there are too few series to hold two out.
    TrainingError
        If a loss is not finite.
    """
    session = session or Session()
    taus = ascending(grid)
    fitted, held_out = holdout(len(x), y, HELD_OUT, derive_seed(seed, "outcome"))
    if len(held_out) < 2:
        raise DataError(
            f"tau cannot be chosen by outcome with {len(x)} series: two must be held out; choose by similarity"
        )
    pool = None if pool is None else pool.within(torch.from_numpy(fitted))
    rng = np.random.default_rng(derive_seed(seed, "outcome", "draws"))
    if len(held_out) > MOST_HELD_OUT:
        held_out = np.sort(rng.choice(held_out, MOST_HELD_OUT, replace=False))
    x, codes = x.to(session.device), codes_digest(generator.codebooks)
    variants = StochasticVariants(generator, x[torch.from_numpy(fitted).to(x.device)], svq)
    real = features(x.cpu().numpy()[held_out])
    versions = [features(x_hat.cpu().numpy())]
    for tau in taus:
        mapper = Mapper(config, svq, tau, x.shape[1], x.shape[2], codes)
        classes = None if y is None else y[fitted]
        mapper.fit(variants, seed, _apart(session, tau), classes, pool, f"mapper, tau {tau:g}")
        versions.append(features(mapper.map(x_hat).cpu().numpy()))
    unmapped, *mapped = (fid(real, version) for version in versions)
    best = versions[1 + int(np.argmin(mapped))]
    draws = np.array(list(fid_draws(real, [versions[0], best], DRAWS, rng)))
    error = float((draws[:, 0] - draws[:, 1]).std(ddof=1))
    return Outcome(taus, tuple(mapped), unmapped, error, config.steps, len(x_hat), len(held_out))


def _apart(session: Session, tau: float) -> Session:
    """Checkpoints of its own for every temperature, and no live curve: that is the final training's."""
    folder = None if session.checkpoints is None else session.checkpoints / f"tau-{tau!r}"
    return replace(session, checkpoints=folder, curve=None)
