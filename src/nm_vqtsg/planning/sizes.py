"""How large the data sets of a study are, before any of them is there."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nm_vqtsg.artifacts import load_npz
from nm_vqtsg.datasets.archive import SIZES
from nm_vqtsg.datasets.readers import read_own
from nm_vqtsg.errors import DataError
from nm_vqtsg.params import Data, Params


@dataclass(frozen=True)
class DataSize:
    """A data set after the re-split; `n_classes` is 0 without labels."""

    n_train: int
    n_test: int
    channels: int
    length: int
    n_classes: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """What the time of a step depends on: channels, length, classes."""
        return self.channels, self.length, self.n_classes


def data_size(params: Params, name: str, study: Path, split: tuple[Path, Path]) -> DataSize:
    """Size of a data set: of the files of `split` (TRAIN, TEST) where they are, else as the archive says.

    Parameters
    ----------
    params : Params
        The study's.
    name : str
        One of its data sets.
    study : Path
        What paths of own data are relative to.
    split : (Path, Path)
        ``train.npz`` and ``test.npz``, which need not exist.

    Raises
    ------
    DataError
        If own data cannot be read, or series of the archive vary in length and are not there yet.
    """
    if all(path.is_file() for path in split):
        train, test = (load_npz(path, required=("X",)) for path in split)
        n_classes = len(np.unique(train["y"])) if "y" in train else 0
        _, channels, length = train["X"].shape
        return DataSize(len(train["X"]), len(test["X"]), channels, length, n_classes)
    own = params.own_data.get(name)
    if own is not None:
        raw = read_own(study / own.path, name=name, **own.how())
        n, channels, length = raw.X.shape
        n_classes = 0 if raw.labels is None else len(set(raw.labels.tolist()))
        n_train = raw.n_train if raw.already_split else n - math.ceil(params.data.test_size * n)
        return DataSize(*_parts(params.data, n_train, n - n_train), channels, length, n_classes)
    size = SIZES[name]
    if size.length is None:
        raise DataError(
            f"{name}: its series vary in length, so the archive's list does not say how long they will be; "
            "run download and resplit first"
        )
    n = size.n_train + size.n_test
    n_test = math.ceil(params.data.test_size * n)
    return DataSize(*_parts(params.data, n - n_test, n_test), 1, size.length, size.n_classes)


def _parts(data: Data, n_train: int, n_test: int) -> tuple[int, int]:
    """Sizes of TRAIN and TEST, or, where TEST is set aside, of FIT and VAL."""
    if data.evaluate_on == "test":
        return n_train, n_test
    n_validation = round(n_train / data.validation_folds)
    return n_train - n_validation, n_validation
