"""A user's own CSV files.

*Wide*: a series a row, with or without a header, perhaps a label column; several channels only where they are
named (`nm_vqtsg.datasets.blocks`). *Long*: a time step a row, with columns for the series, the time and each
channel, perhaps a label column. The separator is a comma, a semicolon or a tab; it is found in the first line.
Labels that a spreadsheet would take for formulas carry an apostrophe, which is taken off (`nm_vqtsg.cells`).

Why not pandas: in a trial (20 000 series of 128 values, one run) its `read_csv` took nine tenths of the time and
more memory for the same values, but it turns short rows, ``NA`` and NUL bytes into NaN and renames double columns
without a word, where row and field are to be named.
"""

import csv
import logging
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np

from nm_vqtsg.cells import unescape_cell
from nm_vqtsg.datasets.blocks import channel_blocks, columns_of
from nm_vqtsg.datasets.doubt import Doubt, doubt_names, doubt_values
from nm_vqtsg.datasets.mending import NO_MENDING, UNEQUAL, Mending
from nm_vqtsg.datasets.raw import Rows, as_number
from nm_vqtsg.datasets.text import INCOMPLETE, MISSING, RowStack, numbers, quote, raw_lines
from nm_vqtsg.errors import DataError, MissingLabelsError

log = logging.getLogger(__name__)

DEFAULT_LABEL = "label"
POSITION = re.compile(r"-?\d{1,9}")
RAGGED = f"{UNEQUAL} (fit, evaluate: --length with --fit-length; own_data: length, fit_length)"


def _table(path: Path) -> Iterator[tuple[int, list[str]]]:
    lines = raw_lines(path)
    number, first = next(((row, line) for row, line in lines if line.strip()), (0, ""))
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
            stripped = [cell.strip() for cell in cells]
            if len(stripped) > 1 or any(stripped):  # else a blank line
                yield where[0], stripped
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


def _as_position(label: str | int | None, first: list[str]) -> str | int | None:
    """What the command line, which knows only texts, means by ``-1``."""
    if not isinstance(label, str) or not POSITION.fullmatch(label):
        return label
    place = int(label)
    return label if label in first and _is_header(first, place) else place


def read_wide_csv(
    path: Path,
    label: str | int | None = None,
    channels: Sequence[str] = (),
    mending: Mending = NO_MENDING,
) -> Rows:
    """Read one series a row.

    Parameters
    ----------
    label
        Name or position (from 0; -1 is the last) of the label column; a number in a text is a position unless a
        column of the header is called so. None: the column `label` if there is one.
    channels
        How the columns of each channel begin, ``kW_0, kW_1, ...``; without, all are of one.
    mending
        What may be done to rows with gaps or fewer fields.

    Raises
    ------
    DataError
        Naming row, field and remedy.
    """
    table = _table(path)
    first_row, first = _first(table, path)
    label = _as_position(label, first)
    header: list[str] | None = first if channels or _is_header(first, label) else None
    if header is None and len(first) > 2 and first in (_count(0, len(first)), _count(1, len(first))):
        log.warning("%s: row %d counts %s, %s, ...: read as a header, not a series", path, first_row, *first[:2])
        header = first
    if header is not None:
        _check_header(header, path)
    column = _label_column(header, len(first), label, path)
    values_at = [place for place in range(len(first)) if place != column]
    blocks = [list(range(len(values_at)))]
    if header is not None:
        named = [header[place] for place in values_at]
        _refuse(doubt_names(named), path, header, values_at)
        if channels:
            blocks = columns_of(channels, named, path)
        elif seen := channel_blocks(named):
            raise DataError(
                f"{path}: its columns seem to be of {len(seen)} channels; say --channels {','.join(seen)} (fit, "
                "evaluate; own_data: channels), or save the series as .npz, (series, channels, length)"
            )
    stack = RowStack(path, mending)
    for row, cells in table if header is not None else _chain(first_row, first, table):
        if len(cells) < len(first) and mending.length is not None:  # a shorter series
            cells += [""] * (len(first) - len(cells))
        if len(cells) != len(first):
            raise DataError(
                f"{path}: row {row} has {len(cells)} fields where row {first_row} has {len(first)}; {RAGGED}"
            )
        name = None
        if column is not None:
            name = unescape_cell(cells[column])
            if not name:
                raise DataError(
                    f"{path}: row {row}, field {column + 1}: the label is empty; label every series or none"
                )
            # a stand-in keeps the count of fields right in messages; it is cut out again
            cells[column] = "0"
        if not stack.series:
            _refuse_texts(cells, path, row)
        values = numbers(cells, path, row, gaps=mending.reads_gaps)
        if column is not None:
            values = np.delete(values, column)
        if not len(values):
            raise DataError(f"{path}: row {row} has a label and no values; check the separator")
        stack.add(row, values[blocks], name)
    rows = stack.rows(tuple(channels))
    if not channels and rows.X.shape[2] == len(values_at):
        _refuse(doubt_values(rows.X[:, 0]), path, header, values_at)
    return rows


def own_layout(path: Path) -> Literal["wide", "long"] | None:
    """The layout of a .csv with the header of `writers.write_series`: ``series,time,...`` or ``label,t0,t1,...``.

    None of any other file.
    """
    if path.suffix.lower() != ".csv":
        return None
    _, header = next(_table(path))
    if {"series", "time"} <= set(header):
        return "long"
    steps = header[1:] if header[0] == DEFAULT_LABEL else header
    return "wide" if steps and steps == [f"t{t}" for t in range(len(steps))] else None


def _refuse_texts(cells: list[str], path: Path, row: int) -> None:
    """Refuse a first row with texts beside numbers: columns that were not named."""
    plain = [cell.lower() in MISSING or as_number(cell) is not None for cell in cells]
    if any(plain) and not all(plain):
        place = plain.index(False)
        if any(mark.isalpha() for mark in cells[place]) and cells[place].lower().lstrip("+-") not in (
            "inf",
            "infinity",
        ):
            raise DataError(
                f"{path}: row {row}, field {place + 1} is not a number ({quote(cells[place])}); name the column "
                "of labels (label_column, on the command line --labels), drop it, or say layout: long if a row "
                "is a time step"
            )


def _refuse(doubt: Doubt | None, path: Path, header: list[str] | None, places: list[int]) -> None:
    """Refuse a table that is something else than one series a row; `places` are its columns of values."""
    if doubt is None:
        return
    columns = [places[column] for column in doubt.columns]
    named = [f"column {place + 1}" + (f" ({quote(header[place])})" if header else "") for place in columns]
    names = [quote(header[place]) if header else "NAME" for place in columns]
    add_header = "" if header else "add a header and "
    match doubt.kind:
        case "long":
            problem = f"{named[0]} and {named[1]} seem to tell series and time steps apart"
            remedy = (
                f"{add_header}say layout: long, series_column: {names[0]}, time_column: {names[1]} (on the "
                f"command line --layout long --series-column {names[0]} --time-column {names[1]})"
            )
        case "time":
            problem = f"{named[0]} seems to hold times, so that a row is a time step"
            remedy = "say layout: long, with a column that tells series apart as series_column, or drop the column"
        case "series":
            problem = f"{named[0]} seems to hold ids"
            remedy = f"drop the column, or say layout: long, series_column: {names[0]} if a row is a time step"
        case "counter":
            problem = f"{named[0]} counts the rows"
            remedy = "drop the column (pandas: index=False), or say layout: long if a row is a time step"
        case "label":
            problem = f"{named[0]} seems to hold labels"
            label = names[0] if header else columns[0]
            remedy = f"say label_column: {label} (on the command line --labels), or drop the column"
    raise DataError(f"{path}: {problem}; {remedy}; if it does hold values, save the series as .npz")


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


def read_long_csv(
    path: Path,
    label: str | None = None,
    series: str = "series",
    time: str = "time",
    channels: Sequence[str] = (),
    mending: Mending = NO_MENDING,
) -> Rows:
    """Read one time step a row; `channels` name the columns of values, all but series, time and label by default.

    Series keep the order of their first rows; within a series, rows are put in the order of time (numbers, or
    texts that sort, such as 2024-05-31).

    Raises
    ------
    DataError
        If a column is missing, a time comes twice, or series differ in length.
    """
    table = _table(path)
    _, header = _first(table, path)
    _check_header(header, path)
    label = label if label is not None else DEFAULT_LABEL if DEFAULT_LABEL in header else None
    for name in (series, time, label, *channels):
        if name is not None and name not in header:
            raise DataError(f"{path}: has no column {quote(name)}; it has {', '.join(map(quote, header[:8]))}")
    values_at = [header.index(name) for name in channels]
    values_at = values_at or [i for i, name in enumerate(header) if name not in (series, time, label)]
    if not values_at:
        raise DataError(
            f"{path}: has no column of values beside {series!r} and {time!r}; add one for each channel"
        )
    doubt = doubt_names([header[i] for i in values_at]) if not channels else None
    if doubt is not None:
        _refuse_channel(header[values_at[doubt.columns[0]]], "is named like no channel", "rename it", path)
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
        gaps = mending.reads_gaps
        values = np.concatenate([numbers([cells[i]], path, row, i + 1, gaps=gaps) for i in values_at])
        steps.setdefault(key, []).append((cells[header.index(time)], row, values))
        if label is not None:
            own = unescape_cell(cells[header.index(label)])
            if labels.setdefault(key, own) != own:
                raise DataError(
                    f"{path}: row {row} calls series {quote(key)} {quote(own)}, not {quote(labels[key])}; "
                    "a series has one label"
                )
    stack = RowStack(path, mending)
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
    read = stack.rows(tuple(unescape_cell(header[i]) for i in values_at))
    still = (np.ptp(read.X, axis=2) == 0).all(axis=0)
    for channel, i in enumerate(values_at if not channels else ()):
        if still[channel] and read.X.shape[2] > 1 and len(np.unique(read.X[:, channel])) > 1:
            _refuse_channel(header[i], "changes within no series, as labels do", "save the series as .npz", path)
    return read


def _refuse_channel(name: str, problem: str, otherwise: str, path: Path) -> None:
    raise DataError(
        f"{path}: the column {quote(name)} would be a channel but {problem}; say label_column: {quote(name)} (on "
        f"the command line --labels), drop the column, or {otherwise}"
    )


def _first(table: Iterator[tuple[int, list[str]]], path: Path) -> tuple[int, list[str]]:
    """The first row; a file may hold nothing but empty cells, which are no rows."""
    for row in table:
        return row
    raise DataError(f"{path}: holds no values; a series is a row of numbers")
