"""FID within each class, for class-conditional samples."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nm_vqtsg.metrics.fid import Gaussian, frechet_distance


@dataclass(frozen=True)
class ClassFid:
    """Class-conditional FID; lower is better.

    Attributes
    ----------
    mean : float
        Unweighted mean over the classes that could be measured; NaN if there is none.
    per_class : dict
        Class to FID.
    left_out : dict
        Class to the reason why it could not be measured.
    """

    mean: float
    per_class: dict[int, float]
    left_out: dict[int, str]


def rows_by_class(
    y_real: np.ndarray, y_generated: np.ndarray, n_classes: int
) -> tuple[dict[int, tuple[np.ndarray, np.ndarray]], dict[int, str]]:
    """Rows of each class in both sets, for the classes with two series in both; the others with the reason."""
    rows: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    left_out: dict[int, str] = {}
    for label in range(n_classes):
        real, generated = np.flatnonzero(y_real == label), np.flatnonzero(y_generated == label)
        if len(real) < 2:
            left_out[label] = f"{len(real)} real series; a covariance needs two"
        elif len(generated) < 2:
            left_out[label] = f"{len(generated)} generated series; a covariance needs two"
        else:
            rows[label] = (real, generated)
    return rows, left_out


def class_fid(
    real: np.ndarray,
    y_real: np.ndarray,
    generated: np.ndarray,
    y_generated: np.ndarray,
    n_classes: int,
    prepare: Callable[[np.ndarray], np.ndarray] = lambda features: features,
) -> ClassFid:
    """Unweighted mean of the FID within each class (the paper's cFID; WCFID of Benny et al., 2021).

    Parameters
    ----------
    real, generated : (n, d), (m, d) arrays
        Features.
    y_real, y_generated : (n,), (m,) int arrays
        Their classes in 0..n_classes-1; for generated series, the class that was asked for.
    prepare : callable
        What is done to the features of a class in either set first, such as `inliers`.
    """
    rows, left_out = rows_by_class(y_real, y_generated, n_classes)
    per_class = {
        label: frechet_distance(Gaussian(prepare(real[r])), Gaussian(prepare(generated[g])))
        for label, (r, g) in rows.items()
    }
    mean = float(np.mean(list(per_class.values()))) if per_class else float("nan")
    return ClassFid(mean, per_class, left_out)
