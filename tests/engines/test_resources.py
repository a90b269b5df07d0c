"""One GPU job at a time beside CPU jobs; on the CPU one thread a job."""

from __future__ import annotations

import re

import pytest

from .conftest import Workspace

pytestmark = pytest.mark.engines
GPU_RULES = {"fcn", "stage1", "stage2", "sample", "tau_search", "stage3", "evaluate"}


def gpu_rules(shown: str) -> set[str]:
    return {
        rule
        for rule, body in re.findall(r"^(?:local)?rule (\w+):$(.*?)^\s+resources: (?=.*gpu=1)", shown, re.M | re.S)
        if "rule" not in body
    }


def test_training_asks_for_the_gpu_where_there_is_one(fresh: Workspace) -> None:
    assert gpu_rules(fresh.snakemake("-n", "--config", "gpu=1")) == GPU_RULES
    assert gpu_rules(fresh.snakemake("-n", "--config", "gpu=0")) == set()


def test_one_gpu_job_at_a_time_and_cpu_jobs_beside_it(done: Workspace) -> None:
    """Two data sets train at stage 3 on one GPU while figures are drawn, by the times of the jobs' benchmarks."""
    done.set(stage3__steps=4)
    done.snakemake("--config", "gpu=1", "--resources", "gpu=1")
    log = max((done.path / ".snakemake" / "log").glob("*.log"), key=lambda path: path.stat().st_mtime).read_text()
    running: set[str] = set()
    rule_of: dict[str, str] = {}
    rule = ""
    for line in log.splitlines():
        if match := re.match(r"(?:local)?rule (\w+):", line):
            rule = match.group(1)
        elif match := re.match(r"\s+jobid: (\d+)", line):
            rule_of[match.group(1)] = rule
            running.add(match.group(1))
            assert sum(rule_of[job] in GPU_RULES for job in running) <= 1
        elif match := re.match(r"Finished jobid: (\d+)", line):
            running.discard(match.group(1))
    assert {"stage3", "evaluate", "plot"} <= set(rule_of.values())
