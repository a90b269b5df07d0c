"""Lines and numbers of text files, with errors that name file, row and field."""

import gzip
import math
import zlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO

import numpy as np

from nm_vqtsg.datasets.mending import GAPS_REMEDY, NO_MENDING, Mending
from nm_vqtsg.datasets.raw import Rows
from nm_vqtsg.errors import DataError
from nm_vqtsg.files import open_file, size_limit, too_large, unreadable

MAX_LINE = 2**26  # bytes; the archive's longest line has about 50 kB

MISSING = ("", "?", "nan", "na", "n/a", "null", "none", "-nan", "+nan")
INCOMPLETE = f"series must be complete and of one length: {GAPS_REMEDY}"


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (row, text) of the lines that are not blank, without blanks at their end; raises as `raw_lines`."""
    for row, line in raw_lines(path):
        text = line.strip("\r\n ")
        if text.strip():
            yield row, text


def raw_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (row, line) with the line's end; rows count from 1. `.gz` files are decompressed.

    Raises
    ------
    DataError
        If the file is missing, no plain file, unreadable, truncated, not UTF-8 text, an HTML page or beyond any
        sane size.
    """
    total, first, limit = 0, True, size_limit()
    try:
        with open_file(path, DataError) as file, _unpacked(file, path) as data:
            for row, line in enumerate(iter(lambda: data.readline(MAX_LINE + 1), b""), start=1):
                total += len(line)
                if len(line) > MAX_LINE:
                    raise DataError(f"{path}: row {row} is beyond any sane size; is this a table of series?")
                if total > limit:
                    raise DataError(too_large(path, total))
                try:
                    text = line.decode("utf-8-sig" if row == 1 else "utf-8")
                except UnicodeDecodeError as error:
                    raise DataError(f"{path}: row {row} is not UTF-8 text; save the file as UTF-8") from error
                if "\0" in text:
                    raise DataError(f"{path}: row {row} holds NUL bytes; it is not a text file in UTF-8")
                if first and text.lstrip()[:1] == "<":
                    raise DataError(f"{path}: is a web page, not data; download the file again")
                first = first and not text.strip()
                yield row, text
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; correct the path") from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path}: the gzip file is truncated or damaged; download it again") from error
    except OSError as error:
        raise DataError(unreadable(path, error)) from error


def _unpacked(file: BinaryIO, path: Path) -> AbstractContextManager[BinaryIO | gzip.GzipFile]:
    return gzip.open(file, "rb") if path.suffix == ".gz" else nullcontext(file)


def quote(cell: str) -> str:
    """A cell as it may stand in a one-line message."""
    return repr(cell if len(cell) <= 40 else cell[:37] + "...")


def numbers(cells: Sequence[str], path: Path, row: int, first_field: int = 1, *, gaps: bool = False) -> np.ndarray:
    """Parse cells as finite float64; with `gaps`, missing ones as NaN.

    Raises
    ------
    DataError
        Naming row and field (from 1) of the first cell that is no number, missing or infinite.
    """
    if gaps:
        missing = np.array([cell.strip().lower() in MISSING for cell in cells], dtype=bool)
        if missing.any():
            there = ["0" if gone else cell for cell, gone in zip(cells, missing, strict=True)]
            return np.where(missing, np.nan, numbers(there, path, row, first_field))
    try:
        values = np.array([float(cell) for cell in cells])
        suspicious = not np.isfinite(values).all() or "_" in "".join(cells)  # Python reads 1_0 as 10
    except ValueError:
        suspicious = True
    if suspicious:
        _refuse_first(cells, path, row, first_field)
    return values


def _refuse_first(cells: Sequence[str], path: Path, row: int, first_field: int) -> None:
    for field, cell in enumerate(cells, start=first_field):
        where = f"{path}: row {row}, field {field}"
        if cell.strip().lower() in MISSING:
            raise DataError(f"{where} is missing ({quote(cell)}); {INCOMPLETE}")
        try:
            finite = math.isfinite(float(cell)) and "_" not in cell
        except ValueError:
            hint = "write decimals with a point" if "," in cell else "correct it, or the separator"
            raise DataError(f"{where} is not a number ({quote(cell)}); {hint}") from None
        if not finite:
            raise DataError(f"{where} is not a finite number ({quote(cell)}); correct it, or drop the series")


class RowStack:
    """Collects series of one number of channels; `mending` makes them complete and of one length, or refuses."""

    def __init__(self, path: Path, mending: Mending = NO_MENDING) -> None:
        self.path, self.mending = path, mending
        self.series: list[np.ndarray] = []
        self.labels: list[str] = []
        self.numbers: list[int] = []
        self.size, self.limit = 0, size_limit()

    def add(self, row: int, channels: np.ndarray, label: str | None) -> None:
        """Add one series: channels (C, L)."""
        if self.series:
            (c, length), (c1, length1) = channels.shape, self.series[0].shape
            if c != c1:
                raise DataError(
                    f"{self.path}: row {row} has {c} x {length} values where row {self.numbers[0]} has "
                    f"{c1} x {length1} (channels x length); {INCOMPLETE}"
                )
        self.size += channels.nbytes
        if self.size > self.limit:
            raise DataError(too_large(self.path, self.size))
        self.series.append(channels)
        self.numbers.append(row)
        if label is not None:
            self.labels.append(label)

    def rows(self, channels: tuple[str, ...] = ()) -> Rows:
        """All series, mended and stacked."""
        if not self.series:
            raise DataError(f"{self.path}: holds no series; is it the right file?")
        X, notes = self.mending.apply(self.series, lambda i: f"{self.path}: row {self.numbers[i]}")
        return Rows(X, self.labels or None, channels, notes)


def read_archive_text(path: Path, mending: Mending = NO_MENDING) -> Rows:
    """Read the archive's text layout: no header, a series a line, the class label first.

    `.tsv` and `.tsv.gz` are separated by tabs, `.txt` by blanks or commas.
    """
    stack = RowStack(path, mending)
    tabs = ".tsv" in path.suffixes
    for row, line in read_lines(path):
        cells = line.split("\t") if tabs else line.split(",") if "," in line else line.split()
        if len(cells) < 2:
            separators = "tabs" if tabs else "blanks or commas"
            raise DataError(f"{path}: row {row} has a single field; separate fields by {separators}")
        values = numbers(cells[1:], path, row, first_field=2, gaps=mending.reads_gaps)
        stack.add(row, values[None], cells[0])
    return stack.rows()
