"""After `kill -9` of anything the next run goes on where the last one was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import STEPS_OF_A_RUN, Workspace, jobs

pytestmark = [pytest.mark.engines, pytest.mark.faults]
EVERYTHING = jobs("download resplit fcn tables " + " ".join(STEPS_OF_A_RUN))


def start(workspace: Workspace, engine: str) -> subprocess.Popen[str]:
    arguments = {"snakemake": ["snakemake", "--cores", "2"], "dvc": ["dvc", "repro"]}[engine]
    with open(workspace.path / f"{engine}.out", "w") as out:
        return subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=workspace.path,
            env=workspace.env,
            stdout=out,
            stderr=subprocess.STDOUT,
            text=True,
        )


def wait_for(what: Callable[[], object], timeout_s: float = 600) -> None:
    deadline = time.monotonic() + timeout_s
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def stage_processes(workspace: Workspace, step: str) -> list[int]:
    """Processes of a step in this workspace, by their command line and directory."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            command = (process / "cmdline").read_bytes().split(b"\0")
            here = (process / "cwd").resolve() == workspace.path.resolve()
        except (OSError, NotADirectoryError):
            continue
        if process.name.isdigit() and here and command[1:4] == [b"-m", b"nm_vqtsg", step.encode()]:
            found.append(int(process.name))
    return found


def end_stages(workspace: Workspace) -> None:
    """Let what outlived its engine come to its end."""
    wait_for(
        lambda: (
            not any(stage_processes(workspace, step) for step in ("fcn", "download", "resplit", *STEPS_OF_A_RUN))
        )
    )


@pytest.mark.parametrize("then", ["snakemake", "dvc"])
@pytest.mark.parametrize("killed", ["snakemake", "dvc"])
def test_a_killed_engine(fresh: Workspace, killed: str, then: str) -> None:
    engine = start(fresh, killed)
    wait_for(lambda: stage_processes(fresh, "stage2"))
    engine.kill()
    engine.wait()
    end_stages(fresh)
    finished = {path.stem for path in (fresh.path / "logs").glob("*.log") if " is done" in path.read_text()}
    fresh._begun = fresh._beginnings()
    fresh.snakemake() if then == "snakemake" else fresh.dvc("repro")
    again = fresh.ran() & finished
    # what was at work when the engine died has ended without it; all others are kept
    assert len(again) <= (2 if killed == "snakemake" else 1), again
    fresh.assert_idle()


@pytest.mark.parametrize("engine", ["snakemake", "dvc"])
def test_a_killed_stage(fresh: Workspace, engine: str) -> None:
    process = start(fresh, engine)
    wait_for(lambda: stage_processes(fresh, "stage1"))
    for pid in stage_processes(fresh, "stage1"):
        os.kill(pid, signal.SIGKILL)
    assert process.wait(timeout=900) != 0
    end_stages(fresh)
    assert not list(fresh.path.rglob("*.partial"))
    fresh._begun = fresh._beginnings()
    fresh.snakemake()
    assert not fresh.ran() & jobs("download resplit", ("ItalyPowerDemand",))
    fresh.assert_idle()
