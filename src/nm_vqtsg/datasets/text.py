"""Lines and numbers of text files, with errors that name file, row and field."""

import gzip
import math
import zlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO

import numpy as np

from nm_vqtsg.datasets.raw import Rows
from nm_vqtsg.errors import DataError
from nm_vqtsg.files import open_file, size_limit, too_large, unreadable

MAX_LINE = 2**26  # bytes; the archive's longest line has about 50 kB

MISSING = ("", "?", "nan", "na", "n/a", "null", "none", "-nan", "+nan")
INCOMPLETE = "series must be complete and of one length: fill or drop it first"


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


def numbers(cells: Sequence[str], path: Path, row: int, first_field: int = 1) -> np.ndarray:
    """Parse cells as finite float64.

    Raises
    ------
    DataError
        Naming row and field (from 1) of the first cell that is no number, missing or infinite.
    """
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
            raise DataError(f"{where} is not a finite number ({quote(cell)}); {INCOMPLETE}")


class RowStack:
    """Collects series of one shape; `add` refuses the first that differs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.series: list[np.ndarray] = []
        self.labels: list[str] = []
        self.first_row = 0
        self.size, self.limit = 0, size_limit()

    def add(self, row: int, channels: np.ndarray, label: str | None) -> None:
        """Add one series: channels (C, L)."""
        if not self.series:
            self.first_row = row
        elif channels.shape != self.series[0].shape:
            (c, length), (c1, length1) = channels.shape, self.series[0].shape
            raise DataError(
                f"{self.path}: row {row} has {c} x {length} values where row {self.first_row} has "
                f"{c1} x {length1} (channels x length); {INCOMPLETE}"
            )
        self.size += channels.nbytes
        if self.size > self.limit:
            raise DataError(too_large(self.path, self.size))
        self.series.append(channels)
        if label is not None:
            self.labels.append(label)

    def rows(self) -> Rows:
        """All series, stacked."""
        if not self.series:
            raise DataError(f"{self.path}: holds no series; is it the right file?")
        return Rows(np.stack(self.series), self.labels or None)


def read_archive_text(path: Path) -> Rows:
    """Read the archive's text layout: no header, a series a line, the class label first.

    `.tsv` and `.tsv.gz` are separated by tabs, `.txt` by blanks or commas.
    """
    stack = RowStack(path)
    tabs = ".tsv" in path.suffixes
    for row, line in read_lines(path):
        cells = line.split("\t") if tabs else line.split(",") if "," in line else line.split()
        if len(cells) < 2:
            separators = "tabs" if tabs else "blanks or commas"
            raise DataError(f"{path}: row {row} has a single field; separate fields by {separators}")
        stack.add(row, numbers(cells[1:], path, row, first_field=2)[None], cells[0])
    return stack.rows()
