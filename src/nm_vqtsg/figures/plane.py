"""A plane to look at features of many dimensions: principal components of one reference set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Plane:
    """The first two principal axes of the set that it was fitted on.

    Attributes
    ----------
    mean: (D,), axes: (2, D)
        Centre and orthonormal axes; the largest entry of each axis is positive, which fixes its sign.
    explained: (2,)
        Share of the reference's variance along each axis, in [0, 1].
    """

    mean: np.ndarray
    axes: np.ndarray
    explained: np.ndarray

    @classmethod
    def fit(cls, features: np.ndarray) -> Plane:
        """Principal axes of `features` (n, D), D ≥ 1; flat or single points give zero scores, not an error."""
        values = np.asarray(features, dtype=np.float64)
        mean = values.mean(axis=0)
        _, singular, axes = np.linalg.svd(values - mean, full_matrices=False)
        kept = np.zeros((2, values.shape[1]))
        kept[: min(2, len(axes))] = axes[:2]
        signs = np.sign(kept[np.arange(2), np.abs(kept).argmax(axis=1)])
        power = np.zeros(2)
        power[: min(2, len(singular))] = singular[:2] ** 2
        total = float((singular**2).sum())
        return cls(mean, kept * np.where(signs == 0, 1.0, signs)[:, None], power / total if total else power)

    def project(self, features: np.ndarray) -> np.ndarray:
        """Coordinates (n, 2) of `features` (n, D)."""
        return (np.asarray(features, dtype=np.float64) - self.mean) @ self.axes.T

    def label(self, axis: int) -> str:
        """``PC1 (63 % of variance)``."""
        return f"PC{axis + 1} ({100 * self.explained[axis]:.0f} %)"
