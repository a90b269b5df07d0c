"""`benchmarks/gpu.py` in miniature on the CPU, so that it runs when a GPU is there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_all_that_is_measured_on_a_gpu_can_be_measured(tmp_path: Path) -> None:
    out = tmp_path / "gpu.json"
    command = ["--device", "cpu", "--lengths", "46", "--steps", "2", "--jobs", "1", "2", "--out", str(out)]
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "gpu.py"), *command],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "NM_VQTSG_UCR": "", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text())
    assert found["left out"] == {}
    same = found["the same"]
    # of the CPU and itself, which must agree to the bit
    assert same.pop("tokens that agree") == 1
    assert all(value is True or value == 0 for value in same.values()), same
    assert found["ms a step"].keys() == {"stage 1", "stage 2", "stage 3", "judge"}
    assert all(ms > 0 for at in found["ms a step"].values() for row in at.values() for ms in row.values())
    assert found["seconds"]["32 samples"]["46"] > 0 < found["seconds"]["search for τ"]["46"]
    assert found["steps a second together"]["stage 1"].keys() == {"1", "2"}
    assert found["study hours"]["all"] == found["study hours"]["Crop"] > 0
    assert "on the device and on the CPU" in done.stdout and "left out" not in done.stdout


def test_where_there_is_no_gpu_it_says_so() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "gpu.py")],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "error: device 'cuda': no CUDA device is at hand; choose cpu or auto" in done.stderr
