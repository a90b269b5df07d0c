"""Measure any series against any real ones: find the scale, the classes and the judge, then `evaluate`.

What can be measured depends on what is given:

* real and synthetic series: ROCKET-FID, KID on ROCKET features, precision, recall, AUC, TSGBench's distances;
* and TRAIN: memorisation, and the reference (what real series score);
* and labels in TRAIN and in the real series, or a trained FCN: FID, IS, KID on FCN features;
* and a class with every synthetic series: cFID and CAS.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nm_vqtsg.datasets.raw import in_class_order
from nm_vqtsg.errors import ArtifactError, DataError
from nm_vqtsg.evaluation.evaluation import Generated, Protocol, Real, evaluate
from nm_vqtsg.evaluation.judge import Judge
from nm_vqtsg.metrics.rocket import RocketFeatures
from nm_vqtsg.params import Params
from nm_vqtsg.session import Session

Scale = tuple[np.ndarray, np.ndarray] | None  # mean and sd of each channel; None where a study has scaled already


@dataclass(frozen=True)
class SeriesSet:
    """Series and where they come from.

    Attributes
    ----------
    name : str
        A path or a word, for messages.
    X : (n, C, L) float64
    labels : (n,) str, or None
        Of `X_class` where there is one, else of `X`.
    scaled : bool
        Whether a study has scaled them.
    X_class : (m, C, L) float64, or None
        Series with the class asked for, where `X` are others.
    """

    name: str
    X: np.ndarray
    labels: np.ndarray | None
    scaled: bool = False
    X_class: np.ndarray | None = None


def measure(
    test: SeriesSet,
    versions: Mapping[str, SeriesSet],
    train: SeriesSet | None = None,
    judge: Judge | Path | None = None,
    params: Params | None = None,
    session: Session | None = None,
) -> dict[str, Any]:
    """Measure versions of the same samples against real series.

    Parameters
    ----------
    test : SeriesSet
        What the samples should look like.
    versions : mapping of name to SeriesSet
        See `evaluate`.
    train : SeriesSet, optional
        Real series that the generator was trained on. With labels, an FCN is trained on them, unless `judge` is
        given; and they set the scale (else `test` does).
    judge : Judge or Path, optional
        A trained FCN, for series scaled as in its training.
    params : Params, optional
        Sections ``fcn``, ``rocket`` and ``evaluate``.
    session : Session, optional

    Returns
    -------
    dict
        As of `evaluate`, and ``judge`` and ``scale``, which say where both came from.

    Raises
    ------
    DataError, ArtifactError
        If things do not belong together.
    """
    params, session = params or Params(), session or Session()
    _check_shapes(test, [*versions.values(), *([] if train is None else [train])])
    origin_of_scale, scale = _scale(test, train)
    X = _apply(test.X, scale)
    X_train = None if train is None else _apply(train.X, scale)

    names = _class_names(test, train)
    y, y_train = _classes(test, names), None if train is None else _classes(train, names)
    found, origin = _judge(judge, X_train, y_train, names, params, session)
    result = evaluate(
        Real(X, y),
        {name: _generated(series, names, scale) for name, series in versions.items()},
        train=None if X_train is None else Real(X_train, y_train),
        judge=found,
        rocket=RocketFeatures(X.shape[1], X.shape[2], params.rocket.n_kernels, params.rocket.seed),
        labels=names,
        protocol=Protocol(**params.evaluate.model_dump()),
        session=session,
    )
    if found is None:
        no_judge = f"needs a judge: {origin}"
        for name in ("fcn_accuracy", "fid", "fid_trimmed", "kid", "is", "cfid"):
            result["missing"][name] = no_judge
    if train is None:
        result["missing"]["reference"] = result["missing"]["memorisation"] = (
            "needs real series to train on (--train; in Python, train)"
        )
    return result | {"judge": origin, "scale": origin_of_scale}


def _check_shapes(test: SeriesSet, others: list[SeriesSet]) -> None:
    for other in others:
        if other.X.shape[1:] != test.X.shape[1:]:
            raise DataError(
                f"{other.name}: series of shape {other.X.shape[1:]} (channels, length), but {test.name} has "
                f"{test.X.shape[1:]}"
            )
        if other.scaled != test.scaled:
            raise DataError(
                f"{other.name} and {test.name}: one holds scaled series of a study and the other not; take both "
                "from the same study, or neither"
            )


def _scale(test: SeriesSet, train: SeriesSet | None) -> tuple[str, Scale]:
    """Where the scale comes from, and the scale."""
    if test.scaled:
        return "the series of a study, scaled by its TRAIN", None
    source = test if train is None else train
    mean, std = source.X.mean((0, 2)), source.X.std((0, 2))
    if not (std > 0).all():
        raise DataError(f"{source.name}: a channel is constant, so there is no scale; remove the channel")
    return ("real" if train is None else "train"), (mean, std)


def _apply(X: np.ndarray, scale: Scale) -> np.ndarray:
    if scale is not None:
        mean, std = scale
        X = (X - mean[:, None]) / std[:, None]
    return X.astype(np.float32)


def _class_names(test: SeriesSet, train: SeriesSet | None) -> tuple[str, ...]:
    """Labels in class order; empty unless the real series have them."""
    if test.labels is None:
        return ()
    known = [] if train is None or train.labels is None else train.labels.tolist()
    return tuple(in_class_order([*test.labels.tolist(), *known]))


def _classes(series: SeriesSet, names: tuple[str, ...]) -> np.ndarray | None:
    if series.labels is None or not names:
        return None
    index = {name: place for place, name in enumerate(names)}
    strange = next((label for label in series.labels.tolist() if label not in index), None)
    if strange is not None:
        raise DataError(f"{series.name}: holds the label '{strange}', which the real series do not have")
    return np.array([index[label] for label in series.labels.tolist()], dtype=np.int64)


def _generated(series: SeriesSet, names: tuple[str, ...], scale: Scale) -> Generated:
    X, y = _apply(series.X, scale), _classes(series, names)
    if y is None:
        return Generated(X)
    return Generated(X, X if series.X_class is None else _apply(series.X_class, scale), y)


def _judge(
    given: Judge | Path | None,
    X: np.ndarray | None,
    y: np.ndarray | None,
    names: tuple[str, ...],
    params: Params,
    session: Session,
) -> tuple[Judge | None, str]:
    """The judge, and where it came from or why there is none."""
    if given is not None:
        judge, called = (Judge.load(given), given.name) if isinstance(given, Path) else (given, "a Judge")
        if not names:
            return None, "an FCN was given, but the real series have no labels"
        if judge.n_classes != len(names):
            where = given if isinstance(given, Path) else "judge"
            raise ArtifactError(
                f"{where}: knows {judge.n_classes} classes, the real series have {len(names)}; give its own data"
            )
        judge.model.to(session.device)
        return judge, f"given ({called})"
    if not names:
        return None, "no labels in the real series"
    if X is None or y is None:
        return None, (
            "an FCN (--fcn; in Python, judge), or real series with labels to train one on (--train; in Python, "
            "train and y_train)"
        )
    judge, curve = Judge.train(X, y, len(names), params.fcn, session)
    return judge, f"trained on train for {len(curve)} epochs"
