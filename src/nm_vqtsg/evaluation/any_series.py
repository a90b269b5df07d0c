"""Any series against any real ones: find the scale, the classes and the judge, and evaluate.

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
from nm_vqtsg.datasets.scaling import Scaling
from nm_vqtsg.datasets.series import Series
from nm_vqtsg.errors import ArtifactError, DataError
from nm_vqtsg.evaluation.controls import CONTROL_STREAM, Change, control_samples
from nm_vqtsg.evaluation.evaluate import NO_TRAIN, evaluate_samples
from nm_vqtsg.evaluation.repeats import repeats
from nm_vqtsg.evaluation.scores import NO_CLASSES, Samples
from nm_vqtsg.judge import advice
from nm_vqtsg.judge.model import Judge
from nm_vqtsg.judge.published import load_given
from nm_vqtsg.params import Params
from nm_vqtsg.session import Session

LABELS_REMEDY = "name the labels of the real series (--labels; in Python, y)"
JUDGE_REMEDY = (
    "give real series with labels to train an FCN on (--train; in Python, train and y_train), or a trained FCN "
    "(--fcn; in Python, judge)"
)
TRAIN_REMEDY = "give those (--train; in Python, train)"
CLASSES_REMEDY = "give labels of the real and of the synthetic series (--labels; in Python, y and y_synthetic)"


@dataclass(frozen=True)
class NamedSeries:
    """Series as a user hands them in.

    Attributes
    ----------
    name : str
        A path or a word, for messages.
    X : (n, C, L) float64
    labels : (n,) str, or None
        Of `X_class` where there is one, else of `X`.
    scaled : bool
        Whether a study has scaled them; else they are in the units of the data.
    X_class : (m, C, L) float64, or None
        Series with the class asked for, where `X` are others.
    channels : tuple of str
        Their names; empty where they have none.
    validation : bool
        Whether they are a study's FIT or VAL (see `Series`).
    """

    name: str
    X: np.ndarray
    labels: np.ndarray | None
    scaled: bool = False
    X_class: np.ndarray | None = None
    channels: tuple[str, ...] = ()
    validation: bool = False


@dataclass(frozen=True)
class Measured:
    """Scores, and what was measured, on the scale on which it was.

    Attributes
    ----------
    scores : dict
        As of `measure_any`.
    real : Series
    versions : dict of str to Samples
    train : Series, optional
    judge : Judge, optional
    """

    scores: dict[str, Any]
    real: Series
    versions: dict[str, Samples]
    train: Series | None
    judge: Judge | None


def measure_any(
    test: NamedSeries,
    versions: Mapping[str, NamedSeries],
    train: NamedSeries | None = None,
    judge: Judge | Path | None = None,
    params: Params | None = None,
    session: Session | None = None,
    reconstruct: Change | None = None,
) -> Measured:
    """Measure versions of the same samples against real series.

    Parameters
    ----------
    test : NamedSeries
        What the samples should look like.
    versions : mapping of name to NamedSeries
        See `evaluate_samples`.
    train : NamedSeries, optional
        Real series that the generator was trained on. With labels, an FCN is trained on them, unless `judge` is
        given; and they set the scale (else `test` does).
    judge : Judge or Path, optional
        A trained FCN, for series scaled as in its training; ``published:<data set>`` is the paper's.
    params : Params, optional
        Sections ``fcn``, ``rocket`` and ``evaluate``.
    session : Session, optional
    reconstruct : callable, optional
        The generator's tokeniser, there and back, for z-scored series. With it and versions ``baseline`` and
        ``mapped``, the controls of the mapper are scored, too.

    Returns
    -------
    Measured
        Its scores are those of `evaluate_samples`, and ``judge`` and ``scale``, which say where both came from;
        without a judge ``judge`` is None. ``remedies`` says what to give for a score that is ``missing``.
        ``warnings`` names, under ``evaluate``, sets that share series, as a file that was given twice does.

    Raises
    ------
    DataError, ArtifactError
        If things do not belong together.
    """
    params, session = params or Params(), session or Session()
    for series in (test, train):
        if series is not None and series.X_class is not None:
            raise DataError(f"{series.name}: holds samples of a study, and no real series; name a file with those")
    _check_shapes(test, [*versions.values(), *([] if train is None else [train])])
    scale, scaling = _scaling(test, train)
    labels = _labels(test, train)
    real = _real(test, labels, scaling)
    learnt_from = None if train is None else _real(train, labels, scaling)
    chosen, origin = _judge(judge, labels, learnt_from, params, session)
    no_judge, remedy = _no_judge(labels)
    samples = {name: _samples(series, labels, scaling) for name, series in versions.items()}
    result = evaluate_samples(
        real,
        samples,
        train=learnt_from,
        controls=_controls(samples, learnt_from, params, reconstruct),
        judge=chosen,
        no_judge=no_judge,
        rocket=params.rocket,
        config=params.evaluate,
        session=session,
    )
    warnings = list(
        repeats(
            (test.name, test.X),
            [(series.name, series.X) for series in versions.values()],
            None if train is None else (train.name, train.X),
        )
    )
    if chosen is not None and chosen.source == "published":
        warnings.append(advice.seen("the real series"))
    remedies = {no_judge: remedy, NO_TRAIN: TRAIN_REMEDY, NO_CLASSES: CLASSES_REMEDY}
    missing = result["missing"].items()
    scores = result | {
        "judge": origin,
        "scale": scale,
        "remedies": {score: remedies[reason] for score, reason in missing if reason in remedies},
        "warnings": {"evaluate": warnings} if warnings else {},
    }
    return Measured(scores, real, samples, learnt_from, chosen)


def _controls(
    samples: Mapping[str, Samples], train: Series | None, params: Params, reconstruct: Change | None
) -> dict[str, Samples] | None:
    if reconstruct is None or train is None:
        return None
    rng = np.random.default_rng([params.evaluate.seed, CONTROL_STREAM])
    return control_samples(samples["baseline"], samples["mapped"], train.X, rng, reconstruct)


def _check_shapes(test: NamedSeries, others: list[NamedSeries]) -> None:
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


def _scaling(test: NamedSeries, train: NamedSeries | None) -> tuple[str, Scaling]:
    """Where the scale comes from, and the scale."""
    if test.scaled:
        return "the series of a study, scaled by its TRAIN", Scaling.none(test.X.shape[1])
    if train is None:
        return "real", Scaling.of(test.X, test.name)
    return "train", Scaling.of(train.X, train.name)


def _labels(test: NamedSeries, train: NamedSeries | None) -> np.ndarray | None:
    """All labels in class order; None unless the series of `test` have them."""
    if test.labels is None:
        return None
    others = [] if train is None or train.labels is None else train.labels.tolist()
    return np.array(in_class_order([*test.labels.tolist(), *others]), dtype=np.str_)


def _classes(series: NamedSeries, labels: np.ndarray | None) -> np.ndarray | None:
    """The class 0..n_classes-1 of each series, or None where it has none."""
    if series.labels is None or labels is None:
        return None
    place = {label: index for index, label in enumerate(labels.tolist())}
    strange = next((label for label in series.labels.tolist() if label not in place), None)
    if strange is not None:
        raise DataError(f"{series.name}: holds the label '{strange}', which the real series do not have")
    return np.array([place[label] for label in series.labels.tolist()], dtype=np.int64)


def _real(series: NamedSeries, labels: np.ndarray | None, scaling: Scaling) -> Series:
    y = _classes(series, labels)
    return Series(scaling.apply(series.X), y, labels, scaling, series.validation, series.channels)


def _samples(series: NamedSeries, labels: np.ndarray | None, scaling: Scaling) -> Samples:
    X, y = scaling.apply(series.X), _classes(series, labels)
    if y is None:
        return Samples(X)
    return Samples(X, X if series.X_class is None else scaling.apply(series.X_class), y)


def _no_judge(labels: np.ndarray | None) -> tuple[str, str]:
    """Why there is no judge, where there is none, and what to do."""
    if labels is None:
        return "needs a judge, and the real series have no labels", LABELS_REMEDY
    return "needs a judge, and there is nothing to train one on", JUDGE_REMEDY


def _judge(
    given: Judge | Path | None, labels: np.ndarray | None, train: Series | None, params: Params, session: Session
) -> tuple[Judge | None, str | None]:
    """The judge, and where it came from."""
    if given is not None:
        judge, origin = (
            (given, "given (a Judge)") if isinstance(given, Judge) else load_given(given, params.fcn, session)
        )
        if labels is None:
            return None, None
        if judge.n_classes != len(labels):
            name = given if isinstance(given, Path) else "judge"
            raise ArtifactError(
                f"{name}: knows {judge.n_classes} classes, the real series have {len(labels)}; give its own data"
            )
        return judge, origin
    if labels is None or train is None or train.y is None:
        return None, None
    judge = Judge(params.fcn, train.X.shape[1], len(labels))
    curve = judge.fit(train.X, train.y, session)
    return judge, f"trained on train for {len(curve)} epochs"
