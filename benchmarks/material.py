"""Series for the benchmarks: the archive's where it is at hand, artificial ones of the same size where not.

``NM_VQTSG_UCR`` names a folder with the archive in its 2018 layout.
"""

import os
from pathlib import Path

import numpy as np

from nm_vqtsg.datasets.archive import SIZES
from nm_vqtsg.datasets.fetch import fetch
from nm_vqtsg.datasets.resplit import resplit
from nm_vqtsg.datasets.scaling import Scaling
from nm_vqtsg.datasets.series import Series

UCR = "NM_VQTSG_UCR"
BY_LENGTH = {46: "Crop", 140: "ECG5000", 500: "FordA", 1024: "MixedShapesRegularTrain"}


def archive_folder() -> Path | None:
    """The folder that the environment names, or None."""
    named = os.environ.get(UCR)
    return Path(named) if named else None


def split_series(name: str) -> tuple[Series, Series, str]:
    """TRAIN, TEST and where they are from, re-split and scaled as in the pipeline."""
    folder = archive_folder()
    if folder is not None and (folder / name).is_dir():
        train, test = resplit(fetch(name, str(folder), cache=folder), name=name)
        return train, test, name
    size = SIZES[name]
    assert size.length is not None, name
    n = size.n_train + size.n_test
    n_test = -(-n // 5)
    train = artificial(n - n_test, size.length, size.n_classes, seed=0)
    test = artificial(n_test, size.length, size.n_classes, seed=1)
    return train, test, f"artificial series of {name}'s size"


def artificial(n: int, length: int, n_classes: int, seed: int) -> Series:
    """Two waves per class with random phases and some noise, z-scored."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    t = np.linspace(0, 2 * np.pi, length)
    phase = rng.uniform(0, 2 * np.pi, (2, n, 1))
    slow, fast = 1 + y[:, None] % 5, 7 + 3 * (y[:, None] // 5)
    X = np.sin(slow * t + phase[0]) + 0.4 * np.sin(fast * t + phase[1]) + 0.1 * rng.standard_normal((n, length))
    X = (X - X.mean()) / X.std()
    labels = np.array([str(label) for label in range(n_classes)])
    return Series(X[:, None].astype(np.float32), y, labels, Scaling.none(1))
