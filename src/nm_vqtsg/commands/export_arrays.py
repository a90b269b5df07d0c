"""Write series as a folder of arrays (N, L, C) that other programs read; see `nm_vqtsg.datasets.split_folder`."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from nm_vqtsg.artifacts import load_npz
from nm_vqtsg.commands.evaluate_files import CsvLayout, read_series
from nm_vqtsg.datasets.series import Series
from nm_vqtsg.datasets.split_folder import check_folder, choose_split, splits_of, write_folder
from nm_vqtsg.errors import DataError, UserError
from nm_vqtsg.steps.context import StepContext

Labelled = tuple[np.ndarray, list[str] | None]


def export_run(ctx: StepContext, folder: Path, valid_share: float = 0.0) -> str:
    """Write TRAIN and TEST of a study and, where they are made, the samples of a run; say what was written.

    All in the units and labels of the data: ``train``, ``valid`` (if asked for), ``test``; ``generated`` and
    ``mapped``, unconditional and without labels; ``generated_class``, ``mapped_class``, with the class asked for.

    Parameters
    ----------
    ctx : StepContext
        Of the run.
    folder : Path
        New or empty.
    valid_share : float
        Share of TRAIN, in [0, 1), that becomes ``valid``.

    Raises
    ------
    UserError
        If the study has no splits yet, or the folder cannot be written.
    """
    check_folder(folder)
    train, test = Series.load(ctx.paths.train), Series.load(ctx.paths.test)
    sets = {"train": _units(train), "test": _units(test)}
    for name, path in (("generated", ctx.paths.samples), ("mapped", ctx.paths.mapped)):
        if not path.is_file():
            continue
        arrays = load_npz(path, required=("X",))
        sets[name] = train.scaling.undo(arrays["X"]), None
        if "X_class" in arrays and "y_class" in arrays and train.labels is not None:
            labels: list[str] = train.labels[arrays["y_class"]].tolist()
            sets[f"{name}_class"] = train.scaling.undo(arrays["X_class"]), labels
    classes = None if train.labels is None else train.labels.tolist()
    return _write(folder, sets, ctx.dataset, classes, valid_share, ctx.seed or 0)


def export_files(
    files: Mapping[str, Path],
    folder: Path,
    *,
    labels: str | None = None,
    csv: CsvLayout | None = None,
    valid_share: float = 0.0,
    seed: int = 0,
) -> str:
    """Write files of series as such a folder; say what was written.

    Parameters
    ----------
    files : mapping of name to Path
        ``train``, ``valid``, ``test``, ``generated``: whatever `evaluate_files` reads, in the units of the data.
    folder : Path
        New or empty.
    labels, csv
        As of `evaluate_files`; ``generated`` may lack the labels.
    valid_share, seed
        Share of ``train`` that becomes ``valid``, and the seed of the choice.

    Raises
    ------
    UserError
        If a file cannot be read, is scaled, or the folder cannot be written.
    """
    check_folder(folder)
    if "valid" in files and valid_share:
        raise UserError("--valid and --valid-share exclude each other; choose one")
    csv = csv or CsvLayout()
    csv.check(list(files.values()))
    sets: dict[str, Labelled] = {}
    for name, path in files.items():
        split = None if name == "generated" else name
        file = choose_split(path, f"--{name}", split) if splits_of(path) else path
        series = read_series(file, labels, csv, required=name != "generated")
        if series.scaled:
            raise DataError(
                f"{path}: holds series that a study has scaled; give --dataset and --seed, to scale them back"
            )
        sets[name] = series.X, None if series.labels is None else series.labels.tolist()
    return _write(folder, sets, folder.name, None, valid_share, seed)


def _units(series: Series) -> Labelled:
    labels = None if series.labels is None or series.y is None else series.labels[series.y].tolist()
    return series.scaling.undo(series.X), labels


def _write(
    folder: Path,
    sets: dict[str, Labelled],
    name: str,
    classes: list[str] | None,
    valid_share: float,
    seed: int,
) -> str:
    if not 0 <= valid_share < 1:
        raise UserError(f"--valid-share: {valid_share} is no share; give 0 or more, and less than 1")
    if valid_share:
        if "train" not in sets:
            raise UserError("--valid-share takes a part of --train; give it, too")
        sets["train"], sets["valid"] = _divide(*sets["train"], valid_share, seed)
    write_folder(folder, sets, name, classes)
    return ", ".join(f"{len(X)} {split}" for split, (X, _) in sets.items())


def _divide(X: np.ndarray, labels: list[str] | None, share: float, seed: int) -> tuple[Labelled, Labelled]:
    """The rest and a share, of each class alike; one series of each class stays."""
    rng = np.random.default_rng(seed)
    of = np.zeros(len(X), dtype=np.int64) if labels is None else np.unique(labels, return_inverse=True)[1]
    taken = np.zeros(len(X), dtype=bool)
    for group in range(of.max() + 1):
        rows = np.flatnonzero(of == group)
        taken[rng.permutation(rows)[: min(round(share * len(rows)), len(rows) - 1)]] = True
    if not taken.any():
        raise UserError(f"--valid-share: {share} of {len(X)} series is none; give a larger share")

    def part(rows: np.ndarray) -> Labelled:
        return X[rows], None if labels is None else [labels[row] for row in np.flatnonzero(rows)]

    return part(~taken), part(taken)
