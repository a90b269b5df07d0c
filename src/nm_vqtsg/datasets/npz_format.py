"""A user's own arrays: .npz with `X` and perhaps `y`."""

from pathlib import Path

import numpy as np

from nm_vqtsg.datasets.arrays import TURNED, axes_are_turned
from nm_vqtsg.datasets.raw import Rows
from nm_vqtsg.datasets.text import quote
from nm_vqtsg.errors import DataError, MissingLabelsError
from nm_vqtsg.npz import open_npz


def read_npz(path: Path, label: str | None = None) -> Rows:
    """Read arrays `X` (n, L) or (n, C, L) and, if it is there, `y` (or the array called `label`).

    Raises
    ------
    DataError
        If the file is no .npz, holds pickles or more than `files.size_limit` allows, or its arrays are not numbers
        of that shape.
    """
    remedies = {"missing": "correct the path", "damaged": "save it again with numpy.savez"}
    with open_npz(path, DataError, **remedies) as file:
        name = label if label is not None else "y" if "y" in file.files else None
        for needed in ("X", name):
            if needed is not None and needed not in file.files:
                raise (MissingLabelsError if needed == name else DataError)(
                    f"{path}: has no array {quote(needed)}; it has {', '.join(map(quote, file.files[:8]))}"
                )
        X, y = file["X"], None if name is None else file[name]
    if not isinstance(X, np.ndarray) or not isinstance(y, np.ndarray | None):
        raise DataError(f"{path}: holds a member that is not an array; save it again with numpy.savez")
    return check_arrays(X, y, path)


def check_arrays(X: np.ndarray, y: np.ndarray | None, path: Path) -> Rows:
    """Series and labels of a file, if they are ones.

    Raises
    ------
    DataError
        If X is no array of finite numbers (n, L) or (n, C, L), or y has not one number or text for each.
    """
    if X.ndim == 2:
        X = X[:, None]
    if X.ndim != 3 or 0 in X.shape:
        raise DataError(
            f"{path}: X has shape {X.shape}; it must be (series, length) or (series, channels, length)"
        )
    if axes_are_turned(X.shape):
        raise DataError(f"{path}: X has shape {X.shape}; {TURNED}")
    if X.dtype.kind not in "iuf":
        raise DataError(f"{path}: X holds {X.dtype}, not real numbers; convert it to float32 or float64")
    X = X.astype(np.float64)
    if not np.isfinite(X).all():
        row = int(np.argmax(~np.isfinite(X).all(axis=(1, 2))))
        raise DataError(f"{path}: series {row + 1} of X holds NaN or infinite values; fill or drop them first")
    if y is None:
        return Rows(X, None)
    if y.shape != X.shape[:1] or y.dtype.kind not in "iufUSb":
        raise DataError(f"{path}: labels have shape {y.shape} of {y.dtype}; give one number or text per series")
    try:
        labels = y.astype(np.str_).tolist()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: labels are bytes that are not ASCII; save them as text") from error
    return Rows(X, labels)
