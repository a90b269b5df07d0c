"""The workflow through a real Slurm: one node, this machine (slurm.sh)."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from .conftest import Workspace, jobs
from .test_kills import stage_processes, start, wait_for

pytestmark = pytest.mark.engines
SCRIPT = Path(__file__).with_name("slurm.sh")
NEEDED = ("sbatch", "slurmctld", "slurmd", "munged")
PROFILE = ("--profile", "profiles/slurm", "--jobs", "4", "--latency-wait", "20")


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Its configuration file."""
    places = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    missing = [name for name in NEEDED if shutil.which(name, path=places) is None]
    if missing:
        pytest.skip(f"no Slurm on this machine: {', '.join(missing)} (Debian: slurm-wlm, munge)")
    if os.geteuid() != 0:
        pytest.skip("only root can start a Slurm of one node")
    folder = tmp_path_factory.mktemp("slurm")
    subprocess.run(["sh", str(SCRIPT), "start", str(folder)], check=True)
    yield folder / "slurm.conf"
    subprocess.run(["sh", str(SCRIPT), "stop", str(folder)], check=True)


def slurm_jobs(workspace: Workspace) -> list[str]:
    """What Slurm knows of each job of a workspace."""
    shown = workspace.call("scontrol", "--oneliner", "show", "jobs").splitlines()
    return [line for line in shown if f"WorkDir={workspace.path} " in line]


def field(job: str, name: str) -> str:
    found = re.search(rf"\b{name}=(\S+)", job)
    assert found, job
    return found.group(1)


def states(workspace: Workspace) -> dict[str, list[str]]:
    """States of Slurm's jobs by the rule they run."""
    found: dict[str, list[str]] = {}
    for job in slurm_jobs(workspace):
        rule = field(job, "JobName").removeprefix("nm_vqtsg.")
        found.setdefault(rule, []).append(field(job, "JobState"))
    return found


def test_every_job_goes_through_slurm(done: Workspace, slurm: Path) -> None:
    """The node's one GPU, which is none, is asked for by those who train and judge, and had by one at a time."""
    done.env["SLURM_CONF"] = str(slurm)
    done.set(stage3__steps=4)
    done.snakemake(*PROFILE)
    assert done.ran() == jobs("stage3 evaluate plot tables")
    assert states(done) == {
        "stage3": ["COMPLETED"] * 2,
        "evaluate": ["COMPLETED"] * 2,
        "plot": ["COMPLETED"] * 2,
        "tables": ["COMPLETED"],
    }
    on_gpu = [job for job in slurm_jobs(done) if "TresPerNode=gres:gpu:1" in job]
    assert sorted(field(job, "JobName") for job in on_gpu) == ["nm_vqtsg.evaluate"] * 2 + ["nm_vqtsg.stage3"] * 2
    times = sorted((field(job, "StartTime"), field(job, "EndTime")) for job in on_gpu)
    assert all(ended <= begun for (_, ended), (begun, _) in pairwise(times)), times
    done.assert_idle()


def test_a_job_that_slurm_ends_fails_and_the_rest_goes_on(done: Workspace, slurm: Path) -> None:
    done.env["SLURM_CONF"] = str(slurm)
    done.set(stage3__steps=60)
    engine = start(done, "snakemake", *PROFILE, "--config", "gpu=0")
    wait_for(lambda: stage_processes(done, "stage3"))
    running = ("squeue", "--noheader", "--name=nm_vqtsg.stage3", "--states=running", "--format=%i")
    done.call("scancel", done.call(*running).split()[0])
    assert engine.wait(timeout=7200) != 0
    assert sorted(states(done)["stage3"]) == ["CANCELLED", "COMPLETED"]
    first = done.ran()
    kept = "ItalyPowerDemand" if "plot-ItalyPowerDemand-seed0" in first else "GunPoint"
    # the job that was cancelled may not have come as far as its log
    assert jobs("stage3 evaluate plot", (kept,)) <= first <= jobs("stage3") | jobs("evaluate plot", (kept,))
    done.snakemake()
    assert done.ran() == jobs("stage3 evaluate plot tables") - jobs("stage3 evaluate plot", (kept,))
    done.assert_idle()
