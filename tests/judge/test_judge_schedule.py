"""The benchmark of the judge's schedules: it resumes, scores unseen series of TRAIN, and says what is as good."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "benchmarks" / "judge_schedule.py"


def run(folder: Path, *options: str) -> str:
    command = [sys.executable, SCRIPT, "--folder", folder / "results", "--checkpoints", folder / "c", *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1", "COLUMNS": "300"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_two_schedules_in_miniature(tmp_path: Path) -> None:
    chosen = ["--source", "sktime", "--datasets", "ItalyPowerDemand", "--schedules", "long", "12 epochs, batch 32"]
    first = run(tmp_path, *chosen, "--seeds", "0", "--epochs", "2")
    assert first.count("balanced_accuracy") == 2
    records = {path.name: json.loads(path.read_text()) for path in (tmp_path / "results").iterdir()}
    assert {(r["schedule"], r["epochs"], r["steps"]) for r in records.values()} == {
        ("long", 2, 10),
        ("12 epochs, batch 32", 2, 40),
    }
    # 876 series of TRAIN: a fifth scored, a tenth of the rest for early stopping; TEST is none of them
    assert all(r["n"] == {"fit": 631, "validation": 70, "scored": 175} for r in records.values())
    assert not any((tmp_path / "c").iterdir())

    page = tmp_path / "page.md"
    page.write_text("# Page\n<!-- benchmarks/judge_schedule.py -->\nold\n<!-- end -->\nrest\n")
    again = run(tmp_path, *chosen, "--seeds", "0", "1", "--epochs", "2", "--page", str(page))
    assert again.count(".json: ") == 2 and "seed0" not in again  # what is done is not done again
    table = page.read_text()
    assert "old" not in table and table.endswith("<!-- end -->\nrest\n")
    assert "| ItalyPowerDemand | long | 2 | 2 |" in table and table.count("\n| 12 epochs, batch 32 | 1 |") == 1
    assert run(tmp_path, "--report").strip() in table

    other = run(tmp_path, *chosen[:4], "--schedules", "long", "--seeds", "0", "--epochs", "1")
    assert "seed0-long.json: " in other  # a record of another budget does not count
