"""Peak memory and time of each step of the pipeline, run as in the pipeline, on artificial series of any size.

    OMP_NUM_THREADS=1 python benchmarks/memory.py [--length 1024] [--train 13000] [--test 3250] [--steps fcn ...]

A study in a temporary folder holds the series as own data, with the paper's networks and only a few optimiser
steps: what a step holds in memory does not depend on how many of them there are, and its processor time is that of
all but training. Both are of the process, as the kernel reports them when it ends; the peak is resident memory.
Exit status 1 if a step needs more than 2 GB.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

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
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_maxrss, used.ru_utime + used.ru_stime)
sys.exit(status)
"""


class Used(NamedTuple):
    """What a step took: peak memory in MB (10⁶ bytes), and seconds of processor time."""

    mb: float
    seconds: float


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


def used_by(step: str, folder: Path) -> Used:
    """Run one step."""
    command = [sys.executable, "-m", "nm_vqtsg", step, "--dataset", "Artificial", "--study", str(folder)]
    command += [] if step in SHARED else ["--seed", "0"]
    done = subprocess.run(
        [sys.executable, "-c", WATCH, *command, "--device", "cpu", "--progress", "none"],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"{step} failed:\n{done.stderr}")
    kilobytes, seconds = done.stdout.split()
    return Used(int(kilobytes) * 1024 / 1e6, float(seconds))


def measured(length: int, n_train: int, n_test: int, steps: tuple[str, ...] = STEPS) -> dict[str, Used]:
    """What each of the `steps` took; all that come before them run, since each reads what others wrote."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_study(folder, length, n_train, n_test)
        found = {}
        for step in STEPS[: max(STEPS.index(step) for step in steps) + 1]:
            found[step] = used_by(step, folder)
            print(f"{step}: {found[step].mb:.0f} MB, {found[step].seconds:.1f} s", file=sys.stderr, flush=True)
    return {step: found[step] for step in steps}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--length", type=int, default=1024)
    parser.add_argument("--train", type=int, default=13000)
    parser.add_argument("--test", type=int, default=3250)
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=list(STEPS))
    options = parser.parse_args()
    found = measured(options.length, options.train, options.test, tuple(options.steps))
    table = Table(title=f"peak memory, L {options.length}, {options.train} TRAIN and {options.test} TEST series")
    table.add_column("step")
    table.add_column("MB", justify="right")
    table.add_column("processor time, s", justify="right")
    for step, used in found.items():
        too_much = " (too much)" if used.mb > LIMIT_MB else ""
        table.add_row(step, f"{used.mb:.0f}{too_much}", f"{used.seconds:.1f}")
    Console().print(table)
    sys.exit(any(used.mb > LIMIT_MB for used in found.values()))


if __name__ == "__main__":
    main()
