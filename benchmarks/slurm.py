"""What a study of 13 data sets x 3 seeds (313 jobs) costs on Slurm beside its own work, job by job and in groups.

    python benchmarks/slurm.py [--datasets 13] [--seeds 3] [--out benchmarks/results/slurm.json]

As root, with Debian's `slurm-wlm` and `munge`: tests/engines/slurm.sh starts a Slurm of one node on this machine.
A copy of the project is given small files for all outputs, which DVC's cache keeps. They are removed, and the
study runs through Slurm: each job restores its outputs and computes nothing, so what is left is overhead. First
every job is one of Slurm's (profiles/slurm), then a chain of them is (profiles/grouped).

Times that Slurm and Snakemake tell are whole seconds. On a machine that does other work, too, compare counts and
ratios. It takes half an hour on two cores, and less with fewer data sets.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from engines import ROOT, copy_project, pretend
from timing import quartiles

from nm_vqtsg.params import as_yaml, load_params, override

WAYS = {"job by job": ("profiles/slurm",), "grouped": ("profiles/slurm", "profiles/grouped")}
PROBES = 10


@contextmanager
def one_node(folder: Path) -> Iterator[None]:
    """A Slurm of one node, which commands inside the block find."""
    script = ROOT / "tests" / "engines" / "slurm.sh"
    os.environ["SLURM_CONF"] = str(folder / "slurm.conf")
    subprocess.run(["sh", str(script), "start", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["sh", str(script), "stop", str(folder)], check=True)


def output(*command: str) -> str:
    """What a command says."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def probes(folder: Path) -> dict[str, Any]:
    """Seconds that `sbatch` takes on an idle Slurm, and until its job begins."""
    submit, begin = [], []
    for number in range(PROBES):
        out, start = folder / f"probe{number}", time.time()
        subprocess.run(["sbatch", "--quiet", f"--output={out}", "--wrap", "date +%s.%N"], check=True)
        submit.append(time.time() - start)
        while not out.is_file() or not out.read_text().endswith("\n"):
            time.sleep(0.05)
        begin.append(float(out.read_text()) - start)
    return {"probes": PROBES, "sbatch_s": quartiles(submit), "begins_after_s": quartiles(begin)}


def run_study(project: Path, profiles: tuple[str, ...], jobs: int) -> tuple[float, str]:
    """Run the study without its files through Slurm; wall seconds, and what Snakemake said."""
    for name in ("data", "results", "logs", ".snakemake"):
        shutil.rmtree(project / name, ignore_errors=True)
    (project / "dvc.lock").unlink(missing_ok=True)
    command = [sys.executable, "-m", "snakemake", "--jobs", str(jobs), "--config", "gpu=0"]
    command += [word for profile in profiles for word in ("--profile", profile)]
    start = time.perf_counter()
    done = subprocess.run(
        command, cwd=project, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if done.returncode != 0:
        sys.exit(f"Snakemake gave {done.returncode}:\n{done.stdout[-3000:]}")
    return time.perf_counter() - start, done.stdout


def own_seconds(project: Path) -> dict[str, float]:
    """What each job took itself, as Snakemake's benchmark files say; ``stage1-FordA-seed0`` is a name."""
    found = {}
    for path in (project / "logs" / "benchmarks").glob("*.tsv"):
        found[path.stem] = float(path.read_text().splitlines()[1].split("\t")[0])
    return found


def slurm_jobs(seen: set[str]) -> list[dict[str, Any]]:
    """Name and times of the jobs that the controller knows and `seen` does not hold, which then does."""
    found = []
    for line in output("scontrol", "--oneliner", "show", "jobs").splitlines():
        fields = dict(re.findall(r"\b(\w+)=(\S+)", line))
        name = fields.get("JobName", "")
        if name.startswith("nm_vqtsg.") and fields["JobId"] not in seen:
            seen.add(fields["JobId"])
            times = {key: datetime.fromisoformat(fields[f"{key}Time"]).timestamp() for key in ("Start", "End")}
            found.append({"name": name.removeprefix("nm_vqtsg."), **times})
    return found


def belongs(name: str, job: str) -> bool:
    """Whether a job of Snakemake's, ``stage1-FordA-seed0``, is in one of Slurm's, ``GROUP-FordA-0``."""
    job = job.replace("-seed", "-")
    return name == job or (name.startswith("GROUP-") and job.partition("-")[2] == name.removeprefix("GROUP-"))


def noticed(said: str) -> dict[str, float]:
    """When Snakemake found out that a job had ended, by the job's name."""
    names: dict[str, list[str]] = {}
    found, rule, number, stamp = {}, "", "", float("nan")
    for line in map(str.strip, said.splitlines()):
        key, _, rest = line.partition(": ")
        if line.startswith(("rule ", "localrule ")) and line.endswith(":"):
            rule = line[:-1].split()[1]
        elif key == "jobid":
            number = rest
            names[number] = [rule]
        elif key == "wildcards":
            names[number] += re.findall(r"dataset=(\w+)", rest) + [
                f"seed{k}" for k in re.findall(r"seed=(\d+)", rest)
            ]
        elif line.startswith("[") and line.endswith("]"):
            stamp = datetime.strptime(line, "[%a %b %d %H:%M:%S %Y]").timestamp()
        elif key == "Finished jobid":
            found["-".join(names[rest.split()[0]])] = stamp
    return found


def measured(project: Path, wall: float, said: str, seen: set[str]) -> dict[str, Any]:
    """Counts and overheads of a run."""
    own, ends, jobs = own_seconds(project), noticed(said), slurm_jobs(seen)
    held, late = [], []
    for job in jobs:
        members = [name for name in own if belongs(job["name"], name)]
        assert members, job
        held.append(job["End"] - job["Start"] - sum(own[name] for name in members))
        late.append(max(ends[name] for name in members) - job["End"])
    in_jobs = sum(job["End"] - job["Start"] for job in jobs)
    return {
        "jobs": len(own),
        "slurm_jobs": len(jobs),
        "wall_s": wall,
        "own_s": sum(own.values()),
        "own_s_per_job": statistics.median(own.values()),
        "slurm_s": in_jobs,
        "overhead_s_per_slurm_job": quartiles(held),
        "overhead_s_per_job": (in_jobs - sum(own.values())) / len(own),
        "noticed_after_s": quartiles(late),
    }


def main() -> None:
    """Measure both ways, print a table and write a file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--datasets", type=int, default=13)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=50, help="how many of Slurm's Snakemake keeps at a time")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "slurm.json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, one_node(Path(folder, "slurm")):
        project = Path(folder, "project")
        project.mkdir()
        copy_project(project)
        params = load_params(project / "params.yaml")
        names = json.dumps(params.datasets[: options.datasets])
        changes = [f"datasets={names}", f"seeds={json.dumps(list(range(options.seeds)))}"]
        (project / "params.yaml").write_text(as_yaml(override(params, changes)))
        pretend(project)
        versions = {
            "slurm": output("sbatch", "--version").split()[-1],
            "snakemake": output(sys.executable, "-m", "snakemake", "--version").strip(),
        }
        found: dict[str, Any] = {"idle": probes(Path(folder)), "ways": {}}
        seen: set[str] = set()
        for way, profiles in WAYS.items():
            before = os.getloadavg()[2]
            wall, said = run_study(project, profiles, options.jobs)
            found["ways"][way] = {"load": [before, os.getloadavg()[2]], **measured(project, wall, said, seen)}
            print(way, json.dumps(found["ways"][way], indent=2), flush=True)
    one, many = found["ways"]["grouped"], found["ways"]["job by job"]
    found["ratios"] = {
        name: many[name] / one[name] for name in ("slurm_jobs", "wall_s", "slurm_s", "overhead_s_per_job")
    }
    found["machine"] = {"cores": os.cpu_count(), "python": platform.python_version(), **versions}
    found["study"] = {"datasets": options.datasets, "seeds": options.seeds, "jobs_at_a_time": options.jobs}
    options.out.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found["ratios"], indent=2))


if __name__ == "__main__":
    main()
