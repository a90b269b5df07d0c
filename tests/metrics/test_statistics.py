"""Distances between statistics of series, against closed forms."""

import numpy as np
import pytest

from nm_vqtsg.errors import DataError
from nm_vqtsg.metrics.statistics import (
    acf_distance,
    cross_correlation_distance,
    mean_acf,
    sliced_wasserstein,
    spectrum_distance,
)


def noise(n: int, seed: int, channels: int = 1, length: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, channels, length))


def wasserstein(first: np.ndarray, second: np.ndarray, projections: int = 500) -> float:
    return sliced_wasserstein(first, second, np.random.default_rng(0), projections)


def autoregressive(n: int, phi: float, seed: int, length: int = 400) -> np.ndarray:
    """AR(1), in its stationary distribution from the start."""
    shocks = np.random.default_rng(seed).normal(size=(n, length))
    X = np.empty_like(shocks)
    X[:, 0] = shocks[:, 0] / np.sqrt(1 - phi**2)
    for t in range(1, length):
        X[:, t] = phi * X[:, t - 1] + shocks[:, t]
    return X[:, None]


def test_equal_sets_are_at_zero_in_any_order() -> None:
    X = noise(30, 0, channels=2)
    for distance in (wasserstein, acf_distance, spectrum_distance, cross_correlation_distance):
        assert distance(X, X) == 0, distance.__name__
        assert distance(X, X[::-1]) == pytest.approx(0, abs=1e-12), distance.__name__
        assert distance(X, np.repeat(X, 2, axis=0)) == pytest.approx(0, abs=1e-7), distance.__name__


def test_sliced_wasserstein_on_a_line_is_that_of_scipy() -> None:
    """One value a series, in unequal numbers: with |x - y| as the cost of values 0 and 1 it equals its square."""
    from scipy.stats import wasserstein_distance

    first, second = np.array([0.0, 1, 1]), np.array([0.0, 0, 0, 1, 1])
    expected = wasserstein_distance(first, second)
    assert wasserstein(first[:, None, None], second[:, None, None]) ** 2 == pytest.approx(expected)


def test_sliced_wasserstein_of_shifted_and_scaled_sets() -> None:
    X = noise(60, 0)
    assert wasserstein(X, X + 3, 4000) == pytest.approx(3, rel=0.05)
    assert wasserstein(X, 2 * X, 2000) ** 2 == pytest.approx((X**2).sum((1, 2)).mean() / 40, rel=0.05)


def test_sliced_wasserstein_of_gaussians() -> None:
    """N(a, s² I) and N(b, t² I) in d dimensions: |a − b|² / d + (s − t)²."""
    first, second = 1.5 * noise(4000, 0, length=5), 0.5 * noise(6000, 1, length=5)
    shift = np.array([1.0, -2, 0, 0, 1])
    expected = np.sqrt((shift**2).mean() + 1)
    assert wasserstein(first, second + shift) == pytest.approx(expected, rel=0.03)


def test_acf_of_autoregressive_processes() -> None:
    """φᵏ at lag k; 2000 times bias it by less than .01."""
    white, red = autoregressive(60, 0.0, 0, 2000), autoregressive(60, 0.8, 1, 2000)
    np.testing.assert_allclose(mean_acf(red)[0, :12], 0.8 ** np.arange(12), atol=0.015)
    np.testing.assert_allclose(mean_acf(white)[0, 1:12], 0, atol=0.015)
    gaps = np.abs(mean_acf(red) - mean_acf(white))[0, 1:1001]
    assert acf_distance(white, red) == pytest.approx(gaps.mean())
    short = (0.8 ** np.arange(1, 6)).mean()  # ten times show five lags, and their own mean takes most of it
    assert 0 < acf_distance(white[..., :10], red[..., :10]) < short


def test_acf_sees_neither_level_nor_scale() -> None:
    X, levels = noise(20, 0), noise(20, 1, length=1)
    assert acf_distance(X, 3 * X + 10 * levels) == pytest.approx(0, abs=1e-12)
    assert acf_distance(np.ones((4, 1, 10)), 0.1 * np.ones((4, 1, 10))) == 0


def test_spectrum_in_decibels() -> None:
    X = noise(20, 0, channels=2)
    assert spectrum_distance(X, 2 * X) == pytest.approx(20 * np.log10(2))
    assert spectrum_distance(X, X + 5) == pytest.approx(0, abs=1e-9)
    t = np.arange(64)
    slow, fast = np.sin(2 * np.pi * 3 * t / 64)[None, None], np.sin(2 * np.pi * 9 * t / 64)[None, None]
    # two of 32 frequencies differ, by all the 60 dB that count at most; the other way round both are capped too
    assert spectrum_distance(slow, slow + fast) == pytest.approx(60 / np.sqrt(32))
    assert spectrum_distance(slow, fast) == pytest.approx(60 * np.sqrt(2 / 32))
    assert np.isfinite(spectrum_distance(np.ones((3, 1, 8)), noise(3, 0, length=8)))


def test_cross_correlation_by_hand() -> None:
    base = noise(4000, 0, length=20)
    other = noise(4000, 1, length=20)
    together, apart = np.concatenate([base, base], 1), np.concatenate([base, -2 * base + 7], 1)
    independent = np.concatenate([base, other], 1)
    assert cross_correlation_distance(together, apart) == pytest.approx(2)
    assert cross_correlation_distance(together, independent) == pytest.approx(1, abs=0.02)
    half = np.concatenate([base, (base + np.sqrt(3) * other) / 2], 1)
    assert cross_correlation_distance(independent, half) == pytest.approx(0.5, abs=0.02)
    constant = np.concatenate([base, np.ones_like(base)], 1)
    assert cross_correlation_distance(together, constant) == pytest.approx(1)
    with pytest.raises(DataError, match="two channels"):
        cross_correlation_distance(base, base)
