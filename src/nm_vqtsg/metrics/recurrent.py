"""The two post-hoc scores of TimeGAN (Yoon et al., 2019): a recurrent network tells sets apart, or predicts.

Both networks are a GRU of 32 units and a linear layer. Since a GRU takes one time after the other, it reads at
most 64 places: the discriminator all of a series, several neighbouring times at once where there are more; the
predictor cuts of 64 times.
"""

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nm_vqtsg.errors import DataError
from nm_vqtsg.metrics.seeded import in_time, mean_and_sd, moments, seeded, train

UNITS = 32
PLACES = 64
BATCH = 64
LEARNING_RATE = 5e-3
LARGEST = 1000
"""Series of each set that are used at most."""
HELD_OUT = 0.2


class _Recurrent(nn.Module):
    """(B, T, inputs) -> (B, T, outputs)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.gru = nn.GRU(inputs, UNITS, batch_first=True)
        self.head = nn.Linear(UNITS, outputs)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.gru(x)[0])
        return out


def discriminative_score(
    real: np.ndarray, generated: np.ndarray, seeds: int = 3, steps: int = 200, seed: int = 0
) -> tuple[float, float]:
    """|accuracy − ½| of a GRU that tells generated from real series; 0 is best, ½ worst.

    As many series of each set, at most 1000, of which a fifth is held out and asked for. Chance alone gives about
    0.4 / √k for k series that are asked for, so read it beside what real series score.

    Parameters
    ----------
    real, generated : (n, C, L), (m, C, L) arrays
    seeds, steps : int
        Networks, each with a choice of series and a split of its own, and optimiser steps of each.
    seed : int
        Of the first; they are counted from here.

    Returns
    -------
    mean, sd : float
        Over the seeds; sd is 0 for one.

    Raises
    ------
    DataError
        If a set has fewer than five series.
    """
    n = min(len(real), len(generated), LARGEST)
    if n < 5:
        raise DataError(f"the discriminative score needs five series of each; there are {n}")
    scale = moments(real)
    ours, theirs = (_patches(in_time(X, *scale)) for X in (real, generated))
    return mean_and_sd([_told_apart(ours, theirs, n, steps, seed + offset) for offset in range(seeds)])


def _patches(x: Tensor) -> Tensor:
    """(n, L, C) -> (n, T, C * size), T at most `PLACES`; the last value fills up the last one."""
    n, length, channels = x.shape
    size = math.ceil(length / PLACES)
    places = math.ceil(length / size)
    filled = torch.cat([x, x[:, -1:].expand(n, places * size - length, channels)], 1)
    return filled.reshape(n, places, size * channels)


def _told_apart(real: Tensor, generated: Tensor, n: int, steps: int, seed: int) -> float:
    with seeded(seed) as rng:
        chosen = [side[torch.from_numpy(rng.permutation(len(side))[:n])] for side in (real, generated)]
        asked = max(1, round(HELD_OUT * n))
        x = torch.cat([side[asked:] for side in chosen])
        y = torch.arange(2).repeat_interleave(n - asked)
        network = _Recurrent(x.shape[2], 2)

        def loss() -> Tensor:
            rows = torch.from_numpy(rng.integers(len(x), size=BATCH))
            return F.cross_entropy(network(x[rows]).mean(1), y[rows])

        train(network, loss, steps, LEARNING_RATE)
        with torch.no_grad():
            answers = network(torch.cat([side[:asked] for side in chosen])).mean(1).argmax(1)
    right = (answers == torch.arange(2).repeat_interleave(asked)).double().mean()
    return abs(float(right) - 0.5)


def predictive_score(
    real: np.ndarray, generated: np.ndarray, seeds: int = 3, steps: int = 200, seed: int = 0
) -> tuple[float, float]:
    """Mean absolute error of a GRU that learnt from generated series to predict the next value of real ones.

    Lower is better, in the unit of the series; compare with what a network scores that learnt from real series.
    All channels are predicted from all channels, as a change of the current value (TimeGAN predicts one channel
    from the others).

    Parameters
    ----------
    real, generated : (n, C, L), (m, C, L) arrays
        At most 1000 of each are used.
    seeds, steps, seed : int
        As of `discriminative_score`.

    Returns
    -------
    mean, sd : float
        Over the seeds; sd is 0 for one.

    Raises
    ------
    DataError
        If series have a single time.
    """
    if np.shape(real)[-1] < 2:
        raise DataError("the predictive score needs series of two times or more")
    scale = moments(real)
    x, asked = (in_time(X, *scale) for X in (generated, real))
    unit = torch.from_numpy(scale[1])
    return mean_and_sd([_prediction_error(x, asked, unit, steps, seed + offset) for offset in range(seeds)])


def _prediction_error(x: Tensor, asked: Tensor, unit: Tensor, steps: int, seed: int) -> float:
    with seeded(seed) as rng:
        x, asked = (side[torch.from_numpy(rng.permutation(len(side))[:LARGEST])] for side in (x, asked))
        network = _Recurrent(x.shape[2], x.shape[2])
        length = x.shape[1]
        cut = min(length, PLACES + 1)

        def error(rows: Tensor) -> Tensor:
            return (rows[:, :-1] + network(rows[:, :-1]) - rows[:, 1:]).abs()

        def loss() -> Tensor:
            rows, start = torch.from_numpy(rng.integers(len(x), size=BATCH)), int(rng.integers(length - cut + 1))
            return error(x[rows, start : start + cut]).mean()

        train(network, loss, steps, LEARNING_RATE)
        with torch.no_grad():  # every value but the first is predicted once
            starts = range(0, length - 1, PLACES)
            errors = torch.cat([error(asked[:, start : start + PLACES + 1]) for start in starts], 1)
    return float((errors.double() * unit).mean())
