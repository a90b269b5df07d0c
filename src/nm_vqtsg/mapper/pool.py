"""What a trained generator gives the mapper to learn on, beside variants of real series."""

from pathlib import Path
from typing import NamedTuple, Protocol, Self

import numpy as np
import torch
from torch import Tensor

from nm_vqtsg.artifacts import load_npz, save_npz
from nm_vqtsg.errors import ArtifactError
from nm_vqtsg.session import Session
from nm_vqtsg.training.seeds import new_rng

NAMES = ("X", "X_redrawn", "rows")
SIZE = 4096  # series of either kind, where nobody says how many


class Pool(NamedTuple):
    """Series drawn before the training, since a prior is too slow to be asked at every step.

    Attributes
    ----------
    samples : Tensor
        (m, C, L) float32, z-scored: unconditional samples X̂. They have no real counterpart.
    redrawn : Tensor
        (k, C, L) float32, z-scored: series of TRAIN of which the prior has drawn a part of the tokens anew.
    rows : Tensor
        (k,) int64: the series of TRAIN that each of `redrawn` was.
    """

    samples: Tensor
    redrawn: Tensor
    rows: Tensor

    @classmethod
    def of(
        cls, x: Tensor, samples: Tensor | None = None, redrawn: Tensor | None = None, rows: Tensor | None = None
    ) -> Self:
        """A pool for series like `x` (n, C, L), with nothing of what is not given."""
        nothing = x.new_empty((0, *x.shape[1:]))
        return cls(
            nothing if samples is None else samples,
            nothing if redrawn is None else redrawn,
            torch.empty(0, dtype=torch.int64, device=x.device) if rows is None else rows,
        )

    def to(self, device: torch.device) -> "Pool":
        """The same on a device."""
        return Pool(*(tensor.to(device) for tensor in self))

    def within(self, kept: Tensor) -> "Pool":
        """Of `redrawn` only what was one of the series `kept` (distinct rows), numbered as they are there."""
        kept = kept.to(self.rows.device)
        size = 1 + max((int(rows.max()) for rows in (self.rows, kept) if len(rows)), default=0)
        place = torch.full((size,), -1, device=kept.device)
        place[kept] = torch.arange(len(kept), device=kept.device)
        places = place[self.rows]
        own = places >= 0
        return Pool(self.samples, self.redrawn[own], places[own])


class Source(Protocol):
    """The part of a trained generator that a pool is drawn from."""

    def sample(self, n: int, /, *, rng: torch.Generator, session: Session | None) -> Tensor: ...
    def redraw(
        self, x: Tensor, y: Tensor | None, /, *, rng: torch.Generator, session: Session | None
    ) -> Tensor: ...


def draw_pool(
    generator: Source,
    x: Tensor,
    y: Tensor | None = None,
    *,
    n_samples: int,
    n_redrawn: int,
    seed: int,
    session: Session | None = None,
) -> Pool:
    """Draw so many of either kind; of the series x (n, C, L) with classes y (n,) as many of each are redrawn."""
    samples = redrawn = rows = None
    if n_samples:
        samples = generator.sample(n_samples, rng=new_rng(seed, "pool"), session=session)
    if n_redrawn:
        rng = new_rng(seed, "redrawn")
        rows = rows_to_redraw(len(x), n_redrawn, rng)
        redrawn = generator.redraw(x[rows], None if y is None else y[rows], rng=rng, session=session)
    return Pool.of(x, samples, redrawn, rows)


def save_pool(path: Path, pool: Pool) -> None:
    """Write ``pool.npz``: ``X``, ``X_redrawn`` and ``rows``."""
    arrays = dict(zip(NAMES, pool, strict=True))
    save_npz(path, **{name: tensor.cpu().numpy() for name, tensor in arrays.items()})


def load_pool(path: Path) -> Pool:
    """Read what `save_pool` wrote.

    Raises
    ------
    ArtifactError
        If it is missing or damaged.
    """
    arrays = load_npz(path, required=NAMES)
    rows = arrays["rows"]
    if rows.shape != arrays["X_redrawn"].shape[:1] or rows.dtype != np.int64 or (len(rows) and rows.min() < 0):
        raise ArtifactError(
            f"{path}: 'rows' does not tell what each of 'X_redrawn' was; run the step sample again"
        )
    return Pool(*(torch.from_numpy(arrays[name]) for name in NAMES))


def rows_to_redraw(n: int, count: int, rng: torch.Generator) -> Tensor:
    """`count` of `n` series, each as often as the next, in random order: (count,) int64."""
    rounds = [torch.randperm(n, generator=rng) for _ in range(-(-count // n))]
    return torch.cat(rounds)[:count] if rounds else torch.empty(0, dtype=torch.int64)
