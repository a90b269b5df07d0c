"""Series as files for other programs: .npz, and .csv as `read_own` reads it and pandas opens it."""

import csv
from pathlib import Path
from typing import Any

import numpy as np

from nm_vqtsg.artifacts import atomic_path, save_npz
from nm_vqtsg.datasets.csv_format import DEFAULT_LABEL
from nm_vqtsg.errors import DataError

SUFFIXES = (".csv", ".npz")


def check_output(path: Path) -> None:
    """Refuse a file name that `write_series` cannot serve, before any work.

    Raises
    ------
    DataError
        If it ends in neither .csv nor .npz, or is a folder.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise DataError(f"{path}: '{path.suffix}' files are not written; use {' or '.join(SUFFIXES)}")
    if path.is_dir():
        raise DataError(f"{path}: is a folder; name a file")


def write_series(path: Path, X: np.ndarray, labels: np.ndarray | None = None) -> None:
    """Write series (n, C, L), with labels (n,) where there are any.

    * ``.npz``: arrays `X` and `y`.
    * ``.csv`` of one channel: a series a row, columns ``label`` (where there are labels), ``t0``, ``t1``, ...
    * ``.csv`` of several: a time step a row, columns ``series``, ``time``, ``label``, ``channel0``, ...

    Numbers are written so that reading them as float32 gives the same bits.

    Raises
    ------
    DataError, ArtifactError
        If the name has another ending, or the file cannot be written.
    """
    check_output(path)
    if path.suffix.lower() == ".npz":
        save_npz(path, X=X, **({} if labels is None else {"y": labels}))
        return
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        (_write_wide if X.shape[1] == 1 else _write_long)(writer, X.astype(np.float32), labels)


def _write_wide(writer: Any, X: np.ndarray, labels: np.ndarray | None) -> None:
    names = [] if labels is None else [[label] for label in labels.tolist()]
    writer.writerow([*([] if labels is None else [DEFAULT_LABEL]), *(f"t{t}" for t in range(X.shape[2]))])
    for row, series in enumerate(X[:, 0]):
        writer.writerow([*(names[row] if names else []), *map(str, series)])


def _write_long(writer: Any, X: np.ndarray, labels: np.ndarray | None) -> None:
    names = [] if labels is None else [[label] for label in labels.tolist()]
    channels = [f"channel{channel}" for channel in range(X.shape[1])]
    writer.writerow(["series", "time", *([] if labels is None else [DEFAULT_LABEL]), *channels])
    for row, series in enumerate(X):
        for time, values in enumerate(series.T):
            writer.writerow([row, time, *(names[row] if names else []), *map(str, values)])
