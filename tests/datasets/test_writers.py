"""Written series come back: bit by bit through our readers, with labels through pandas."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nm_vqtsg.commands.evaluate_files import evaluate_files
from nm_vqtsg.datasets.readers import read_own
from nm_vqtsg.datasets.writers import write_series
from nm_vqtsg.errors import DataError

RNG = np.random.default_rng(0)
LABELS = [None, np.array([3, 1, 10]), np.array(["a, b", 'say "x"', "ümlaut"]), np.array([0.5, 1.5, 0.5])]


def series(channels: int) -> np.ndarray:
    return (RNG.standard_normal((3, channels, 9)) * 10.0 ** RNG.integers(-20, 20, (3, channels, 9))).astype(
        np.float32
    )


@pytest.mark.parametrize("labels", LABELS, ids=["none", "whole", "text", "decimal"])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("suffix", [".csv", ".npz"])
def test_round_trip(tmp_path: Path, suffix: str, channels: int, labels: np.ndarray | None) -> None:
    X, path = series(channels), tmp_path / f"series{suffix}"
    write_series(path, X, labels)
    raw = read_own(path, name="series", layout="long" if suffix == ".csv" and channels > 1 else "wide")
    assert np.array_equal(raw.X.astype(np.float32), X)
    assert (None if raw.labels is None else raw.labels.tolist()) == (
        None if labels is None else [str(label) for label in labels.tolist()]
    )
    first = path.read_bytes()
    write_series(path, X, labels)
    assert path.read_bytes() == first


def test_pandas_opens_them_with_the_labels(tmp_path: Path) -> None:
    X = series(1)
    write_series(tmp_path / "wide.csv", X, np.array(["up", "down", "up"]))
    table = pd.read_csv(tmp_path / "wide.csv", index_col="label")
    assert table.index.tolist() == ["up", "down", "up"] and list(table.columns) == [f"t{t}" for t in range(9)]
    np.testing.assert_array_equal(table.to_numpy(np.float32), X[:, 0])
    write_series(tmp_path / "long.csv", series(2), np.array([1, 2, 1]))
    table = pd.read_csv(tmp_path / "long.csv")
    assert list(table.columns) == ["series", "time", "label", "channel0", "channel1"] and len(table) == 27
    assert table.groupby("series").label.first().tolist() == [1, 2, 1]


def test_long_files_are_measured_as_they_are(tmp_path: Path) -> None:
    X = np.random.default_rng(1).standard_normal((30, 2, 16)).astype(np.float32)
    write_series(tmp_path / "a.csv", X)
    write_series(tmp_path / "a.npz", X)
    write_series(tmp_path / "fake.npz", X[::-1] * 1.5)
    long, plain = (evaluate_files(tmp_path / name, tmp_path / "fake.npz").scores for name in ("a.csv", "a.npz"))
    assert long["n"] == plain["n"] == {"test": 30, "generated": 30}
    assert long["synthetic"]["rocket_fid"] == pytest.approx(plain["synthetic"]["rocket_fid"], rel=1e-3)


@pytest.mark.parametrize("name", ["x.txt", "x", "folder.csv"])
def test_other_names_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DataError, match=name):
        write_series(tmp_path / name, series(1))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.csv"]
