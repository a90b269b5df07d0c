"""Changes of the samples that learn nothing of what the mapper learns: one that beats none of them is no more.

A control changes the samples by as much as the mapper does, without knowing how (noise, smoothing), or knows real
series without knowing their shapes (quantile map), or knows how the tokeniser loses detail (reconstruction).
"""

from collections.abc import Callable

import numpy as np
from scipy.ndimage import uniform_filter1d

from nm_vqtsg.evaluation.scores import Samples

VARIANCE = 0.99
LARGEST = 50
"""Principal components of the quantile map: as many as hold this share of TRAIN's variance, at most so many."""
CONTROL_STREAM = 9  # of the random numbers behind the noise

Change = Callable[[np.ndarray], np.ndarray]


def control_samples(
    samples: Samples,
    mapped: Samples,
    train: np.ndarray,
    rng: np.random.Generator,
    reconstruct: Change | None = None,
) -> dict[str, Samples]:
    """The samples as each control changes them.

    Parameters
    ----------
    samples, mapped : Samples
        Before and after the mapper, in the same order.
    train : (k, C, L) array
        TRAIN.
    rng : np.random.Generator
        Draws the noise.
    reconstruct : callable, optional
        Encodes, quantises and decodes series (n, C, L) -> (n, C, L).

    Returns
    -------
    dict
        ``noise``, ``smoothed``, ``quantile_map`` and, with `reconstruct`, ``reconstruction``.
    """
    quantiles = quantile_map(samples.X, train)
    changes: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
        "noise": lambda X, after: noisy(X, after, rng),
        "smoothed": smoothed,
        "quantile_map": lambda X, _: quantiles(X),
    }
    if reconstruct is not None:
        changes["reconstruction"] = lambda X, _: reconstruct(X)
    return {name: _changed(samples, mapped, change) for name, change in changes.items()}


def _changed(samples: Samples, mapped: Samples, change: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Samples:
    X = change(samples.X, mapped.X).astype(np.float32)
    if samples.X_class is None or mapped.X_class is None:
        return Samples(X)
    return Samples(X, change(samples.X_class, mapped.X_class).astype(np.float32), samples.y_class)


def noisy(X: np.ndarray, after: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """White noise added, in each channel of each series with the root mean square of its change: (n, C, L)."""
    amplitude = np.sqrt(((after - X).astype(np.float64) ** 2).mean(-1, keepdims=True))
    noise: np.ndarray = X + amplitude * rng.standard_normal(X.shape)
    return noise


def smoothed(X: np.ndarray, after: np.ndarray) -> np.ndarray:
    """A moving average that changes all series by the same L1 distance together as `after` differs from them.

    Between two odd widths both averages are mixed; where no width changes the series by so much, the widest is it.
    """
    X = np.asarray(X, dtype=np.float64)
    target = float(np.abs(after - X).mean())
    narrow = X
    for width in range(3, 2 * X.shape[-1], 2):
        wide = uniform_filter1d(X, width, axis=-1, mode="nearest")
        if np.abs(wide - X).mean() >= target:
            return _mixed(X, narrow, wide, target)
        narrow = wide
    return narrow


def _mixed(X: np.ndarray, narrow: np.ndarray, wide: np.ndarray, target: float) -> np.ndarray:
    """The part of the way from `narrow` to `wide` at which the change has the size of the target."""
    low, high = 0.0, 1.0
    for _ in range(30):
        middle = (low + high) / 2
        if np.abs(narrow + middle * (wide - narrow) - X).mean() < target:
            low = middle
        else:
            high = middle
    return narrow + high * (wide - narrow)


def quantile_map(X: np.ndarray, train: np.ndarray) -> Change:
    """A map that gives the principal components of `X` the distributions that they have in TRAIN, one by one.

    Parameters
    ----------
    X, train : (n, C, L), (k, C, L) arrays

    Returns
    -------
    callable
        (m, C, L) -> (m, C, L); of `X` itself or of others, whose values beyond those of `X` go to TRAIN's ends.
        What the components leave over stays as it is.
    """
    flat, real = (np.asarray(S, dtype=np.float64).reshape(len(S), -1) for S in (X, train))
    mean = real.mean(0)
    _, strength, axes = np.linalg.svd(real - mean, full_matrices=False)
    share = np.cumsum(strength**2) / max(float((strength**2).sum()), np.finfo(np.float64).tiny)
    axes = axes[: min(LARGEST, int(np.searchsorted(share, VARIANCE)) + 1)]
    ours = np.sort((flat - mean) @ axes.T, axis=0)
    places = (np.arange(len(flat)) + 0.5) / len(flat)
    theirs = np.quantile((real - mean) @ axes.T, places, axis=0, method="hazen")  # a set onto itself: unchanged

    def change(series: np.ndarray) -> np.ndarray:
        rows = np.asarray(series, dtype=np.float64).reshape(len(series), -1)
        before = (rows - mean) @ axes.T
        after = np.stack([np.interp(before[:, k], ours[:, k], theirs[:, k]) for k in range(len(axes))], 1)
        return (rows + (after - before) @ axes).reshape(series.shape)

    return change
