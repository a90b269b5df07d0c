"""Readers on real files and on what hypothesis thinks of."""

import gzip
import importlib.util
import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nm_vqtsg.datasets.archive import SIZES
from nm_vqtsg.datasets.csv_format import read_wide_csv
from nm_vqtsg.datasets.fetch import fetch
from nm_vqtsg.datasets.raw import RawData, canonical_labels, in_class_order
from nm_vqtsg.datasets.readers import read_archive_folder, read_own
from nm_vqtsg.datasets.zips import extract_pair
from nm_vqtsg.errors import ArtifactError, DataError

UCR = os.environ.get("NM_VQTSG_UCR")
needs_ucr = pytest.mark.skipif(not UCR, reason="NM_VQTSG_UCR does not name a folder with the UCR archive")


def bundled(name: str) -> Path:
    spec = importlib.util.find_spec("sktime")
    assert spec is not None and spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]) / "datasets" / "data" / name


@pytest.mark.parametrize("name", ["ItalyPowerDemand", "GunPoint", "ArrowHead", "BasicMotions"])
def test_ts_reader_agrees_with_sktime(name):
    from sktime.datasets import load_from_tsfile

    raw = read_archive_folder(bundled("."), name)
    for split, rows in (("TRAIN", slice(0, raw.n_train)), ("TEST", slice(raw.n_train, None))):
        X, y = load_from_tsfile(str(bundled(name) / f"{name}_{split}.ts"), return_data_type="numpy3d")
        np.testing.assert_array_equal(raw.X[rows], X)
        assert [label.lower() for label in raw.labels[rows]] == list(y)  # sktime writes labels small


def test_multivariate_series_keep_their_channels_and_labels():
    raw = read_own(bundled("BasicMotions"), name="BasicMotions")
    assert raw.X.shape == (80, 6, 100)
    assert set(raw.labels) == {"Standing", "Running", "Walking", "Badminton"}


@pytest.mark.parametrize("name", ["JapaneseVowels", "PLAID"])
def test_series_of_different_lengths_are_refused(name):
    with pytest.raises(DataError, match="of one length"):
        read_archive_folder(bundled("."), name)


@needs_ucr
@pytest.mark.parametrize("name", ["ItalyPowerDemand", "ECG5000", "FaceAll"])
def test_archive_files_have_the_archives_sizes_and_digests(name, caplog):
    raw = fetch(name, UCR)
    size = SIZES[name]
    assert raw.X.shape == (size.n_train + size.n_test, 1, size.length)
    assert not caplog.records  # size and digest are right


@needs_ucr
def test_a_row_that_is_missing_is_warned_about(caplog):
    fetch("Wafer", UCR)  # this copy lacks one of 7164 series
    assert "series 7163 instead of 7164" in caplog.text


@needs_ucr
def test_ts_and_tsv_give_the_same():
    ts, tsv = fetch("ItalyPowerDemand", "sktime"), fetch("ItalyPowerDemand", UCR)
    np.testing.assert_array_equal(ts.X, tsv.X)
    np.testing.assert_array_equal(ts.labels, tsv.labels)


def write_layout(folder: Path, suffix: str, X: np.ndarray, y: list[str]) -> None:
    """Write X (n, L) as an archive's data set called Mine; two rows each for TRAIN and TEST."""
    for split, rows in (("TRAIN", slice(0, 2)), ("TEST", slice(2, 4))):
        if suffix == ".ts":
            lines = ["# made here", "@problemName Mine", "@univariate true"]
            lines += ["@classLabel true " + " ".join(set(y)), "@data"]
            lines += [",".join(map(repr, x.tolist())) + f":{c}" for x, c in zip(X[rows], y[rows], strict=True)]
        else:
            mark = "  " if suffix == ".txt" else "\t"
            lines = [mark.join([c, *map(repr, x.tolist())]) for x, c in zip(X[rows], y[rows], strict=True)]
        text = "\n".join(lines) + "\n"
        path = folder / f"Mine_{split}{suffix}"
        path.write_bytes(gzip.compress(text.encode()) if suffix.endswith(".gz") else text.encode())


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("suffix", [".tsv", ".tsv.gz", ".txt", ".ts"])
def test_every_layout_of_the_archive(tmp_path, suffix, nested):
    X = np.random.default_rng(0).normal(size=(4, 9))
    folder = tmp_path / "Mine" if nested else tmp_path
    folder.mkdir(exist_ok=True)
    write_layout(folder, suffix, X, ["1", "-1", "1", "-1"])
    raw = read_archive_folder(tmp_path, "Mine")
    np.testing.assert_array_equal(raw.X[:, 0], X)
    assert raw.labels.tolist() == ["1", "-1", "1", "-1"]
    assert raw.n_train == 2


def test_a_tsv_is_preferred_to_a_ts(tmp_path):
    write_layout(tmp_path, ".ts", np.zeros((4, 9)), ["1", "2", "1", "2"])
    write_layout(tmp_path, ".tsv", np.ones((4, 9)), ["1", "2", "1", "2"])
    assert (read_archive_folder(tmp_path, "Mine").X == 1).all()


def test_raw_data_round_trip(tmp_path):
    X = np.random.default_rng(0).normal(size=(4, 2, 9))
    for labels in (None, np.array(["a", "b", "a", "b"])):
        raw = RawData(X, labels, 3, already_split=True)
        raw.save(tmp_path / "raw.npz")
        again = RawData.load(tmp_path / "raw.npz")
        np.testing.assert_array_equal(again.X, X)
        assert (again.n_train, again.already_split, again.digest()) == (3, True, raw.digest())
    np.savez(tmp_path / "raw.npz", X=X, n_train=9, already_split=False)
    with pytest.raises(ArtifactError, match="do not fit together"):
        RawData.load(tmp_path / "raw.npz")


def test_digest_ignores_the_order_and_nothing_else():
    X = np.random.default_rng(0).normal(size=(4, 1, 9))
    labels = np.array(["a", "b", "a", "b"])
    raw = RawData(X, labels, 4)
    order = np.array([2, 0, 3, 1])
    assert RawData(X[order], labels[order], 2).digest() == raw.digest()
    assert RawData(X[order], labels, 4).digest() != RawData(X, labels, 4).digest()
    assert RawData(X.reshape(4, 3, 3), labels, 4).digest() != raw.digest()
    assert RawData(X, None, 4).digest() != raw.digest()


@pytest.mark.parametrize(
    ("given", "canonical"),
    [
        (["1", "2", "10"], ["1", "2", "10"]),
        (["-1", "1"], ["-1", "1"]),
        (["1.0000000e+00", "-1.0000000e+00"], ["1", "-1"]),
        (["1", "1.0", " 1 "], ["1", "1", "1"]),
        (["007", "008"], ["007", "008"]),
        (["1.0", "2.0"], ["1.0", "2.0"]),
        (["0.5", "5e-1"], ["0.5", "0.5"]),
        (["1", "1.0", "cat"], ["1", "1.0", "cat"]),
        (["1_0", "10"], ["1_0", "10"]),
    ],
)
def test_labels_keep_their_spelling_where_they_can(given, canonical):
    assert canonical_labels(given, "x") == canonical


def test_classes_are_in_numeric_order():
    assert in_class_order(["10", "9", "1", "-1"]) == ["-1", "1", "9", "10"]
    assert in_class_order(["10", "9", "b"]) == ["10", "9", "b"]


finite = st.floats(-1e30, 1e30, allow_nan=False, width=64)
panel = st.integers(1, 6).flatmap(
    lambda length: st.lists(st.lists(finite, min_size=length, max_size=length), min_size=1, max_size=5)
)
label = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters='",;'), min_size=1)


@settings(max_examples=60, deadline=None)
@given(panel=panel, labels=st.data())
def test_wide_csv_round_trip(panel, labels, tmp_path_factory):
    y = [f"c{labels.draw(label)}" for _ in panel]
    names = [f"t{i}" for i in range(len(panel[0]))]
    rows = [",".join([*names, "label"])]
    rows += [",".join([*map(repr, x), c]) for x, c in zip(panel, y, strict=True)]
    path = tmp_path_factory.mktemp("csv") / "x.csv"
    path.write_text("\n".join(rows), encoding="utf-8")
    raw = read_own(path, name="x")
    np.testing.assert_array_equal(raw.X[:, 0], np.array(panel))
    assert raw.labels.tolist() == y


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=400), suffix=st.sampled_from([".csv", ".ts", ".npz"]))
def test_any_bytes_are_read_or_refused_in_one_line(data, suffix, tmp_path_factory):
    path = tmp_path_factory.mktemp("any") / f"x{suffix}"
    path.write_bytes(data)
    read_or_refuse(path)


numbers = ["1", "2.5", "-3e2", "nan", "inf", "?", "", "1_0", "1,2,3", "1,2,3:1"]
marks = ['"', "'", ",", "\t", ";", ":", "\n", "\r\n", "\r", " ", "#", "\ufeff", "\x1c", "\x85", "\u2028"]
words = ["a", "label", "@data", "@classLabel true 1 2", "@dimensions 2", "series,time,v"]
pieces = st.sampled_from(numbers + marks + words)


@settings(max_examples=150, deadline=None)
@given(parts=st.lists(pieces, max_size=30), suffix=st.sampled_from([".csv", ".ts"]), layout=st.booleans())
def test_any_table_is_read_or_refused_in_one_line(parts, suffix, layout, tmp_path_factory):
    path = tmp_path_factory.mktemp("any") / f"x{suffix}"
    path.write_bytes("".join(parts).encode())
    read_or_refuse(path, layout="long" if layout else "wide")


@settings(max_examples=60, deadline=None)
@given(parts=st.lists(pieces, max_size=30), suffix=st.sampled_from([".tsv", ".txt", ".tsv.gz"]))
def test_any_archive_file_is_read_or_refused_in_one_line(parts, suffix, tmp_path_factory):
    folder = tmp_path_factory.mktemp("any")
    data = "".join(parts).encode()
    for split in ("TRAIN", "TEST"):
        (folder / f"x_{split}{suffix}").write_bytes(gzip.compress(data) if suffix.endswith(".gz") else data)
    read_or_refuse(folder)


VALID_NPZ, VALID_ZIP = io.BytesIO(), io.BytesIO()
np.savez_compressed(VALID_NPZ, X=np.random.default_rng(0).normal(size=(4, 9)), y=["a", "b", "a", "b"])
with zipfile.ZipFile(VALID_ZIP, "w", zipfile.ZIP_DEFLATED) as archive:
    for split in ("TRAIN", "TEST"):
        archive.writestr(f"x/x_{split}.tsv", "1\t2\t3\n2\t3\t4\n" * 20)
change = st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 3), st.binary(max_size=4))


def damaged(data: bytes, changes: list[tuple[float, int, bytes]]) -> bytes:
    for where, removed, added in changes:
        at = int(where * len(data))
        data = data[:at] + added + data[at + removed :]
    return data


@settings(max_examples=150, deadline=None)
@given(changes=st.lists(change, min_size=1, max_size=4))
def test_a_damaged_npz_is_read_or_refused_in_one_line(changes, tmp_path_factory):
    path = tmp_path_factory.mktemp("npz") / "x.npz"
    path.write_bytes(damaged(VALID_NPZ.getvalue(), changes))
    read_or_refuse(path)


@settings(max_examples=150, deadline=None)
@given(changes=st.lists(change, min_size=1, max_size=4))
def test_a_damaged_zip_is_read_or_refused_in_one_line(changes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("zip")
    (folder / "x.zip").write_bytes(damaged(VALID_ZIP.getvalue(), changes))
    try:
        extract_pair(folder / "x.zip", "x", folder)
    except DataError as error:
        assert len(str(error).splitlines()) == 1 and "; " in str(error)


def read_or_refuse(path: Path, **options) -> None:
    try:
        raw = read_own(path, name="x", **options)
    except DataError as error:
        message = str(error)
        assert len(message.splitlines()) == 1 and "; " in message
        assert str(path) in message
    else:
        assert raw.X.dtype == np.float64 and raw.X.ndim == 3 and raw.X.size
        assert np.isfinite(raw.X).all()
        assert raw.labels is None or raw.labels.shape == (len(raw.X),)


def test_long_csv(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(
        "time;series;a;b;label\n2024-01-02;s2;3;30;on\n2024-01-01;s2;1;10;on\n2024-01-01;s1;5;50;off\n"
        "2024-01-02;s1;6;60;off\n"
    )
    raw = read_own(path, name="x", layout="long")
    np.testing.assert_array_equal(raw.X, [[[1, 3], [10, 30]], [[5, 6], [50, 60]]])
    assert raw.labels.tolist() == ["on", "off"]


def test_long_csv_orders_numbers_as_numbers(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("who,when,v\n1,10,3\n1,9,2\n1,-1,1\n")
    raw = read_own(path, name="x", layout="long", series="who", time="when")
    np.testing.assert_array_equal(raw.X, [[[1, 2, 3]]])


def test_csv_without_header_and_label_by_position(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("on,1,2,3\noff,4,5,6\n")
    raw = read_own(path, name="x", label=0)
    np.testing.assert_array_equal(raw.X[:, 0], [[1, 2, 3], [4, 5, 6]])
    assert raw.labels.tolist() == ["on", "off"]
    path.write_text("1,2,3,on\n4,5,6,off\n")
    assert read_own(path, name="x", label=-1).labels.tolist() == ["on", "off"]


def test_csv_as_pandas_writes_it(tmp_path, caplog):
    import pandas as pd

    X = np.random.default_rng(0).normal(size=(5, 8))
    frame = pd.DataFrame(X)
    path = tmp_path / "x.csv"
    frame.to_csv(path, index=False)  # its header counts 0, 1, 2, ...
    np.testing.assert_array_equal(read_own(path, name="x").X[:, 0], X)
    assert "read as a header" in caplog.text
    frame["label"] = list("abcab")
    frame.to_csv(path, index=False)
    assert read_own(path, name="x").labels.tolist() == list("abcab")
    frame.to_csv(path)
    with pytest.raises(DataError, match="index=False"):
        read_own(path, name="x")


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16, np.uint8])
def test_npz(tmp_path, dtype):
    X = np.arange(24).reshape(2, 3, 4).astype(dtype)
    np.savez(tmp_path / "x.npz", X=X, y=np.array([-1, 1]))
    raw = read_own(tmp_path / "x.npz", name="x")
    np.testing.assert_array_equal(raw.X, X)
    assert raw.labels.tolist() == ["-1", "1"]
    np.savez(tmp_path / "x.npz", X=X[:, 0], kind=np.array([b"a", b"b"]))
    raw = read_own(tmp_path / "x.npz", name="x", label="kind")
    assert raw.X.shape == (2, 1, 4) and raw.labels.tolist() == ["a", "b"]
    np.savez(tmp_path / "x.npz", X=X[:, 0])
    assert read_own(tmp_path / "x.npz", name="x").labels is None


def test_a_number_in_a_text_is_a_position_unless_a_column_is_called_so(tmp_path):
    """As the command line gives it: ``--labels -1``."""
    plain, headed = tmp_path / "plain.csv", tmp_path / "headed.csv"
    plain.write_text("0.5,1.5,2\n1.5,0.5,3\n")
    headed.write_text("0,1,2\n0.5,1.5,2\n1.5,0.5,3\n")
    for path in (plain, headed):
        for label in ("-1", "2"):
            assert read_wide_csv(path, label).labels == ["2", "3"]
    assert read_wide_csv(plain, "0").labels == ["0.5", "1.5"]
    with pytest.raises(DataError, match="label column 3 does not exist among 3"):
        read_wide_csv(plain, "3")
