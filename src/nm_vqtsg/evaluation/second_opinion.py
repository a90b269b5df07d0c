"""Scores beside FID, IS and cFID, each from another angle: when they disagree with FID, look closer."""

from typing import Any

import numpy as np

from nm_vqtsg.errors import DataError
from nm_vqtsg.metrics.classifiers import classification_score, real_or_generated
from nm_vqtsg.metrics.neighbours import manifold_scores, memorisation
from nm_vqtsg.metrics.tsgbench import tsgbench_distances


def unlabelled_scores(
    real: np.ndarray,
    generated: np.ndarray,
    features: tuple[np.ndarray, np.ndarray],
    rocket: tuple[np.ndarray, np.ndarray],
    rng: np.random.Generator,
    train: np.ndarray | None = None,
) -> tuple[dict[str, Any], dict[str, str]]:
    """What can be said without classes.

    Parameters
    ----------
    real, generated : (n, C, L), (m, C, L) arrays
        Series.
    features, rocket : pairs of (n, d), (m, d) arrays
        Of both sets: those that neighbours are sought in (the FCN's, where there is one), and ROCKET's.
    train : (k, C, L) array, optional
        For memorisation.

    Returns
    -------
    scores, missing : dict
        Names to numbers, and names to reasons.
    """
    scores: dict[str, Any] = dict(tsgbench_distances(real, generated))
    missing: dict[str, str] = {}
    try:
        scores |= manifold_scores(*features)
    except DataError as error:
        missing["precision, recall, density, coverage"] = str(error)
    try:
        scores["auc"] = real_or_generated(*rocket, rng)
    except DataError as error:
        missing["auc"] = str(error)
    if train is not None:
        scores |= memorisation(generated, train, real, rng)
    return scores, missing


def labelled_scores(
    real: tuple[np.ndarray, np.ndarray], generated: tuple[np.ndarray, np.ndarray], fits: int, seed: int
) -> tuple[dict[str, Any], dict[str, str]]:
    """CAS: learn from generated (X, y), answer for real (X, y).

    Returns
    -------
    scores, missing : dict
        Names to numbers, and names to reasons.
    """
    if fits == 0:
        return {}, {"cas": "switched off by evaluate.cas_fits: 0"}
    try:
        mean, spread = classification_score(*generated, *real, fits=fits, seed=seed)
    except DataError as error:
        return {}, {"cas": str(error)}
    return {"cas": mean, "cas_sd": spread}, {}
