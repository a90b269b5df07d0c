"""Nearest neighbours: do samples lie where real series lie, everywhere they lie, and are they copies?

Why not the package prdc (0.2): it gives the same four numbers, but prints, and always starts eight jobs.
"""

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.metrics.pairwise import euclidean_distances

from nm_vqtsg.errors import DataError


def manifold_scores(real: np.ndarray, generated: np.ndarray, k: int = 5) -> dict[str, float]:
    """Precision, recall, density and coverage of features (n, d) and (m, d); higher is better.

    A real (generated) series owns the ball that reaches to its k-th nearest real (generated) neighbour.
    Precision: share of samples in a real ball. Recall: share of real series in a sample's ball (Kynkäänniemi et
    al., 2019). Density: how many real balls a sample is in, over k; may exceed 1. Coverage: share of real balls
    that hold a sample (Naeem et al., 2020); both bear outliers better. For equal distributions density is about
    1, and coverage about 1 − 2⁻ᵏ when the sets are equally large.

    Raises
    ------
    DataError
        If a set has no k-th neighbour.
    """
    if min(len(real), len(generated)) <= k:
        raise DataError(f"precision and recall need more than {k} series in each set")
    radius_real, radius_generated = _radius(real, k), _radius(generated, k)
    between = euclidean_distances(real, generated)
    in_real = between < radius_real[:, None]
    return {
        "precision": float(in_real.any(0).mean()),
        "recall": float((between < radius_generated[None]).any(1).mean()),
        "density": float(in_real.sum(0).mean() / k),
        "coverage": float(in_real.any(1).mean()),
    }


def _radius(points: np.ndarray, k: int) -> np.ndarray:
    """Distance to the k-th nearest other point: (n, d) -> (n,)."""
    return np.partition(euclidean_distances(points), k, axis=1)[:, k]  # place 0 is the point itself


def nearest(X: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Euclidean distance of each series (n, C, L) to the nearest of `others` (m, C, L), and which that is."""
    flat, flat_others = (values.reshape(len(values), -1).astype(np.float64) for values in (X, others))
    distances = cdist(flat, flat_others)
    rows = distances.argmin(1)
    return distances[np.arange(len(flat)), rows], rows


def memorisation(
    generated: np.ndarray, seen: np.ndarray, unseen: np.ndarray, rng: np.random.Generator
) -> dict[str, float]:
    """Are samples closer to real series that the generator saw than to those that it did not see?

    Parameters
    ----------
    generated, seen, unseen : (n, C, L) arrays
        Euclidean distance of the series themselves.
    rng : np.random.Generator
        Cuts the larger of the two real sets to the size of the other: more series lie closer by number alone.

    Returns
    -------
    dict
        ``closer_to_train``: share of samples, 0.5 when nothing was memorised and 1 when all was;
        ``distance_ratio``: median distance to what was seen over that to what was not, 1 and 0 likewise;
        ``copies``: share of samples that equal a series that was seen to within 10⁻⁴ of its norm (of all seen).
    """
    flat, flat_seen, flat_unseen = (X.reshape(len(X), -1).astype(np.float64) for X in (generated, seen, unseen))
    to_seen = cdist(flat, flat_seen)
    nearest = to_seen.argmin(1)
    norms = np.linalg.norm(flat_seen, axis=1)[nearest]
    copies = to_seen[np.arange(len(flat)), nearest] <= 1e-4 * norms
    n = min(len(seen), len(unseen))
    gap_seen = to_seen[:, rng.permutation(len(seen))[:n]].min(1)
    gap_unseen = cdist(flat, flat_unseen[rng.permutation(len(unseen))[:n]]).min(1)
    closer = (gap_seen < gap_unseen) + 0.5 * (gap_seen == gap_unseen)
    middle = float(np.median(gap_unseen))
    return {
        "closer_to_train": float(closer.mean()),
        "distance_ratio": float(np.median(gap_seen)) / middle if middle > 0 else float("nan"),
        "copies": float(copies.mean()),
    }
