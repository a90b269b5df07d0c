"""A user's own CSV files.

*Wide*: a series of one channel a row, with or without a header, perhaps a label column. *Long*: a time step a row,
with columns for the series, the time and each channel, perhaps a label column. The separator is a comma, a
semicolon or a tab; it is found in the first line.
"""

import csv
import logging
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np

from nm_vqtsg.datasets.raw import Rows, as_number
from nm_vqtsg.datasets.text import INCOMPLETE, RowStack, numbers, quote, read_lines
from nm_vqtsg.errors import DataError, MissingLabelsError

log = logging.getLogger(__name__)

DEFAULT_LABEL = "label"


def _table(path: Path) -> Iterator[tuple[int, list[str]]]:
    lines = read_lines(path)
    number, first = next(lines, (0, ""))
    if not number:
        raise DataError(f"{path}: is empty; is it the right file?")
    separator = next((mark for mark in "\t;" if mark in first), ",")
    where = [number]

    def texts() -> Iterator[str]:
        yield first
        for row, line in lines:
            where[0] = row
            yield line

    try:
        for cells in csv.reader(texts(), delimiter=separator, strict=True):
            yield where[0], [cell.strip() for cell in cells]
    except csv.Error as error:
        raise DataError(f"{path}: row {where[0]} is not CSV ({error}); check quotes and separators") from error


def _check_header(header: list[str], path: Path) -> None:
    for field, name in enumerate(header, start=1):
        if not name:
            raise DataError(f"{path}: column {field} has no name; name it, or save without an index (index=False)")
    double = next((name for name in header if header.count(name) > 1), None)
    if double is not None:
        raise DataError(f"{path}: two columns are called {quote(double)}; rename one")


def _is_header(cells: list[str], label: str | int | None) -> bool:
    if isinstance(label, str):
        return True
    values = list(cells)
    if isinstance(label, int) and -len(values) <= label < len(values):
        values.pop(label)
    return any(as_number(cell) is None and cell.lower() not in ("nan", "inf", "-inf", "+inf") for cell in values)


def read_wide_csv(path: Path, label: str | int | None = None) -> Rows:
    """Read one series a row.

    Parameters
    ----------
    label
        Name or position (from 0; -1 is the last) of the label column. None: the column `label` if there is one.

    Raises
    ------
    DataError
        Naming row, field and remedy.
    """
    table = _table(path)
    first_row, first = next(table)
    header: list[str] | None = first if _is_header(first, label) else None
    if header is None and len(first) > 2 and first in (_count(0, len(first)), _count(1, len(first))):
        log.warning("%s: row %d counts %s, %s, ...: read as a header, not a series", path, first_row, *first[:2])
        header = first
    if header is not None:
        _check_header(header, path)
        if {"series", "time"} <= {name.lower() for name in header}:
            raise DataError(f"{path}: has columns 'series' and 'time'; say 'layout: long' to read it so")
    column = _label_column(header, len(first), label, path)
    stack = RowStack(path)
    for row, cells in table if header is not None else _chain(first_row, first, table):
        if len(cells) != len(first):
            raise DataError(
                f"{path}: row {row} has {len(cells)} fields where row {first_row} has {len(first)}; {INCOMPLETE}"
            )
        name = None
        if column is not None:
            name = cells[column]
            if not name:
                raise DataError(
                    f"{path}: row {row}, field {column + 1}: the label is empty; label every series or none"
                )
            # a stand-in keeps the count of fields right in messages; it is cut out again
            cells[column] = "0"
        values = numbers(cells, path, row)
        if column is not None:
            values = np.delete(values, column)
        if not len(values):
            raise DataError(f"{path}: row {row} has a label and no values; check the separator")
        stack.add(row, values[None], name)
    return stack.rows()


def is_long_csv(path: Path) -> bool:
    """Whether a file is a .csv whose header has the columns ``series`` and ``time`` of the long layout."""
    if path.suffix.lower() != ".csv" or not path.is_file():
        return False
    return {"series", "time"} <= set(next(_table(path))[1])


def _count(start: int, n: int) -> list[str]:
    return [str(i) for i in range(start, start + n)]


def _chain(row: int, first: list[str], table: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    yield row, list(first)
    yield from table


def _label_column(header: list[str] | None, width: int, label: str | int | None, path: Path) -> int | None:
    if isinstance(label, int):
        if not -width <= label < width:
            raise DataError(f"{path}: label column {label} does not exist among {width}; correct 'label'")
        return label % width
    if label is not None:
        if header is None or label not in header:
            raise MissingLabelsError(f"{path}: has no column {quote(label)}; correct 'label', or add a header")
        return header.index(label)
    return header.index(DEFAULT_LABEL) if header and DEFAULT_LABEL in header else None


def read_long_csv(path: Path, label: str | None = None, series: str = "series", time: str = "time") -> Rows:
    """Read one time step a row; the columns that are neither series, time nor label are the channels.

    Series keep the order of their first rows; within a series, rows are put in the order of time (numbers, or
    texts that sort, such as 2024-05-31).

    Raises
    ------
    DataError
        If a column is missing, a time comes twice, or series differ in length.
    """
    table = _table(path)
    _, header = next(table)
    _check_header(header, path)
    label = label if label is not None else DEFAULT_LABEL if DEFAULT_LABEL in header else None
    for name in (series, time, label):
        if name is not None and name not in header:
            raise DataError(f"{path}: has no column {quote(name)}; it has {', '.join(map(quote, header[:8]))}")
    channels = [i for i, name in enumerate(header) if name not in (series, time, label)]
    if not channels:
        raise DataError(
            f"{path}: has no column of values beside {series!r} and {time!r}; add one for each channel"
        )
    steps: dict[str, list[tuple[str, int, np.ndarray]]] = {}
    labels: dict[str, str] = {}
    for row, cells in table:
        if len(cells) != len(header):
            raise DataError(
                f"{path}: row {row} has {len(cells)} fields where the header has {len(header)}; {INCOMPLETE}"
            )
        key = cells[header.index(series)]
        if not key or not cells[header.index(time)]:
            raise DataError(f"{path}: row {row} lacks its {series!r} or {time!r}; fill it in")
        values = np.concatenate([numbers([cells[i]], path, row, i + 1) for i in channels])
        steps.setdefault(key, []).append((cells[header.index(time)], row, values))
        if label is not None:
            own = cells[header.index(label)]
            if labels.setdefault(key, own) != own:
                raise DataError(
                    f"{path}: row {row} calls series {quote(key)} {quote(own)}, not {quote(labels[key])}; "
                    "a series has one label"
                )
    stack = RowStack(path)
    numeric = all(as_number(at) is not None for rows in steps.values() for at, _, _ in rows)
    for key, rows in steps.items():
        times = [as_number(at) if numeric else at for at, _, _ in rows]
        order = sorted(range(len(rows)), key=times.__getitem__)  # type: ignore[arg-type]
        for before, after in pairwise(order):
            if times[before] == times[after]:
                raise DataError(
                    f"{path}: row {rows[after][1]} repeats time {quote(rows[after][0])} of series {quote(key)}; "
                    "drop one of them"
                )
        stack.add(rows[0][1], np.stack([rows[i][2] for i in order], axis=1), labels.get(key))
    return stack.rows()
