"""Series as files for other programs: .npz, and .csv as `read_own` reads it and pandas opens it."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nm_vqtsg.artifacts import atomic_path, save_npz
from nm_vqtsg.cells import escape_cell
from nm_vqtsg.datasets.csv_format import DEFAULT_LABEL
from nm_vqtsg.datasets.doubt import doubt_names
from nm_vqtsg.errors import DataError
from nm_vqtsg.files import check_target

SUFFIXES = (".csv", ".npz")


def check_output(path: Path) -> None:
    """Refuse a file name that `write_series` cannot serve, before any work.

    Raises
    ------
    DataError
        If it ends in neither .csv nor .npz, or cannot be written because something else stands in the way.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise DataError(f"{path}: '{path.suffix}' files are not written; use {' or '.join(SUFFIXES)}")
    check_target(path, DataError)


def write_series(
    path: Path, X: np.ndarray, labels: np.ndarray | None = None, channels: Sequence[str] = ()
) -> None:
    """Write series (n, C, L), with labels (n,) where there are any, and `channels` by their names.

    * ``.npz``: arrays `X` and `y`, and `channels` where they have names.
    * ``.csv`` of one channel: a series a row, columns ``label`` (where there are labels), ``t0``, ``t1``, ...
    * ``.csv`` of several: a time step a row, columns ``series``, ``time``, ``label``, and one for each channel:
      ``channel0``, ... where they have no names, or names that could not be read back.

    Numbers are written so that reading them as float32 gives the same bits. In a .csv, labels that a spreadsheet
    would take for formulas get an apostrophe, which `read_own` takes off (`nm_vqtsg.cells`).

    Raises
    ------
    DataError, ArtifactError
        If the name has another ending, the file cannot be written, or a label is no text.
    """
    check_output(path)
    names = None if labels is None else [escape_cell(label) for label in labels.tolist()]
    _check_texts(names or [], path)
    if path.suffix.lower() == ".npz":
        arrays = {} if labels is None else {"y": labels}
        arrays |= {"channels": np.array(channels, dtype=np.str_)} if channels else {}
        save_npz(path, X=X, **arrays)
        return
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        ends = any("\r" in name for name in names or () if isinstance(name, str))  # which would not be quoted
        writer = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL if ends else csv.QUOTE_MINIMAL)
        if X.shape[1] == 1:
            _write_wide(writer, X.astype(np.float32), names)
        else:
            _write_long(writer, X.astype(np.float32), names, _header(channels, X.shape[1]))


def _header(channels: Sequence[str], n_channels: int) -> list[str]:
    """Columns of the channels: their names, if `read_own` takes them for channels again."""
    stripped = {name.strip() for name in channels}
    clear = len(stripped - {"", "series", "time", DEFAULT_LABEL}) == n_channels and doubt_names(channels) is None
    if not clear or any("\r" in name or "\n" in name or "\0" in name for name in channels):
        return [f"channel{channel}" for channel in range(n_channels)]
    return [escape_cell(name) for name in channels]


def _check_texts(names: list[Any], path: Path) -> None:
    for name in names:
        if isinstance(name, str) and any(mark == "\0" or "\ud800" <= mark <= "\udfff" for mark in name):
            raise DataError(f"{path}: the label {name!r} cannot be written as text; rename the class")


def _write_wide(writer: Any, X: np.ndarray, names: list[Any] | None) -> None:
    writer.writerow([*([] if names is None else [DEFAULT_LABEL]), *(f"t{t}" for t in range(X.shape[2]))])
    for row, series in enumerate(X[:, 0]):
        writer.writerow([*([] if names is None else [names[row]]), *map(str, series)])


def _write_long(writer: Any, X: np.ndarray, names: list[Any] | None, channels: list[str]) -> None:
    writer.writerow(["series", "time", *([] if names is None else [DEFAULT_LABEL]), *channels])
    for row, series in enumerate(X):
        for time, values in enumerate(series.T):
            writer.writerow([row, time, *([] if names is None else [names[row]]), *map(str, values)])
