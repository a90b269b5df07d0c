"""Texts in CSV: no formula for a spreadsheet, and each comes back as it was."""

import csv
import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nm_vqtsg.cells import escape_cell, unescape_cell
from nm_vqtsg.datasets.raw import canonical_labels
from nm_vqtsg.datasets.readers import read_own
from nm_vqtsg.datasets.writers import write_series
from nm_vqtsg.errors import DataError
from nm_vqtsg.tables.render import Table, to_csv

FORMULAS = [
    "=1+1",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n1",
    " =1",
    "＝1+1",
    "-",
    "=-1",
]
HARMLESS = ["-1", "+1.5", "-1e-05", "1", ".5", "a=1", "walk", "'tis", "''", "a-b", "", "“=1”", "O'Brien"]

# what the readers take for a label that is missing is refused there
TEXTS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12
) | st.text("'=+-@\t\r\n 1a,\";", min_size=1, max_size=8)


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas_get_an_apostrophe(text: str) -> None:
    assert escape_cell(text) == f"'{text}"
    assert escape_cell(f"'{text}") == f"''{text}"


@pytest.mark.parametrize("value", [*HARMLESS, 5, -1, 0.5, True, None])
def test_numbers_and_other_texts_stay(value: object) -> None:
    assert escape_cell(value) == value


@given(TEXTS)
@settings(max_examples=500, deadline=None)
@example("'=1")
@example("''-1")
@example("'-1")
@example("-0")
def test_every_text_comes_back_and_none_is_a_formula(text: str) -> None:
    written = escape_cell(text)
    assert unescape_cell(written) == text
    first = written.lstrip()[:1]
    assert first not in ("=", "@") and (not re.sub(r"[\s']", "", text) or written[:1] not in ("\t", "\r", "\n"))
    assert first not in ("+", "-") or not math.isnan(float(written))  # a number, be it zero


@given(st.lists(TEXTS, min_size=2, max_size=4, unique=True), st.sampled_from([1, 2]))
@settings(max_examples=300, deadline=None)
@example(["=1", "'=1"], 1)
@example(["a\nb", "a\r\nb"], 1)
@example(['say "x", or;y', "\n\n"], 2)
@example(["\x1f'=1", "-1\u2003"], 1)
@example(["0", " '\n0"], 1)
def test_labels_come_back_from_our_csv(
    tmp_path_factory: pytest.TempPathFactory, labels: list[str], channels: int
) -> None:
    path = tmp_path_factory.mktemp("labels") / "x.csv"
    X = np.arange(len(labels) * channels * 5.0).reshape(len(labels), channels, 5) ** 1.5
    try:
        expected = canonical_labels(labels, path)
    except DataError as error:  # such as of blanks, or 'nan': refused on the way in, for it means no label
        write_series(path, X, np.array(labels))
        with pytest.raises(DataError, match="label"):
            read_own(path, name="x", layout="wide" if channels == 1 else "long")
        assert "label" in str(error)
        return
    write_series(path, X, np.array(labels))
    raw = read_own(path, name="x", layout="wide" if channels == 1 else "long")
    assert raw.labels is not None and raw.labels.tolist() == expected
    np.testing.assert_array_equal(raw.X, X.astype(np.float32).astype(str).astype(float))


def test_a_foreign_apostrophe_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("label,t0,t1\n'tis,1,2.5\n'-1,3,4\nO'Brien,5,7\n")
    assert read_own(tmp_path / "x.csv", name="x").labels.tolist() == ["'tis", "'-1", "O'Brien"]


def test_no_cell_of_a_samples_file_is_a_formula(tmp_path: Path) -> None:
    write_series(tmp_path / "x.csv", np.ones((len(FORMULAS), 1, 3)), np.array(FORMULAS))
    with open(tmp_path / "x.csv", newline="") as file:
        labels = [row[0] for row in csv.reader(file)][1:]
    assert labels == [f"'{text}" for text in FORMULAS]
    write_series(tmp_path / "y.csv", -np.ones((2, 1, 3)), np.array([-1, 1]))
    assert (tmp_path / "y.csv").read_text() == "label,t0,t1,t2\n-1,-1.0,-1.0,-1.0\n1,-1.0,-1.0,-1.0\n"


def test_labels_that_are_no_text_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    for label in ("a\ud800", "a\0b"):
        with pytest.raises(DataError, match="cannot be written as text"):
            write_series(tmp_path / "x.csv", np.ones((1, 1, 3)), np.array([label]))
    assert not list(tmp_path.iterdir())


def test_the_study_s_tables_hold_no_formula() -> None:
    record = {"dataset": "=cmd|x", "@score": "-x", "gain": -1.5, "seeds": "-1", "none": None}
    table = Table("t", ["a"], [False], [["x"]], [record])
    assert to_csv(table) == "dataset,'@score,gain,seeds,none\n'=cmd|x,'-x,-1.5,-1,\n"
