"""TSGBench's distances between the statistics of two sets of series (Ang et al., 2023, "TSGBench").

All are ≥ 0, 0 for equal statistics, and lower is better. They look at series, not at features, so they need no
classifier; they are blind to whatever their statistic leaves out.
"""

import numpy as np

BINS = 50
MAX_LAG = 64


def tsgbench_distances(real: np.ndarray, generated: np.ndarray) -> dict[str, float]:
    """MDD, ACD, SD and KD of series (n, C, L) and (m, C, L)."""
    real, generated = np.asarray(real, dtype=np.float64), np.asarray(generated, dtype=np.float64)
    return {
        "mdd": marginal_difference(real, generated),
        "acd": autocorrelation_difference(real, generated),
        "sd": _moment_difference(3, real, generated),
        "kd": _moment_difference(4, real, generated),
    }


def marginal_difference(real: np.ndarray, generated: np.ndarray, bins: int = BINS) -> float:
    """MDD: mean absolute difference of the histograms (densities) at each time and channel.

    The bins divide the range of the real values at that time; generated values outside it count in no bin.
    """
    total = 0.0
    places = real.shape[1] * real.shape[2]
    for x, z in zip(_places(real), _places(generated), strict=True):
        low, high = x.min(), x.max()
        edges = np.linspace(low, high if high > low else low + 1e-5, bins + 1)
        width = edges[1] - edges[0]
        ours, theirs = np.histogram(x, edges)[0] / len(x), np.histogram(z, edges)[0] / len(z)
        total += float(np.abs(ours - theirs).mean() / width)
    return total / places


def _places(X: np.ndarray) -> np.ndarray:
    """(n, C, L) -> (C * L, n): the values at each place, contiguous."""
    return np.ascontiguousarray(X.reshape(len(X), -1).T)


def autocorrelation_difference(real: np.ndarray, generated: np.ndarray, max_lag: int = MAX_LAG) -> float:
    """ACD: Euclidean distance of the autocorrelation functions over `max_lag` lags, mean over channels."""
    lags = min(max_lag, real.shape[-1])
    gap = _autocorrelation(real, lags) - _autocorrelation(generated, lags)
    return float(np.sqrt((gap**2).sum(-1)).mean())


def _autocorrelation(X: np.ndarray, lags: int) -> np.ndarray:
    """(n, C, L) -> (C, lags), about the mean over all series and times, as if the series were stationary."""
    X = X - X.mean((0, 2), keepdims=True)
    variance = (X**2).mean((0, 2))
    length = X.shape[-1]
    products = np.stack([(X[..., lag:] * X[..., : length - lag]).mean((0, 2)) for lag in range(lags)], -1)
    return products / np.where(variance > 0, variance, 1)[:, None]


def _moment_difference(power: int, real: np.ndarray, generated: np.ndarray) -> float:
    """SD, KD: absolute difference of a standardised moment of all values of a channel, mean over channels."""
    ours, theirs = (_standardised(X) for X in (real, generated))
    return float(np.abs((ours**power).mean(1) - (theirs**power).mean(1)).mean())


def _standardised(X: np.ndarray) -> np.ndarray:
    """(n, C, L) -> (C, n * L) of mean 0 and sd 1; a constant channel gives zeros."""
    values = np.moveaxis(X, 1, 0).reshape(X.shape[1], -1)
    values = values - values.mean(1, keepdims=True)
    spread = values.std(1, keepdims=True)
    return values / np.where(spread > 0, spread, 1)
