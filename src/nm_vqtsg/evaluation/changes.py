"""By how much one version of the samples is better than another, and how sure of it one can be."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from nm_vqtsg.evaluation.scores import LEVEL, Features, Samples, Scorer
from nm_vqtsg.metrics.directions import BETTER, change_percent
from nm_vqtsg.metrics.uncertainty import (
    centred_interval,
    change_interval,
    class_fid_draws,
    fid_draws,
    inception_draws,
)
from nm_vqtsg.session import Session

CHANGES = ("fid", "is", "cfid", "rocket_fid")
"""Scores whose change is reported in percent."""
KIDS = ("kid", "rocket_kid")
SMALLEST = {"fid": 0.0, "is": 1.0, "cfid": 0.0}


def bootstrap(
    scorer: Scorer,
    samples: Samples,
    versions: Mapping[str, Features],
    scored: set[str],
    session: Session,
) -> dict[str, np.ndarray]:
    """Draws of FID, IS and cFID.

    Parameters
    ----------
    scorer : Scorer
        With the real series.
    samples : Samples
        Any version; its classes are those of all.
    versions : mapping of name to Features
        Drawn together, row by row.
    scored : set of str
        Scores that could be measured.
    session : Session
        Shows progress.

    Returns
    -------
    dict
        Score to array (n_draws, versions).
    """
    n_draws, splits = scorer.config.bootstrap, scorer.config.is_splits
    real, sets = scorer.features.fcn, versions.values()
    sources: dict[str, Iterator[list[float]]] = {}
    if real is not None:
        fcn = [features.fcn for features in sets if features.fcn is not None]
        sources["fid"] = fid_draws(real, fcn, n_draws, scorer.rng(2))
    if "is" in scored:
        probabilities = [features.probabilities for features in sets if features.probabilities is not None]
        sources["is"] = inception_draws(probabilities, splits, n_draws, scorer.rng(3))
    by_class = [features.fcn_class for features in sets if features.fcn_class is not None]
    y_real, y, n_classes = scorer.real.y, samples.y_class, len(scorer.labels)
    if real is not None and y_real is not None and y is not None and len(by_class) == len(versions):
        sources["cfid"] = class_fid_draws(real, y_real, by_class, y, n_classes, n_draws, scorer.rng(4))
    draws: dict[str, np.ndarray] = {}
    with session.track("bootstrap", total=n_draws * len(sources)) as task:
        for key, source in sources.items():
            rows = []
            for row in source:
                rows.append(row)
                task.advance()
            draws[key] = np.array(rows).reshape(-1, len(versions))
    return draws


def intervals(
    draws: Mapping[str, np.ndarray], scores: Mapping[str, dict[str, Any]], n_draws: int
) -> dict[str, Any]:
    """Intervals of the scores of each version; those that KID brings along are moved here from `scores`."""
    by_version: dict[str, Any] = {"level": LEVEL, "draws": n_draws}
    for index, (name, own) in enumerate(scores.items()):
        by_version[name] = {
            key: list(centred_interval(own[key], values[:, index], LEVEL, SMALLEST[key]))
            for key, values in draws.items()
        }
        by_version[name] |= {key: own.pop(f"{key}_interval") for key in KIDS if key in own}
    return by_version


def changes(
    baseline: dict[str, Any], mapped: dict[str, Any], draws: Mapping[str, np.ndarray]
) -> tuple[dict[str, float], dict[str, list[float]], dict[str, bool]]:
    """Changes in percent, their intervals, and which of them are no larger than their uncertainty."""
    change: dict[str, float] = {}
    ends: dict[str, list[float]] = {}
    unresolved: dict[str, bool] = {}
    for key in CHANGES:
        if key not in baseline or key not in mapped:
            continue
        before, after = baseline[key], mapped[key]
        change[key] = change_percent(before, after, BETTER[key])
        if key in draws and len(draws[key]) > 1:
            low, high = ends[key] = list(change_interval((before, after), draws[key], BETTER[key], LEVEL))
            unresolved[key] = not (low > 0 or high < 0)
    return change, ends, unresolved
