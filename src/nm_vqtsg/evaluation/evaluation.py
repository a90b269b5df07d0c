"""Everything that is measured about generated series, in one dictionary.

Scores of each set of samples (before and after the mapper, or any other), what real series score, sizes, changes
and their uncertainty. What cannot be measured is absent and named, with the reason.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from nm_vqtsg.errors import DataError
from nm_vqtsg.evaluation.judge import Judge
from nm_vqtsg.evaluation.scoring import LEVEL, Generated, Protocol, Real, Scorer, Seen
from nm_vqtsg.metrics.directions import BETTER
from nm_vqtsg.metrics.fid import Gaussian, frechet_distance
from nm_vqtsg.metrics.rocket import RocketFeatures
from nm_vqtsg.metrics.uncertainty import (
    centred_interval,
    change_interval,
    change_percent,
    class_fid_draws,
    fid_draws,
    inception_draws,
)
from nm_vqtsg.session import Session

__all__ = ["Generated", "Protocol", "Real", "amplitude", "evaluate"]

CHANGES = ("fid", "is", "cfid", "rocket_fid")
"""Scores whose change is reported in percent."""
KIDS = ("kid", "rocket_kid")
SMALLEST = {"fid": 0.0, "is": 1.0, "cfid": 0.0}
NO_JUDGE = "needs labels: without them there is no FCN to judge by"


def evaluate(
    test: Real,
    generated: Mapping[str, Generated],
    *,
    train: Real | None = None,
    judge: Judge | None = None,
    rocket: RocketFeatures,
    labels: tuple[str, ...] = (),
    protocol: Protocol | None = None,
    session: Session | None = None,
) -> dict[str, Any]:
    """Measure generated series against TEST.

    Parameters
    ----------
    test : Real
        What the samples should look like.
    generated : mapping of name to Generated
        Versions of the same samples, in the same order: ``{"baseline": X̂, "mapped": X̂_R}``. Changes are
        reported when there are these two.
    train : Real, optional
        For the reference: a part of TRAIN, as large as the samples, scored as if it had been generated.
    judge : Judge, optional
        Without it, FID, IS and cFID are left out and named under ``missing``.
    rocket : RocketFeatures
        Made for the shape of these series.
    labels : tuple of str
        Original label of each class.
    protocol, session : optional

    Returns
    -------
    dict
        ``n`` (sizes), ``fcn_accuracy``, scores under each name in `generated`, ``reference``,
        ``change_percent``, ``intervals``, ``unresolved`` (a change no larger than its uncertainty),
        ``amplitude`` (per-series standard deviations), ``missing`` (metric to reason).

    Raises
    ------
    DataError
        If shapes or classes do not fit together.
    """
    protocol, session = protocol or Protocol(), session or Session()
    _check(test, generated, train, judge, labels)
    run = Scorer(test, Seen(rocket(test.X)), rocket, judge, labels, protocol)
    accuracy = None
    if judge is not None:
        run.test.fcn, probabilities = judge.features_and_probabilities(test.X)
        run.test.y = test.y
        if test.y is not None:
            accuracy = float((probabilities.argmax(1) == test.y).mean())
    else:
        run.missing |= dict.fromkeys(("fcn_accuracy", "fid", "fid_trimmed", "kid", "is", "cfid"), NO_JUDGE)
    seen = {name: run.see(series) for name, series in generated.items()}
    scores = {name: run.scores(one) for name, one in seen.items()}
    for name, series in generated.items():
        known = None if train is None else train.X
        scores[name]["second_opinion"] = run.second_opinion(series, seen[name], known)
    first = next(iter(generated.values()))
    sizes = {"test": len(test.X), "generated": len(first.X)}
    if first.y_class is not None:
        sizes["per_class"] = int(np.bincount(first.y_class).max())
    result: dict[str, Any] = {"n": sizes, "fcn_accuracy": accuracy, **scores}
    if train is not None:
        sizes["train"] = len(train.X)
        result["reference"] = _reference(run, train, seen, sizes)
    else:
        run.missing["reference"] = "needs TRAIN"
    draws = _bootstrap(run, seen, session) if judge is not None else {}
    result["intervals"] = _intervals(draws, scores, protocol.bootstrap)
    if "baseline" in scores and "mapped" in scores:
        result |= _changes(scores["baseline"], scores["mapped"], draws, result["intervals"])
    result["amplitude"] = {"test": amplitude(test.X)} | {
        name: amplitude(series.X) for name, series in generated.items()
    }
    result["missing"] = run.missing
    return result


def amplitude(X: np.ndarray) -> dict[str, float]:
    """Standard deviation over time of each series (mean over channels): its mean, sd and quartiles."""
    spread = np.asarray(X, dtype=np.float64).std(-1).mean(-1)
    low, middle, high = np.quantile(spread, [0.25, 0.5, 0.75])
    return {
        "mean": float(spread.mean()),
        "sd": float(spread.std()),
        "q25": float(low),
        "median": float(middle),
        "q75": float(high),
    }


def _check(
    test: Real,
    generated: Mapping[str, Generated],
    train: Real | None,
    judge: Judge | None,
    labels: tuple[str, ...],
) -> None:
    others = {name: series.X for name, series in generated.items()}
    others |= {f"{name} by class": s.X_class for name, s in generated.items() if s.X_class is not None}
    if train is not None:
        others["TRAIN"] = train.X
    for name, X in {"TEST": test.X, **others}.items():
        if X.ndim != 3 or X.shape[1:] != test.X.shape[1:]:
            raise DataError(f"{name} has series of shape {X.shape}, TEST of {test.X.shape}; (n, C, L) must agree")
        if not np.isfinite(X).all():
            raise DataError(f"{name} holds values that are not finite")
    if len({len(series.X) for series in generated.values()}) > 1:
        raise DataError("the versions of the samples differ in number; they are compared series by series")
    if judge is not None and judge.n_classes != len(labels):
        raise DataError(f"the FCN knows {judge.n_classes} classes and the data have {len(labels)}; train it again")


def _reference(run: Scorer, train: Real, seen: Mapping[str, Seen], sizes: dict[str, int]) -> dict[str, Any]:
    """What real series score: a part of TRAIN in the place of the samples, and their FID at its size.

    Not a lower bound: the judge was fitted to TRAIN, and with few series FID is mostly bias.
    """
    n = min(sizes["generated"], len(train.X))
    rng = run.rng(1)
    rows = np.sort(rng.permutation(len(train.X))[:n])
    classes: dict[str, Any] = {}
    if train.y is not None and "per_class" in sizes:
        chosen = np.concatenate(
            [
                np.sort(rng.permutation(np.flatnonzero(train.y == label))[: sizes["per_class"]])
                for label in range(len(run.labels))
            ]
        )
        classes = {"X_class": train.X[chosen], "y_class": train.y[chosen]}
    missing, run.missing = run.missing, {}  # a small class of TRAIN says nothing about the samples
    stand_in = Generated(train.X[rows], **classes)
    one = run.see(stand_in)
    found = run.scores(one) | {"second_opinion": run.second_opinion(stand_in, one)}
    run.missing = missing
    subset = np.sort(rng.permutation(sizes["generated"])[:n])
    for name, one in seen.items():
        key, real, fake = ("fid", run.test.fcn, one.fcn)
        if real is None or fake is None:
            key, real, fake = "rocket_fid", run.test.rocket, one.rocket
        found[f"{name}_{key}_at_n"] = frechet_distance(Gaussian(real), Gaussian(fake[subset]))
    return {"n": n, **found}


def _bootstrap(run: Scorer, seen: Mapping[str, Seen], session: Session) -> dict[str, np.ndarray]:
    """Draws of FID, IS and cFID: score to (n_draws, versions)."""
    n_draws, splits = run.protocol.bootstrap, run.protocol.is_splits
    versions = list(seen.values())
    sources: dict[str, Iterator[list[float]]] = {}
    features = [one.fcn for one in versions if one.fcn is not None]
    real = run.test.fcn
    if real is not None:
        sources["fid"] = fid_draws(real, features, n_draws, run.rng(2))
    if "is" not in run.missing:
        probabilities = [one.probabilities for one in versions if one.probabilities is not None]
        sources["is"] = inception_draws(probabilities, splits, n_draws, run.rng(3))
    by_class = [one.fcn_class for one in versions if one.fcn_class is not None]
    y = versions[0].y
    if real is not None and run.test.y is not None and y is not None and len(by_class) == len(versions):
        sources["cfid"] = class_fid_draws(real, run.test.y, by_class, y, len(run.labels), n_draws, run.rng(4))
    draws: dict[str, np.ndarray] = {}
    with session.track("bootstrap", total=n_draws * len(sources)) as task:
        for key, source in sources.items():
            rows = []
            for row in source:
                rows.append(row)
                task.advance()
            draws[key] = np.array(rows).reshape(-1, len(versions))
    return draws


def _intervals(
    draws: Mapping[str, np.ndarray],
    scores: Mapping[str, dict[str, Any]],
    n_draws: int,
) -> dict[str, Any]:
    found: dict[str, Any] = {"level": LEVEL, "draws": n_draws}
    for index, name in enumerate(scores):
        own: dict[str, Any] = {
            key: list(centred_interval(scores[name][key], values[:, index], LEVEL, SMALLEST[key]))
            for key, values in draws.items()
        }
        own |= {key: scores[name].pop(f"{key}_interval") for key in KIDS if key in scores[name]}
        found[name] = own
    return found


def _changes(
    baseline: dict[str, Any], mapped: dict[str, Any], draws: Mapping[str, np.ndarray], intervals: dict[str, Any]
) -> dict[str, Any]:
    """Changes, their intervals (added to `intervals`) and which of them are unresolved."""
    change: dict[str, float] = {}
    unresolved: dict[str, bool] = {}
    ends: dict[str, list[float]] = {}
    for key in CHANGES:
        lower = BETTER[key] == "lower"
        if key not in baseline or key not in mapped:
            continue
        before, after = baseline[key], mapped[key]
        change[key] = change_percent(before, after, lower)
        if key in draws and len(draws[key]) > 1:
            low, high = ends[key] = list(change_interval((before, after), draws[key], lower, LEVEL))
            unresolved[key] = not (low > 0 or high < 0)
    intervals["change_percent"] = ends
    return {"change_percent": change, "unresolved": unresolved}
