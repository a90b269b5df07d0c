"""`benchmarks/growth.py`: exponents of growths that are known, and the whole in miniature."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

import growth  # noqa: E402

SIZES = (10, 100, 1000, 10000)


@pytest.mark.parametrize(("power", "constant"), [(1, 0), (1, 500), (2, 0), (0.5, 0), (1.5, 3)])
def test_the_exponent_of_a_power(power: float, constant: float) -> None:
    values = [constant + 2 * size**power for size in SIZES]
    assert growth.exponent(SIZES, values) == pytest.approx(power, abs=0.08)


def test_what_does_not_grow_has_exponent_zero() -> None:
    assert growth.exponent(SIZES, [5, 5.2, 4.9, 5.1]) == 0


def test_growth_beyond_the_algorithm_s_is_called_out() -> None:
    costs = [{"stage1": size**1.3, "stage3": 3.0 * size} for size in SIZES]
    text, too_fast = growth.table("length", SIZES, costs)
    assert "| stage3, ms |" in text and "1.00 |" in text and "1.30 (too fast) |" in text
    assert too_fast == ["stage1 grows with length as its power 1.30"]
    attention = [{"stage2": 1e-6 * size**2} for size in SIZES]
    assert growth.table("tokens", SIZES, attention)[1] == []


def test_in_miniature(tmp_path: Path) -> None:
    command = ["--axes", "length", "--sizes", "16", "24", "--out", str(tmp_path / "growth")]
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "growth.py"), *command],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in done.stderr, done.stderr
    found = json.loads((tmp_path / "growth.json").read_text())
    assert found["length"]["sizes"] == [16, 24]
    assert {"stage1", "stage2", "stage3", "fcn", "sample"} <= found["length"]["costs"][0].keys()
    assert (tmp_path / "growth.png").stat().st_size > 10_000
    assert (tmp_path / "growth.md").read_text() == done.stdout.rstrip("\n") + "\n"
