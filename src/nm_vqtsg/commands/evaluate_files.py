"""Measure any samples file against any real file, outside a study; `measure` says what is measured when."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from nm_vqtsg.artifacts import load_npz
from nm_vqtsg.datasets.csv_format import is_long_csv
from nm_vqtsg.datasets.readers import read_own
from nm_vqtsg.errors import DataError, MissingLabelsError
from nm_vqtsg.evaluation.measure import SeriesSet, measure
from nm_vqtsg.metrics.directions import better, flat_scores
from nm_vqtsg.params import Params
from nm_vqtsg.session import Session

if TYPE_CHECKING:
    from rich.table import Table


def evaluate_files(
    real: Path,
    synthetic: Path,
    *,
    train: Path | None = None,
    labels: str | None = None,
    fcn: Path | None = None,
    params: Params | None = None,
    session: Session | None = None,
) -> dict[str, Any]:
    """Measure `synthetic` against `real`.

    Parameters
    ----------
    real, synthetic : Path
        .npz with `X` (n, C, L) or (n, L) and perhaps `y`; .csv, wide, or long with columns ``series`` and
        ``time``; .ts; or a study's ``test.npz`` and ``samples.npz`` or ``mapped.npz``.
    train : Path, optional
        Real series that the generator was trained on. With labels, an FCN is trained on them, unless `fcn` is
        given; and they set the scale (else `real` does).
    labels : str, optional
        Name of the labels: the array in an .npz (default ``y``), the column in a .csv (default ``label``). The
        synthetic series may lack them.
    fcn : Path, optional
        A trained FCN (``fcn.safetensors`` of a study), for series scaled as in its training.
    params : Params, optional
        Sections ``fcn``, ``rocket`` and ``evaluate``.
    session : Session, optional

    Returns
    -------
    dict
        As of `evaluate`, with the scores under ``synthetic``, and ``judge`` and ``scale``, which say where both
        came from.

    Raises
    ------
    DataError, ArtifactError
        If files cannot be read or do not belong together.
    """
    test, fake = _read(real, labels), _read_synthetic(synthetic, labels)
    known = None if train is None else _read(train, labels)
    return measure(test, {"synthetic": fake}, known, fcn, params, session)


def _read_synthetic(path: Path, labels: str | None) -> SeriesSet:
    """Synthetic series may do without the labels that the real ones have."""
    try:
        return _read(path, labels)
    except MissingLabelsError:
        return _read(path, None)


def _read(path: Path, labels: str | None) -> SeriesSet:
    if not path.exists():
        raise DataError(f"{path}: no such file; correct the path")
    if path.suffix.lower() == ".npz" and path.is_file():
        arrays = load_npz(path, required=("X",))
        if "X_class" in arrays and "y_class" in arrays:  # a study's samples
            classes = arrays["y_class"].astype(np.str_)
            return SeriesSet(
                str(path), arrays["X"].astype(np.float64), classes, True, arrays["X_class"].astype(np.float64)
            )
        scaled = "mean" in arrays and "std" in arrays
        if scaled and labels is None:  # a study's split
            y = arrays["y"].astype(np.str_) if "y" in arrays else None
            return SeriesSet(str(path), arrays["X"].astype(np.float64), y, True)
    layout: Literal["wide", "long"] = "long" if is_long_csv(path) else "wide"
    raw = read_own(path, name=path.stem, label=labels, layout=layout)
    return SeriesSet(str(path), raw.X, raw.labels)


def score_table(result: dict[str, Any]) -> "Table":
    """The scores of `evaluate_files` as a table: value, 95 % interval, what real series score, direction."""
    from rich.table import Table

    table = Table(title=f"{result['n']['generated']} synthetic against {result['n']['test']} real series")
    for heading in ("score", "value", "95 % interval", "real series", "better"):
        table.add_column(heading, justify="left" if heading in ("score", "better") else "right")
    intervals = result["intervals"].get("synthetic", {})
    reference = flat_scores(result.get("reference", {}))
    for name, value in flat_scores(result["synthetic"]).items():
        low, high = intervals.get(name, (None, None))
        table.add_row(
            name,
            f"{value:.4g}",
            "" if low is None else f"{low:.4g} .. {high:.4g}",
            f"{reference[name]:.4g}" if name in reference else "",
            better(name),
        )
    table.caption = f"judge: {result['judge']}; scale: {result['scale']}"
    return table
