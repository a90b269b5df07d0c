"""Curves that are followed live are an extra: training does not depend on them."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from dvc.repo import Repo

from nm_vqtsg.session.curves import CurveLog

ROWS = [{"step": 10, "loss": 1.0}, {"step": 20, "loss": 0.5}]


def test_a_curve_is_written_as_it_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    curve = CurveLog(tmp_path / "live")
    curve.restart(ROWS[:1])
    curve.add(ROWS[1])
    assert (tmp_path / "live/plots/metrics/loss.tsv").read_text().split() == [
        "step",
        "loss",
        "10",
        "1.0",
        "20",
        "0.5",
    ]
    curve.close()


def test_a_curve_that_cannot_be_written_is_warned_of_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where DVC keeps its own index is full, or somebody else's; here it is no folder."""
    Repo.init(str(tmp_path), no_scm=True).close()
    (tmp_path / "file").touch()
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "file" / "index"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logging.getLogger("nm_vqtsg"), "propagate", True)
    curve = CurveLog(tmp_path / "live")
    curve.restart(ROWS[:1])
    curve.add(ROWS[1])
    curve.close()
    (line,) = [record.getMessage() for record in caplog.records if record.name == "nm_vqtsg.session.curves"]
    assert "live: the curve cannot be followed live (" in line and "training goes on" in line and "\n" not in line
