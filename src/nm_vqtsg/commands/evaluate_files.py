"""Measure any samples file against any real file, outside a study; `evaluate_any` says what is measured when."""

from pathlib import Path
from typing import Any, Literal

import numpy as np

from nm_vqtsg.artifacts import load_npz
from nm_vqtsg.datasets.csv_format import is_long_csv
from nm_vqtsg.datasets.readers import read_own
from nm_vqtsg.errors import DataError, MissingLabelsError
from nm_vqtsg.evaluation.any_series import NamedSeries, evaluate_any
from nm_vqtsg.params import Params
from nm_vqtsg.session import Session


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
        As of `evaluate_any`, with the scores under ``synthetic``.

    Raises
    ------
    DataError, ArtifactError
        If files cannot be read or do not belong together.
    """
    test, fake = _read(real, labels), _read_synthetic(synthetic, labels)
    learnt_from = None if train is None else _read(train, labels)
    return evaluate_any(test, {"synthetic": fake}, learnt_from, fcn, params, session)


def _read_synthetic(path: Path, labels: str | None) -> NamedSeries:
    """Synthetic series may do without the labels that the real ones have."""
    try:
        return _read(path, labels)
    except MissingLabelsError:
        return _read(path, None)


def _read(path: Path, labels: str | None) -> NamedSeries:
    if not path.exists():
        raise DataError(f"{path}: no such file; correct the path")
    if path.suffix.lower() == ".npz" and path.is_file():
        arrays = load_npz(path, required=("X",))
        if "X_class" in arrays and "y_class" in arrays:  # a study's samples
            classes = arrays["y_class"].astype(np.str_)
            return NamedSeries(
                str(path), arrays["X"].astype(np.float64), classes, True, arrays["X_class"].astype(np.float64)
            )
        scaled = {"mean", "std"} <= set(arrays) or "provenance" in arrays
        if scaled and labels is None:  # a study's split, or its samples where there are no classes
            y = arrays["y"].astype(np.str_) if "y" in arrays else None
            return NamedSeries(str(path), arrays["X"].astype(np.float64), y, True)
    layout: Literal["wide", "long"] = "long" if is_long_csv(path) else "wide"
    raw = read_own(path, name=path.stem, label=labels, layout=layout)
    return NamedSeries(str(path), raw.X, raw.labels)
