"""What users hand in as X: sktime's panels become series, plain tables stay, and what is neither is refused."""

import subprocess
import sys
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sktime.datasets import load_basic_motions, load_italy_power_demand
from sktime.datatypes import convert

from nm_vqtsg.datasets.arrays import as_labels, as_series
from nm_vqtsg.errors import DataError

MOTIONS = load_basic_motions(split="train", return_type="numpy3D")[0]  # (40, 6, 100)
ITALY, ITALY_Y = load_italy_power_demand(split="train", return_type="numpy3D")  # (67, 1, 24)
PANELS = ("numpy3D", "pd-multiindex", "nested_univ", "df-list")


def panel(kind: str, X: np.ndarray = MOTIONS) -> Any:
    return X if kind == "numpy3D" else convert(X, "numpy3D", kind, "Panel")


@pytest.mark.parametrize("kind", PANELS)
@pytest.mark.parametrize("X", [MOTIONS, ITALY], ids=["BasicMotions", "ItalyPowerDemand"])
def test_sktime_s_panels_are_the_series_they_came_from(kind: str, X: np.ndarray) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        np.testing.assert_array_equal(as_series(panel(kind, X)), X)


@pytest.mark.parametrize("kind", PANELS)
def test_a_generator_is_trained_on_the_same_from_any_of_them(kind: str) -> None:
    from small_model import small_generator

    expected = small_generator().fit(ITALY, ITALY_Y).sample(3, rng=0)
    assert np.array_equal(small_generator().fit(panel(kind, ITALY), ITALY_Y).sample(3, rng=0), expected)


def test_a_multiindex_may_hold_rows_in_any_order_and_times_of_their_own() -> None:
    frame = panel("pd-multiindex")
    by_time = frame.sort_index(level=[1, 0])  # rows of all series by turns, which sktime's converter would mix up
    assert by_time.index[:2].tolist() == [(0, 0), (1, 0)]
    np.testing.assert_array_equal(as_series(by_time), MOTIONS)
    backwards = pd.concat([frame.loc[[k]] for k in (3, 0, 7)])
    np.testing.assert_array_equal(as_series(backwards), MOTIONS[[3, 0, 7]])
    days = [pd.date_range("2024-01-01", periods=100) + pd.Timedelta(days=365 * k) for k in range(40)]
    own = [panel("df-list")[k].set_axis(days[k]) for k in range(40)]
    np.testing.assert_array_equal(as_series(pd.concat(own, keys=range(40))), MOTIONS)
    np.testing.assert_array_equal(as_series(own), MOTIONS)
    np.testing.assert_array_equal(as_series(frame["var_0"]), MOTIONS[:, :1])


def test_plain_tables_are_series_in_rows() -> None:
    X = ITALY[:, 0]
    frame = pd.DataFrame(X).add_prefix("t")
    for table in (
        frame,
        frame.sample(frac=1, random_state=0).sort_index(),
        frame.set_axis([f"home {row}" for row in range(len(X))]),
        frame.astype("Float64"),
        pd.DataFrame(X, index=pd.date_range("2024-01-01", periods=len(X))),  # a day a row, an hour a column
        pd.DataFrame(
            X, index=pd.date_range("2024-01-01", periods=67), columns=[f"{hour}:00" for hour in range(24)]
        ),
        list(X),
        [pd.Series(row) for row in X],
        [row[None] for row in X],
    ):
        np.testing.assert_allclose(as_series(table)[:, 0], X)
    shuffled = frame.sample(frac=1, random_state=0)  # as of train_test_split
    np.testing.assert_array_equal(as_series(shuffled)[:, 0], X[shuffled.index])


def long_table() -> pd.DataFrame:
    return panel("pd-multiindex").reset_index()


ids, hours = np.repeat(np.arange(67), 24), np.tile(np.arange(24), 67)
wide = pd.DataFrame(ITALY[:, 0]).add_prefix("t")
REFUSED = {
    "long": (long_table(), r"'instances' and 'timepoints' .*X\.set_index\(\['instances', 'timepoints'\]\)"),
    "long without telling names": (
        pd.DataFrame({"home": ids, "hour": hours, "kW": ITALY.ravel()}),
        r"'home' and 'hour' .*X\.set_index\(\['home', 'hour'\]\)",
    ),
    "one long series": (
        pd.DataFrame(MOTIONS[0].T, index=pd.date_range("2024", periods=100, freq="s")),
        r"rows are times; .*cut it into pieces",
    ),
    "one long series of many channels": (
        pd.DataFrame(np.ones((50, 12)), index=pd.period_range("2024", periods=50)).add_prefix("sensor"),
        "rows are times",
    ),
    "a column of times": (wide.assign(time=np.arange(67.0)), "'time' seems to hold times"),
    "a column of labels": (
        wide.assign(kind=ITALY_Y.astype(int)),
        r"'kind' seems to hold labels; .*X\.pop\('kind'\)",
    ),
    "labels by name": (wide.assign(label=np.arange(67) * 7 % 31), "'label' seems to hold labels"),
    "labels of text": (wide.assign(kind="a"), r"'kind' that holds no numbers; .*y = X\.pop\('kind'\)"),
    "a column of ids": (wide.assign(subject=np.arange(67) ** 2), r"'subject' seems to hold ids; .*X\.drop"),
    "an index": (wide.reset_index(names="nr"), r"'nr' counts the rows; give X\.drop\(columns='nr'\)"),
    "three levels": (
        pd.concat([panel("pd-multiindex")] * 2, keys=["a", "b"]),
        "rows of 3 levels, where sktime's 'pd-multiindex' has two",
    ),
    "a time twice": (pd.concat([panel("pd-multiindex")] * 2), "two rows for one time of one series"),
    "times out of order": (
        panel("pd-multiindex").sample(frac=1, random_state=0),
        "looks like sktime's 'pd-multiindex' but is none: .*sort_index",
    ),
    "multiindex of two lengths": (
        panel("pd-multiindex").iloc[:-3],
        "97 to 100 time steps; .*cut, pad or resample",
    ),
    "frames of two lengths": (
        [panel("df-list")[0], panel("df-list")[1][:50]],
        "50 to 100 time steps; .*cut, pad or resample",
    ),
    "frames of two column orders": (
        [panel("df-list")[0], panel("df-list")[1].iloc[:, ::-1]],
        "frame 1 has the columns 'var_5', .* where frame 0 has 'var_0'",
    ),
    "cells of two lengths": (
        pd.DataFrame({"a": [np.arange(9.0), np.arange(7.0)]}),
        "series of 7 to 9 values; .*cut, pad or resample",
    ),
    "cells and labels": (
        panel("nested_univ").assign(kind="a"),
        r"series in its cells, but not in the column 'kind'; .*X\.pop\('kind'\)",
    ),
    "panel of text": (panel("pd-multiindex").assign(var_0="a"), "not numbers|no numbers"),
    "channels last": (MOTIONS.transpose(0, 2, 1), r"100 channels of length 6; .*X\.transpose\(0, 2, 1\)"),
    "arrays that may be turned": (
        list(MOTIONS.transpose(0, 2, 1)),
        r"may be \(channels, length\) or \(length, channels\); .*np\.stack\(X\)\.transpose",
    ),
    "square arrays": ([np.ones((9, 9))] * 3, r"may be \(channels, length\)"),
    "arrays of two lengths": ([np.ones((2, 9)), np.ones((2, 8))], r"such as \(2, 9\) and \(2, 8\); .*one length"),
    "rows of two lengths": ([[1.0, 2.0], [1.0]], "must be of one length; cut, pad or resample"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_may_be_read_in_two_ways_is_refused_with_the_remedy(case: str) -> None:
    given, words = REFUSED[case]
    with pytest.raises(DataError, match=words) as error:
        as_series(given)
    assert "\n" not in str(error.value) and "; " in str(error.value)


def test_the_remedies_work() -> None:
    np.testing.assert_array_equal(as_series(long_table().set_index(["instances", "timepoints"])), MOTIONS)
    table = wide.assign(kind=ITALY_Y)
    y = table.pop("kind")
    np.testing.assert_array_equal(as_series(table), ITALY)
    assert as_labels(y, 67).tolist() == ITALY_Y.tolist()
    turned = MOTIONS.transpose(0, 2, 1)
    np.testing.assert_array_equal(as_series(turned.transpose(0, 2, 1)), MOTIONS)
    np.testing.assert_array_equal(as_series(np.stack(list(turned)).transpose(0, 2, 1)), MOTIONS)


def test_the_documented_order_of_axes_stays_accepted_and_an_odd_one_is_warned_of() -> None:
    for shape in ((5, 6, 100), (5, 8, 8), (5, 1, 4), (5, 7, 7)):
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            assert as_series(np.ones(shape)).shape == shape
    with pytest.warns(UserWarning, match=r"5 series with 30 channels of length 12; .*X\.transpose\(0, 2, 1\)"):
        assert as_series(np.ones((5, 30, 12))).shape == (5, 30, 12)
    with warnings.catch_warnings():  # where the size is known, there is no doubt
        warnings.simplefilter("error", UserWarning)
        assert as_series(np.ones((5, 30, 12)), 30, 12).shape == (5, 30, 12)


def test_labels_belong_to_series_by_their_place() -> None:
    y = pd.Series(["a", "b", "c"], index=[2, 0, 1])
    assert as_labels(y, 3).tolist() == ["a", "b", "c"]


def test_labels_that_are_no_text_are_refused() -> None:
    for label in ("a\0b", "a\ud800"):
        with pytest.raises(DataError, match="cannot be written as text"):
            as_labels(["x", label], 2)


@pytest.mark.parametrize(
    ("code", "loaded"),
    [
        ("import numpy as np; as_series(np.ones((3, 9)))", False),
        ("import pandas as pd, numpy as np; as_series(pd.DataFrame(np.ones((3, 9))))", False),
        ("import pandas as pd, numpy as np; as_series([pd.DataFrame(np.ones((9, 2)))] * 3)", True),
    ],
)
def test_sktime_is_imported_for_its_panels_only(code: str, loaded: bool) -> None:
    program = f"import sys; from nm_vqtsg.datasets.arrays import as_series; {code}; print('sktime' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(loaded)
