"""From files and folders to `RawData`: the archive's layout and a user's own files."""

import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from nm_vqtsg.datasets.csv_format import read_long_csv, read_wide_csv
from nm_vqtsg.datasets.mending import NO_MENDING, Mending
from nm_vqtsg.datasets.npz_format import read_npz
from nm_vqtsg.datasets.raw import RawData, Rows, combine
from nm_vqtsg.datasets.split_folder import SERIES, read_folder, read_split, splits_of
from nm_vqtsg.datasets.text import read_archive_text
from nm_vqtsg.datasets.ts_format import read_ts
from nm_vqtsg.errors import DataError
from nm_vqtsg.files import check_kind, unreadable

SERIES_COLUMN, TIME_COLUMN = "series", "time"  # of the long layout, by default

# in order of preference where a folder or an archive holds several
_ARCHIVE_READERS: dict[str, Callable[[Path, Mending], Rows]] = {
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


def read_archive_folder(
    folder: Path, name: str, *, already_split: bool = False, mending: Mending = NO_MENDING
) -> RawData:
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
    train, test = (_ARCHIVE_READERS[suffix](path, mending) for path in pair)
    return combine(train, test, where=pair[0].parent, already_split=already_split)


def read_own(
    path: Path,
    *,
    name: str,
    label: str | int | None = None,
    layout: Literal["wide", "long"] = "wide",
    series: str = SERIES_COLUMN,
    time: str = TIME_COLUMN,
    keep_split: bool = False,
    channels: Sequence[str] = (),
    mending: Mending = NO_MENDING,
) -> RawData:
    """Read a user's own data.

    Parameters
    ----------
    path
        A .csv, .npz or .ts file; a ``NAME_ts.npy``, or a folder of them (see `nm_vqtsg.datasets.split_folder`); or
        a folder with `<name>_TRAIN` and `<name>_TEST` in the archive's layout.
    name
        The data set's name, which a folder's files begin with.
    label
        CSV: name or position of the label column. NPZ: name of the labels' array. ``NAME_ts.npy``: an attribute of
        meta.json. None: the column `label`, the array `y`, ``NAME_labels.npy``, if there are any.
    layout, series, time
        CSV: `wide`, a series a row, or `long`, a time step a row with these columns.
    keep_split
        Folder: keep TRAIN and TEST as they are instead of splitting anew.
    channels
        CSV: the columns of values, by name (`long`) or by their beginnings (`wide`).
    mending
        What may be done to series with gaps or of unequal length.

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
        return _read_folder(path, name, label, keep_split, mending)
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
            rows = read_long_csv(path, label, series, time, channels, mending)
        case ".csv":
            rows = read_wide_csv(path, label, channels, mending)
        case ".npz":
            rows = read_npz(path, None if label is None else str(label), mending)
        case ".npy":
            rows = read_split(path, None if label is None else str(label), mending)
        case ".ts":
            rows = read_ts(path, mending)
        case suffix:
            raise DataError(f"{path}: '{suffix}' files are not read; use .csv, .npz, .ts, _ts.npy or a folder")
    return combine(rows, None, where=os.fspath(path))


def _read_folder(path: Path, name: str, label: str | int | None, keep_split: bool, mending: Mending) -> RawData:
    """A folder of either form.

    Raises
    ------
    DataError
        See `read_own`; or if it holds both forms.
    """
    there = splits_of(path)
    if not there:
        return read_archive_folder(path, name, already_split=keep_split, mending=mending)
    pair = find_pair(path, name)
    if pair is not None:
        raise DataError(
            f"{path}: holds {there[0]}{SERIES} and {pair[0].name}, and both would do; keep one of them there"
        )
    return read_folder(path, None if label is None else str(label), keep_split=keep_split, mending=mending)
