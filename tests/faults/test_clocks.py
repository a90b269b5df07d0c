"""Clocks that jump, and files from the past and the future: nothing is decided by the time of day."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from .conftest import LONG_S, STEPS, TRAINED, Study, same_files, wait_for

JUMPS = """
import itertools, time
_true, _calls = time.time, itertools.count()
time.time = lambda: _true() + (10**9 if next(_calls) % 2 else -10**9)  # thirty years back and forth
"""


@pytest.mark.faults
@pytest.mark.parametrize("step", STEPS)
def test_clocks_that_jump(study: Study, whole: Study, tmp_path: Path, step: str) -> None:
    (tmp_path / "sitecustomize.py").write_text(JUMPS)
    for path in study.folder.rglob("*"):  # files from the future and the past
        if path.is_file():
            os.utime(path, (4e9, 4e9) if len(path.name) % 2 else (1e6, 1e6))
    study.forget(step)
    source = study.environment()["PYTHONPATH"]
    process = study.start(step, PYTHONPATH=f"{tmp_path}{os.pathsep}{source}")
    if step in TRAINED:
        wait_for(lambda: "begins" in study.log(step).splitlines()[-1], process)
        process.send_signal(signal.SIGTERM)
    process.communicate(timeout=LONG_S)
    study.run(step, PYTHONPATH=f"{tmp_path}{os.pathsep}{source}")
    same_files(study.files(), whole.files())


def test_only_clocks_that_cannot_jump_are_read() -> None:
    """Wall-clock time may stand in log lines, which `logging` writes; nothing is decided by it.

    When a file was changed (`st_ctime`) is a stamp in the memory of digests: it is compared for equality alone.
    """
    source = Path(__file__).resolve().parents[2] / "src"
    for path in source.rglob("*.py"):
        text = path.read_text()
        stamps = () if path.name == "records.py" else ("st_ctime",)
        for call in ("time.time(", "datetime.now", "utcnow", "date.today", *stamps):
            assert call not in text, f"{path.name}: {call}"
