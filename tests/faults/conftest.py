"""A small study of real series with real networks whose steps are real processes: `python -m nm_vqtsg ...`.

It is run once, undisturbed; every test works on a copy of its own and holds its files against the first.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from nm_vqtsg.engines.pipeline import Pipeline
from nm_vqtsg.params import Params, as_yaml, override
from nm_vqtsg.study.graph import STEPS, TRAINED

ROOT = Path(__file__).resolve().parents[2]
DATASET = "ItalyPowerDemand"  # comes with sktime
LONG_S = 300.0  # patience with a loaded machine

SMALL = {
    "datasets": [DATASET],
    "seeds": [0],
    "tau_grid": [0.1, 0.5],
    "data.source": "sktime",
    "fcn.max_steps": 300,
    "fcn.batch_size": 16,
    "stage1.steps": 300,
    "stage1.batch_size": 8,
    "stage1.codebook_size": 16,
    "stage1.code_dim": 4,
    "stage1.last_width": 16,
    "stage2.steps": 300,
    "stage2.batch_size": 8,
    "stage2.lf.width": 16,
    "stage2.lf.depth": 1,
    "stage2.hf.width": 8,
    "sample.n_samples": 64,
    "sample.n_per_class": 8,
    "sample.steps": 3,
    "rocket.n_kernels": 20,
    "tau_search.n_train": 100,
    "stage3.steps": 300,
    "stage3.batch_size": 8,
    "stage3.width": 4,
    "stage3.multipliers": [1, 2],
    "evaluate.is_splits": 2,
    "evaluate.bootstrap": 5,
    "evaluate.cas_fits": 1,
    "evaluate.network_steps": 2,
    "plot.n_overlay": 10,
    "plot.n_pairs": 2,
    "plot.n_points": 20,
}


class Study:
    """A study in a folder, its steps as processes, and its files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def set(self, changes: Mapping[str, Any]) -> None:
        """Write params.yaml: `SMALL`, and these changes."""
        settings = [f"{key}={str(value).replace(' ', '')}" for key, value in {**SMALL, **changes}.items()]
        (self.folder / "params.yaml").write_text(as_yaml(override(Params(), settings)))

    def command(self, step: str, *options: str) -> list[str]:
        job = {"dataset": ["--dataset", DATASET], "seed": ["--dataset", DATASET, "--seed", "0"], "study": []}
        return [sys.executable, "-m", "nm_vqtsg", step, *job[STEPS[step].scope], *options]

    def environment(self, **more: str) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1", **more}

    def start(
        self, step: str, *options: str, before: Callable[[], object] | None = None, **more: str
    ) -> subprocess.Popen[str]:
        """Start a step; `before` is called in its process, `more` stands in its environment."""
        return subprocess.Popen(
            self.command(step, *options),
            cwd=self.folder,
            env=self.environment(**more),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=before,
        )

    def run(self, step: str, *options: str, **more: Any) -> str:
        """Run a step, which must succeed; its log lines."""
        process = self.start(step, *options, **more)
        _, errors = process.communicate(timeout=LONG_S)
        assert process.returncode == 0, errors
        return errors

    def refused(self, step: str, *options: str, **more: Any) -> str:
        """Run a step, which must end with status 1 and one line; that line."""
        process = self.start(step, *options, **more)
        _, errors = process.communicate(timeout=LONG_S)
        lines = errors.strip().splitlines()
        assert process.returncode == 1, errors
        assert lines[-1].startswith("error: ") and "Traceback" not in errors, errors
        assert sum(line.startswith("error: ") for line in lines) == 1, errors
        return lines[-1]

    def name(self, step: str) -> str:
        return {"dataset": f"{step}@{DATASET}", "seed": f"{step}@{DATASET}-0", "study": step}[STEPS[step].scope]

    def outputs(self, step: str) -> list[Path]:
        """The files that dvc.yaml expects of a step."""
        return [self.folder / out for out in Pipeline(self.folder).stages[self.name(step)].outs]

    def forget(self, step: str) -> None:
        """Remove a step's outputs, as the engines do before they run it."""
        for path in self.outputs(step):
            path.unlink(missing_ok=True)

    def files(self) -> dict[str, bytes]:
        """All files under data and results, hidden ones too."""
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for top in ("data", "results")
            for path in sorted((self.folder / top).rglob("*"))
            if path.is_file()
        }

    def log(self, step: str) -> str:
        parts = {"dataset": f"{step}-{DATASET}", "seed": f"{step}-{DATASET}-seed0", "study": step}
        path = self.folder / "logs" / f"{parts[STEPS[step].scope]}.log"
        return path.read_text() if path.is_file() else ""

    def checkpoints(self, step: str) -> list[Path]:
        """The step's checkpoints, oldest first."""
        return sorted(self.folder.glob(f".checkpoints/{step}-{DATASET}*/step-*.safetensors"))

    def steps_saved(self, step: str) -> int:
        """Optimiser steps in the newest checkpoint."""
        found = self.checkpoints(step)
        return int(found[-1].stem.removeprefix("step-")) if found else 0

    def temporary_files(self) -> list[Path]:
        """What a killed process may leave, and a finished one must not."""
        return [path for path in self.folder.rglob(".*.partial")]


def wait_for(what: Callable[[], object], process: subprocess.Popen[str], timeout_s: float = LONG_S) -> None:
    """Wait until something is true or the process has ended."""
    deadline = time.monotonic() + timeout_s
    while process.poll() is None and not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.002)


def same_files(left: Mapping[str, bytes], right: Mapping[str, bytes]) -> bool:
    """Compare two results of `Study.files`, naming what differs."""
    different = sorted(name for name in {*left, *right} if left.get(name) != right.get(name))
    assert not different, different
    return True


SEVERAL = """
from pathlib import Path
from nm_vqtsg.commands.step_command import run_step
from nm_vqtsg.study.graph import STEPS
for step in {steps!r}:
    scope = STEPS[step].scope
    dataset, seed = ("" if scope == "study" else {dataset!r}), (0 if scope == "seed" else None)
    run_step(step, Path(), dataset, seed, device="cpu", progress="none")
"""


def run_undisturbed(study: Study, steps: Sequence[str]) -> None:
    """Several steps in one process, which saves the time of loading torch."""
    done = subprocess.run(
        [sys.executable, "-c", SEVERAL.format(steps=list(steps), dataset=DATASET)],
        cwd=study.folder,
        env=study.environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def up_to_stage1(tmp_path_factory: pytest.TempPathFactory) -> Study:
    folder = tmp_path_factory.mktemp("faults") / "begun"
    (folder / ".dvc").mkdir(parents=True)  # a workspace of DVC's, in which curves are followed live
    shutil.copy(ROOT / "dvc.yaml", folder)
    study = Study(folder)
    study.set({})
    run_undisturbed(study, ["download", "resplit", "stage1"])
    return study


@pytest.fixture(scope="session")
def whole(up_to_stage1: Study, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The study after one undisturbed run of all its steps. Not to be changed."""
    study = Study(Path(shutil.copytree(up_to_stage1.folder, tmp_path_factory.mktemp("faults") / "whole")))
    run_undisturbed(study, [step for step in STEPS if step not in ("download", "resplit", "stage1")])
    return study


@pytest.fixture
def begun(up_to_stage1: Study, tmp_path: Path) -> Study:
    """A copy of the study that has its data and stage 1, for quick tests."""
    return Study(Path(shutil.copytree(up_to_stage1.folder, tmp_path / "study")))


@pytest.fixture
def study(whole: Study, tmp_path: Path) -> Study:
    """A copy of the finished study."""
    return Study(Path(shutil.copytree(whole.folder, tmp_path / "study")))


__all__ = ["DATASET", "LONG_S", "STEPS", "TRAINED", "Study", "same_files", "wait_for"]
