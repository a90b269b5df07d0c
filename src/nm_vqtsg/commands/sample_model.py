"""Draw series from a saved model, outside a study."""

from pathlib import Path

import numpy as np

from nm_vqtsg.datasets.arrays import check_count
from nm_vqtsg.datasets.writers import check_output, write_series
from nm_vqtsg.errors import DataError, UserError
from nm_vqtsg.estimators.folder import MAPPER, exists
from nm_vqtsg.estimators.neural_mapper import NeuralMapper
from nm_vqtsg.estimators.registry import load_generator


def sample_model(
    folder: Path,
    out: Path,
    n: int,
    *,
    label: str | None = None,
    per_class: bool = False,
    seed: int | None = None,
    mapped: bool = True,
    device: str = "auto",
    progress: bool = True,
) -> str:
    """Draw series in the units of the data and write them to `out`; say in a sentence what was written.

    Parameters
    ----------
    folder : Path
        A saved generator. Where its mapper lies there, too, the series are mapped.
    out : Path
        See `write_series`.
    n : int
        Series to draw; of each class with `per_class`.
    label : str, optional
        The class of all, by the user's own label; without any, unconditional.
    per_class : bool
        `n` series of each class, classes in order.
    seed : int, optional
        The model's by default.
    mapped : bool
        False leaves the mapper out.
    device, progress
        As of the estimators.

    Raises
    ------
    UserError
        If model, class or file name cannot be used; nothing is written then.
    """
    check_output(out)
    n = check_count(n)
    if label is not None and per_class:
        raise UserError("--class and --per-class exclude each other; choose one")
    generator = load_generator(folder, device=device, progress=progress)
    mapper = NeuralMapper.load(folder, device=device) if mapped and exists(folder / MAPPER) else None
    y: np.ndarray | None = None
    if label is not None:
        y = np.full(n, find_class(generator.classes_, label))
    elif per_class:
        if not len(generator.classes_):
            raise DataError(f"{folder}: was trained without labels, so it knows no classes; leave out --per-class")
        y = np.repeat(generator.classes_, n)
    X = generator.sample(n if y is None else len(y), y, seed)
    if mapper is not None:
        X = mapper.transform(X)
    write_series(out, X, y, generator.channel_names_)
    return f"{len(X)} series{'' if mapper is None or mapper.tau_ is None else ', mapped'}"


def find_class(classes: np.ndarray, label: str) -> str | int | float | bool:
    """The class whose label reads `label`.

    Raises
    ------
    DataError
        If there is none.
    """
    if not len(classes):
        raise DataError(
            f"class '{label}' was asked for, but the model was trained without labels; leave out --class"
        )
    by_text = {str(name): name for name in classes.tolist()}
    if label not in by_text:
        listed = ", ".join(list(by_text)[:20]) + (", ..." if len(by_text) > 20 else "")
        raise DataError(f"class '{label}' is unknown; the classes are {listed}")
    return by_text[label]
