"""Whether a table that is taken for one series a row may be something else.

Read so, a table with a time step a row would give thousands of short series, and a column of ids or of labels
would become a value of each: wrong without a word. What is looked at are names of columns, and columns that behave
like ids, times or row numbers, as measured values never do.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

MAX_COLUMNS = 32  # more than this has no table with a time step a row
MIN_ROWS = 10

_SERIES = (
    *("series", "series_id", "seriesid", "id", "uid", "unique_id", "item_id", "sample", "sample_id", "subject"),
    *("subject_id", "case", "case_id", "instance", "instances", "instance_id", "trial", "trial_id"),
)
_TIME = (
    *("time", "times", "timestamp", "date", "datetime", "timestep", "time_step", "timepoint", "timepoints"),
    *("time_index", "step", "ds"),
)
_COUNTER = ("index", "idx", "row", "unnamed: 0")
_LABEL = ("label", "labels", "class", "classes", "class_val", "class_label", "target", "category")


class Doubt(NamedTuple):
    """What a table seems to be instead.

    Attributes
    ----------
    kind : str
        ``long``: a time step a row, `columns` tell series and times apart. ``time``, ``series``, ``counter``,
        ``label``: `columns` is one that holds times, ids, row numbers or labels.
    columns : tuple of int
        From 0.
    """

    kind: Literal["long", "time", "series", "counter", "label"]
    columns: tuple[int, ...]


def doubt_names(names: Sequence[str]) -> Doubt | None:
    """What the names of the columns say."""
    plain = [name.strip().casefold() for name in names]
    repeating = {
        kind: [place for place, name in enumerate(plain) if name in known]
        for kind, known in (("series", _SERIES), ("time", _TIME), ("counter", _COUNTER))
    }
    if repeating["series"] and repeating["time"]:
        return Doubt("long", (repeating["series"][0], repeating["time"][0]))
    for kind in ("time", "series", "counter"):
        if repeating[kind]:
            return Doubt(kind, (repeating[kind][0],))
    label = next((place for place, name in enumerate(plain) if name in _LABEL), None)
    return None if label is None else Doubt("label", (label,))


def doubt_values(values: np.ndarray) -> Doubt | None:
    """What the columns of `values` (rows, columns), finite, behave like."""
    rows, columns = values.shape
    if rows < MIN_ROWS or columns < 2:
        return None
    whole = [column for column in range(columns) if (values[:, column] == np.round(values[:, column])).all()]
    # ids mostly stand in blocks; where times and ids make a grid, either could be the other
    whole.sort(key=lambda column: np.count_nonzero(np.diff(values[:, column])))
    for series in whole if columns <= MAX_COLUMNS else ():
        _, ids, sizes = np.unique(values[:, series], return_inverse=True, return_counts=True)
        if not 2 <= len(sizes) <= rows // 3 or sizes.min() < 3:
            continue
        order = np.argsort(ids, kind="stable")
        times = (time for time in range(columns) if time != series)
        time_column = next((time for time in times if _are_times(values[:, time], order, ids, sizes)), None)
        if time_column is not None:
            return Doubt("long", (series, time_column))
    outer = (0, columns - 1)
    evenly = [column for column in range(columns) if _is_even(np.diff(values[:, column]))]
    if len(evenly) == 1 and evenly[0] in outer:
        return Doubt("counter", (evenly[0],))
    if len(whole) == 1 and whole[0] in outer and 2 <= len(np.unique(values[:, whole[0]])) <= rows // 3:
        return Doubt("label", (whole[0],))
    return None


def _are_times(column: np.ndarray, order: np.ndarray, ids: np.ndarray, sizes: np.ndarray) -> bool:
    """Whether a column rises within each series, by steps of one size, or as in the others, or from row to row.

    `order` puts the rows of a series behind one another, as they stand in the table.
    """
    first, second = column[order[: sizes[0]]], column[order[sizes[0] : sizes[0] + sizes[1]]]
    if not _may_be_times(first, second):
        return False
    steps = _steps(column[order], sizes)
    in_order = bool((steps > 0).all())
    if not in_order:
        if sizes.min() < 8:  # a few values are in some order by chance
            return False
        order = np.lexsort((column, ids))
        steps = _steps(column[order], sizes)
        if not (steps > 0).all():
            return False
    in_blocks = in_order and np.count_nonzero(np.diff(ids)) == len(sizes) - 1
    alike = bool((sizes == sizes[0]).all()) and bool(
        np.ptp(column[order].reshape(-1, sizes[0]), axis=0).max() == 0
    )
    return in_blocks or alike or _is_even(steps)


def _may_be_times(first: np.ndarray, second: np.ndarray) -> bool:
    """A quick look at two series, which spares a large table most of the work."""
    if (np.diff(first) > 0).all():
        return True
    ordered = np.sort(first)
    return bool((np.diff(ordered) > 0).all()) and (
        _is_even(np.diff(ordered)) or np.array_equal(ordered, np.sort(second))
    )


def _steps(column: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Differences between the rows of each series, which lie one behind the other."""
    return np.delete(np.diff(column), np.cumsum(sizes)[:-1] - 1)


def _is_even(steps: np.ndarray) -> bool:
    """Whether all steps are one and the same, and not 0; up to the rounding of decimals."""
    return bool(steps[0] != 0 and np.abs(steps - steps[0]).max() <= 1e-6 * abs(steps[0]))
