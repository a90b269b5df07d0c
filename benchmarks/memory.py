"""Peak memory of each step of the pipeline, run as the pipeline runs it, on artificial series of any size.

    OMP_NUM_THREADS=1 python benchmarks/memory.py [--length 1024] [--train 13000] [--test 3250] [--steps fcn ...]

A study in a temporary folder holds the series as own data, with the paper's networks and only a few optimiser
steps: what a step holds in memory does not depend on how many of them there are. The peak is resident memory of
the process, as the kernel reports it when the process ends. Exit status 1 if a step needs more than 2 GB.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import material
import numpy as np
from rich.console import Console
from rich.table import Table

from nm_vqtsg.params import Params, as_yaml, override

LIMIT_MB = 2000
STEPS = ("download", "resplit", "stage1", "stage2", "sample", "tau_search", "stage3", "fcn", "evaluate", "plot")
SHARED = ("download", "resplit", "fcn")  # by all seeds
FEW = (
    "datasets=[Artificial]",
    "seeds=[0]",
    "own_data.Artificial.path=series",
    "own_data.Artificial.keep_split=true",
    "tau_grid=[0.5,1]",
    "fcn.max_steps=3",
    "stage1.steps=5",
    "stage2.steps=5",
    "stage3.steps=5",
    "evaluate.bootstrap=2",
    "evaluate.cas_fits=1",
    "evaluate.network_steps=2",
)

# A process inherits the peak of the one that starts it, so a small one stands between.
WATCH = """
import resource, subprocess, sys
status = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(status)
"""


def make_study(folder: Path, length: int, n_train: int, n_test: int, n_classes: int = 5) -> None:
    """A study of artificial series."""
    (folder / "series").mkdir()
    for split, n, seed in (("TRAIN", n_train, 0), ("TEST", n_test, 1)):
        series = material.artificial(n, length, n_classes, seed)
        assert series.y is not None
        rows = np.column_stack([series.y, series.X[:, 0]])
        np.savetxt(folder / "series" / f"Artificial_{split}.tsv", rows, fmt="%.5g", delimiter="\t")
    params = override(Params(own_data={"Artificial": {}}), FEW)
    (folder / "params.yaml").write_text(as_yaml(params), encoding="utf-8")


def peak_mb(step: str, folder: Path) -> float:
    """Run one step; its peak memory in MB (10⁶ bytes)."""
    command = [sys.executable, "-m", "nm_vqtsg", step, "--dataset", "Artificial", "--study", str(folder)]
    command += [] if step in SHARED else ["--seed", "0"]
    done = subprocess.run(
        [sys.executable, "-c", WATCH, *command, "--device", "cpu", "--progress", "none"],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"{step} failed:\n{done.stderr}")
    return int(done.stdout) * 1024 / 1e6


def peaks(length: int, n_train: int, n_test: int, steps: tuple[str, ...] = STEPS) -> dict[str, float]:
    """Peak memory of the `steps`, in MB; all steps run, since each reads what others wrote."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_study(folder, length, n_train, n_test)
        found = {}
        for step in STEPS[: max(STEPS.index(step) for step in steps) + 1]:
            found[step] = peak_mb(step, folder)
            print(f"{step}: {found[step]:.0f} MB", file=sys.stderr, flush=True)
    return {step: found[step] for step in steps}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--length", type=int, default=1024)
    parser.add_argument("--train", type=int, default=13000)
    parser.add_argument("--test", type=int, default=3250)
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=list(STEPS))
    options = parser.parse_args()
    found = peaks(options.length, options.train, options.test, tuple(options.steps))
    table = Table(title=f"peak memory, L {options.length}, {options.train} TRAIN and {options.test} TEST series")
    table.add_column("step")
    table.add_column("MB", justify="right")
    for step, mb in found.items():
        table.add_row(step, f"{mb:.0f}" + (" (too much)" if mb > LIMIT_MB else ""))
    Console().print(table)
    sys.exit(any(mb > LIMIT_MB for mb in found.values()))


if __name__ == "__main__":
    main()
