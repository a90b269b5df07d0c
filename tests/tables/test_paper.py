"""The figures typed in from the paper agree with themselves, and with its text where that is right."""

import statistics

import pytest

from nm_vqtsg.datasets.archive import PAPER_DATASETS
from nm_vqtsg.metrics.directions import change_percent
from nm_vqtsg.tables import change_bounds, load_paper

PAPER = load_paper()
ENTRIES = [(key, name) for key, table in PAPER.tables.items() for name in table.rows]


def test_three_tables_of_the_thirteen_data_sets() -> None:
    assert len(ENTRIES) == 39
    assert [table.number for table in PAPER.tables.values()] == [1, 2, 3]
    for table in PAPER.tables.values():
        assert tuple(table.rows) == tuple(PAPER_DATASETS)


@pytest.mark.parametrize(("key", "name"), ENTRIES)
def test_printed_change_lies_in_the_interval_that_rounding_allows(key: str, name: str) -> None:
    table = PAPER.tables[key]
    row = table.rows[name]
    low, high = change_bounds(row["baseline"], row["mapped"], table.better)
    assert low <= row["change_percent"] <= high


def test_normalised_score_is_score_per_class() -> None:
    for row in PAPER.tables["is"].rows.values():
        for kind in ("baseline", "mapped"):
            slack = 0.005 + 0.005 / row["n_classes"] + 1e-9
            assert row[f"{kind}_normalized"] == pytest.approx(row[kind] / row["n_classes"], abs=slack)


def test_the_notes_state_what_the_tables_average() -> None:
    changes = {key: [row["change_percent"] for row in table.rows.values()] for key, table in PAPER.tables.items()}
    fid, is_, cfid = (statistics.fmean(changes[key]) for key in ("fid", "is", "cfid"))
    without_forda = statistics.fmean(value for value in changes["fid"] if value != max(changes["fid"]))
    assert f"{fid:.1f}" == "144.3" and f"{statistics.median(changes['fid']):.1f}" == "55.4"
    assert f"averages {fid:.1f} %" in PAPER.notes[0].table
    assert f"median {statistics.median(changes['fid']):.1f} %" in PAPER.notes[0].table
    assert f"without FordA {without_forda:.1f} %" in PAPER.notes[0].table
    assert f"averages {cfid:.1f} %" in PAPER.notes[1].table
    assert round(is_) == 7  # the text's figure for IS is right
    assert [name for name, row in PAPER.tables["cfid"].rows.items() if row["change_percent"] < 0] == [
        "Crop",
        "FreezerRegularTrain",
        "TwoPatterns",
        "Wafer",
    ]


def test_change_is_an_improvement_in_both_directions() -> None:
    assert change_percent(2.0, 1.0, "lower") == pytest.approx(100.0)
    assert change_percent(2.0, 1.0, "higher") == pytest.approx(-50.0)
    assert change_percent(1.0, 0.0, "lower") != change_percent(1.0, 0.0, "lower")  # NaN: not defined


def test_bounds_contain_the_change_of_any_numbers_that_round_to_the_entries() -> None:
    low, high = change_bounds(0.31, 0.30, "lower")
    assert low < change_percent(0.3051, 0.3049, "lower") < change_percent(0.3149, 0.2951, "lower") < high
    assert low < change_percent(0.31, 0.30, "lower") < high
