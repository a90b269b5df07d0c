"""The report of Snakemake, and DVC's views of our files."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from .conftest import ROOT, Workspace

pytestmark = pytest.mark.engines
CAPTIONS = sorted(path.stem for path in (ROOT / "workflow" / "report").glob("*.rst") if path.stem != "workflow")


def test_the_report_holds_tables_and_figures_and_opens_offline(done: Workspace, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    done.snakemake("--report", str(page))
    text = page.read_text()
    for name in CAPTIONS:
        assert re.search(rf"{name}\.(png|csv)", text), name
    assert "ItalyPowerDemand" in text and "GunPoint" in text
    assert not re.findall(r'<(?:script|link)[^>]+(?:src|href)="https?://', text)

    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        pytest.skip("no chromium to open the report with")
    shown = subprocess.run(
        [
            browser,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            "--virtual-time-budget=8000",
            "--dump-dom",
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout
    assert "Figures" in shown and "Tables" in shown


def test_metrics_and_plots(done: Workspace, tmp_path: Path) -> None:
    metrics = json.loads(done.dvc("metrics", "show", "--json"))
    assert set(metrics[""]["data"]) == {"results/metrics.json"}
    assert {"ItalyPowerDemand", "GunPoint"} <= set(metrics[""]["data"]["results/metrics.json"]["data"])
    done.dvc("plots", "show", "--out", str(tmp_path / "plots"))
    page = (tmp_path / "plots" / "index.html").read_text()
    assert "stage1_curve.tsv" in page and "fcn_curve.tsv" in page
