"""Context-FID: the Fréchet distance on representations that an encoder learnt from real series without labels.

The measure is that of Jeha et al. (2022, "PSA-GAN"), the encoder that of TS2Vec (Yue et al., 2022): dilated
convolutions whose outputs, for two overlapping cuts of a series with some of their times hidden, should agree
at the same time of the same series and differ from those of other times and other series, at every time scale.
Smaller than published (32 channels instead of 64, 64 features instead of 320, as deep as the series are long) and
without weight averaging: values cannot be compared with those of other code.
"""

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nm_vqtsg.metrics.fid import Gaussian, frechet_distance
from nm_vqtsg.metrics.seeded import in_time, mean_and_sd, moments, seeded, train

HIDDEN, FEATURES = 32, 64
BATCH = 16
LEARNING_RATE = 1e-3
LONGEST = 128  # times in a training cut; longer series are described in full all the same
HIDE = 0.5  # share of the times that are hidden
_AT_ONCE = 64 * 128  # times of series that are described at once


class _Block(nn.Module):
    """Two dilated convolutions and what goes past them."""

    def __init__(self, inputs: int, outputs: int, dilation: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(inputs, outputs, 3, padding=dilation, dilation=dilation)
        self.second = nn.Conv1d(outputs, outputs, 3, padding=dilation, dilation=dilation)
        self.past: nn.Module = nn.Identity() if inputs == outputs else nn.Conv1d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.past(x) + self.second(F.gelu(self.first(F.gelu(x))))


class _Encoder(nn.Module):
    """Series (B, L, C) to representations (B, FEATURES, L)."""

    def __init__(self, channels: int, length: int) -> None:
        super().__init__()
        depth = max(1, math.ceil(math.log2(max(length, 2))) - 2)  # sees 2 ** (depth + 2) - 3 times
        self.project = nn.Linear(channels, HIDDEN)
        blocks = [_Block(HIDDEN, HIDDEN, 2**level) for level in range(depth)]
        self.blocks = nn.Sequential(*blocks, _Block(HIDDEN, FEATURES, 1))

    def forward(self, x: Tensor) -> Tensor:
        z = self.project(x)
        if self.training:
            z = z * (torch.rand(z.shape[:2]) >= HIDE).unsqueeze(-1)
        out: Tensor = self.blocks(z.transpose(1, 2))
        return out


class ContextEncoder:
    """An encoder for each seed, fitted to real series.

    Parameters
    ----------
    X : (n, C, L) array
        Real series: TRAIN.
    seeds, steps : int
        Encoders, and optimiser steps of each.
    seed : int
        Of the first; they are counted from here.
    """

    def __init__(self, X: np.ndarray, seeds: int, steps: int, seed: int = 0) -> None:
        self._moments = moments(X)
        series = in_time(X, *self._moments)
        self._encoders = [_fit(series, steps, seed + offset) for offset in range(seeds)]

    def describe(self, X: np.ndarray) -> list[np.ndarray]:
        """For each seed (n, 64): the largest value that each feature takes over time."""
        series = in_time(X, *self._moments)
        at_once = max(1, _AT_ONCE // series.shape[1])
        with torch.no_grad():
            return [
                torch.cat([encoder(part).amax(-1) for part in series.split(at_once)]).double().numpy()
                for encoder in self._encoders
            ]


def context_fid(real: list[np.ndarray], generated: list[np.ndarray]) -> tuple[float, float]:
    """Context-FID of two sets as `ContextEncoder.describe` gives them; ≥ 0, lower is better.

    Returns
    -------
    mean, sd : float
        Over the seeds of the encoder; sd is 0 for one.

    Raises
    ------
    DataError
        If a set has fewer than two series.
    """
    pairs = zip(real, generated, strict=True)
    return mean_and_sd([frechet_distance(Gaussian(ours), Gaussian(theirs)) for ours, theirs in pairs])


def _fit(series: Tensor, steps: int, seed: int) -> _Encoder:
    with seeded(seed) as rng:
        encoder = _Encoder(series.shape[2], series.shape[1])
        cuts = _cuts(series, rng)
        train(encoder, lambda: _contrast(encoder, *next(cuts)), steps, LEARNING_RATE)
    return encoder


def _cuts(series: Tensor, rng: np.random.Generator) -> Iterator[tuple[Tensor, Tensor, int]]:
    """Two cuts of some series, and how many times they share: the last of the first, the first of the second.

    Each is as long as the other, two thirds of what both cover at most (published: of any length; convolutions of
    ever new lengths are slow).
    """
    n, length, _ = series.shape
    longest = min(length, LONGEST)
    cut = math.ceil(longest * 2 / 3)
    while True:
        rows = series[torch.from_numpy(rng.permutation(n)[:BATCH])]
        shift = int(rng.integers(longest - cut + 1))
        start = int(rng.integers(length - cut - shift + 1))
        yield rows[:, start : start + cut], rows[:, start + shift : start + shift + cut], cut - shift


def _contrast(encoder: _Encoder, first: Tensor, second: Tensor, shared: int) -> Tensor:
    """Hierarchical contrastive loss: at each time scale, between series and (but for the last) between times."""
    ours = encoder(first)[..., -shared:].transpose(1, 2)
    theirs = encoder(second)[..., :shared].transpose(1, 2)
    losses = []
    while True:
        losses.append(_agreement(ours.transpose(0, 1), theirs.transpose(0, 1)))
        if ours.shape[1] == 1:
            return torch.stack(losses).mean()
        losses[-1] = 0.5 * (losses[-1] + _agreement(ours, theirs))
        ours, theirs = (F.max_pool1d(z.transpose(1, 2), 2).transpose(1, 2) for z in (ours, theirs))


def _agreement(ours: Tensor, theirs: Tensor) -> Tensor:
    """Mean cross-entropy of finding the partner among all others: two views (G, K, d) of K things in G groups."""
    both = torch.cat([ours, theirs], 1)
    count = ours.shape[1]
    similarity = both @ both.transpose(1, 2)
    itself = torch.eye(2 * count, dtype=torch.bool)
    partner = torch.arange(2 * count).roll(count).expand(len(both), -1)
    return F.cross_entropy(similarity.masked_fill(itself, -torch.inf).flatten(0, 1), partner.flatten())
