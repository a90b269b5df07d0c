"""Checks of what users hand in: series and labels as arrays or lists."""

from typing import Any

import numpy as np

from nm_vqtsg.errors import DataError


def as_series(X: Any, channels: int | None = None, length: int | None = None) -> np.ndarray:
    """Series as an array (n, C, L) of float32.

    Parameters
    ----------
    X : array-like
        (n, C, L), or (n, L) for series of one channel. Lists are taken too.
    channels, length : int, optional
        What C and L must be; any by default.

    Returns
    -------
    ndarray
        (n, C, L) float32, n >= 1.

    Raises
    ------
    DataError
        If X is not numeric, ragged, empty, of another size, or holds NaN or infinities.
    """
    try:
        array = np.asarray(X, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise DataError("X must be numbers of one length per series, in an array (n, channels, length)") from error
    if array.ndim == 2 and channels in (None, 1):
        array = array[:, None, :]
    if array.ndim != 3:
        raise DataError(f"X has shape {array.shape}; give an array (n, channels, length), or (n, length)")
    if 0 in array.shape:
        raise DataError(f"X has shape {array.shape}, so it holds no series")
    for name, size, needed in (("channels", array.shape[1], channels), ("length", array.shape[2], length)):
        if needed is not None and size != needed:
            raise DataError(f"X has {name} {size} where the fitted data had {needed}")
    if not np.isfinite(array).all():
        first = int(np.argwhere(~np.isfinite(array))[0, 0])
        raise DataError(f"X holds NaN or infinite values, first in series {first}; fill or drop them")
    return array


def as_labels(y: Any, n: int) -> np.ndarray:
    """Labels as an array (n,).

    Raises
    ------
    DataError
        If there is not one label for each of `n` series, or a label is missing.
    """
    labels = np.asarray(y)
    if labels.shape != (n,):
        raise DataError(f"y has shape {labels.shape}; give one label for each of the {n} series")
    if labels.dtype.kind == "f" and np.isnan(labels).any():
        raise DataError("y holds NaN; give every series a label, or leave y out")
    if labels.dtype.hasobject:
        raise DataError("y mixes kinds of labels; give numbers only, or text only")
    return labels


def class_ids(y: Any, classes: np.ndarray) -> np.ndarray:
    """Positions in `classes` (sorted) of labels `y`, in the shape of `y`.

    Raises
    ------
    DataError
        If a label is none of the classes.
    """
    labels = np.asarray(y)
    if not len(classes):
        raise DataError("classes were asked for, but the generator was fitted without labels; leave y out")
    known = np.isin(labels, classes)
    if not known.all():
        unknown = labels[~known].flat[0] if labels.ndim else labels[()]
        raise DataError(f"class {unknown} is unknown; the classes are {', '.join(map(str, classes[:20]))}")
    return np.searchsorted(classes, labels)
