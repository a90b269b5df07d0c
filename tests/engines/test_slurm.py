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

from .conftest import DATASETS, STEPS_OF_A_RUN, Workspace, jobs
from .test_kills import ONE, end_stages, results, stage_processes, start, wait_for

pytestmark = pytest.mark.engines
SCRIPT = Path(__file__).with_name("slurm.sh")
NEEDED = ("sbatch", "slurmctld", "slurmd", "munged")
PROFILE = ("--profile", "profiles/slurm", "--jobs", "4", "--latency-wait", "20")
GROUPED = (*PROFILE, "--profile", "profiles/grouped")


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
    """States of Slurm's jobs by the rule they run; those that run several are a GROUP."""
    found: dict[str, list[str]] = {}
    for job in slurm_jobs(workspace):
        rule = field(job, "JobName").removeprefix("nm_vqtsg.").partition("-")[0]
        found.setdefault(rule, []).append(field(job, "JobState"))
    return found


def begun(workspace: Workspace, job: str) -> int:
    """How often a job has begun so far."""
    log = workspace.path / "logs" / f"{job}.log"
    return log.read_text().count(" begins\n") if log.exists() else 0


def checkpoint(workspace: Workspace, dataset: str) -> int:
    """How many steps of stage 3 the newest checkpoint holds."""
    found = workspace.path.glob(f".checkpoints/stage3-{dataset}*/step-*.safetensors")
    return max((int(path.stem.removeprefix("step-")) for path in found), default=0)


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
    assert {field(job, "JobName") for job in on_gpu} == {
        f"nm_vqtsg.{step}-{dataset}-0" for step in ("stage3", "evaluate") for dataset in DATASETS
    }
    times = sorted((field(job, "StartTime"), field(job, "EndTime")) for job in on_gpu)
    assert all(ended <= begun for (_, ended), (begun, _) in pairwise(times)), times
    done.assert_idle()


def test_a_job_that_slurm_ends_fails_and_the_rest_goes_on(done: Workspace, slurm: Path) -> None:
    done.env["SLURM_CONF"] = str(slurm)
    done.set(stage3__steps=60)
    engine = start(done, "snakemake", *PROFILE, "--config", "gpu=0")
    wait_for(lambda: stage_processes(done, "stage3"))
    shown = done.call("squeue", "--noheader", "--states=running", "--format=%i %j").splitlines()
    done.call("scancel", next(line.split()[0] for line in shown if " nm_vqtsg.stage3-" in line))
    assert engine.wait(timeout=7200) != 0
    assert sorted(states(done)["stage3"]) == ["CANCELLED", "COMPLETED"]
    first = done.ran()
    kept = "ItalyPowerDemand" if "plot-ItalyPowerDemand-seed0" in first else "GunPoint"
    # the job that was cancelled may not have come as far as its log
    assert jobs("stage3 evaluate plot", (kept,)) <= first <= jobs("stage3") | jobs("evaluate plot", (kept,))
    done.snakemake()
    assert done.ran() == jobs("stage3 evaluate plot tables") - jobs("stage3 evaluate plot", (kept,))
    done.assert_idle()


def test_what_follows_one_another_is_one_job_of_slurm(fresh: Workspace, finished: Path, slurm: Path) -> None:
    """21 jobs are five of Slurm's, each with what its members need together, and the same bytes come out."""
    fresh.env["SLURM_CONF"] = str(slurm)
    fresh.snakemake(*GROUPED)
    assert fresh.ran() == jobs(f"download resplit fcn {' '.join(STEPS_OF_A_RUN)} tables")
    known = {field(job, "JobName").removeprefix("nm_vqtsg."): job for job in slurm_jobs(fresh)}
    assert {name: field(job, "JobState") for name, job in known.items()} == dict.fromkeys(
        ["tables", *(f"GROUP-{dataset}{run}" for dataset in DATASETS for run in ("", "-0"))], "COMPLETED"
    )
    assert len(slurm_jobs(fresh)) == 5
    for name, job in known.items():
        assert field(job, "NumCPUs") == "1"
        assert field(job, "MinMemoryNode") == "4000M"
        assert ("TresPerNode=gres:gpu:1" in job) == (name != "tables")
        assert (fresh.path / "logs" / "slurm" / f"nm_vqtsg.{name}-{field(job, 'JobId')}.out").is_file()
    # the time limits of what runs one after the other add up: 60 + 60 + 1440, 3 * 480 + 3 * 240 + 60 minutes
    assert field(known[f"GROUP-{ONE[0]}"], "TimeLimit") == "1-02:00:00"
    assert field(known[f"GROUP-{ONE[0]}-0"], "TimeLimit") == "1-13:00:00"
    assert results(fresh) == results(Workspace(finished))
    fresh.assert_idle()


def test_a_group_that_slurm_ends_fails_and_the_rest_goes_on(done: Workspace, slurm: Path) -> None:
    """What the group had finished is kept; the same command does what is left, from the last checkpoint."""
    done.env |= {"SLURM_CONF": str(slurm), "NM_VQTSG_CHECKPOINT_EVERY": "0"}
    done.set(stage1__steps=4, stage3__steps=600)
    engine = start(done, "snakemake", *GROUPED, "--config", "gpu=0")
    wait_for(lambda: checkpoint(done, ONE[0]) >= 100)
    done.call("scancel", f"--name=nm_vqtsg.GROUP-{ONE[0]}-0")
    assert engine.wait(timeout=7200) != 0
    assert sorted(states(done)["GROUP"]) == ["CANCELLED", "COMPLETED"]
    kept = tuple(name for name in DATASETS if name not in ONE)
    assert done.ran() == jobs("stage1 stage2 sample tau_search stage3") | jobs("evaluate plot", kept)
    assert list(done.path.glob(f"results/{ONE[0]}/seed0/stage1.*"))
    reached = checkpoint(done, ONE[0])
    done.snakemake(*GROUPED, "--config", "gpu=0")
    assert done.ran() == jobs("stage3 evaluate plot", ONE) | jobs("tables")
    assert sorted(states(done)["GROUP"]) == ["CANCELLED", "COMPLETED", "COMPLETED"]
    again = (done.path / "logs" / f"stage3-{ONE[0]}-seed0.log").read_text().rpartition(" begins")[2]
    steps = [int(step) for step in re.findall(r"stage 3: (\d+)/600", again)]
    assert steps[0] > reached >= 100, (steps, reached)
    done.assert_idle()


def test_a_group_outlives_the_process_that_submitted_it(done: Workspace, slurm: Path) -> None:
    done.env["SLURM_CONF"] = str(slurm)
    done.set(stage3__steps=4)
    before = begun(done, f"stage3-{ONE[0]}-seed0")
    engine = start(done, "snakemake", *GROUPED, "--config", "gpu=0")
    wait_for(lambda: begun(done, f"stage3-{ONE[0]}-seed0") > before)
    engine.kill()
    engine.wait()
    wait_for(lambda: set(states(done)["GROUP"]) == {"COMPLETED"})
    end_stages(done)
    assert done.ran() >= jobs("stage3 evaluate plot", ONE)
    done.snakemake(*GROUPED, "--config", "gpu=0")
    assert not done.ran() & jobs("stage3 evaluate plot", ONE)
    done.assert_idle()
