"""The table that says whether the mapper beats what learns nothing."""

import csv
import io
from typing import Any

from nm_vqtsg.tables import controls_table, to_csv, to_markdown


def run(seed: int, mapped: float, smoothed: float = 3.0, **more: Any) -> dict[str, Any]:
    return {
        "dataset": "FaceAll",
        "seed": seed,
        "baseline": {"fid": 5.0, "is_gap": 0.5},
        "mapped": {"fid": mapped, "is_gap": 0.7},
        "controls": {
            "noise": {"fid": 6.0, "is_gap": 0.8},
            "smoothed": {"fid": smoothed, "is_gap": 0.6},
            "quantile_map": {"fid": 4.0, "is_gap": 0.9},
        },
        **more,
    }


def rows(*runs: dict[str, Any]) -> dict[str, dict[str, str]]:
    return {row["score"]: row for row in csv.DictReader(io.StringIO(to_csv(controls_table(runs))))}


def test_a_mapper_that_does_not_beat_the_best_control_is_marked() -> None:
    table = rows(run(0, mapped=3.5))
    assert table["fid"]["verdict"] == "no better than smoothed" and table["fid"]["best_control"] == "smoothed"
    assert table["is_gap"]["verdict"] == "no better than no mapping"
    assert set(table) == {"fid", "is_gap"}  # there are no others in the records


def test_a_mapper_that_does_is_told_with_its_certainty() -> None:
    assert rows(run(0, 2.0))["fid"]["verdict"] == "better than smoothed ?"
    certain = rows(*(run(seed, 2.0 + 0.01 * seed) for seed in range(3)))["fid"]
    assert certain["verdict"] == "better than smoothed" and certain["seeds"] == "0 1 2"
    assert rows(run(0, 1.0), run(1, 3.2))["fid"]["verdict"] == "better than smoothed unresolved (1 of 2 better)"


def test_the_best_control_is_the_same_for_all_seeds() -> None:
    table = rows(run(0, 2.5, smoothed=1.0), run(1, 2.5, smoothed=9.0))
    assert table["fid"]["best_control"] == "quantile_map"  # 4 on the mean, where smoothing has 5


def test_records_without_controls_are_named() -> None:
    old = run(1, 2.0)
    del old["controls"]
    text = to_markdown(controls_table([run(0, 2.0), old], absent=["Crop seed 0"]))
    assert "FaceAll seed 1: evaluated without controls." in text and "No numbers: Crop seed 0." in text
    assert "–" in text  # no reconstruction in these records
    assert "| FaceAll" not in to_markdown(controls_table([old]))
