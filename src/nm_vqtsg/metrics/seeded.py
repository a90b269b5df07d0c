"""Small networks behind a score: seeded, on the CPU, and without a trace in anybody else's random numbers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor


@contextmanager
def seeded(seed: int) -> Iterator[np.random.Generator]:
    """Inside, torch's random numbers on the CPU follow from `seed`; afterwards they go on as if nothing happened.

    Yields a generator of the same seed for what numpy draws.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would seed the GPUs, too
        yield np.random.default_rng(seed)


def train(
    network: torch.nn.Module, loss: Callable[[], Tensor], steps: int, learning_rate: float, clip: float = 1.0
) -> None:
    """`steps` steps of AdamW on what `loss` returns, with gradients no longer than `clip`."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=learning_rate)
    network.train()
    for _ in range(steps):
        optimizer.zero_grad()
        loss().backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), clip)
        optimizer.step()
    network.eval()


def in_time(X: np.ndarray, mean: np.ndarray, sd: np.ndarray) -> Tensor:
    """(n, C, L) -> (n, L, C) float32, standardised by (C,) each."""
    standard = (np.asarray(X, dtype=np.float64) - mean[:, None]) / sd[:, None]
    return torch.from_numpy(np.ascontiguousarray(standard.transpose(0, 2, 1), dtype=np.float32))


def moments(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and sd of each channel over all series and times; sd 1 for a constant channel."""
    X = np.asarray(X, dtype=np.float64)
    spread = X.std((0, 2))
    return X.mean((0, 2)), np.where(spread > 0, spread, 1.0)


def mean_and_sd(values: list[float]) -> tuple[float, float]:
    """Over seeds; the sd is 0 for one."""
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
