"""Inception score: are samples recognisable, and is every class among them?"""

import numpy as np

from nm_vqtsg.errors import DataError


def inception_score(
    probabilities: np.ndarray, splits: int = 10, rng: np.random.Generator | None = None
) -> tuple[float, float]:
    """Inception score (Salimans et al., 2016): exp of the mean KL(p(y|x) ‖ p(y)).

    Between 1 (every series looks alike to the classifier) and the number of classes (each is recognised without
    doubt and all are equally frequent); higher is better.

    Parameters
    ----------
    probabilities : (n, n_classes) array
        Softmax of the classifier.
    splits : int
        Parts of equal size that are scored one by one; what does not fill a part is left out.
    rng : np.random.Generator, optional
        Shuffles first, so that no part is made of neighbours.

    Returns
    -------
    mean, spread : float
        Over the parts; the spread is their standard deviation (of a population, 0 for one part).

    Raises
    ------
    DataError
        If there are fewer series than parts.
    """
    n = len(probabilities)
    size = n // splits
    if size == 0:
        raise DataError(f"the inception score in {splits} splits needs at least {splits} series; there are {n}")
    order = np.arange(n) if rng is None else rng.permutation(n)
    parts = np.asarray(probabilities, dtype=np.float64)[order[: size * splits]].reshape(splits, size, -1)
    scores = np.exp(_mean_divergence(parts))
    return float(scores.mean()), float(scores.std())


def _mean_divergence(parts: np.ndarray) -> np.ndarray:
    """Mean KL(p(y|x) ‖ p(y)) in each part: (splits, size, n_classes) -> (splits,)."""
    # entropy of the mean less the mean entropy; 0 log 0 = 0
    return _entropy(parts.mean(1)) - _entropy(parts).mean(1)


def _entropy(p: np.ndarray) -> np.ndarray:
    return -(p * np.log(np.where(p > 0, p, 1))).sum(-1)
