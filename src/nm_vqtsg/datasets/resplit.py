"""The 80/20 re-split of the paper (section 4) and the scaling of the published code.

TRAIN and TEST of the archive are stacked and split again, stratified by class; one mean and standard deviation
per channel over the new TRAIN scale both.

To choose settings, TEST is set aside and TRAIN alone is split once more, into FIT and VAL: whatever is compared
then learns from FIT and is measured on VAL, and nothing has seen TEST when the choice is made.
"""

import logging
import math
import warnings
from typing import NamedTuple

import numpy as np

from nm_vqtsg.datasets.raw import RawData, in_class_order
from nm_vqtsg.datasets.scaling import Scaling
from nm_vqtsg.datasets.series import Series
from nm_vqtsg.errors import DataError

log = logging.getLogger(__name__)


class Fold(NamedTuple):
    """One of `n` equal parts of TRAIN, numbered from 0: VAL. FIT is the others."""

    n: int
    number: int


class Split(NamedTuple):
    """Which series go where.

    Attributes
    ----------
    train, test : (n,) and (m,) int arrays
        Rows of the data, in the order that the splitter gives; FIT and VAL where TRAIN was split once more.
    y, labels : (n,) int64 and (n_classes,) str, or None
        The class of every row, and what the classes are called.
    """

    train: np.ndarray
    test: np.ndarray
    y: np.ndarray | None
    labels: np.ndarray | None


def resplit(
    raw: RawData,
    *,
    test_size: float = 0.2,
    seed: int = 0,
    min_length: int = 8,
    validation: Fold | None = None,
    name: str = "data",
) -> tuple[Series, Series]:
    """Split and scale a data set: the series of `split_rows`, whose parameters and errors these are.

    Returns
    -------
    train, test : Series
        In the order that the splitter gives, scaled by `train`.
    """
    split = split_rows(
        raw, test_size=test_size, seed=seed, min_length=min_length, validation=validation, name=name
    )
    first = "TRAIN" if validation is None else "FIT"
    scaling = Scaling.of(raw.X[split.train], f"{name}, {first}")

    def part(chosen: np.ndarray) -> Series:
        y = None if split.y is None else split.y[chosen]
        return Series(scaling.apply(raw.X[chosen]), y, split.labels, scaling, validation is not None, raw.channels)

    return part(split.train), part(split.test)


def split_rows(
    raw: RawData,
    *,
    test_size: float = 0.2,
    seed: int = 0,
    min_length: int = 8,
    validation: Fold | None = None,
    name: str = "data",
) -> Split:
    """Choose which series of a data set are TRAIN and which TEST.

    Parameters
    ----------
    raw
        All series. Where `raw.already_split`, its TRAIN and TEST rows are kept as they are: splitting again would
        leak.
    test_size
        Share of TEST, in (0, 1); rounded up to whole series.
    seed
        Seed of scikit-learn's `StratifiedShuffleSplit`, or of a plain shuffle where there are no labels.
    min_length
        Shorter series are refused.
    validation
        Give FIT and VAL, scaled by FIT, in the place of TRAIN and TEST: a split of TRAIN by scikit-learn's
        `StratifiedKFold` (without labels `KFold`) with the same seed.
    name
        What messages call the data.

    Raises
    ------
    DataError
        If the data cannot be split.
    """
    n, _, length = raw.X.shape
    if length < min_length:
        raise DataError(
            f"{name}: series have length {length}, below data.min_length {min_length}; use longer ones"
        )
    if n < 2:
        raise DataError(f"{name}: holds {n} series; a split needs 2 at least")
    if not np.isfinite(raw.X).all():
        row = int(np.argmax(~np.isfinite(raw.X).all(axis=(1, 2))))
        raise DataError(f"{name}: series {row + 1} holds NaN or infinite values; fill or drop them first")

    labels, y = _classes(raw, name)
    if raw.already_split:
        train, test = np.arange(raw.n_train), np.arange(raw.n_train, n)
        if not len(test):
            raise DataError(f"{name}: was to keep its split but has no TEST series; give a TEST file")
    elif y is None or labels is None:
        order = np.random.default_rng(seed).permutation(n)
        n_test = min(math.ceil(test_size * n), n - 1)
        train, test = order[n_test:], order[:n_test]
    else:
        train, test = _stratified(y, labels, test_size, seed, name)
    if validation is not None:
        train, test = _fold(train, y, validation, seed, name)
    names = ("TRAIN", "TEST") if validation is None else ("FIT", "VAL")
    if y is not None and labels is not None:
        _check_classes(y, train, test, labels, names, name)
    _warn_of_oddities(raw.X, train, test, names, name)
    return Split(train, test, y, labels)


def _classes(raw: RawData, name: str) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Original labels in class order and the classes 0..C-1, or two Nones."""
    if raw.labels is None:
        return None, None
    ordered = in_class_order(raw.labels.tolist())
    if len(ordered) < 2:
        raise DataError(f"{name}: all series have the label {ordered[0]!r}; remove the labels, or add a class")
    index = {label: i for i, label in enumerate(ordered)}
    y = np.array([index[label] for label in raw.labels.tolist()], dtype=np.int64)
    return np.array(ordered, dtype=np.str_), y


def _stratified(
    y: np.ndarray, labels: np.ndarray, test_size: float, seed: int, name: str
) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.model_selection import StratifiedShuffleSplit

    counts = np.bincount(y, minlength=len(labels))
    if counts.min() < 2:
        lonely = str(labels[int(counts.argmin())])
        raise DataError(
            f"{name}: class {lonely!r} has a single series; drop the class, merge it or add series to it"
        )
    n_test = math.ceil(test_size * len(y))
    if min(n_test, len(y) - n_test) < len(labels):
        raise DataError(
            f"{name}: {len(y)} series with data.test_size {test_size} leave a split with fewer series than the "
            f"{len(labels)} classes; add series or change data.test_size"
        )
    splitter = StratifiedShuffleSplit(n_splits=1, test_size=test_size, random_state=seed)
    return next(splitter.split(np.zeros(len(y)), y))


def _fold(
    rows: np.ndarray, y: np.ndarray | None, fold: Fold, seed: int, name: str
) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.model_selection import KFold, StratifiedKFold

    if len(rows) < fold.n or (y is not None and np.bincount(y[rows]).max() < fold.n):
        raise DataError(
            f"{name}: no class of TRAIN's {len(rows)} series has one for each of {fold.n} folds; raise "
            "data.validation_size"
        )
    kind = KFold if y is None else StratifiedKFold
    with warnings.catch_warnings():  # of classes smaller than the folds: named below, where it matters
        warnings.simplefilter("ignore", UserWarning)
        folds = list(kind(fold.n, shuffle=True, random_state=seed).split(rows, None if y is None else y[rows]))
    fit, validation = folds[fold.number]
    return rows[fit], rows[validation]


def _check_classes(
    y: np.ndarray, train: np.ndarray, test: np.ndarray, labels: np.ndarray, names: tuple[str, str], name: str
) -> None:
    n_train = np.bincount(y[train], minlength=len(labels))
    n_test = np.bincount(y[test], minlength=len(labels))
    absent = [str(label) for label in labels[n_train == 0]]
    if absent:
        more = "" if names[0] == "TRAIN" else "; or choose another data.validation_fold"
        raise DataError(
            f"{name}: {names[0]} has no series of class {absent[0]!r}; add some, or drop the class from "
            f"{names[1]}{more}"
        )
    few = [f"{label!s} ({count})" for label, count in zip(labels, n_test, strict=True) if count < 2]
    if few:
        log.warning(
            "%s: %d class(es) have fewer than 2 %s series and will be left out of cFID: %s",
            name,
            len(few),
            names[1],
            ", ".join(few[:10]),
        )


def _warn_of_oddities(
    X: np.ndarray, train: np.ndarray, test: np.ndarray, names: tuple[str, str], name: str
) -> None:
    constant = int((np.ptp(X, axis=2) == 0).all(axis=1).sum())
    if constant:
        log.warning("%s: %d of %d series are constant; are they meant to be?", name, constant, len(X))
    rows = [row.tobytes() for row in X]
    doubles = len(rows) - len(set(rows))
    if doubles:
        in_train = {rows[i] for i in train}
        leaked = sum(rows[i] in in_train for i in test)
        log.warning(
            "%s: %d series repeat another one exactly, and %d of %d in %s are in %s too; "
            "measures of memorisation will be affected",
            name,
            doubles,
            leaked,
            len(test),
            *reversed(names),
        )
