"""Series with gaps or of unequal length: what is done is what was asked for, in numbers, or nothing at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sktime.datasets import load_italy_power_demand

from nm_vqtsg.datasets.blocks import channel_blocks
from nm_vqtsg.datasets.mending import NO_MENDING, Mending
from nm_vqtsg.datasets.raw import RawData
from nm_vqtsg.datasets.readers import read_own
from nm_vqtsg.errors import DataError, ParameterError, UserError
from nm_vqtsg.params import OwnData, Params, as_yaml, parse_params

X = load_italy_power_demand(return_type="numpy3D")[0][:40]
VALUES = st.floats(-1e6, 1e6)
SERIES = st.tuples(st.integers(1, 3), st.integers(1, 30)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=VALUES)
)


def mended(mending: Mending, *series: np.ndarray) -> np.ndarray:
    return mending.apply(series, lambda i: f"series {i}")[0]


@given(SERIES, st.integers(1, 40))
def test_resampling_keeps_ends_range_and_series_of_that_length(x: np.ndarray, length: int) -> None:
    (y,) = mended(Mending(length, "resample"), x)
    assert y.shape == (len(x), length) and np.array_equal(y[:, 0], x[:, 0])
    assert (y >= x.min(1, keepdims=True)).all() and (y <= x.max(1, keepdims=True)).all()
    if length > 1:
        assert np.allclose(y[:, -1], x[:, -1])
    if length == x.shape[1]:
        assert np.array_equal(x, y)


@given(st.floats(-10, 10), st.floats(-10, 10), st.integers(2, 30), st.integers(2, 40))
def test_a_straight_line_stays_one(start: float, end: float, before: int, after: int) -> None:
    (line,) = mended(Mending(after, "resample"), np.linspace(start, end, before)[None])
    np.testing.assert_allclose(line[0], np.linspace(start, end, after), atol=1e-9)


@given(SERIES, st.integers(1, 40))
def test_cropping_only_removes_and_padding_only_repeats_the_last_value(x: np.ndarray, length: int) -> None:
    for how, shorter in (("crop", True), ("pad", False)):
        mending = Mending(length, how)  # type: ignore[arg-type]
        fits = length <= x.shape[1] if shorter else length >= x.shape[1]
        if not fits:
            with pytest.raises(DataError, match=rf"series 0 has length {x.shape[1]}.*--fit-length resample"):
                mended(mending, x)
            continue
        (y,) = mended(mending, x)
        common = min(length, x.shape[1])
        assert y.shape == (len(x), length) and np.array_equal(y[:, :common], x[:, :common])
        assert (y[:, common:] == x[:, -1:]).all()


@settings(deadline=None)
@given(SERIES, st.data())
def test_interpolation_changes_missing_values_alone_and_stays_between_their_neighbours(
    x: np.ndarray, data: st.DataObject
) -> None:
    gone = data.draw(arrays(np.bool_, x.shape))
    gone[np.arange(len(x)), data.draw(st.integers(0, x.shape[1] - 1))] = False  # one value of each stays
    y, notes = Mending(gaps="interpolate").apply([np.where(gone, np.nan, x)], str)
    assert np.array_equal(y[0][~gone], x[~gone]) and np.isfinite(y).all()
    for before, after, missing in zip(x, y[0], gone, strict=True):
        there = np.flatnonzero(~missing)
        for t in np.flatnonzero(missing):
            around = before[
                [
                    there[max(np.searchsorted(there, t) - 1, 0)],
                    there[min(np.searchsorted(there, t), len(there) - 1)],
                ]
            ]
            assert around.min() <= after[t] <= around.max()
    assert len(notes) == bool(gone.any())
    assert not notes or notes[0].startswith(f"{gone.sum()} missing values in 1 of 1 series")


def test_what_was_done_is_counted() -> None:
    first, second, third = X[0].copy(), X[1][:, :20], X[2][:, :22]
    first[0, 3:5] = np.nan
    mending = Mending(24, "pad", "interpolate")
    whole, notes = mending.apply([first, second, third], str)
    assert whole.shape == (3, 1, 24)
    assert notes == (
        "2 missing values in 1 of 3 series were filled by interpolation",
        "2 of 3 series were padded to length 24, which repeated last values for 6 time steps",
    )
    assert Mending(20, "crop").apply([second, third, X[3]], str)[1] == (
        "2 of 3 series were cut to length 20, which dropped 6 time steps",
    )
    assert Mending(24, "resample").apply([second, third], str)[1] == (
        "2 of 2 series were resampled to length 24 (they had 20 to 22)",
    )
    for unchanged in (NO_MENDING, mending, Mending(24, "crop"), Mending(gaps="interpolate")):
        same, none = unchanged.apply(X, str)
        assert np.array_equal(same, X) and none == ()


def test_the_end_of_a_series_is_a_gap_only_without_a_length() -> None:
    early = np.concatenate([X[0][:, :20], np.full((1, 4), np.nan)], axis=1)
    assert np.array_equal(mended(Mending(20, "crop"), early, X[1])[0], X[0][:, :20])
    held = mended(Mending(gaps="interpolate"), early, X[1])[0]
    assert (held[0, 20:] == X[0][0, 19]).all()
    late = early[:, ::-1]  # a beginning that is missing is a gap always
    with pytest.raises(DataError, match=r"series 0 lacks 4 value\(s\).*--gaps interpolate"):
        mended(Mending(20, "crop"), late, X[1])


def test_several_channels_end_together() -> None:
    both = np.stack([X[0][0], X[1][0]])
    both[0, 20:], both[1, 22:] = np.nan, np.nan
    (series,) = mended(Mending(24, "pad", "interpolate"), both)
    assert (series[0, 20:] == X[0][0, 19]).all() and (series[1, 22:] == X[1][0, 21]).all()
    with pytest.raises(DataError, match="has no value in channel 2"):
        mended(Mending(gaps="interpolate"), np.stack([X[0][0], np.full(24, np.nan)]))
    with pytest.raises(DataError, match="holds no values"):
        mended(Mending(24, "pad"), np.full((2, 24), np.nan))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((20, None), "--length goes with --fit-length"),
        ((None, "crop"), "--fit-length goes with --length"),
        ((20, "squeeze"), "'squeeze' is not one of crop, pad, resample"),
        ((0, "crop"), "0 is no length"),
        ((None, None, "drop"), "--gaps: 'drop' is not known"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: tuple, words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        Mending(*arguments)


def long_table(folder: Path) -> Path:
    """30 days of two channels, of which some end early, and some values are missing."""
    rng = np.random.default_rng(0)
    rows = []
    for day, series in enumerate(X[:30, 0]):
        for hour in range(24 - day % 5):
            missing = day % 7 == 1 and hour == 5
            rows.append((f"day {day}", hour, "" if missing else series[hour], rng.integers(1, 9)))
    pd.DataFrame(rows, columns=["day", "hour", "kW", "homes"]).to_csv(folder / "long.csv", index=False)
    return folder / "long.csv"


LONG = {"layout": "long", "series": "day", "time": "hour"}


def read(path: Path, **how: object) -> RawData:
    return read_own(path, name="own", **how)  # type: ignore[arg-type]


def test_a_long_file(tmp_path: Path) -> None:
    path = long_table(tmp_path)
    with pytest.raises(DataError, match="is missing.*--gaps interpolate; own_data: gaps: interpolate"):
        read(path, **LONG)
    with pytest.raises(
        DataError, match="has length 23.*--length 20 --fit-length crop, --length 24 --fit-length pad"
    ):
        read(path, **LONG, mending=Mending(gaps="interpolate"))
    raw = read(path, **LONG, mending=Mending(24, "pad", "interpolate"))
    assert raw.X.shape == (30, 2, 24) and raw.channels == ("kW", "homes") and len(raw.notes) == 2
    assert raw.X[1, 0, 5] == pytest.approx((X[1, 0, 4] + X[1, 0, 6]) / 2)
    assert np.array_equal(raw.X[0, 0], X[0, 0])
    one = read(path, **LONG, channels=("kW",), mending=Mending(24, "pad", "interpolate"))
    assert one.channels == ("kW",) and np.array_equal(one.X[:, 0], raw.X[:, 0])
    with pytest.raises(DataError, match="has no column 'volts'"):
        read(path, **LONG, channels=("volts",))


def test_a_wide_file_with_gaps_and_rows_that_end_early(tmp_path: Path) -> None:
    lines = [",".join(map(str, series)) for series in X[:12, 0].round(5)]
    lines[2] = ",".join(lines[2].split(",")[:-3])  # fewer fields
    lines[3] = ",".join([*lines[3].split(",")[:-2], "", ""])  # empty fields
    path = tmp_path / "wide.csv"
    path.write_text("\n".join([",".join(f"t{t}" for t in range(24)), *lines]) + "\n")
    with pytest.raises(DataError, match="row 4 has 21 fields where row 1 has 24.*--length with --fit-length"):
        read(path)
    raw = read(path, mending=Mending(24, "resample"))
    assert raw.X.shape == (12, 1, 24)
    assert raw.notes == ("2 of 12 series were resampled to length 24 (they had 21 to 22)",)
    assert raw.X[2, 0, -1] == round(X[2, 0, 20], 5)


def test_other_files_with_gaps(tmp_path: Path) -> None:
    gappy = X[:10].copy()
    gappy[4, 0, 7:9] = np.nan
    np.savez(tmp_path / "own.npz", X=gappy)
    np.save(tmp_path / "own_ts.npy", gappy.transpose(0, 2, 1))
    head = "@problemName own\n@timestamps false\n@univariate true\n@classLabel false\n@data\n"
    rows = [",".join("?" if np.isnan(value) else str(value) for value in series[0]) for series in gappy]
    (tmp_path / "own.ts").write_text(head + "\n".join(rows) + "\n")
    for name in ("own.npz", "own_ts.npy", "own.ts"):
        with pytest.raises(DataError, match="--gaps interpolate"):
            read(tmp_path / name)
        raw = read(tmp_path / name, mending=Mending(gaps="interpolate"))
        assert raw.notes == ("2 missing values in 1 of 10 series were filled by interpolation",), name
        np.testing.assert_allclose(raw.X[4, 0, 6:10], np.linspace(X[4, 0, 6], X[4, 0, 9], 4), rtol=1e-6)


def wide_of_two(path: Path, order: list[str] | None = None) -> Path:
    table = {f"kW_{t}": X[:, 0, t] for t in range(24)} | {f"degrees_{t}": 2 * X[:, 0, t] for t in range(24)}
    table["season"] = np.where(np.arange(40) % 2, "winter", "summer")
    frame = pd.DataFrame(table)
    frame[order or list(frame)].to_csv(path, index=False)
    return path


def test_a_wide_file_of_several_channels(tmp_path: Path) -> None:
    path = wide_of_two(tmp_path / "wide.csv")
    with pytest.raises(DataError, match="seem to be of 2 channels; say --channels kW,degrees"):
        read(path, label="season")
    raw = read(path, label="season", channels=("kW", "degrees"))
    np.testing.assert_allclose(raw.X, np.stack([X[:, 0], 2 * X[:, 0]], axis=1))
    assert raw.channels == ("kW", "degrees") and set(raw.labels.tolist()) == {"winter", "summer"}
    mixed = [f"{name}_{t}" for t in reversed(range(24)) for name in ("degrees", "kW")]
    again = read(
        wide_of_two(tmp_path / "mixed.csv", ["season", *mixed]), label="season", channels=("kW", "degrees")
    )
    assert np.array_equal(raw.X, again.X)
    for channels, words in (
        (("kW",), "'degrees_0' belongs to none of the channels"),
        (("kW", "degrees", "volts"), "'volts' have 24 and 0 columns"),
        (("kW", "degrees", "kW_1"), "'kW_10' belongs to several"),
    ):
        with pytest.raises(DataError, match=words):
            read(path, label="season", channels=channels)


def test_only_blocks_of_columns_are_taken_for_channels() -> None:
    assert channel_blocks(["a0", "a1", "b0", "b1"]) == ["a", "b"]
    assert channel_blocks(["x t0", "y t0", "x t1", "y t1"]) == ["x", "y"]
    for names in (
        [f"t{t}" for t in range(24)],
        ["00:00", "00:30", "01:00", "01:30"],
        ["2024-01-01", "2024-01-02", "2024-02-01", "2024-02-02"],
        ["a0", "a1", "b0"],
        ["a0", "b0"],
        ["a0", "a1", "b0", "b1", "mean"],
    ):
        assert channel_blocks(names) == [], names


def test_a_study_says_it_under_own_data() -> None:
    own = OwnData(
        path="long.csv", layout="long", channels=("kW",), length=24, fit_length="pad", gaps="interpolate"
    )
    params = Params(datasets=("mine",), own_data={"mine": own})
    assert parse_params(as_yaml(params)) == params
    assert own.how()["mending"] == Mending(24, "pad", "interpolate") and own.how()["channels"] == ("kW",)
    assert OwnData().facts() == {  # as digests of older runs were made
        "label_column": None,
        "layout": "wide",
        "series_column": "series",
        "time_column": "time",
        "keep_split": False,
    }
    text = as_yaml(params).replace("    fit_length: pad\n", "    fit_length:\n")
    with pytest.raises(UserError, match=r"own_data\.mine: length goes with fit_length"):
        parse_params(text)
