"""Measure any samples file against any real file, outside a study; `measure_any` says what is measured when."""

import logging
import os
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from nm_vqtsg.artifacts import load_npz, save_text
from nm_vqtsg.datasets.csv_format import own_layout
from nm_vqtsg.datasets.mending import NO_MENDING, Mending
from nm_vqtsg.datasets.npz_format import check_arrays
from nm_vqtsg.datasets.raw import RawData, Rows
from nm_vqtsg.datasets.readers import SERIES_COLUMN, TIME_COLUMN, read_own
from nm_vqtsg.datasets.split_folder import choose_split, splits_of
from nm_vqtsg.errors import MissingLabelsError, UserError
from nm_vqtsg.evaluation.any_series import Measured, NamedSeries, measure_any
from nm_vqtsg.params import Params
from nm_vqtsg.report import Subject, report_page
from nm_vqtsg.session import Session

log = logging.getLogger(__name__)


class CsvLayout(NamedTuple):
    """How .csv files are laid out, as `own_data` in params.yaml says it.

    Attributes
    ----------
    layout : {"wide", "long"}, optional
        A series a row, or a time step a row. Without it, long where a column is named.
    series_column, time_column : str, optional
        Of the long layout; ``series`` and ``time`` by default.
    channels : tuple of str
        The columns of values, by name (long) or by their beginnings (wide).
    """

    layout: Literal["wide", "long"] | None = None
    series_column: str | None = None
    time_column: str | None = None
    channels: tuple[str, ...] = ()

    @classmethod
    def of_options(
        cls, layout: str | None, series_column: str | None, time_column: str | None, channels: str | None
    ) -> "CsvLayout":
        """From the options of the command line; `channels` are separated by commas.

        Raises
        ------
        UserError
            If a channel has no name, or two have one.
        """
        names = () if channels is None else tuple(name.strip() for name in channels.split(","))
        if not all(names) or len(set(names)) < len(names):
            raise UserError("--channels: give each channel a name of its own, such as --channels kW,degrees")
        return cls(layout, series_column, time_column, names)  # type: ignore[arg-type]

    def check(self, paths: list[Path]) -> None:
        """Refuse what contradicts itself or serves none of `paths`.

        Raises
        ------
        UserError
            Naming the option.
        """
        if self == CsvLayout():
            return
        if self.layout not in (None, "wide", "long"):
            raise UserError(f"--layout: {self.layout!r} is not one of wide, long")
        if self.layout == "wide" and (self.series_column or self.time_column):
            raise UserError(
                "--series-column and --time-column go with --layout long; leave them out, or --layout wide"
            )
        if not any(path.suffix.lower() == ".csv" for path in paths):
            raise UserError(
                "--layout, --series-column, --time-column and --channels are for .csv files; leave them out"
            )

    def of(self, path: Path) -> tuple[Literal["wide", "long"], str, str]:
        """Layout and columns of one file; what `sample` wrote is known by its header, whatever the others are."""
        own = own_layout(path)
        if own is not None:
            return own, SERIES_COLUMN, TIME_COLUMN
        named = self.series_column or self.time_column
        layout = self.layout or ("long" if named else "wide")
        return layout, self.series_column or SERIES_COLUMN, self.time_column or TIME_COLUMN


def evaluate_files(
    real: Path,
    synthetic: Path,
    *,
    train: Path | None = None,
    labels: str | None = None,
    csv: CsvLayout | None = None,
    mending: Mending = NO_MENDING,
    fcn: Path | None = None,
    params: Params | None = None,
    session: Session | None = None,
) -> Measured:
    """Measure `synthetic` against `real`.

    Parameters
    ----------
    real, synthetic : Path
        .npz with `X` (n, C, L) or (n, L) and perhaps `y`; .csv, wide, or long with columns ``series`` and
        ``time``; .ts; a study's ``test.npz`` and ``samples.npz`` or ``mapped.npz``; or ``NAME_ts.npy`` (n, L, C).
        A folder with ``{train,valid,test}_ts.npy`` stands for its test split as `real`, for its train split as
        `train`, and as `synthetic` for the only one in it.
    train : Path, optional
        Real series that the generator was trained on. With labels, an FCN is trained on them, unless `fcn` is
        given; and they set the scale (else `real` does).
    labels : str, optional
        Name of the labels: the array in an .npz (default ``y``), the column in a .csv (default ``label``), the
        attribute of a ``NAME_ts.npy`` (default: its ``NAME_labels.npy``). The synthetic series may lack them.
    csv : CsvLayout, optional
        Layout of all .csv files among them, except those that `sample` wrote.
    mending : Mending
        What may be done to real series with gaps or of unequal length; it is logged.
    fcn : Path, optional
        A trained FCN (``fcn.safetensors`` of a study), for series scaled as in its training; or
        ``published:<data set>`` or a published .ckpt file, of the paper's authors.
    params : Params, optional
        Sections ``fcn``, ``rocket`` and ``evaluate``.
    session : Session, optional

    Returns
    -------
    Measured
        Its scores are under ``synthetic``.

    Raises
    ------
    UserError
        If files cannot be read or do not belong together.
    """
    csv = csv or CsvLayout()
    real, synthetic = _file(real, "--real", "test"), _file(synthetic, "--synthetic", None)
    train = None if train is None else _file(train, "--train", "train")
    csv.check([real, synthetic, *([] if train is None else [train])])
    test = read_series(real, labels, csv, mending)
    fake = read_series(synthetic, labels, csv, required=False)
    learnt_from = None if train is None else read_series(train, labels, csv, mending)
    return measure_any(test, {"synthetic": fake}, learnt_from, fcn, params, session)


def write_report(
    path: Path,
    measured: Measured,
    sources: dict[str, Path | None],
    params: Params | None = None,
    session: Session | None = None,
) -> None:
    """Write the page about what `evaluate_files` gave.

    Parameters
    ----------
    path : Path
        An .html file.
    measured : Measured
    sources : dict of str to Path
        The files ``real``, ``synthetic`` and perhaps ``train``.
    params : Params, optional
        As for `evaluate_files`.
    session : Session, optional
    """
    names = {name: file.name for name, file in sources.items() if file is not None}
    title = f"{names['synthetic']} against {names['real']}"
    subject = Subject.of(title, measured, params or Params(), sources=names)
    save_text(path, report_page(subject, session))


def _file(path: Path, option: str, split: str | None) -> Path:
    """The file that an option means: of a folder of splits, one of them."""
    return choose_split(path, option, split) if splits_of(path) else path


def read_series(
    path: Path, labels: str | None, csv: CsvLayout, mending: Mending = NO_MENDING, *, required: bool = True
) -> NamedSeries:
    """Read a file; where `labels` are not `required`, as of synthetic series, it may lack them.

    Raises
    ------
    UserError
        If it cannot be read.
    """
    try:
        return _read(path, labels, csv, mending)
    except MissingLabelsError:
        if required:
            raise
        return _read(path, None, csv, mending)


def _read(path: Path, labels: str | None, csv: CsvLayout, mending: Mending) -> NamedSeries:
    if path.suffix.lower() == ".npz" and os.path.isfile(path):
        arrays = load_npz(path, required=("X",))
        if "X_class" in arrays and "y_class" in arrays:  # a study's samples
            rows = check_arrays(arrays["X_class"], arrays["y_class"], path)
            return NamedSeries(str(path), check_arrays(arrays["X"], None, path).X, _texts(rows), True, rows.X)
        scaled = {"mean", "std"} <= set(arrays) or "provenance" in arrays
        if scaled and labels is None:  # a study's split, or its samples where there are no classes
            rows = check_arrays(arrays["X"], arrays.get("y"), path)
            validation = bool(np.any(arrays.get("validation", False)))
            return NamedSeries(str(path), rows.X, _texts(rows), True, validation=validation)
    return named(path, read_file(path, labels, csv, mending))


def read_file(path: Path, labels: str | None, csv: CsvLayout, mending: Mending = NO_MENDING) -> RawData:
    """Read a file of a user's own, in the units of the data; see `read_own`."""
    own, (layout, series, time) = own_layout(path), csv.of(path)
    return read_own(
        path,
        name=path.resolve().name if os.path.isdir(path) else path.stem,
        label=labels,
        layout=layout,
        series=series,
        time=time,
        channels=() if own is not None else csv.channels,
        mending=mending,
    )


def named(path: Path, raw: RawData) -> NamedSeries:
    """What was read of a file; what was done to it is logged."""
    for note in raw.notes:
        log.warning("%s: %s", path, note)
    return NamedSeries(str(path), raw.X, raw.labels, channels=raw.channels)


def _texts(rows: Rows) -> np.ndarray | None:
    return None if rows.labels is None else np.array(rows.labels, dtype=np.str_)
