"""The report of Snakemake, and DVC's views of our files."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from .conftest import DATASETS, ROOT, Workspace

pytestmark = pytest.mark.engines
CAPTIONS = sorted(path.stem for path in (ROOT / "workflow" / "report").glob("*.rst") if path.stem != "workflow")
LOOK = """<script>
const images = Object.entries(results).filter(([path, result]) => result.mime_type === "image/png")
  .map(([path, result]) => Object.assign(new Image(), {src: result.data_uri, title: path}))
document.body.append(...images)  // the page counts as loaded when they are
window.onload = () => {
  app.setView({navbarMode: "subcategory", category: "Figures", subcategory: "GunPoint"})
  setTimeout(() => {
    const shown = document.createElement("p")
    shown.id = "shown"
    const widths = Object.fromEntries(images.map(image => [image.title, image.naturalWidth]))
    shown.textContent = JSON.stringify({widths, text: document.getElementById("app").innerText})
    document.body.append(shown)
  }, 500)
}
</script>"""
"""What a reader does: open the figures of a data set, and look at every figure."""


def test_the_report_shows_tables_and_figures_with_captions_offline(done: Workspace, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    done.snakemake("--report", str(page))
    text = page.read_text()
    results = json.loads(re.search(r"var results = (\{.*?\});\s*</script>", text, re.S).group(1))
    assert not re.findall(r'(?:src|href)="https?://', text)

    figures = [f"results/{name}/seed0/figures" for name in DATASETS]
    for name in CAPTIONS:
        paths = [path for path in results if Path(path).stem == name]
        assert {Path(path).parent.as_posix() for path in paths} in (set(figures), {"results/tables"}), name
        for path in paths:
            assert len(results[path]["caption"]) > 100
            assert (
                base64.b64decode(results[path]["data_uri"].split("base64,")[1]) == (done.path / path).read_bytes()
            )
            # the browser shows these in the page; a CSV it would offer to save
            assert results[path]["mime_type"] in ("image/png", "text/html")

    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        pytest.skip("no chromium to open the report with")
    page.write_text(text + LOOK)
    dumped = subprocess.run(
        [
            browser,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            "--virtual-time-budget=20000",
            "--dump-dom",
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=600,
        check=True,
    ).stdout
    shown = json.loads(re.search(r'<p id="shown">(.*?)</p>', dumped, re.S).group(1))
    assert {path for path, width in shown["widths"].items() if width > 100} == {
        path for path in results if path.endswith(".png")
    }
    for title in ("Figure 2: series over one another", "Figure 5", "The search for τ"):
        assert title in shown["text"]


def test_metrics_and_plots(done: Workspace, tmp_path: Path) -> None:
    metrics = json.loads(done.dvc("metrics", "show", "--json"))[""]["data"]
    assert set(metrics) == {"results/metrics.json"}
    before = metrics["results/metrics.json"]["data"]
    assert set(DATASETS) <= set(before)

    done.set(stage3__steps=4)
    done.snakemake()
    changed = json.loads(done.dvc("metrics", "diff", "--json", "HEAD"))["results/metrics.json"]
    for name in DATASETS:
        fid = changed[f"{name}.fid_mapped"]
        assert fid["old"] == before[name]["fid_mapped"] and fid["diff"] == fid["new"] - fid["old"] != 0
    done.dvc("plots", "diff", "HEAD", "--out", str(tmp_path / "plots"))
    page = (tmp_path / "plots" / "index.html").read_text()
    for name in DATASETS:
        curve = f"results/{name}/seed0/stage3_curve.tsv"
        assert curve in page
    assert '"rev": "workspace"' in page and '"rev": "HEAD"' in page
