"""The benchmark of the judge's schedules: it resumes, scores unseen series of TRAIN, and says what is as good."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The script's module; its command line writes into the test's folder."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    import judge_schedule

    def run(*options: str) -> None:
        folders = ["--folder", str(tmp_path / "results"), "--checkpoints", str(tmp_path / "checkpoints")]
        monkeypatch.setattr(sys, "argv", ["judge_schedule.py", *folders, *options])
        judge_schedule.main()

    return run


def test_two_schedules_in_miniature(script: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chosen = ["--source", "sktime", "--datasets", "ItalyPowerDemand", "--series", "200"]
    both = ["--schedules", "long", "12 epochs, batch 32", "--epochs", "2"]
    script(*chosen, *both, "--seeds", "0")
    records = {path.name: json.loads(path.read_text()) for path in (tmp_path / "results").iterdir()}
    assert {(r["schedule"], r["epochs"], r["steps"]) for r in records.values()} == {
        ("long", 2, 4),
        ("12 epochs, batch 32", 2, 10),
    }
    # of 200 series of TRAIN a fifth scored, a tenth of the rest for early stopping
    assert all(r["n"] == {"fit": 144, "validation": 16, "scored": 40} for r in records.values())
    assert not any((tmp_path / "checkpoints").iterdir())
    assert capsys.readouterr().out.count(".json: ") == 2

    page = tmp_path / "page.md"
    page.write_text("# Page\n<!-- benchmarks/judge_schedule.py -->\nold\n<!-- end -->\nrest\n")
    script(*chosen, *both, "--seeds", "0", "1", "--page", str(page))
    again = capsys.readouterr().out
    assert again.count(".json: ") == 2 and "seed0" not in again  # what is done is not done again
    table = page.read_text()
    assert "old" not in table and table.endswith("<!-- end -->\nrest\n")
    assert "| ItalyPowerDemand | long | 2 | 2 |" in table and table.count("\n| 12 epochs, batch 32 | 1 |") == 1
    script("--report")
    assert capsys.readouterr().out.strip() in table

    script(*chosen, "--schedules", "long", "--epochs", "1", "--seeds", "0")
    assert "seed0-long.json: " in capsys.readouterr().out  # a record of another budget does not count
