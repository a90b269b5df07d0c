"""Means and spreads over seeds, unresolved changes, and the four notations."""

import csv
import io
import math
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from scipy import stats

from nm_vqtsg.tables import (
    controls_table,
    flat_metrics,
    paper_tables,
    second_opinion_table,
    summarise,
    summary_table,
    summary_text,
    to_csv,
    to_html,
    to_latex,
    to_markdown,
)
from nm_vqtsg.tables.build import tau_text
from nm_vqtsg.tables.render import EMPTY, number


def record(dataset: str = "FaceAll", seed: int = 0, fid: float = 10.0, mapped: float = 5.0, **more: Any) -> dict:
    return {
        "dataset": dataset,
        "seed": seed,
        "tau": 0.1,
        "steps": {"stage1": 1000, "stage2": 2000, "stage3": 1500},
        "n": {"generated": 1024, "test": 450},
        "fcn_accuracy": 0.97,
        "baseline": {"fid": fid, "fid_trimmed": 9.0, "is": 5.0, "is_normalized": 0.36, "cfid": 9.0},
        "mapped": {"fid": mapped, "fid_trimmed": 6.0, "is": 6.0, "is_normalized": 0.43, "cfid": 6.0},
        "reference": {"fid": 1.5, "n": 560, "baseline_fid_at_n": 11.0, "mapped_fid_at_n": 6.5},
        "intervals": {},
        "missing": {},
        **more,
    }


UNLABELLED = {
    "dataset": "Own",
    "seed": 0,
    "tau": 0.5,
    "baseline": {"rocket_fid": 0.04},
    "mapped": {"rocket_fid": 0.03},
    "missing": {"fid": "the series have no labels"},
}


def test_mean_sd_and_n_over_seeds() -> None:
    (summary,) = summarise([record(seed=1, fid=12.0, mapped=6.0), record(seed=0, fid=10.0, mapped=4.0)])
    made = summary.comparisons["fid"]
    assert summary.seeds == (0, 1)
    assert (made.baseline.mean, made.baseline.sd, made.baseline.n) == (11.0, pytest.approx(math.sqrt(2)), 2)
    assert made.change.value == pytest.approx(100 * 11 / 5 - 100)  # the paper's formula on the means
    assert made.change.sd == pytest.approx(50 / math.sqrt(2))  # of the runs' +150 % and +100 %
    assert made.gain.value == 6.0 and made.gain.sd == 0.0
    row = paper_tables([summary])[1].cells[0]
    assert row[4:6] == ["+6.00 ± 0.0 unresolved (2 of 2 better)", "+120.0"]


def test_the_interval_over_seeds_is_students_t_of_the_log_ratios() -> None:
    pairs = [(10.0, 4.0), (12.0, 6.0), (11.0, 5.0)]
    (summary,) = summarise(record(seed=i, fid=a, mapped=b) for i, (a, b) in enumerate(pairs))
    change = summary.comparisons["fid"].change
    logs = np.log([a / b for a, b in pairs])
    low, high = stats.t.interval(0.95, 2, logs.mean(), stats.sem(logs))
    assert (change.low, change.high) == pytest.approx((100 * math.expm1(low), 100 * math.expm1(high)))
    assert change.unresolved is False


def test_the_interval_over_seeds_misses_zero_as_seldom_as_it_says() -> None:
    """No true change: of 400 studies with three seeds, about 5 % may claim one."""
    rng = np.random.default_rng(0)
    claims = 0
    for _ in range(400):
        ratios = np.exp(rng.normal(0, 0.3, 3))
        (summary,) = summarise(record(seed=i, fid=10.0 * r, mapped=10.0) for i, r in enumerate(ratios))
        claims += summary.comparisons["fid"].change.unresolved is False
    assert 0.02 * 400 < claims < 0.09 * 400


def test_a_change_within_the_spread_of_the_seeds_is_unresolved() -> None:
    (summary,) = summarise([record(seed=0, fid=10.0, mapped=8.0), record(seed=1, fid=10.0, mapped=12.0)])
    assert summary.comparisons["fid"].change.unresolved is True
    assert "unresolved" in to_markdown(paper_tables([summary])[1])


@pytest.mark.parametrize(
    ("interval", "unresolved"), [([-5.0, 40.0], True), ([5.0, 40.0], False), ([None, None], None), (None, None)]
)
def test_one_seed_is_judged_by_its_bootstrap_interval(interval: Any, unresolved: bool | None) -> None:
    (summary,) = summarise([record(intervals={"change_percent": {"fid": interval}} if interval else {})])
    assert summary.comparisons["fid"].change.unresolved is unresolved


def test_a_change_is_told_as_a_difference_with_its_interval_and_then_in_percent() -> None:
    """A hundred thousand percent say nothing where the score is near zero; the difference does."""
    intervals = {"gain": {"fid": [-0.25, 1.0]}, "change_percent": {"fid": [-15.4, 99_900.0]}}
    (summary,) = summarise([record(fid=0.869, mapped=0.1, intervals=intervals)])
    header, row = (paper_tables([summary])[1].header, paper_tables([summary])[1].cells[0])
    told = dict(zip(header, row, strict=True))
    assert (told["Gain"], told["Change %"]) == ("+0.769 [-0.250, 1.000] unresolved", "+769.0")
    compact = dict(zip(summary_table([summary]).header, summary_table([summary]).cells[0], strict=True))
    assert (compact["Gain"], compact["Change %"]) == (told["Gain"], told["Change %"])
    (csv_row, _) = csv.DictReader(io.StringIO(to_csv(paper_tables([summary])[1])))
    assert [csv_row[name] for name in ("gain_low", "gain_high", "unresolved")] == ["-0.25", "1.0", "yes"]


def test_a_record_without_the_interval_of_the_gain_keeps_its_verdict() -> None:
    (summary,) = summarise([record(intervals={"change_percent": {"fid": [-5.0, 40.0]}})])
    assert paper_tables([summary])[1].cells[0][4] == "+5.00 unresolved"


def test_paper_stands_beside_ours_and_rows_carry_their_conditions() -> None:
    tables = paper_tables(summarise([record(), record("ItalyPowerDemand")]), absent=["Crop seed 2"])
    first = to_markdown(tables[1])
    face = next(line for line in first.splitlines() if "FaceAll" in line and "trimmed" in line)
    for text in ("10.19", "5.88", "+73.5", "1000/2000/1500 (1/20)", "FCN 0.970", "0.1"):
        assert text in face
    assert "No numbers: Crop seed 2." in first
    assert "144.3 %" in first and "144.3 %" not in to_markdown(tables[2])
    assert "7.13" in to_markdown(tables[2]) and "5.45" in to_markdown(tables[3])


@pytest.mark.parametrize(
    ("source", "comparable", "judge"),
    [
        ({}, ["no: own FCN", "no: own FCN"], "own FCN 0.970"),
        (
            {"fcn_source": "own", "fcn_balanced_accuracy": 0.71},
            ["no: own FCN", "no: own FCN"],
            "own FCN 0.970 (balanced 0.710)",
        ),
        ({"fcn_source": "published"}, ["no: not trimmed", "yes"], "published FCN 0.970"),
    ],
)
def test_only_the_papers_judge_and_protocol_are_comparable_with_the_paper(
    source: dict[str, Any], comparable: list[str], judge: str
) -> None:
    own = record(**source)
    for side in ("baseline", "mapped"):
        own[side] |= {"is_trimmed": 4.0, "cfid_trimmed": 3.0} if source.get("fcn_source") == "published" else {}
    summaries = summarise([own])
    for place_in_paper, table in paper_tables(summaries).items():
        place, last = table.header.index("Comparable"), table.header.index("Judge")
        expected = comparable if len(table.cells) == 2 else comparable[:1]
        assert [cells[place] for cells in table.cells] == expected
        assert all(cells[last] == judge for cells in table.cells)
        assert len(table.cells) == (2 if place_in_paper == 1 or source.get("fcn_source") == "published" else 1)
        rows = list(csv.DictReader(io.StringIO(to_csv(table))))
        assert [row["paper_comparable"] for row in rows] == expected
        assert rows[0]["judge"] == judge.split(" 0")[0]
        assert rows[0]["judge_balanced_accuracy"] == ("0.71" if "balanced" in judge else "")
    assert judge in summary_text([own])
    assert ("judge_balanced_accuracy" in flat_metrics(summaries)["FaceAll"]) == ("balanced" in judge)
    unknown = paper_tables(summarise([record("ItalyPowerDemand", **source)]))[1]
    assert unknown.cells[0][unknown.header.index("Comparable")] == EMPTY  # no figures of the paper to compare with


def test_csv_keeps_full_precision_and_leaves_gaps_empty() -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(paper_tables(summarise([record(fid=10.123456789)]))[1]))))
    assert [row["protocol"] for row in rows] == ["plain", "trimmed"]
    assert rows[0]["baseline_mean"] == "10.123456789" and rows[0]["baseline_sd"] == ""
    assert rows[0]["paper_change_percent"] == "73.5" and rows[0]["reference_size"] == "560.0"
    assert rows[0]["unresolved"] == "unknown" and rows[0]["steps_stage3"] == "1500"


def test_latex_escapes_what_latex_would_read_as_a_command() -> None:
    text = to_latex(paper_tables(summarise([record("my_data")]))[1], "tab:fid")
    assert r"my\_data" in text and r"\label{tab:fid}" in text
    assert not any(line.count("%") != line.count(r"\%") for line in text.splitlines()[1:] if "&" in line)


def test_html_is_a_page_of_its_own_with_the_same_cells() -> None:
    table = paper_tables(summarise([record("a<b&c")]), absent=["<i> seed 0"])[1]
    text = to_html(table)
    page = ElementTree.fromstring(  # well-formed but for what HTML lets open
        text.replace("<!doctype html>", "").replace('<meta charset="utf-8">', "") + "</html>"
    )
    assert [cell.text for cell in page.iter("th")] == list(table.header)
    assert [[cell.text for cell in row] for row in list(page.iter("tr"))[1:]] == [list(row) for row in table.cells]
    assert [note.text for note in page.iter("li")] == list(table.notes)
    assert "http" not in text and "src=" not in text


def at_the_floor(**more: Any) -> dict:
    """A record whose mapped samples score as real series do: 1.5 ± 0.2."""
    reference = {"fid": 1.5, "is": 6.1, "is_gap": 0.1, "cfid": 2.0, "n": 1024, "draws": 5}
    own = record(mapped=1.8, reference=reference | {"sd": {"fid": 0.2, "is": 0.1, "is_gap": 0.05}}, **more)
    for side, gap in (("baseline", 1.0), ("mapped", 0.15)):
        own[side] = own[side] | {"is_gap": gap}
    return own


def test_a_cell_that_real_series_do_not_beat_is_marked() -> None:
    tables = paper_tables(summarise([at_the_floor()]))
    fid, trimmed = tables[1].cells
    assert fid[2:4] == ["10.0", "1.80 at the floor"] and fid[6] == "1.50 ± 0.20 (1024)"
    assert "at the floor" not in " ".join(trimmed)  # nothing is known about its spread
    (inception,) = tables[2].cells
    assert inception[2:4] == ["5.00", "6.00 at the floor"]
    assert inception[7:9] == ["1.00", "0.150 at the floor"] and tables[2].header[7] == "gap to real"
    assert "at the floor" not in " ".join(tables[3].cells[0])
    (row, _) = csv.DictReader(io.StringIO(to_csv(tables[1])))
    assert (row["baseline_at_floor"], row["mapped_at_floor"]) == ("", "yes")
    names = {row[1]: row[3] for row in summary_table(summarise([at_the_floor()])).cells}
    assert names["FID ↓"] == "1.80 at the floor" and names["IS gap to real ↓"] == "0.150 at the floor"


def test_one_run_that_is_not_there_keeps_the_mark_away() -> None:
    other = at_the_floor(seed=1)
    other["mapped"]["fid"] = 2.2
    (fid, _) = paper_tables(summarise([at_the_floor(), other]))[1].cells
    assert fid[3] == "2.00 ± 0.28"


def test_an_is_beyond_that_of_real_series_is_not_at_the_floor() -> None:
    beyond = at_the_floor()
    beyond["mapped"]["is"] = 7.0
    (inception,) = paper_tables(summarise([beyond]))[2].cells
    assert inception[3] == "7.00"


def test_without_labels_the_headline_is_rocket_fid_and_the_reason_is_given() -> None:
    summaries = summarise([record(), UNLABELLED])
    assert "Own: no FID; the series have no labels." in to_markdown(paper_tables(summaries)[1])
    rows = [row[:2] for row in summary_table(summaries).cells]
    assert rows == [["FaceAll", name] for name in ("FID ↓", "FID, trimmed ↓", "IS ↑ to real", "cFID ↓")] + [
        ["Own", "ROCKET-FID ↓"]
    ]


def test_summary_text_and_flat_metrics() -> None:
    text = summary_text([record(), record(seed=1)])
    assert "seeds 0 1" in text and "(1/20)" in text and max(map(len, text.splitlines())) <= 110
    flat = flat_metrics(summarise([record(), UNLABELLED]))
    assert flat["FaceAll"]["fid_change_percent"] == 100.0
    assert flat["Own"] == {
        "seeds": 1,
        "tau": 0.5,
        "rocket_fid_baseline": 0.04,
        "rocket_fid_mapped": 0.03,
        "rocket_fid_change_percent": pytest.approx(33.333333),
    }


def test_runs_with_different_steps_are_called_mixed() -> None:
    longer = record(seed=1, steps={"stage1": 20000, "stage2": 40000, "stage3": 30000})
    assert "mixed" in to_markdown(paper_tables(summarise([record(), longer]))[1])
    assert "(the paper's)" in to_markdown(paper_tables(summarise([longer]))[1])


@pytest.mark.parametrize(
    ("value", "text"), [(0.0123456, "0.0123"), (1.744, "1.74"), (1107.69, "1108"), (0.0, "0.00"), (None, "–")]
)
def test_numbers_have_three_significant_digits(value: float | None, text: str) -> None:
    assert number(value) == text


def test_numbers_of_val_are_no_results_and_say_so() -> None:
    runs = [record(seed=0, evaluated_on="validation"), record(seed=1, evaluated_on="validation"), record("Crop")]
    summaries = summarise(runs)
    table = paper_tables(summaries)[1]
    text = to_markdown(table)
    assert "while TEST was set aside: FaceAll seeds 0 1. Read FIT for TRAIN" in text
    rows = {cells[0]: cells for cells in table.cells}
    paper = table.header.index("paper")
    assert rows["FaceAll"][paper] == "(10.19)" and not rows["Crop"][paper].startswith("(")
    rows_for_programs = list(csv.DictReader(io.StringIO(to_csv(table))))
    assert {row["dataset"]: row["seeds_on_validation"] for row in rows_for_programs} == {
        "FaceAll": "0 1",
        "Crop": "",
    }
    summary = to_markdown(summary_table(summaries))
    assert "1024 generated against 450 VAL" in summary and "1024 generated against 450 TEST" in summary
    assert "FaceAll seeds 0 1. Read FIT" in to_markdown(second_opinion_table(runs))
    controlled = [run | {"controls": {"noise": run["mapped"]}} for run in runs]
    assert "FaceAll seeds 0 1. Read FIT" in to_markdown(controls_table(controlled))
    assert flat_metrics(summaries)["FaceAll"]["seeds_on_validation"] == 2
    assert "VAL" not in to_markdown(paper_tables(summarise([record()]))[1])


def test_runs_without_a_mapping_say_so() -> None:
    (summary,) = summarise([record(seed=0, tau=None), record(seed=1, tau=0.5)])
    assert tau_text(summary) == "none, 0.5"
    (row, _) = csv.DictReader(io.StringIO(to_csv(paper_tables([summary])[1])))
    assert row["tau"] == "none 0.5"
    assert flat_metrics([summary])["FaceAll"]["tau"] == 0.5
    (alone,) = summarise([record(tau=None)])
    assert tau_text(alone) == "none" and "tau" not in flat_metrics([alone])["FaceAll"]
