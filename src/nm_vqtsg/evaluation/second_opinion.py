"""Scores beside FID, IS and cFID, each from another angle: when they disagree with FID, look closer."""

from typing import Any

import numpy as np

from nm_vqtsg.errors import DataError
from nm_vqtsg.metrics.classifiers import classification_score, real_or_generated
from nm_vqtsg.metrics.context_fid import context_fid
from nm_vqtsg.metrics.neighbours import manifold_scores, memorisation
from nm_vqtsg.metrics.recurrent import discriminative_score, predictive_score
from nm_vqtsg.metrics.statistics import (
    acf_distance,
    cross_correlation_distance,
    sliced_wasserstein,
    spectrum_distance,
)
from nm_vqtsg.metrics.tsgbench import tsgbench_distances
from nm_vqtsg.params import Evaluate


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
        scores["auc"] = real_or_generated(*rocket, rng).auc
    except DataError as error:
        missing["auc"] = str(error)
    if train is not None:
        scores |= memorisation(generated, train, real, rng)
    return scores, missing


def statistic_scores(real: np.ndarray, generated: np.ndarray, rng: np.random.Generator) -> dict[str, float]:
    """Distances between statistics of series (n, C, L) and (m, C, L); `rng` draws directions."""
    scores = {
        "sliced_wasserstein": sliced_wasserstein(real, generated, rng),
        "acf": acf_distance(real, generated),
        "spectrum": spectrum_distance(real, generated),
    }
    if real.shape[1] > 1:
        scores["cross_correlation"] = cross_correlation_distance(real, generated)
    return scores


def network_scores(
    real: np.ndarray,
    generated: np.ndarray,
    contexts: tuple[list[np.ndarray], list[np.ndarray]],
    config: Evaluate,
    trained: bool = True,
) -> tuple[dict[str, float], dict[str, str]]:
    """Scores that train networks of their own, with the sd over their seeds.

    Parameters
    ----------
    real, generated : (n, C, L), (m, C, L) arrays
        Series.
    contexts : pair of lists of (n, d), (m, d) arrays
        As a `ContextEncoder` describes both sets.
    config : Evaluate
        How many networks, and their budget.
    trained : bool
        Also those that train anew for each set; Context-FID does not.

    Returns
    -------
    scores, missing : dict
        Names to numbers, and names to reasons.
    """
    if config.network_seeds == 0:
        off = "switched off by evaluate.network_seeds: 0"
        return {}, dict.fromkeys(("context_fid", "discriminative", "predictive"), off)
    budget = {"seeds": config.network_seeds, "steps": config.network_steps, "seed": config.seed}
    measures = {"context_fid": lambda: context_fid(*contexts)}
    if trained:
        measures["discriminative"] = lambda: discriminative_score(real, generated, **budget)
        measures["predictive"] = lambda: predictive_score(real, generated, **budget)
    scores: dict[str, float] = {}
    missing: dict[str, str] = {}
    for name, measure in measures.items():
        try:
            scores[name], scores[f"{name}_sd"] = measure()
        except DataError as error:
            missing[name] = str(error)
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
