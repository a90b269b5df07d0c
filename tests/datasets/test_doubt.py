"""Tables that are not one series a row are told by how their columns behave; real series never are."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_readers import bundled

from nm_vqtsg.datasets.doubt import Doubt, doubt_names, doubt_values
from nm_vqtsg.datasets.readers import read_archive_folder, read_own
from nm_vqtsg.errors import DataError

X = read_archive_folder(bundled("."), "ItalyPowerDemand").X[:80, 0]  # (80, 24)
IDS, TIMES = np.repeat(np.arange(80), 24), np.tile(np.arange(24), 80)
LONG = np.stack([IDS, TIMES, X.ravel()], axis=1)
rng = np.random.default_rng(0)
UNEVEN = np.concatenate([np.sort(rng.uniform(0, 9, 24)) for _ in range(80)])
LENGTHS = rng.integers(5, 24, 80)

LONG_TABLES = {
    "as written": (LONG, (0, 1)),
    "time first": (LONG[:, [1, 0, 2]], (1, 0)),
    "values first": (LONG[:, [2, 0, 1]], (1, 2)),
    "by time": (LONG[np.argsort(TIMES, kind="stable")], (1, 0)),  # as if they were 24 series of 80 steps
    "shuffled": (LONG[rng.permutation(len(LONG))], None),  # may be taken in either way, too
    "ids with gaps": (np.stack([IDS * 37 % 1009, TIMES, X.ravel()], axis=1), (0, 1)),
    "times in seconds": (np.stack([IDS, 0.1 * TIMES, X.ravel()], axis=1), (0, 1)),
    "times that go on": (np.stack([IDS, np.arange(len(IDS)) * 60, X.ravel()], axis=1), (0, 1)),
    "times without rule": (np.stack([IDS, UNEVEN, X.ravel()], axis=1), (0, 1)),
    "several channels": (np.concatenate([LONG, rng.standard_normal((len(LONG), 6))], axis=1), (0, 1)),
    "series of several lengths": (
        LONG[np.concatenate([t < n for t, n in zip(TIMES.reshape(80, 24), LENGTHS, strict=True)])],
        (0, 1),
    ),
}


@pytest.mark.parametrize("case", LONG_TABLES)
def test_a_time_step_a_row_is_seen(case: str) -> None:
    values, columns = LONG_TABLES[case]
    doubt = doubt_values(values)
    assert doubt is not None and doubt.kind == "long"
    assert doubt.columns == columns if columns else set(doubt.columns) == {0, 1}


def test_row_numbers_and_labels_are_seen() -> None:
    y = rng.integers(1, 4, 80)
    assert doubt_values(np.column_stack([np.arange(80), X])) == Doubt("counter", (0,))
    assert doubt_values(np.column_stack([X, 5 + np.arange(80)])) == Doubt("counter", (24,))
    assert doubt_values(np.column_stack([y, X])) == Doubt("label", (0,))
    assert doubt_values(np.column_stack([X, y])) == Doubt("label", (24,))
    assert doubt_values(LONG[:, 1:]) == Doubt("label", (0,))  # what it is cannot be known, but no series


@pytest.mark.parametrize("name", ["ACSF1", "ArrowHead", "BasicMotions", "GunPoint", "ItalyPowerDemand", "OSULeaf"])
def test_real_series_are_not_doubted(name: str) -> None:
    series = read_archive_folder(bundled("."), name).X
    for channel in range(series.shape[1]):
        for length in (2, 8, 24, series.shape[2]):
            for n in (12, 50, len(series)):
                assert doubt_values(series[:n, channel, :length]) is None


@given(st.integers(0, 2**32 - 1), st.integers(2, 12), st.booleans())
@settings(max_examples=300, deadline=None)
def test_small_whole_numbers_are_not_doubted(seed: int, largest: int, ordered: bool) -> None:
    source = np.random.default_rng(seed)
    values = source.integers(0, largest, (source.integers(10, 40), source.integers(3, 33))).astype(float)
    if ordered:
        values = values[np.argsort(values[:, 0], kind="stable")]
    assert doubt_values(values) is None


def test_names() -> None:
    assert doubt_names(["v", "Subject", "date"]) == Doubt("long", (1, 2))
    assert doubt_names(["t0", "t1", " TIME "]) == Doubt("time", (2,))
    assert doubt_names(["id", "t0", "t1"]) == Doubt("series", (0,))
    assert doubt_names(["index", "t0", "t1"]) == Doubt("counter", (0,))
    assert doubt_names(["t0", "t1", "class"]) == Doubt("label", (2,))
    assert doubt_names([f"t{t}" for t in range(24)]) is doubt_names(["x", "y", "0", "1 h", "2024-01-01"]) is None


def csv(path: Path, table: np.ndarray, header: str = "") -> Path:
    np.savetxt(path, table, fmt="%g", delimiter=",", header=header, comments="")
    return path


def test_the_remedy_reads_the_file(tmp_path: Path) -> None:
    path = csv(tmp_path / "x.csv", LONG, "home,hour,kW")
    with pytest.raises(DataError) as error:
        read_own(path, name="x")
    words = str(error.value)
    assert "column 1 ('home') and column 2 ('hour') seem to tell series and time steps apart" in words
    assert "layout: long, series_column: 'home', time_column: 'hour'" in words
    assert "--layout long --series-column 'home' --time-column 'hour'" in words
    raw = read_own(path, name="x", layout="long", series="home", time="hour")
    np.testing.assert_allclose(raw.X[:, 0], X, rtol=1e-5)
    y = rng.integers(1, 4, 80)
    path = csv(tmp_path / "y.csv", np.column_stack([y, X]))
    with pytest.raises(DataError, match=r"column 1 seems to hold labels; say label_column: 0 "):
        read_own(path, name="y")
    assert read_own(path, name="y", label=0).labels.tolist() == y.astype(str).tolist()


def test_columns_of_the_long_layout_need_it(tmp_path: Path) -> None:
    path = csv(tmp_path / "x.csv", X)
    with pytest.raises(DataError, match="series_column and time_column are of the long layout; say layout: long"):
        read_own(path, name="x", series="home")


@pytest.mark.parametrize("extra", ["kind", "index", "label2"])
def test_a_label_that_would_become_a_channel_is_refused(tmp_path: Path, extra: str) -> None:
    other = IDS % 3 if extra != "index" else np.arange(len(IDS))
    path = csv(tmp_path / "x.csv", np.column_stack([LONG, other]), f"series,time,kW,{extra}")
    with pytest.raises(DataError, match=rf"column '{extra}' would be a channel but .*label_column: '{extra}'"):
        read_own(path, name="x", layout="long")
    if extra != "index":
        raw = read_own(path, name="x", layout="long", label=extra)
        assert raw.X.shape == (80, 1, 24) and set(raw.labels) == {"0", "1", "2"}
