"""The re-split is scikit-learn's, the scaling is TRAIN's, and both can be undone."""

import os

import numpy as np
import pytest
from sklearn.model_selection import KFold, StratifiedKFold, StratifiedShuffleSplit

from nm_vqtsg.datasets.fetch import fetch
from nm_vqtsg.datasets.raw import RawData
from nm_vqtsg.datasets.resplit import Fold, resplit
from nm_vqtsg.datasets.series import Series, split_names
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
        ({"validation": np.array("yes")}, "validation is not one truth value"),
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
    with pytest.raises(DataError, match="4 series has one for each of 7 folds; raise data.validation_size"):
        resplit(RawData(X, None, 6), validation=Fold(7, 0))


def in_units(series: Series) -> np.ndarray:
    return series.scaling.undo(series.X)[:, 0].round(4)


def test_fit_and_val_are_scikit_learns_folds_of_train_and_test_is_in_neither():
    y = (ITALY.labels == "2").astype(int)
    train, _ = next(StratifiedShuffleSplit(1, test_size=0.2, random_state=0).split(ITALY.X, y))
    folds = list(StratifiedKFold(7, shuffle=True, random_state=0).split(train, y[train]))
    seen = []
    for number, (inside, outside) in enumerate(folds):
        fit, val = resplit(ITALY, validation=Fold(7, number))
        for series, rows in ((fit, train[inside]), (val, train[outside])):
            np.testing.assert_array_equal(series.y, y[rows])
            np.testing.assert_allclose(series.scaling.undo(series.X), ITALY.X[rows], atol=1e-6)
        assert fit.X.std() == pytest.approx(1, abs=1e-5)  # scaled by FIT, not by TRAIN
        assert fit.validation and val.validation and split_names(val.facts()) == ("FIT", "VAL")
        seen += in_units(val).tolist()
    real_train, real_test = resplit(ITALY)
    assert sorted(seen) == sorted(in_units(real_train).tolist())  # each series of TRAIN is in one VAL
    assert not {tuple(row) for row in seen} & {tuple(row) for row in in_units(real_test).tolist()}
    assert not real_test.validation and split_names(real_test.facts()) == ("TRAIN", "TEST")


def test_a_given_split_and_unlabelled_data_have_folds_too():
    raw = RawData(ITALY.X, ITALY.labels, 67, already_split=True)
    fit, val = resplit(raw, validation=Fold(5, 1))
    assert len(fit.X) + len(val.X) == 67
    assert {tuple(row) for row in in_units(val).tolist()} <= {
        tuple(row) for row in ITALY.X[:67, 0].round(4).tolist()
    }
    X = np.random.default_rng(0).normal(size=(25, 1, 9))
    fit, val = resplit(RawData(X, None, 25), seed=3, validation=Fold(5, 4))
    train = np.random.default_rng(3).permutation(25)[5:]
    _, rows = list(KFold(5, shuffle=True, random_state=3).split(train))[4]
    np.testing.assert_allclose(val.scaling.undo(val.X), X[train[rows]], atol=1e-6)


def test_a_class_that_fit_lacks_is_named_with_the_remedy():
    X = np.random.default_rng(0).normal(size=(40, 1, 9))
    labels = np.array(["b"] + ["a"] * 38 + ["b"])  # TRAIN has one b
    refused = 0
    for number in range(5):
        try:
            resplit(RawData(X, labels, 30, already_split=True), validation=Fold(5, number))
        except DataError as error:
            assert "FIT has no series of class 'b'" in str(error) and "another data.validation_fold" in str(error)
            refused += 1
    assert refused == 1


def test_val_says_so_in_its_file(tmp_path):
    for series, stored in ((resplit(ITALY)[1], False), (resplit(ITALY, validation=Fold(7, 0))[1], True)):
        series.save(tmp_path / "x.npz")
        assert Series.load(tmp_path / "x.npz").validation is stored
        assert ("validation" in np.load(tmp_path / "x.npz")) is stored  # files of TEST have not changed
