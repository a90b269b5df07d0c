"""A VQ generator small enough to know everything about: series cut into patches."""

from collections.abc import Sequence

import torch
from torch import Tensor

from nm_vqtsg.nn.quantizer import Codebook
from nm_vqtsg.session import Session
from nm_vqtsg.svq.variants import StochasticVariants

PATCH = 4


def waves(n: int, length: int = 24, channels: int = 1, seed: int = 0) -> Tensor:
    """(n, channels, length): sines of random frequency and phase, standard deviation 1."""
    generator = torch.Generator().manual_seed(seed)
    frequency = 1 + torch.rand(n, channels, 1, generator=generator)
    phase = torch.rand(n, channels, 1, generator=generator)
    time = torch.arange(length) / length
    return 2**0.5 * torch.sin(2 * torch.pi * (frequency * time + phase))


class PatchGenerator:
    """Two bands of tokens, one per patch: its mean, and its shape about the mean.

    Codes are those of the data, thinned out; the last quarter of each codebook is dead. `decode` makes series
    `gain` times too large. Its samples **are** stochastic variants of the data at `tau`.

    Parameters
    ----------
    x : Tensor
        (n, C, L) with L a multiple of four.
    """

    def __init__(self, x: Tensor, *, codes: int = 64, gain: float = 1.0, tau: float = 0.3) -> None:
        self.x, self.gain, self.tau = x, gain, tau
        self.channels = x.shape[1]
        self.encoded = 0
        self.codebooks = tuple(self._codebook(band.flatten(0, 1), codes) for band in self._bands(x))

    def _codebook(self, latents: Tensor, k: int) -> Codebook:
        chosen = latents[torch.randperm(len(latents), generator=torch.Generator().manual_seed(0))[:k]]
        live = torch.arange(k) < k * 3 // 4
        return Codebook(torch.where(live[:, None], chosen, torch.nan), live)  # a dead code would be noticed

    def _bands(self, x: Tensor) -> tuple[Tensor, Tensor]:
        patches = x.unflatten(2, (-1, PATCH)).flatten(1, 2)  # (B, N, PATCH)
        mean = patches.mean(2, keepdim=True)
        return mean, patches - mean

    def encode(self, x: Tensor) -> tuple[Tensor, ...]:
        self.encoded += len(x)
        return self._bands(x)

    def decode(self, tokens: Sequence[Tensor]) -> Tensor:
        mean, shape = (book.codes[ids] for book, ids in zip(self.codebooks, tokens, strict=True))
        return self.gain * (mean + shape).unflatten(1, (self.channels, -1)).flatten(2)

    def sample(
        self,
        n: int,
        y: Tensor | int | None = None,
        *,
        rng: torch.Generator,
        session: Session | None = None,
    ) -> Tensor:
        rows = torch.randint(len(self.x), (n,), generator=rng)
        return StochasticVariants(self, self.x).draw(rows, self.tau, rng)
