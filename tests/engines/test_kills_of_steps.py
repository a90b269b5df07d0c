"""`kill -9` of every step while an engine runs it, and of the engine with all that it has started.

What has its final name is whole, and the other engine finishes with the same bytes, running nothing else again.
"""

from __future__ import annotations

import os
import random
import signal
import time

import pytest

from .conftest import ENGINES, Workspace, jobs, other, run
from .test_kills import EVERY_STEP, ONE, end_stages, seconds_used, stage_processes, start, wait_for

pytestmark = [pytest.mark.engines, pytest.mark.faults]
KILLS = 2  # of a step, and of an engine
SECONDS = 3.0  # of processor time that a step takes, or less


def job(step: str) -> str:
    """DVC's name of a step's job for the one data set."""
    return (
        step if step == "tables" else f"{step}@{next(iter(jobs(step, ONE))).partition('-')[2].replace('seed', '')}"
    )


def kill(workspace: Workspace, engine: str, step: str, chance: random.Random, power_cut: bool) -> bool:
    """Start an engine and end its step, or all its processes, in the middle of the step; was it in time?"""
    process = start(workspace, engine)
    wait_for(lambda: process.poll() is not None or stage_processes(workspace, step))
    moment = seconds_used(process.pid) + chance.uniform(0, SECONDS)
    while stage_processes(workspace, step) and seconds_used(process.pid) < moment:
        time.sleep(0.02)
    if power_cut:
        in_time = bool(stage_processes(workspace, step))
        os.killpg(process.pid, signal.SIGKILL)
    else:
        pids = stage_processes(workspace, step)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        in_time = bool(pids)
    status = process.wait(timeout=7200)
    end_stages(workspace)
    return in_time and status != 0


@ENGINES
@pytest.mark.attacks(KILLS)
@pytest.mark.parametrize("step", EVERY_STEP)
def test_a_step_and_its_engine_are_killed(done: Workspace, step: str, engine: str) -> None:
    expected, chance = done.results(), random.Random(f"{step} {engine}")
    for power_cut in (False, True):
        for _ in range(20):
            done.forget(job(step))
            if kill(done, engine, step, chance, power_cut):
                break
        else:
            pytest.fail("twenty attempts came too late")
        for name, content in done.results().items():
            assert os.path.basename(name).startswith(".") or content == expected[name], f"{name} is half-written"
    done.count_from_here()
    run(done, other(engine))
    assert done.ran() <= jobs(step, ONE)
    assert done.results() == expected
    run(done, engine)
    assert done.ran() == set()
    assert done.results() == expected
