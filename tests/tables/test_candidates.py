"""Recipes compared by their studies: the table, the rule by which one is chosen, and what cannot be compared."""

import csv
import io
import math
from pathlib import Path
from typing import Any

import pytest
from candidates import main, measure, read

from nm_vqtsg.artifacts import save_json, save_text
from nm_vqtsg.errors import UserError
from nm_vqtsg.params import Params, as_yaml, override
from nm_vqtsg.study.paths import Paths


def study(
    folder: Path, fid: float, *changes: str, seeds: tuple[int, ...] = (0, 1), noise: float = 0.1, **scores: Any
) -> str:
    """A study of FaceAll and ECG5000 whose mapped samples have about this FID, in all criteria."""
    chosen = ["datasets=[FaceAll, ECG5000]", f"seeds={list(seeds)}", "data.evaluate_on=validation", *changes]
    params = override(Params(), chosen)
    save_text(folder / "params.yaml", as_yaml(params))
    on = {"evaluated_on": "validation"} if params.data.evaluate_on == "validation" else {}
    for place, dataset in enumerate(params.datasets):
        for seed in seeds:
            own = fid * (1 + place) * math.exp(noise * (-1) ** seed)
            mapped = {"fid": own, "cfid": own, "rocket_fid": own / 10, "is_gap": 1.0}
            second = {"recall": 0.8, "cas": 0.9, "auc": 0.7} | scores
            record = {
                **on,
                "dataset": dataset,
                "seed": seed,
                "baseline": mapped | {"fid": 5.0},
                "mapped": mapped | {"second_opinion": second},
                "reference": {"fid": 0.1},
            }
            save_json(Paths(folder, dataset, seed).metrics, record)
    return str(folder)


def rank(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, list[str]]:
    """Cells of the ranking's rows by candidate."""
    main(arguments)
    lines = capsys.readouterr().out.split("**Scores**")[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return {row[1]: row for row in rows[2:]}


def test_the_best_is_chosen_and_the_ratio_is_geometric(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paper = study(tmp_path / "paper", 2.0)
    best = study(tmp_path / "other", 1.0, "sample.unconditional=mixture", "stage3.dropout=0.5")
    rows = rank(capsys, f"paper={paper}", f"mixture={best}")
    assert list(rows) == ["mixture", "paper"]
    assert rows["mixture"][2] == "0.500" and rows["mixture"][8:] == [
        "chosen",
        "sample.unconditional=mixture, stage3.dropout=0.5",
    ]
    assert rows["paper"][2] == "1.000" and rows["paper"][8] == ""
    assert (rows["mixture"][4], rows["paper"][4]) == ("1.000 (1.000 to 1.000)", "2.000 (2.000 to 2.000)")


def test_within_a_standard_error_the_first_is_chosen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paper = study(tmp_path / "paper", 2.0)
    better = study(tmp_path / "better", 1.0, "stage2.dropout=0.5", noise=0.2)
    best = study(tmp_path / "best", 0.98, "stage2.dropout=0.6", noise=0.1)
    rows = rank(capsys, paper, better, best)
    assert next(iter(rows)) == "best" and rows["better"][8] == "chosen"  # a difference of 2 %, an error of 6 %
    rows = rank(capsys, paper, study(tmp_path / "steady", 0.5, "stage2.dropout=0.5"), best)
    assert rows["steady"][8] == "chosen"


def test_what_is_common_to_both_is_no_excuse(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both vary alike from run to run, so the difference of 2 % is certain, whatever the reference does."""
    paper = study(tmp_path / "paper", 2.0)
    near, best = (study(tmp_path / str(fid), fid, f"stage2.dropout={fid / 2}", noise=0.9) for fid in (1.0, 0.98))
    rows = rank(capsys, paper, near, best)
    assert rows["0.98"][8] == "chosen" and rows["1.0"][8] == ""
    assert rows["0.98"][3] != rows["1.0"][3] and rows["1.0"][4] == "1.020 (1.020 to 1.020)"


def test_guards_and_missing_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paper = study(tmp_path / "paper", 2.0, seeds=(0, 1, 2))
    narrow = study(tmp_path / "narrow", 0.5, "sample.steps=20", seeds=(0, 1, 2), recall=0.5)
    partial = study(tmp_path / "partial", 0.5, "sample.steps=30", seeds=(0, 1))
    rows = rank(capsys, paper, narrow, partial)
    assert rows["narrow"][8] == "passed over: recall fell" and rows["narrow"][5] == "-0.300"
    assert rows["partial"][8] == "passed over: 2 of 6 runs missing"
    assert rows["paper"][8] == "chosen"


def test_two_runs_that_chance_explains_are_no_fall() -> None:
    assert not measure([-0.02, -0.014]).fell and measure([-0.02, -0.014] * 6).fell
    assert not measure([-0.5]).fell and not measure([]).fell and not measure([0.02] * 6).fell
    assert measure([-0.02] * 6).fell  # of no spread at all


def test_folds_are_runs_of_one_candidate(tmp_path: Path) -> None:
    folds = [study(tmp_path / f"fold{k}", 2.0, f"data.validation_fold={k}") for k in (0, 1)]
    (candidate,) = read([f"paper={folder}" for folder in folds])
    assert len(candidate.runs) == 2 * 2 * 2
    with pytest.raises(UserError, match="FaceAll seed 0 twice"):
        read([f"paper={folds[0]}", f"paper={folds[0]}"])


def test_on_test_nothing_is_ranked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = [study(tmp_path / name, fid, "data.evaluate_on=test") for name, fid in (("a", 2.0), ("b", 1.0))]
    main([*folders, "--out", str(tmp_path / "table")])
    said = capsys.readouterr().out
    assert (
        "on TEST, and not ranked" in said
        and "chosen" not in said.partition("**Scores**")[0].partition("nothing")[0]
    )
    assert (tmp_path / "table.md").read_text() == said
    rows = list(csv.DictReader(io.StringIO((tmp_path / "table.csv").read_text())))
    assert len(rows) == 2 * (2 * 2 + 1) and not (tmp_path / "table_ranking.csv").exists()
    row = next(row for row in rows if row["candidate"] == "b" and row["version"] == "mapped")
    assert float(row["fid_mean"]) == pytest.approx(math.cosh(0.1)) and float(row["recall_mean"]) == 0.8
    assert rows[4]["candidate"] == "real series" and float(rows[4]["fid_mean"]) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("data.evaluate_on=test", "was scored on TEST and .* on VAL"),
        ("fcn.epochs=3", "has fcn.epochs 3 and the first study 200"),
        ("data.split_seed=4", "has data.split_seed 4"),
    ],
)
def test_what_cannot_be_compared(tmp_path: Path, change: str, words: str) -> None:
    folders = [study(tmp_path / "a", 2.0), study(tmp_path / "b", 1.0, change)]
    with pytest.raises(UserError, match=words):
        read(folders)


def test_one_name_is_one_recipe(tmp_path: Path) -> None:
    folders = [study(tmp_path / "a", 2.0), study(tmp_path / "b", 1.0, "data.validation_fold=1", "sample.steps=5")]
    with pytest.raises(UserError, match=r"another recipe than the first study called 'x' \(sample\.steps=5\)"):
        read([f"x={folder}" for folder in folders])
    save_text(tmp_path / "empty" / "params.yaml", as_yaml(Params()))
    with pytest.raises(UserError, match="no run has been evaluated yet"):
        read([str(tmp_path / "empty")])
