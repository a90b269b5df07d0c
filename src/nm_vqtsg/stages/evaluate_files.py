"""Measure any samples file against any real file, outside a study.

What can be measured depends on what is given:

* real and synthetic series: ROCKET-FID, KID on ROCKET features, precision, recall, AUC, TSGBench's distances;
* and TRAIN: memorisation, and the reference (what real series score);
* and labels in TRAIN and in the real file, or a trained FCN: FID, IS, KID on FCN features;
* and a class with every synthetic series: cFID and CAS.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nm_vqtsg.artifacts import load_npz
from nm_vqtsg.datasets.raw import in_class_order
from nm_vqtsg.datasets.readers import read_own
from nm_vqtsg.errors import ArtifactError, DataError, MissingLabelsError
from nm_vqtsg.metrics.directions import better, flat_scores
from nm_vqtsg.metrics.evaluation import Generated, Protocol, Real, evaluate
from nm_vqtsg.metrics.fcn import Judge
from nm_vqtsg.metrics.rocket import RocketFeatures
from nm_vqtsg.params import Params
from nm_vqtsg.training import Session

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True)
class _File:
    """Series of one file: X (n, C, L) float64; one label per series, or None; whether a study scaled them."""

    path: Path
    X: np.ndarray
    labels: np.ndarray | None
    scaled: bool = False
    X_class: np.ndarray | None = None


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
        .npz with `X` (n, C, L) or (n, L) and perhaps `y`; .csv; .ts; or a study's ``test.npz`` and ``samples.npz``
        or ``mapped.npz``.
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
    params, session = params or Params(), session or Session()
    test, fake = _read(real, labels), _read_synthetic(synthetic, labels)
    known = None if train is None else _read(train, labels)
    for other in (fake, *([] if known is None else [known])):
        if other.X.shape[1:] != test.X.shape[1:]:
            raise DataError(
                f"{other.path}: series of shape {other.X.shape[1:]} (channels, length), but {test.path} has "
                f"{test.X.shape[1:]}"
            )
        if other.scaled != test.scaled:
            raise DataError(
                f"{other.path} and {test.path}: one holds scaled series of a study and the other not; take both "
                "from the same study, or neither"
            )
    scale, shift_and_spread = _scale(test, known)
    X, X_fake = (_apply(part.X, shift_and_spread) for part in (test, fake))
    X_train = None if known is None else _apply(known.X, shift_and_spread)

    names = _class_names(test, known)
    y, y_fake = _classes(test, names), _classes(fake, names)
    y_train = None if known is None else _classes(known, names)
    judge, origin = _judge(fcn, X_train, y_train, names, params, session)
    X_class = X_fake if fake.X_class is None else _apply(fake.X_class, shift_and_spread)
    result = evaluate(
        Real(X, y),
        {"synthetic": Generated(X_fake, *((None, None) if y_fake is None else (X_class, y_fake)))},
        train=None if X_train is None else Real(X_train, y_train),
        judge=judge,
        rocket=RocketFeatures(X.shape[1], X.shape[2], params.rocket.n_kernels, params.rocket.seed),
        labels=names,
        protocol=Protocol(**params.evaluate.model_dump()),
        session=session,
    )
    if judge is None:
        no_judge = f"needs a judge: {origin}"
        for name in ("fcn_accuracy", "fid", "fid_trimmed", "kid", "is", "cfid"):
            result["missing"][name] = no_judge
    if train is None:
        result["missing"]["reference"] = result["missing"]["memorisation"] = (
            "needs real series to train on (--train)"
        )
    return result | {"judge": origin, "scale": scale}


def _read_synthetic(path: Path, labels: str | None) -> _File:
    """Synthetic series may do without the labels that the real ones have."""
    try:
        return _read(path, labels)
    except MissingLabelsError:
        return _read(path, None)


def _read(path: Path, labels: str | None) -> _File:
    if not path.exists():
        raise DataError(f"{path}: no such file; correct the path")
    if path.suffix.lower() == ".npz" and path.is_file():
        arrays = load_npz(path, required=("X",))
        if "X_class" in arrays and "y_class" in arrays:  # a study's samples
            classes = arrays["y_class"].astype(np.str_)
            return _File(path, arrays["X"].astype(np.float64), classes, True, arrays["X_class"].astype(np.float64))
        scaled = "mean" in arrays and "std" in arrays
        if scaled and labels is None:  # a study's split
            y = arrays["y"].astype(np.str_) if "y" in arrays else None
            return _File(path, arrays["X"].astype(np.float64), y, True)
    raw = read_own(path, name=path.stem, label=labels)
    return _File(path, raw.X, raw.labels)


def _scale(test: _File, train: _File | None) -> tuple[str, tuple[np.ndarray, np.ndarray] | None]:
    """Where the scale comes from, and mean and sd of each channel, or None where a study has scaled already."""
    if test.scaled:
        return "the series of a study, scaled by its TRAIN", None
    source = test if train is None else train
    mean, std = source.X.mean((0, 2)), source.X.std((0, 2))
    if not (std > 0).all():
        raise DataError(f"{source.path}: a channel is constant, so there is no scale; remove the channel")
    return ("real" if train is None else "train"), (mean, std)


def _apply(X: np.ndarray, scale: tuple[np.ndarray, np.ndarray] | None) -> np.ndarray:
    if scale is not None:
        mean, std = scale
        X = (X - mean[:, None]) / std[:, None]
    return X.astype(np.float32)


def _class_names(test: _File, train: _File | None) -> tuple[str, ...]:
    """Labels in class order; empty unless the real series have them."""
    if test.labels is None:
        return ()
    known = [] if train is None or train.labels is None else train.labels.tolist()
    return tuple(in_class_order([*test.labels.tolist(), *known]))


def _classes(file: _File, names: tuple[str, ...]) -> np.ndarray | None:
    if file.labels is None or not names:
        return None
    index = {name: place for place, name in enumerate(names)}
    strange = next((label for label in file.labels.tolist() if label not in index), None)
    if strange is not None:
        raise DataError(f"{file.path}: holds the label '{strange}', which the real series do not have")
    return np.array([index[label] for label in file.labels.tolist()], dtype=np.int64)


def _judge(
    path: Path | None,
    X: np.ndarray | None,
    y: np.ndarray | None,
    names: tuple[str, ...],
    params: Params,
    session: Session,
) -> tuple[Judge | None, str]:
    """The judge, and where it came from or why there is none."""
    if path is not None:
        judge = Judge.load(path)
        if not names:
            return None, "an FCN was given, but the real series have no labels"
        if judge.n_classes != len(names):
            raise ArtifactError(
                f"{path}: knows {judge.n_classes} classes, the real series have {len(names)}; give its own data"
            )
        judge.model.to(session.device)
        return judge, f"given ({path.name})"
    if not names:
        return None, "no labels in the real series"
    if X is None or y is None:
        return None, "an FCN (--fcn), or real series with labels to train one on (--train)"
    judge, curve = Judge.train(X, y, len(names), params.fcn, session)
    return judge, f"trained on train for {len(curve)} epochs"


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
