"""Series as files for other programs: .npz, and .csv as `read_own` reads it and pandas opens it."""

import csv
from pathlib import Path
from typing import Any

import numpy as np

from nm_vqtsg.artifacts import atomic_path, save_npz
from nm_vqtsg.cells import escape_cell
from nm_vqtsg.datasets.csv_format import DEFAULT_LABEL
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


def write_series(path: Path, X: np.ndarray, labels: np.ndarray | None = None) -> None:
    """Write series (n, C, L), with labels (n,) where there are any.

    * ``.npz``: arrays `X` and `y`.
    * ``.csv`` of one channel: a series a row, columns ``label`` (where there are labels), ``t0``, ``t1``, ...
    * ``.csv`` of several: a time step a row, columns ``series``, ``time``, ``label``, ``channel0``, ...

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
        save_npz(path, X=X, **({} if labels is None else {"y": labels}))
        return
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        ends = any("\r" in name for name in names or () if isinstance(name, str))  # which would not be quoted
        writer = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL if ends else csv.QUOTE_MINIMAL)
        (_write_wide if X.shape[1] == 1 else _write_long)(writer, X.astype(np.float32), names)


def _check_texts(names: list[Any], path: Path) -> None:
    for name in names:
        if isinstance(name, str) and any(mark == "\0" or "\ud800" <= mark <= "\udfff" for mark in name):
            raise DataError(f"{path}: the label {name!r} cannot be written as text; rename the class")


def _write_wide(writer: Any, X: np.ndarray, names: list[Any] | None) -> None:
    writer.writerow([*([] if names is None else [DEFAULT_LABEL]), *(f"t{t}" for t in range(X.shape[2]))])
    for row, series in enumerate(X[:, 0]):
        writer.writerow([*([] if names is None else [names[row]]), *map(str, series)])


def _write_long(writer: Any, X: np.ndarray, names: list[Any] | None) -> None:
    channels = [f"channel{channel}" for channel in range(X.shape[1])]
    writer.writerow(["series", "time", *([] if names is None else [DEFAULT_LABEL]), *channels])
    for row, series in enumerate(X):
        for time, values in enumerate(series.T):
            writer.writerow([row, time, *([] if names is None else [names[row]]), *map(str, values)])
