"""After `kill -9` of anything the next run goes on where the last one was."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import ENGINES, STEPS_OF_A_RUN, Workspace, jobs, other, run

pytestmark = [pytest.mark.engines, pytest.mark.faults]
ONE = ("ItalyPowerDemand",)
EVERY_STEP = ("download", "resplit", "fcn", *STEPS_OF_A_RUN, "tables")


def start(workspace: Workspace, engine: str, *arguments: str) -> subprocess.Popen[str]:
    """An engine at work, the leader of a process group."""
    command = {"snakemake": ["snakemake", "--cores", "2"], "dvc": ["dvc", "repro"]}[engine]
    with open(workspace.path / f"{engine}.out", "a") as out:
        return subprocess.Popen(
            [sys.executable, "-m", *command, *arguments],
            cwd=workspace.path,
            env=workspace.env,
            stdout=out,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )


def wait_for(what: Callable[[], object], timeout_s: float = 3600) -> None:
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
    wait_for(lambda: not any(stage_processes(workspace, step) for step in EVERY_STEP))


def finished_jobs(workspace: Workspace) -> set[str]:
    """The jobs whose logs say that they are done."""
    return {path.stem for path in (workspace.path / "logs").glob("*.log") if " is done" in path.read_text()}


@pytest.fixture
def single(fresh: Workspace) -> Workspace:
    """A workspace with one data set in which nothing has been run."""
    fresh.set(datasets=list(ONE))
    return fresh


def results(workspace: Workspace) -> dict[str, bytes]:
    """All files of the one data set that are made the same every time."""
    return {name: content for name, content in workspace.results().items() if ONE[0] in Path(name).parts}


@pytest.mark.parametrize("then", ["snakemake", "dvc"])
@pytest.mark.parametrize("killed", ["snakemake", "dvc"])
def test_a_killed_engine(single: Workspace, killed: str, then: str) -> None:
    """The stage that it had started lives on; the next engine waits for it and keeps what is finished."""
    engine = start(single, killed)
    log = single.path / "logs" / f"stage2-{ONE[0]}-seed0.log"
    wait_for(lambda: log.exists() and " begins" in log.read_text())
    before = finished_jobs(single)
    engine.kill()
    engine.wait()
    single.count_from_here()
    run(single, then)
    again = single.ran() & before
    # a job may have ended without its engine having seen it; all others are kept
    assert len(again) <= 1, again
    single.assert_idle()


@ENGINES
def test_a_killed_stage(single: Workspace, engine: str) -> None:
    process = start(single, engine)
    wait_for(lambda: stage_processes(single, "stage1"))
    for pid in stage_processes(single, "stage1"):
        os.kill(pid, signal.SIGKILL)
    assert process.wait(timeout=7200) != 0
    assert not list(single.path.glob("results/*/seed0/stage1.*"))
    single.count_from_here()
    run(single, other(engine))
    assert not single.ran() & jobs("download resplit", ONE)
    single.assert_idle()


def seconds_used(session: int) -> float:
    """Processor time of an engine and all that it has started: a clock that a loaded machine does not change."""
    total = 0
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = (process / "stat").read_text().rpartition(")")[2].split()
            total += sum(map(int, fields[11:15])) if int(fields[3]) == session else 0
    return total / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("seed", range(2))
def test_power_cuts(single: Workspace, finished: Path, seed: int) -> None:
    """Both engines in turn, each ended by `kill -9` at a moment that nobody chose, until one gets to the end.

    Every other time all its processes die with it, as when the power fails. What comes out in the end is, byte
    for byte, what an undisturbed run makes.
    """
    chance = random.Random(seed)
    for attempt in range(40):
        engine = start(single, chance.choice(["snakemake", "dvc"]))
        moment = chance.uniform(1, 12) * (1 + attempt / 4)
        while engine.poll() is None and seconds_used(engine.pid) < moment:
            time.sleep(0.05)
        if engine.poll() is None:
            os.killpg(engine.pid, signal.SIGKILL) if attempt % 2 else engine.kill()
        if engine.wait() == 0:
            break
    else:
        pytest.fail("forty runs were not enough")
    end_stages(single)
    for engine_name in ("snakemake", "dvc"):
        run(single, engine_name)
    assert results(single) == results(Workspace(finished))
    assert not list(single.path.rglob("*.partial"))
    single.count_from_here()
    single.assert_idle()
