"""Distances between plain statistics of two sets of series: marginals, autocorrelation, spectrum, correlation.

All take series (n, C, L) and (m, C, L), are ≥ 0, 0 for equal sets, lower is better, and need no training.
"""

import numpy as np

from nm_vqtsg.errors import DataError

PROJECTIONS = 500
FLOOR_DB = 60.0


def sliced_wasserstein(
    real: np.ndarray, generated: np.ndarray, rng: np.random.Generator, projections: int = PROJECTIONS
) -> float:
    """Sliced 2-Wasserstein distance of the series as vectors of C · L values.

    The root of the mean, over directions drawn uniformly from the sphere, of the squared 2-Wasserstein distance
    between the projected sets (Rabin et al., 2011; Bonneel et al., 2015). In the unit of the series: a shift by a
    vector v costs |v| / √(C · L), its root mean square. Two samples of one distribution are not at zero.

    Parameters
    ----------
    real, generated : (n, C, L), (m, C, L) arrays
        In any numbers; the distance on a line is exact.
    rng : np.random.Generator
        Draws the directions.
    projections : int
        How many.
    """
    first, second = (np.asarray(X, dtype=np.float64).reshape(len(X), -1) for X in (real, generated))
    directions = rng.standard_normal((first.shape[1], projections))
    directions /= np.linalg.norm(directions, axis=0)
    quantiles = [np.sort(X @ directions, axis=0) for X in (first, second)]
    # the quantile functions are steps; between two neighbouring breakpoints of either, both are constant
    n, m = len(first), len(second)
    breaks = np.unique(np.concatenate([np.arange(n + 1) * m, np.arange(m + 1) * n]))  # in parts of 1 / (n m)
    gap = quantiles[0][breaks[:-1] // m] - quantiles[1][breaks[:-1] // n]
    squared = (np.diff(breaks) / (n * m)) @ gap**2
    return float(np.sqrt(squared.mean()))


def acf_distance(real: np.ndarray, generated: np.ndarray) -> float:
    """Mean absolute difference of the sets' autocorrelations at lags 1 to L / 2; between 0 and 2.

    Each series has its own mean taken off and its own variance divided by, and the autocorrelations are averaged
    over the series (ACF score of Ni et al., 2020, "Conditional Sig-Wasserstein GANs", with the L1 norm). ACD of
    TSGBench pools all series instead. A constant series counts as uncorrelated.
    """
    length = np.shape(real)[-1]
    lags = slice(1, max(length // 2, 1) + 1)
    return float(np.abs(mean_acf(real)[:, lags] - mean_acf(generated)[:, lags]).mean())


def mean_acf(X: np.ndarray) -> np.ndarray:
    """(n, C, L) -> (C, L): sums of products over L, whatever the lag, as usual, so that all lie in [-1, 1]."""
    centred = _centred(X)
    length = centred.shape[-1]
    power = np.abs(np.fft.rfft(centred, 2 * length)) ** 2
    products = np.fft.irfft(power, 2 * length)[..., :length]
    variance = products[..., :1]
    return (products / np.where(variance > 0, variance, 1)).mean(0)


def spectrum_distance(real: np.ndarray, generated: np.ndarray) -> float:
    """Log-spectral distance of the sets' mean power spectra, in decibels.

    Root mean square, over frequencies above zero, of the difference of 10 · log₁₀ of the power, averaged over the
    series (Gray and Markel, 1976); mean over channels. Twice the amplitude is 6 dB, an amplitude that is 10 % off
    .8 dB. Power more than 60 dB below the strongest frequency of the real series counts as 60 dB below.
    """
    ours, theirs = mean_power(real), mean_power(generated)
    floor = ours.max(-1, keepdims=True) * 10 ** (-FLOOR_DB / 10)
    floor = np.where(floor > 0, floor, 1.0)
    gap = 10 * np.log10(np.maximum(ours, floor) / np.maximum(theirs, floor))
    return float(np.sqrt((gap**2).mean(-1)).mean())


def mean_power(X: np.ndarray) -> np.ndarray:
    """(n, C, L) -> (C, L // 2): power at the frequencies above zero, mean over the series."""
    return (np.abs(np.fft.rfft(_centred(X))) ** 2)[..., 1:].mean(0)


def _centred(X: np.ndarray) -> np.ndarray:
    """Each series without its own mean; one that is constant gives exact zeros."""
    X = np.asarray(X, dtype=np.float64)
    return np.where(np.ptp(X, axis=-1, keepdims=True) > 0, X - X.mean(-1, keepdims=True), 0.0)


def cross_correlation_distance(real: np.ndarray, generated: np.ndarray) -> float:
    """Mean absolute difference of the correlations between channels at the same time; between 0 and 2.

    Pearson's correlation of each pair of channels over all series and times (correlational score of Yuan and Qiao,
    2024, "Diffusion-TS", as a mean over the pairs). A constant channel is uncorrelated.

    Raises
    ------
    DataError
        If there is only one channel.
    """
    channels = np.shape(real)[1]
    if channels < 2:
        raise DataError("the correlation between channels needs two channels")
    pairs = np.triu_indices(channels, 1)
    return float(np.abs(_correlations(real) - _correlations(generated))[pairs].mean())


def _correlations(X: np.ndarray) -> np.ndarray:
    """(n, C, L) -> (C, C)."""
    values = np.moveaxis(np.asarray(X, dtype=np.float64), 1, 0).reshape(np.shape(X)[1], -1)
    values = values - values.mean(1, keepdims=True)
    norms = np.linalg.norm(values, axis=1, keepdims=True)
    values = values / np.where(norms > 0, norms, 1)
    return values @ values.T
