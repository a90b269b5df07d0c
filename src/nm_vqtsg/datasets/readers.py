"""From files and folders to `RawData`: the archive's layout and a user's own files."""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np

from nm_vqtsg.datasets.arrays import TURNED, axes_are_turned
from nm_vqtsg.datasets.csv_format import read_long_csv, read_wide_csv
from nm_vqtsg.datasets.raw import RawData, Rows, combine
from nm_vqtsg.datasets.text import quote, read_archive_text
from nm_vqtsg.datasets.ts_format import read_ts
from nm_vqtsg.errors import DataError, MissingLabelsError
from nm_vqtsg.files import check_kind, unreadable
from nm_vqtsg.npz import open_npz

SERIES_COLUMN, TIME_COLUMN = "series", "time"  # of the long layout, by default

# in order of preference where a folder or an archive holds several
_ARCHIVE_READERS: dict[str, Callable[[Path], Rows]] = {
    ".tsv": read_archive_text,
    ".tsv.gz": read_archive_text,
    ".ts": read_ts,
    ".txt": read_archive_text,
}
ARCHIVE_SUFFIXES = tuple(_ARCHIVE_READERS)


def find_pair(folder: Path, name: str) -> tuple[Path, Path] | None:
    """`<name>_TRAIN` and `<name>_TEST` of one layout in `folder/<name>` or in `folder` itself, or None."""
    for place in (folder / name, folder):
        for suffix in ARCHIVE_SUFFIXES:
            train, test = (place / f"{name}_{split}{suffix}" for split in ("TRAIN", "TEST"))
            if train.is_file() and test.is_file():
                return train, test
    return None


def read_archive_folder(folder: Path, name: str, *, already_split: bool = False) -> RawData:
    """Read `<name>/<name>_{TRAIN,TEST}` with .tsv, .tsv.gz, .ts or .txt: the archive's layout.

    Raises
    ------
    DataError
        If the files are missing or cannot be read.
    """
    pair = find_pair(folder, name)
    if pair is None:
        if not folder.is_dir():
            raise DataError(f"{folder}: no such folder; correct the path")
        raise DataError(
            f"{folder}: holds neither {name}/{name}_TRAIN nor its TEST as one of {', '.join(ARCHIVE_SUFFIXES)}; "
            "put both there, or correct the path"
        )
    suffix = next(suffix for suffix in ARCHIVE_SUFFIXES if pair[0].name == f"{name}_TRAIN{suffix}")
    train, test = map(_ARCHIVE_READERS[suffix], pair)
    return combine(train, test, where=pair[0].parent, already_split=already_split)


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


def read_own(
    path: Path,
    *,
    name: str,
    label: str | int | None = None,
    layout: Literal["wide", "long"] = "wide",
    series: str = SERIES_COLUMN,
    time: str = TIME_COLUMN,
    keep_split: bool = False,
) -> RawData:
    """Read a user's own data.

    Parameters
    ----------
    path
        A .csv, .npz or .ts file, or a folder with `<name>_TRAIN` and `<name>_TEST` in the archive's layout.
    name
        The data set's name, which a folder's files begin with.
    label
        CSV: name or position of the label column. NPZ: name of the labels' array. None: the column `label`, the
        array `y`, if there are any.
    layout, series, time
        CSV: `wide`, a series a row, or `long`, a time step a row with these columns.
    keep_split
        Folder: keep TRAIN and TEST as they are instead of splitting anew.

    Raises
    ------
    DataError
        Naming file, row or field, and remedy.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(f"{path}: no such file or folder; correct the path") from error
    except (OSError, ValueError) as error:
        raise DataError(unreadable(path, error)) from error
    if stat.S_ISDIR(mode):
        return read_archive_folder(path, name, already_split=keep_split)
    check_kind(mode, path, DataError)
    if keep_split:
        raise DataError(
            f"{path}: a single file has no split to keep; give a folder with {name}_TRAIN and {name}_TEST"
        )
    if layout == "wide" and (series, time) != (SERIES_COLUMN, TIME_COLUMN):
        raise DataError(f"{path}: series_column and time_column are of the long layout; say layout: long, too")
    match path.suffix.lower():
        case ".csv" if layout == "long":
            if isinstance(label, int):
                raise DataError(
                    f"{path}: the long layout takes no label position ({label}); name the label column"
                )
            rows = read_long_csv(path, label, series, time)
        case ".csv":
            rows = read_wide_csv(path, label)
        case ".npz":
            rows = read_npz(path, None if label is None else str(label))
        case ".ts":
            rows = read_ts(path)
        case suffix:
            raise DataError(f"{path}: '{suffix}' files are not read; use .csv, .npz, .ts or a folder")
    return combine(rows, None, where=os.fspath(path))
