"""One GPU job at a time beside CPU jobs; on the CPU one thread a job."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .conftest import Workspace, jobs
from .test_kills import stage_processes, start, wait_for

pytestmark = pytest.mark.engines
GPU_RULES = {"fcn", "stage1", "stage2", "sample", "tau_search", "stage3", "evaluate"}


def gpu_rules(shown: str) -> set[str]:
    planned = re.split(r"^(?:local)?rule (?=\w+:$)", shown, flags=re.M)[1:]
    return {job.split(":")[0] for job in planned if re.search(r"^\s+resources: .*\bgpu=1\b", job, re.M)}


def test_training_asks_for_the_gpu_where_there_is_one(fresh: Workspace) -> None:
    assert gpu_rules(fresh.snakemake("-n", "--config", "gpu=1")) == GPU_RULES
    assert gpu_rules(fresh.snakemake("-n", "--config", "gpu=0")) == set()


def together(workspace: Workspace) -> list[list[str]]:
    """The rules at work after each start of a job, as the log of the last run of Snakemake has them."""
    logs = (workspace.path / ".snakemake" / "log").glob("*.log")
    running: dict[str, str] = {}
    moments, rule = [], ""
    for line in max(logs, key=lambda path: path.stat().st_mtime).read_text().splitlines():
        if match := re.match(r"(?:local)?rule (\w+):", line):
            rule = match.group(1)
        elif match := re.match(r"\s+jobid: (\d+)", line):
            running[match.group(1)] = rule
            moments.append(sorted(running.values()))
        elif match := re.match(r"Finished jobid: (\d+)", line):
            del running[match.group(1)]
    return moments


def test_one_gpu_job_at_a_time_and_cpu_jobs_beside_it(done: Workspace) -> None:
    """Two data sets train and are judged on one GPU while the figures of one are drawn."""
    done.set(stage3__steps=4)
    done.snakemake("--config", "gpu=1", "--resources", "gpu=1")
    assert done.ran() == jobs("stage3 evaluate plot tables")
    moments = together(done)
    assert all(sum(rule in GPU_RULES for rule in rules) <= 1 for rules in moments)
    assert any("plot" in rules and set(rules) & GPU_RULES for rules in moments)


def test_without_a_gpu_as_many_jobs_as_cores(done: Workspace) -> None:
    """The same command, and both data sets train at once, each with one thread."""
    done.set(stage3__steps=40)
    done.env.pop("OMP_NUM_THREADS")
    engine = start(done, "snakemake", "--config", "gpu=0", "--resources", "gpu=1")
    wait_for(lambda: len(stage_processes(done, "stage3")) == 2)
    for process in stage_processes(done, "stage3"):
        assert b"OMP_NUM_THREADS=1\0" in Path(f"/proc/{process}/environ").read_bytes()
    assert engine.wait(timeout=7200) == 0
    assert ["stage3", "stage3"] in together(done)
    assert max(map(len, together(done))) == 2  # --cores 2
