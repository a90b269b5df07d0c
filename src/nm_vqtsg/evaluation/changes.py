"""By how much one version of the samples is better than another, and how sure of it one can be."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from nm_vqtsg.evaluation.scores import LEVEL, Features, Samples, Scorer
from nm_vqtsg.metrics.directions import BETTER, change_percent, gain
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
        Score to array (n_draws, versions); ``cfid_per_class``, to (n_draws, classes, versions), for the classes
        that have a FID, in their order.
    """
    n_draws, splits = scorer.config.bootstrap, scorer.config.is_splits
    real, sets = scorer.features.fcn, versions.values()
    sources: dict[str, Iterator[list[Any]]] = {}
    if real is not None:
        fcn = [features.fcn for features in sets if features.fcn is not None]
        sources["fid"] = fid_draws(real, fcn, n_draws, scorer.rng(2))
    if "is" in scored:
        probabilities = [features.probabilities for features in sets if features.probabilities is not None]
        sources["is"] = inception_draws(probabilities, splits, n_draws, scorer.rng(3))
    by_class = [features.fcn_class for features in sets if features.fcn_class is not None]
    y_real, y, n_classes = scorer.real.y, samples.y_class, len(scorer.labels)
    if real is not None and y_real is not None and y is not None and len(by_class) == len(versions):
        per_class = class_fid_draws(real, y_real, by_class, y, n_classes, n_draws, scorer.rng(4))
        sources["cfid_per_class"] = (list(draw.values()) for draw in per_class)
    draws: dict[str, np.ndarray] = {}
    with session.track("bootstrap", total=n_draws * len(sources)) as task:
        for key, source in sources.items():
            rows = []
            for row in source:
                rows.append(row)
                task.advance()
            shape = (len(rows), -1, len(versions)) if rows else (0, max(n_classes, 1), len(versions))
            draws[key] = np.array(rows).reshape(shape)
    if "cfid_per_class" in draws:
        draws["cfid"] = draws["cfid_per_class"].mean(1, keepdims=True)
    return {key: of_key if key == "cfid_per_class" else of_key[:, 0] for key, of_key in draws.items()}


def intervals(
    draws: Mapping[str, np.ndarray], scores: Mapping[str, dict[str, Any]], n_draws: int
) -> dict[str, Any]:
    """Intervals of the scores of each version; those that KID brings along are moved here from `scores`."""
    by_version: dict[str, Any] = {"level": LEVEL, "draws": n_draws}
    for index, (name, own) in enumerate(scores.items()):
        by_version[name] = {
            key: list(centred_interval(own[key], values[:, index], LEVEL, SMALLEST[key]))
            for key, values in draws.items()
            if key != "cfid_per_class"
        }
        if "cfid_per_class" in draws:
            by_version[name]["cfid_per_class"] = {
                label: list(centred_interval(value, draws["cfid_per_class"][:, place, index], LEVEL, 0.0))
                for place, (label, value) in enumerate(own["cfid_per_class"].items())
            }
        by_version[name] |= {key: own.pop(f"{key}_interval") for key in KIDS if key in own}
    return by_version


def changes(
    baseline: dict[str, Any], mapped: dict[str, Any], draws: Mapping[str, np.ndarray]
) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, list[float]]], dict[str, bool]]:
    """By how much `mapped` is better than `baseline`.

    Returns
    -------
    values : dict
        ``gain``, in the unit of each score, and ``change_percent``, the paper's; positive for the better.
    ends : dict
        Their intervals, of the scores that are in `draws`, under the same names.
    unresolved : dict
        Whether the change of a score is no larger than its uncertainty.
    """
    values: dict[str, dict[str, float]] = {"gain": {}, "change_percent": {}}
    ends: dict[str, dict[str, list[float]]] = {"gain": {}, "change_percent": {}}
    unresolved: dict[str, bool] = {}
    for key in CHANGES:
        if key not in baseline or key not in mapped:
            continue
        before, after = baseline[key], mapped[key]
        values["gain"][key] = gain(key, before, after)
        values["change_percent"][key] = change_percent(before, after, BETTER[key])
        if key in draws and len(draws[key]) > 1:
            gains = draws[key][:, 0] - draws[key][:, 1]  # as `gain`, of many draws
            gains = gains if BETTER[key] == "lower" else -gains
            ends["gain"][key] = list(centred_interval(values["gain"][key], gains, LEVEL))
            interval = change_interval((before, after), draws[key], BETTER[key], LEVEL)
            ends["change_percent"][key] = list(interval)
            unresolved[key] = not (interval.low > 0 or interval.high < 0)
    return values, ends, unresolved
