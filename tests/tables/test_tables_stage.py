"""The step that gathers the tables: which runs it reads, and what it writes."""

import json
from pathlib import Path

import pytest

from nm_vqtsg.artifacts import load_json, save_json
from nm_vqtsg.errors import ArtifactError
from nm_vqtsg.params import Params
from nm_vqtsg.steps import tables
from nm_vqtsg.steps.context import StepContext
from nm_vqtsg.study.paths import Paths

SCORES = {"fid": 2.0, "fid_trimmed": 1.5, "is": 3.0, "is_normalized": 0.6, "cfid": 4.0}


@pytest.fixture
def ctx(tmp_path: Path) -> StepContext:
    params = Params().model_copy(update={"datasets": ("ECG5000", "FordA"), "seeds": (0, 1)})
    return StepContext("tables", params, Paths(tmp_path), progress="none")


def evaluated(study: Path, dataset: str, seed: int) -> None:
    record = {
        "dataset": dataset,
        "seed": seed,
        "baseline": SCORES,
        "mapped": {key: value / 2 for key, value in SCORES.items()},
    }
    save_json(Paths(study, dataset, seed).metrics, record)


def test_writes_every_table_in_four_notations_and_the_metrics(ctx: StepContext, tmp_path: Path) -> None:
    for dataset in ctx.params.datasets:
        for seed in ctx.params.seeds:
            evaluated(tmp_path, dataset, seed)
    evaluated(tmp_path, "Crop", 0)  # left behind by an older study: not part of this one
    tables.run(ctx)
    names = {path.name for path in ctx.paths.tables.iterdir()}
    made = ("table1", "table2", "table3", "second_opinion", "controls")
    assert names == {f"{name}.{kind}" for name in made for kind in ("md", "html", "csv", "tex")} | {
        "summary.md",
        "summary.html",
    }
    metrics = load_json(ctx.paths.study_metrics)
    assert list(metrics) == ["ECG5000", "FordA"] and metrics["FordA"]["fid_change_percent"] == 100.0
    assert "Crop" not in (ctx.paths.tables / "table1.md").read_text(encoding="utf-8")


def test_equal_inputs_give_equal_bytes(ctx: StepContext, tmp_path: Path) -> None:
    evaluated(tmp_path, "ECG5000", 0)
    tables.run(ctx)
    before = {path: path.read_bytes() for path in ctx.paths.tables.iterdir()}
    tables.run(ctx)
    assert before == {path: path.read_bytes() for path in ctx.paths.tables.iterdir()}


def test_runs_that_are_not_there_are_named(ctx: StepContext, tmp_path: Path) -> None:
    evaluated(tmp_path, "ECG5000", 1)
    tables.run(ctx)
    text = (ctx.paths.tables / "summary.md").read_text(encoding="utf-8")
    assert "No numbers: ECG5000 seed 0, FordA seed 0, FordA seed 1." in text


def test_nothing_to_gather_and_damaged_records_are_refused(ctx: StepContext, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no run has been evaluated"):
        tables.run(ctx)
    evaluated(tmp_path, "ECG5000", 0)
    path = Paths(tmp_path, "ECG5000", 0).metrics
    path.write_text(json.dumps({"dataset": "ECG5000"})[:-3], encoding="utf-8")
    with pytest.raises(ArtifactError, match="not readable as JSON"):
        tables.run(ctx)
