"""Checks of what users hand in: series, labels, how many."""

from typing import Any

import numpy as np

from nm_vqtsg.errors import DataError

NUMBERS = "biuf"


def as_series(
    X: Any,
    channels: int | None = None,
    length: int | None = None,
    *,
    name: str = "X",
    fitted: str = "the fitted data",
) -> np.ndarray:
    """Series as an array (n, C, L) of float64.

    Parameters
    ----------
    X : array-like
        (n, C, L), or (n, L) for series of one channel. Lists, data frames and tensors are taken too.
    channels, length : int, optional
        What C and L must be; any by default.
    name, fitted : str
        How messages call X, and what has `channels` and `length`.

    Returns
    -------
    ndarray
        (n, C, L) float64, n >= 1.

    Raises
    ------
    DataError
        If X is not numeric, ragged, empty, of another size, or holds NaN or infinities.
    """
    try:
        array = np.asarray(X.detach().cpu() if hasattr(X, "detach") else X)
        if array.dtype.hasobject and not any(isinstance(value, str) for value in array.flat):
            array = array.astype(np.float64)  # such as pandas' nullable columns
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{name} must be numbers of one length per series, in an array (n, channels, length)"
        ) from error
    if array.dtype.kind not in NUMBERS:
        raise DataError(f"{name} holds {array.dtype}, not numbers; give an array (n, channels, length) of numbers")
    if array.ndim == 2 and channels in (None, 1):
        array = array[:, None, :]
    if array.ndim != 3:
        C, L = "channels" if channels is None else channels, "length" if length is None else length
        flat = f", or (n, {L})" if channels in (None, 1) else ""
        raise DataError(f"{name} has shape {array.shape}; give an array (n, {C}, {L}){flat}")
    if 0 in array.shape:
        raise DataError(f"{name} has shape {array.shape}, so it holds no series")
    turned = "; its axes seem to be (n, length, channels): use X.transpose(0, 2, 1)"
    for what, size, needed in (("channels", array.shape[1], channels), ("length", array.shape[2], length)):
        if needed is not None and size != needed:
            hint = turned if array.shape[1:] == (length, channels) else ""
            raise DataError(f"{name} has {what} {size} where {fitted} had {needed}{hint}")
    with np.errstate(over="ignore"):
        finite = np.isfinite(array.astype(np.float32))
    if not finite.all():
        first = int(np.argwhere(~finite)[0, 0])
        raise DataError(f"{name} holds NaN or infinite values, first in series {first}; fill or drop them")
    return array.astype(np.float64)


def as_labels(y: Any, n: int, *, name: str = "y") -> np.ndarray:
    """Labels as an array (n,) of whole numbers, numbers, truth values or text.

    Raises
    ------
    DataError
        If there is not one label for each of `n` series, a label is missing, or numbers and text are mixed.
    """
    labels = np.asarray(y)
    if labels.shape != (n,):
        raise DataError(f"{name} has shape {labels.shape}; give one label for each of the {n} series")
    missing = f"{name} holds NaN or no value at all; give every series a label, or leave {name} out"
    if labels.dtype.hasobject:  # as of a column of a data frame
        values = labels.tolist()
        if any(value is None or type(value).__name__ == "NAType" or value != value for value in values):
            raise DataError(missing)
        if len({isinstance(value, str) for value in values}) > 1:
            raise DataError(f"{name} mixes kinds of labels; give numbers only, or text only")
        labels = np.array(values)
    if labels.dtype.kind == "S":
        labels = np.char.decode(labels, "utf-8", "replace")
    if labels.dtype.kind not in f"{NUMBERS}U":
        raise DataError(f"{name} holds {labels.dtype}; give numbers or text")
    if labels.dtype.kind == "f":
        if not np.isfinite(labels).all():
            raise DataError(missing)
        if (labels == np.round(labels)).all() and (np.abs(labels) < 2**53).all():
            labels = labels.astype(np.int64)
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
    index = {label: place for place, label in enumerate(classes.tolist())}
    for label in labels.ravel().tolist():
        if not isinstance(label, str | int | float) or label not in index:
            known = ", ".join(repr(name) for name in list(index)[:20]) + (", ..." if len(index) > 20 else "")
            raise DataError(f"class {label!r} is unknown; the classes are {known}")
    return np.array([index[label] for label in labels.ravel().tolist()], dtype=np.int64).reshape(labels.shape)


def check_count(n: Any) -> int:
    """How many series to draw, a whole number from 1 on.

    Raises
    ------
    DataError
        If it is anything else.
    """
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise DataError(f"{n!r} series cannot be drawn; ask for a whole number, at least 1")
    return int(n)
