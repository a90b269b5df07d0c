"""Fréchet inception distance in its exact low-rank form.

FID (Heusel et al., 2017) is the Fréchet distance between Gaussians fitted to two sets of features:

    |μ₁ − μ₂|² + tr Σ₁ + tr Σ₂ − 2 tr (Σ₁Σ₂)^½

With centred features scaled so that Σ = AᵀA, the last term is the nuclear norm of ABᵀ: the sum of the square
roots of the eigenvalues of the positive semi-definite A Σ₂ Aᵀ. No matrix square root is formed, nothing can turn
complex or negative, and A needs no more rows than features or series, whichever are fewer.
"""

from functools import cached_property

import numpy as np
from scipy import linalg

from nm_vqtsg.errors import DataError


class Gaussian:
    """Mean and covariance of features, in the form that comparisons are cheap in.

    Make one per set and compare it as often as needed: what depends on one set alone is computed once.

    Parameters
    ----------
    features : (n, d) array
        n ≥ 2.
    name : str
        What the set is called in an error message.

    Raises
    ------
    DataError
        If there are fewer than two rows, or values that are not finite.
    """

    def __init__(self, features: np.ndarray, name: str = "features") -> None:
        features = np.asarray(features, dtype=np.float64)
        if features.ndim != 2 or len(features) < 2:
            raise DataError(f"{name}: FID needs (n, d) features of at least two series; got {features.shape}")
        if not np.isfinite(features).all():
            raise DataError(f"{name}: holds features that are not finite; look for extreme values in the series")
        self.n, self.d = features.shape
        self.mean = features.mean(0)
        centred = (features - self.mean) / np.sqrt(self.n - 1)
        self.trace = float(np.vdot(centred, centred))
        self.rank_bound = min(self.n, self.d)
        self._rows = centred if self.n <= self.d else None
        self._covariance = centred.T @ centred if self._rows is None else None

    @cached_property
    def factor(self) -> np.ndarray:
        """A (min(n, d), d) with AᵀA = Σ."""
        if self._rows is not None:
            return self._rows
        values, vectors = linalg.eigh(self._covariance)
        return np.sqrt(values.clip(0))[:, None] * vectors.T

    def gram(self, factor: np.ndarray) -> np.ndarray:
        """A Σ Aᵀ for another set's factor A (m, d)."""
        if self._rows is not None:
            half = factor @ self._rows.T
            return half @ half.T
        return factor @ self._covariance @ factor.T


def frechet_distance(first: Gaussian, second: Gaussian) -> float:
    """Squared Fréchet distance, ≥ 0; lower is better.

    Raises
    ------
    DataError
        If the features differ in number.
    """
    if first.d != second.d:
        raise DataError(f"FID compares features of one kind; these have {first.d} and {second.d} columns")
    small, large = sorted((first, second), key=lambda side: side.rank_bound)
    values = linalg.eigvalsh(large.gram(small.factor))
    noise = len(values) * np.finfo(np.float64).eps * max(values[-1], 0.0)
    overlap = np.sqrt(values[values > noise]).sum()
    difference = first.mean - second.mean
    return max(0.0, float(difference @ difference + first.trace + second.trace - 2 * overlap))


def fid(first: np.ndarray, second: np.ndarray) -> float:
    """FID between two sets of features (n, d) and (m, d); ≥ 0, lower is better."""
    return frechet_distance(Gaussian(first), Gaussian(second))
