"""Checks of what users hand in: series, labels, how many."""

import warnings
from typing import Any

import numpy as np

from nm_vqtsg.datasets.panel import ONE_LENGTH, check_table, unpanel
from nm_vqtsg.errors import DataError

NUMBERS = "biuf"
TURNED = "its axes seem to be (n, length, channels); use X.transpose(0, 2, 1)"


def axes_are_turned(shape: tuple[int, ...]) -> bool:
    """Whether (n, C, L) must be (n, L, C): more channels than values, and fewer values than a series can have."""
    return len(shape) == 3 and 0 < shape[2] < min(shape[1], 8)


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
        (n, C, L), or (n, L) for series of one channel: an array, tensor, nested list, or data frame with a series
        in each row. Or sktime's panels: ``pd-multiindex``, ``nested_univ``, a list of data frames (``df-list``),
        each with a column for each channel.
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
        If X is not numeric, ragged, empty, of another size, or holds NaN or infinities; or if it may be read in
        two ways, such as a table with a time step in each row.
    """
    given, X = X, unpanel(X, name)
    columns = getattr(X, "columns", None)
    try:
        array = np.asarray(X.detach().cpu() if hasattr(X, "detach") else X)
        if array.dtype.hasobject and not any(isinstance(value, str) for value in array.flat):
            array = array.astype(np.float64)  # such as pandas' nullable columns
    except (TypeError, ValueError) as error:
        raise DataError(f"{name} must be numbers in an array (n, channels, length), and {ONE_LENGTH}") from error
    if array.dtype.kind not in NUMBERS:
        if columns is not None and array.ndim == 2:
            _refuse_text(array, columns, name)
        raise DataError(f"{name} holds {array.dtype}, not numbers; give an array (n, channels, length) of numbers")
    if columns is not None and array.ndim == 2 and np.isfinite(array).all():
        check_table(array, list(columns), name)
    if array.ndim == 2 and channels in (None, 1):
        array = array[:, None, :]
    if array.ndim != 3:
        C, L = "channels" if channels is None else channels, "length" if length is None else length
        flat = f", or (n, {L})" if channels in (None, 1) else ""
        raise DataError(f"{name} has shape {array.shape}; give an array (n, {C}, {L}){flat}")
    if 0 in array.shape:
        raise DataError(f"{name} has shape {array.shape}, so it holds no series")
    if channels is None and length is None and X is given:  # of a panel it is known which axis is which
        _doubt_axes(array.shape, name)
    for what, size, needed in (("channels", array.shape[1], channels), ("length", array.shape[2], length)):
        if needed is not None and size != needed:
            hint = f"; {TURNED}" if array.shape[1:] == (length, channels) else ""
            raise DataError(f"{name} has {what} {size} where {fitted} had {needed}{hint}")
    with np.errstate(over="ignore"):
        finite = np.isfinite(array.astype(np.float32))
    if not finite.all():
        first = int(np.argwhere(~finite)[0, 0])
        raise DataError(f"{name} holds NaN or infinite values, first in series {first}; fill or drop them")
    return array.astype(np.float64)


def _refuse_text(array: np.ndarray, columns: Any, name: str) -> None:
    """Name the first column of a table that holds something else than numbers."""
    for place, column in enumerate(list(columns)):
        if any(not isinstance(value, int | float | np.number) for value in array[:, place].tolist()):
            raise DataError(
                f"{name} has a column {column!r} that holds no numbers; take it out, as y if it is the labels: "
                f"y = {name}.pop({column!r})"
            )


def _doubt_axes(shape: tuple[int, ...], name: str) -> None:
    n, channels, length = shape
    if axes_are_turned(shape):
        raise DataError(f"{name} has shape {shape}, {channels} channels of length {length}; {TURNED}")
    if channels > length:
        warnings.warn(
            f"{name} has shape {shape} and is read as {n} series with {channels} channels of length {length}; if "
            f"{TURNED}",
            stacklevel=4,
        )


def as_labels(y: Any, n: int, *, name: str = "y") -> np.ndarray:
    """Labels as an array (n,) of whole numbers, numbers, truth values or text.

    They belong to the series by their place alone: the index of a pandas Series is not looked at.

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
    if labels.dtype.kind == "U":
        _check_text(labels, name)
    if labels.dtype.kind not in f"{NUMBERS}U":
        raise DataError(f"{name} holds {labels.dtype}; give numbers or text")
    if labels.dtype.kind == "f":
        if not np.isfinite(labels).all():
            raise DataError(missing)
        if (labels == np.round(labels)).all() and (np.abs(labels) < 2**53).all():
            labels = labels.astype(np.int64)
    return labels


def _check_text(labels: np.ndarray, name: str) -> None:
    for label in np.unique(labels).tolist():
        if any(mark == "\0" or "\ud800" <= mark <= "\udfff" for mark in label):
            raise DataError(f"{name} holds the label {label!r}, which cannot be written as text; rename it")


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
            listed = ", ".join(repr(name) for name in list(index)[:20]) + (", ..." if len(index) > 20 else "")
            raise DataError(f"class {label!r} is unknown; the classes are {listed}")
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
