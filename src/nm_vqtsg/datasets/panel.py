"""Tables of pandas, and sktime's kinds of panel data, as arrays; what may be read in two ways is refused.

sktime's own converters do the work (``pd-multiindex``, ``nested_univ`` and ``df-list``; ``numpy3D`` is an array
already). sktime takes seconds to import, so it is only when such a thing is handed in.
"""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nm_vqtsg.datasets.doubt import Doubt, doubt_names, doubt_values
from nm_vqtsg.errors import DataError

if TYPE_CHECKING:
    from pandas import DataFrame

ONE_LENGTH = "series must be of one length; cut, pad or resample them first"
MIN_TABLE = 8  # columns; with fewer, rows that are times are taken for the time steps of one long series


def unpanel(X: Any, name: str) -> Any:
    """X as an array (n, C, L) where it is a panel of sktime's, unchanged where it is an array or a plain table.

    Raises
    ------
    DataError
        If series differ in length, or it cannot be known what is a series and what a time step.
    """
    pandas = sys.modules.get("pandas")  # whoever hands in a table has imported it
    if pandas is not None:
        if isinstance(X, pandas.Series) and isinstance(X.index, pandas.MultiIndex):
            X = X.to_frame()
        if isinstance(X, pandas.DataFrame):
            return _from_frame(X, name)
        if isinstance(X, list | tuple) and X and all(isinstance(item, pandas.DataFrame) for item in X):
            return _from_frames(list(X), name)
    if isinstance(X, list | tuple) and X and all(getattr(item, "ndim", 0) == 2 for item in X):
        _check_arrays([tuple(item.shape) for item in X], name)
    return X


def channel_names(X: Any) -> tuple[str, ...]:
    """The names of the columns of a panel of sktime's, which are its channels; empty for anything else."""
    pandas = sys.modules.get("pandas")
    first = X[0] if isinstance(X, list | tuple) and len(X) else X
    if pandas is None or not isinstance(first, pandas.DataFrame):
        return ()
    nested = len(first) > 0 and getattr(first.iloc[0, 0], "ndim", 0) == 1
    if first is X and not nested and not isinstance(first.index, pandas.MultiIndex):
        return ()  # its columns are time steps
    names = tuple(str(name) for name in first.columns)
    return names if any(isinstance(name, str) for name in first.columns) else ()


def _from_frame(frame: "DataFrame", name: str) -> Any:
    from pandas import MultiIndex

    if isinstance(frame.index, MultiIndex):
        return _from_multiindex(frame, name)
    cells = [frame[column].iloc[0] for column in frame.columns] if len(frame) and frame.columns.is_unique else []
    nested = [getattr(cell, "ndim", 0) == 1 for cell in cells]
    if any(nested):
        if not all(nested):
            flat = frame.columns[nested.index(False)]
            raise DataError(
                f"{name} holds series in its cells, but not in the column {flat!r}; take that out, as y if it is "
                f"the labels: y = {name}.pop({flat!r})"
            )
        lengths = frame.map(len).to_numpy()
        if lengths.min() != lengths.max():
            raise DataError(f"{name} holds series of {lengths.min()} to {lengths.max()} values; {ONE_LENGTH}")
        return _converted(frame, "nested_univ", name)
    _check_index(frame, name)
    return frame


def _from_multiindex(frame: "DataFrame", name: str) -> np.ndarray:
    if frame.index.nlevels != 2:
        raise DataError(
            f"{name} has rows of {frame.index.nlevels} levels, where sktime's 'pd-multiindex' has two, series and "
            "time; drop the others (droplevel), or number the series anew"
        )
    if frame.index.duplicated().any():
        raise DataError(f"{name} has two rows for one time of one series; drop one of them")
    sizes = frame.groupby(level=0, sort=False).size()
    if sizes.min() != sizes.max():
        raise DataError(f"{name} holds series of {sizes.min()} to {sizes.max()} time steps; {ONE_LENGTH}")
    # by way of a list of frames, since the direct converter takes rows of several series for sorted
    frames = _converted(frame, "pd-multiindex", name, "df-list")
    return _from_frames(frames, name)


def _from_frames(frames: list["DataFrame"], name: str) -> np.ndarray:
    lengths = [len(frame) for frame in frames]
    if min(lengths) != max(lengths):
        raise DataError(f"{name} holds series of {min(lengths)} to {max(lengths)} time steps; {ONE_LENGTH}")
    first = list(frames[0].columns)
    for place, frame in enumerate(frames):
        if list(frame.columns) != first:
            raise DataError(
                f"{name}: frame {place} has the columns {_some(frame.columns)} where frame 0 has {_some(first)}; "
                "give all frames the same columns in the same order: one for each channel"
            )
    return _converted(frames, "df-list", name)


def _some(names: Sequence[Any]) -> str:
    return ", ".join(map(repr, list(names)[:4])) + (", ..." if len(names) > 4 else "")


def _converted(panel: Any, kind: str, name: str, target: str = "numpy3D") -> Any:
    """`panel` in another of sktime's types, after sktime's own check."""
    from sktime.datatypes import check_is_mtype, convert

    fine, problem, _ = check_is_mtype(panel, kind, "Panel", return_metadata=[], msg_return_dict="list")
    if not fine:
        problem = str(problem).replace("obj", name).rstrip(".")
        raise DataError(f"{name} looks like sktime's '{kind}' but is none: {problem}; mend it, or give an array")
    try:
        return convert(panel, kind, target, "Panel")
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{name} is of sktime's type '{kind}' but cannot be converted ({error}); give an array (n, channels, "
            "length)"
        ) from error


def _check_index(frame: "DataFrame", name: str) -> None:
    """Refuse a table whose rows are moments: they may be the time steps of one long series."""
    from pandas import DatetimeIndex, PeriodIndex, TimedeltaIndex

    if not isinstance(frame.index, DatetimeIndex | PeriodIndex | TimedeltaIndex):
        return
    steps = [str(column).strip().lower().removeprefix("t") for column in frame.columns]
    if len(steps) < MIN_TABLE or not all(step.replace(":", "").replace(".", "", 1).isdecimal() for step in steps):
        raise DataError(
            f"{name} is a table whose rows are times; if each row is a series, use {name}.reset_index(drop=True), "
            "and if they are the steps of one long series, cut it into pieces: an array (n, channels, length)"
        )


def check_table(values: np.ndarray, columns: Sequence[Any], name: str) -> None:
    """Refuse a plain table whose rows, or some columns of it, are something else than series.

    Parameters
    ----------
    values : (rows, columns) float64, finite
    columns : sequence
        Their names.

    Raises
    ------
    DataError
        Naming the column.
    """
    doubt = doubt_names([str(column) for column in columns]) or doubt_values(values)
    if doubt is not None:
        raise DataError(f"{name}: {_described(doubt, columns, name)}; if it does hold values, give an array")


def _described(doubt: Doubt, columns: Sequence[Any], name: str) -> str:
    shown = [
        repr(getattr(columns[place], "item", lambda place=place: columns[place])()) for place in doubt.columns
    ]
    drop = f"{name}.drop(columns={shown[0]})"
    match doubt.kind:
        case "long":
            return (
                f"the columns {shown[0]} and {shown[1]} seem to tell series and time steps apart; "
                f"give {name}.set_index([{shown[0]}, {shown[1]}])"
            )
        case "time":
            return (
                f"the column {shown[0]} seems to hold times, so that a row is a time step; give sktime's "
                f"'pd-multiindex', with rows by series and time, or an array"
            )
        case "label":
            return f"the column {shown[0]} seems to hold labels; take it out, y = {name}.pop({shown[0]})"
        case _:
            what = "seems to hold ids" if doubt.kind == "series" else "counts the rows"
            return f"the column {shown[0]} {what}; give {drop}"


def _check_arrays(shapes: list[tuple[int, ...]], name: str) -> None:
    """Refuse arrays in a list that may be (time, channels)."""
    first = shapes[0]
    other = next((shape for shape in shapes if shape != first), None)
    if other is not None:
        raise DataError(f"{name} holds arrays of different shapes, such as {first} and {other}; {ONE_LENGTH}")
    if first[0] >= first[1] > 0 and first != (1, 1):
        raise DataError(
            f"{name} is a list of arrays {first}, which may be (channels, length) or (length, channels); give an "
            f"array (n, channels, length): np.stack({name}), or np.stack({name}).transpose(0, 2, 1)"
        )
