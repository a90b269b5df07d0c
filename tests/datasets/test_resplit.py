"""The re-split is scikit-learn's, the scaling is TRAIN's, and both can be undone."""

import os

import numpy as np
import pytest
from sklearn.model_selection import StratifiedShuffleSplit

from nm_vqtsg.datasets.fetch import fetch
from nm_vqtsg.datasets.raw import RawData
from nm_vqtsg.datasets.resplit import resplit
from nm_vqtsg.datasets.series import Series
from nm_vqtsg.errors import ArtifactError, DataError

UCR = os.environ.get("NM_VQTSG_UCR")
needs_ucr = pytest.mark.skipif(not UCR, reason="NM_VQTSG_UCR does not name a folder with the UCR archive")
ITALY = fetch("ItalyPowerDemand", "sktime")


def back(series: Series) -> list[tuple[str, bytes]]:
    """Original labels and original values in float32, sorted."""
    X = series.scaling.undo(series.X).astype(np.float32).round(4) + 0.0
    return sorted(zip(series.labels[series.y], (x.tobytes() for x in X), strict=True))


def test_it_is_scikit_learns_split_with_the_stated_seed():
    train, test = resplit(ITALY)
    y = (ITALY.labels == "2").astype(int)
    rows, others = next(StratifiedShuffleSplit(1, test_size=0.2, random_state=0).split(ITALY.X, y))
    assert (len(train.X), len(test.X)) == (876, 220)
    for series, index in ((train, rows), (test, others)):
        np.testing.assert_array_equal(series.y, y[index])
        np.testing.assert_allclose(series.scaling.undo(series.X), ITALY.X[index], atol=1e-6)


def test_train_is_scaled_to_mean_0_and_deviation_1_by_channel():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 3, 9)) * np.array([1.0, 100.0, 1e-6])[:, None] + np.array([0.0, 1e6, 5.0])[:, None]
    train, test = resplit(RawData(X, None, 50))
    np.testing.assert_allclose(train.X.mean(axis=(0, 2), dtype=float), 0, atol=1e-5)
    np.testing.assert_allclose(train.X.std(axis=(0, 2), dtype=float), 1, atol=1e-5)
    assert abs(test.X).max() < 6
    assert train.scaling is test.scaling
    assert train.X.dtype == np.float32 and train.scaling.mean.dtype == np.float64


def test_unlabelled_data_are_shuffled_by_the_seed():
    X = np.random.default_rng(0).normal(size=(11, 1, 9))
    train, test = resplit(RawData(X, None, 11), seed=3)
    assert (len(train.X), len(test.X)) == (8, 3)
    assert train.y is None and train.labels is None and train.n_classes == 0
    order = np.random.default_rng(3).permutation(11)
    np.testing.assert_allclose(test.scaling.undo(test.X), X[order[:3]], atol=1e-6)
    again, _ = resplit(RawData(X, None, 11), seed=3)
    np.testing.assert_array_equal(train.X, again.X)
    other, _ = resplit(RawData(X, None, 11), seed=4)
    assert (train.X != other.X).any()


def test_a_given_split_is_kept_in_its_order():
    raw = RawData(ITALY.X, ITALY.labels, 67, already_split=True)
    train, test = resplit(raw)
    np.testing.assert_allclose(train.scaling.undo(train.X), ITALY.X[:67], atol=1e-6)
    np.testing.assert_array_equal(test.labels[test.y], ITALY.labels[67:])
    assert train.scaling.mean == pytest.approx(ITALY.X[:67].mean())


@pytest.mark.parametrize("labels", [["-1", "1"], ["10", "9", "1"], ["b", "a"], [str(i) for i in range(24, 0, -1)]])
def test_labels_come_back(labels):
    n = 10 * len(labels)
    raw = RawData(np.random.default_rng(0).normal(size=(n, 1, 9)), np.array(labels * 10), n)
    train, test = resplit(raw)
    wanted = sorted(labels, key=float) if labels[0].lstrip("-").isdigit() else sorted(labels)
    assert train.labels.tolist() == wanted
    assert sorted(set(train.y)) == list(range(len(labels)))
    found = np.concatenate([train.labels[train.y], test.labels[test.y]])
    assert sorted(found) == sorted(raw.labels)


@needs_ucr
@pytest.mark.parametrize(
    ("name", "labels"), [("ECG5000", range(1, 6)), ("Wafer", (-1, 1)), ("FaceAll", range(1, 15))]
)
def test_real_labels_come_back_with_their_series(name, labels):
    raw = fetch(name, UCR)
    train, test = resplit(raw)
    assert train.labels.tolist() == [str(label) for label in labels]
    whole = Series(
        train.scaling.apply(raw.X),
        np.array([train.labels.tolist().index(label) for label in raw.labels]),
        train.labels,
        train.scaling,
    )
    assert sorted(back(train) + back(test)) == back(whole)
    counts = np.bincount(train.y) / (np.bincount(train.y) + np.bincount(test.y))
    assert np.all(abs(counts - 0.8) < 0.1)


def test_series_round_trip(tmp_path):
    for raw in (ITALY, RawData(ITALY.X, None, 67)):
        train, _ = resplit(raw)
        train.save(tmp_path / "a.npz")
        train.save(tmp_path / "b.npz")
        again = Series.load(tmp_path / "a.npz")
        for name in ("X", "y", "labels"):
            np.testing.assert_array_equal(getattr(again, name), getattr(train, name))
        np.testing.assert_array_equal(again.scaling.mean, train.scaling.mean)
        np.testing.assert_array_equal(again.scaling.std, train.scaling.std)
        assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"X": np.zeros((2, 9), np.float32)}, "X is float32"),
        ({"X": np.zeros((2, 1, 9))}, "X is float64"),
        ({"X": np.full((2, 1, 9), np.nan, np.float32)}, "not finite"),
        ({"mean": np.zeros(2)}, "std is not one finite number"),
        ({"std": np.zeros(1)}, "std is not positive"),
        ({"mean": np.full(1, np.inf)}, "mean is not one finite number"),
        ({"mean": np.zeros(2), "std": np.ones(2)}, "do not fit X, which has 1 channel"),
        ({"y": np.array([0, 2])}, "y is outside 0..1"),
        ({"y": np.array([0])}, "do not fit"),
        ({"labels": None}, "only one of"),
    ],
)
def test_a_file_that_does_not_fit_together_is_refused(tmp_path, change, message):
    parts = {
        "X": np.zeros((2, 1, 9), np.float32),
        "y": np.array([0, 1]),
        "labels": np.array(["a", "b"]),
        "mean": np.zeros(1),
        "std": np.ones(1),
    } | change
    np.savez(tmp_path / "x.npz", **{name: array for name, array in parts.items() if array is not None})
    with pytest.raises(ArtifactError, match=message):
        Series.load(tmp_path / "x.npz")


def test_refusals_of_the_splitter():
    X = np.random.default_rng(0).normal(size=(6, 1, 9))
    with pytest.raises(DataError, match="no TEST series; give a TEST file"):
        resplit(RawData(X, None, 6, already_split=True))
    with pytest.raises(DataError, match="series 3 holds NaN"):
        resplit(RawData(np.where(X == X[2, 0, 0], np.nan, X), None, 6))  # noqa: SIM300
