"""How long the engines take to see that a finished study of 13 data sets x 3 seeds (313 jobs) needs nothing.

    python benchmarks/engines.py [--repeats 3] [--profile]

A copy of the project is given small files for all outputs, recorded as a run of Snakemake records them; then
``snakemake -n`` and ``dvc status`` are timed, with nothing to do and after a change of tau_grid. Nothing trains.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

from nm_vqtsg.engines.locktext import update_lock  # noqa: E402
from nm_vqtsg.engines.pipeline import Pipeline  # noqa: E402
from nm_vqtsg.engines.records import Digests, fingerprint_of, ingredients, products  # noqa: E402
from nm_vqtsg.engines.store import Store  # noqa: E402


def copy_project(target: Path) -> None:
    """The project's files, in a repository of their own."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        if not name.startswith(("tests/", "docs/", "studies/")):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    subprocess.run(["git", "init", "--quiet"], cwd=target, check=True)


def pretend(project: Path) -> int:
    """Write and record small outputs for every job; returns the number of jobs."""
    pipeline, store, digests, records = Pipeline(project), Store(project), Digests(), {}
    fingerprint = fingerprint_of(pipeline, digests)
    for stage in pipeline.order:
        for out in stage.outs:
            path = project / out
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("{}\n" if path.name == "metrics.json" else f"step\tloss\n1\t0.5\n{out}\n")
        record = ingredients(pipeline, stage, digests, fingerprint)
        assert record is not None, stage.name
        record["outs"] = products(pipeline, stage, digests)
        store.remember(record)
        records[stage.name] = record
    update_lock(project, records)
    return len(records)


def timed(command: list[str], project: Path, repeats: int) -> tuple[list[float], list[float], str]:
    """Wall and CPU seconds of each call, and what the last one said."""
    wall, cpu, said = [], [], ""
    for _ in range(repeats):
        before, start = os.times(), time.perf_counter()
        done = subprocess.run(command, cwd=project, check=True, capture_output=True, text=True)
        wall.append(time.perf_counter() - start)
        after = os.times()
        cpu.append(after.children_user + after.children_system - before.children_user - before.children_system)
        said = done.stdout + done.stderr
    return wall, cpu, said


def main() -> None:
    """Time both engines and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--profile", action="store_true", help="also print where `snakemake -n` spends its time")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        copy_project(project)
        jobs = pretend(project)
        snakemake = [sys.executable, "-m", "snakemake", "-n"]
        dvc = [sys.executable, "-m", "dvc", "status"]
        print(
            f"{jobs} jobs, {os.cpu_count()} cores, Python {sys.version.split()[0]}, load {os.getloadavg()[0]:.1f}"
        )
        print(f"| {'command':<32} | wall s (min) | CPU s (min) | says |\n|---|---|---|---|")
        for note in ("", " (tau_grid changed)"):
            for name, command in (("snakemake -n", snakemake), ("dvc status", dvc)):
                wall, cpu, said = timed(command, project, options.repeats)
                lines = [line for line in said.splitlines() if "to be done" in line or "up to date" in line]
                total = [line.split()[-1] + " jobs" for line in said.splitlines() if line.startswith("total ")]
                verdict = (lines or total or ["changes"])[-1]
                print(f"| {name + note:<32} | {min(wall):.1f} | {min(cpu):.1f} | {verdict} |", flush=True)
            params = (project / "params.yaml").read_text()
            (project / "params.yaml").write_text(params.replace("- 0.1\n", "- 0.2\n", 1))
        if options.profile:
            command = [sys.executable, "-m", "cProfile", "-s", "cumulative", *snakemake[1:]]
            print("\n".join(timed(command, project, 1)[2].split("function calls")[-1].splitlines()[:60]))


if __name__ == "__main__":
    main()
