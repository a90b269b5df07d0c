"""A user's own arrays: .npz with `X` and perhaps `y`."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from nm_vqtsg.datasets.arrays import TURNED, axes_are_turned
from nm_vqtsg.datasets.mending import GAPS_REMEDY, NO_MENDING, Mending
from nm_vqtsg.datasets.raw import Rows
from nm_vqtsg.datasets.text import quote
from nm_vqtsg.errors import DataError, MissingLabelsError
from nm_vqtsg.npz import open_npz


def read_npz(path: Path, label: str | None = None, mending: Mending = NO_MENDING) -> Rows:
    """Read arrays `X` (n, L) or (n, C, L) and, if they are there, `y` (or the array `label`) and `channels`.

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
        channels = file["channels"] if "channels" in file.files else None
    if not isinstance(X, np.ndarray) or not isinstance(y, np.ndarray | None):
        raise DataError(f"{path}: holds a member that is not an array; save it again with numpy.savez")
    rows = check_arrays(X, y, path, mending)
    if channels is None:
        return rows
    if getattr(channels, "shape", ()) != rows.X.shape[1:2] or channels.dtype.kind != "U":
        raise DataError(f"{path}: channels is not one text for each of {rows.X.shape[1]} channel(s); correct it")
    return replace(rows, channels=tuple(channels.tolist()))


def check_arrays(X: np.ndarray, y: np.ndarray | None, path: Path, mending: Mending = NO_MENDING) -> Rows:
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
    finite = ~np.isinf(X) if mending.reads_gaps else np.isfinite(X)
    if not finite.all():
        row = int(np.argmax(~finite.all(axis=(1, 2))))
        what = (
            "infinite values; correct or drop them"
            if mending.reads_gaps
            else f"NaN or infinite values; {GAPS_REMEDY}"
        )
        raise DataError(f"{path}: series {row + 1} of X holds {what}")
    X, notes = mending.apply(X, lambda i: f"{path}: series {i + 1} of X")
    if y is None:
        return Rows(X, None, notes=notes)
    if y.shape != X.shape[:1] or y.dtype.kind not in "iufUSb":
        raise DataError(f"{path}: labels have shape {y.shape} of {y.dtype}; give one number or text per series")
    try:
        labels = y.astype(np.str_).tolist()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: labels are bytes that are not ASCII; save them as text") from error
    return Rows(X, labels, notes=notes)
