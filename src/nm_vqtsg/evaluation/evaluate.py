"""Everything that is measured about generated series, in one dictionary.

Scores of each version of the samples (before and after the mapper, or any other), what real series score, sizes,
changes and their uncertainty. What cannot be measured is absent and named, with the reason.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from nm_vqtsg.datasets.series import Series
from nm_vqtsg.errors import DataError
from nm_vqtsg.evaluation.changes import bootstrap, changes, intervals
from nm_vqtsg.evaluation.reference import reference
from nm_vqtsg.evaluation.scores import Samples, Scorer
from nm_vqtsg.judge.model import Judge
from nm_vqtsg.metrics.accuracy import accuracy, balanced_accuracy
from nm_vqtsg.params import Evaluate, Rocket
from nm_vqtsg.session import Session

JUDGED = ("fcn_accuracy", "fid", "fid_trimmed", "kid", "is", "is_gap", "cfid")
NO_LABELS = "needs labels: without them there is no FCN to judge by"
NO_TRAIN = "needs the real series that the generator learnt from"


def evaluate_samples(
    test: Series,
    versions: Mapping[str, Samples],
    *,
    train: Series | None = None,
    controls: Mapping[str, Samples] | None = None,
    judge: Judge | None = None,
    no_judge: str = NO_LABELS,
    rocket: Rocket,
    config: Evaluate,
    session: Session | None = None,
) -> dict[str, Any]:
    """Measure generated series against TEST.

    Parameters
    ----------
    test : Series
        What the samples should look like.
    versions : mapping of name to Samples
        Versions of the same samples, in the same order: ``{"baseline": X̂, "mapped": X̂_R}``. Changes are
        reported when there are these two.
    train : Series, optional
        What the generator learnt from: for memorisation, and for the reference (parts of TRAIN, as large as the
        samples, scored as if they had been generated).
    controls : mapping of name to Samples, optional
        The samples, changed without learning (see `nm_vqtsg.evaluation.controls`), for the headline scores alone.
    judge : Judge, optional
        Without it, FID, IS and cFID are left out and named under ``missing``, with the reason `no_judge`.
    rocket, config : Rocket, Evaluate
        These sections of the parameters.
    session : Session, optional

    Returns
    -------
    dict
        ``n`` (sizes), ``fcn_accuracy``, ``fcn_balanced_accuracy`` (where classes are unequal), ``fcn_source`` (own
        or published), scores under each name in `versions`, ``reference``,
        ``controls``, ``gain`` (in a score's own unit) and ``change_percent`` (the paper's), ``intervals`` of all
        these, ``unresolved`` (a change no larger than its uncertainty),
        ``amplitude`` (per-series standard deviations), ``missing`` (metric to reason). Where `test` is VAL, a part
        of TRAIN, ``evaluated_on`` is ``validation``.

    Raises
    ------
    DataError
        If shapes or classes do not fit together.
    """
    _check(test, versions, train, judge)
    scorer = Scorer(test, judge, rocket, config, None if train is None else train.X)
    missing = {} if judge is not None else dict.fromkeys(JUDGED, no_judge)
    features = {name: scorer.describe(samples) for name, samples in versions.items()}
    scores: dict[str, dict[str, Any]] = {}
    session = session or Session()
    first = next(iter(versions.values()))
    sizes = {"test": len(test.X), "generated": len(first.X)}
    if first.y_class is not None:
        sizes["per_class"] = int(np.bincount(first.y_class).max())
    result: dict[str, Any] = {**test.facts(), "n": sizes, **_facts_of_judge(scorer)}
    draws_of_real = 0 if train is None else config.reference_draws
    controls = controls or {}
    with session.track("scores", total=len(versions) + draws_of_real + len(controls)) as task:
        for name, samples in versions.items():
            scores[name], reasons = scorer.score(samples, features[name], None if train is None else train.X)
            missing |= reasons
            task.advance()
        result |= scores
        if controls:
            result["controls"] = {}
        for name, samples in controls.items():
            result["controls"][name] = scorer.headline(samples)
            task.advance()
        if train is not None:
            sizes["train"] = len(train.X)
            result["reference"] = reference(scorer, train, features, sizes, task)
        else:
            missing |= dict.fromkeys(("reference", "memorisation"), NO_TRAIN)
    scored = set.intersection(*map(set, scores.values()))
    draws = {} if judge is None else bootstrap(scorer, first, features, scored, session)
    result["intervals"] = intervals(draws, scores, config.bootstrap)
    if "baseline" in scores and "mapped" in scores:
        values, ends, unresolved = changes(scores["baseline"], scores["mapped"], draws)
        result["intervals"] |= ends
        result |= values | {"unresolved": unresolved}
    sets = {"test": test.X} | {name: samples.X for name, samples in versions.items()}
    return result | {"amplitude": {name: amplitude(X) for name, X in sets.items()}, "missing": missing}


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


def _check(test: Series, versions: Mapping[str, Samples], train: Series | None, judge: Judge | None) -> None:
    others = {name: samples.X for name, samples in versions.items()}
    others |= {f"{name} by class": s.X_class for name, s in versions.items() if s.X_class is not None}
    if train is not None:
        others["TRAIN"] = train.X
    for name, X in {"TEST": test.X, **others}.items():
        if X.ndim != 3 or X.shape[1:] != test.X.shape[1:]:
            raise DataError(f"{name} has series of shape {X.shape}, TEST of {test.X.shape}; (n, C, L) must agree")
        if not np.isfinite(X).all():
            raise DataError(f"{name} holds values that are not finite")
    if len({len(samples.X) for samples in versions.values()}) > 1:
        raise DataError("the versions of the samples differ in number; they are compared series by series")
    if judge is not None and judge.n_classes != test.n_classes:
        raise DataError(
            f"the FCN knows {judge.n_classes} classes and the data have {test.n_classes}; train it again"
        )


def _facts_of_judge(scorer: Scorer) -> dict[str, Any]:
    """How well it knows the real series, and who trained it."""
    judge, probabilities, y = scorer.judge, scorer.features.probabilities, scorer.real.y
    if judge is None or probabilities is None or y is None:
        return {"fcn_accuracy": None}
    facts = {"fcn_accuracy": accuracy(probabilities, y), "fcn_source": judge.source}
    balanced = balanced_accuracy(probabilities, y)
    return facts if balanced is None else facts | {"fcn_balanced_accuracy": balanced}
