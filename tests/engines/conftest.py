"""A small study of two real data sets with real networks and a few steps, run by the real engines.

It is run once, also when several processes run the tests; every test works on a copy of its own.
"""

from __future__ import annotations

import ast
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nm_vqtsg.engines.pipeline import Pipeline
from nm_vqtsg.engines.store import read_written
from nm_vqtsg.params import as_yaml, load_params, override
from nm_vqtsg.yaml12 import dump_yaml

ROOT = Path(__file__).resolve().parents[2]
DATASETS = ("ItalyPowerDemand", "GunPoint")  # both come with sktime
TINY = {
    "datasets": list(DATASETS),
    "seeds": [0],
    "tau_grid": [0.1, 0.5, 2],  # two data sets choose two of them at most
    "data.source": "sktime",
    "fcn.epochs": 1,
    "fcn.max_steps": 2,
    "fcn.batch_size": 8,
    "stage1.steps": 3,
    "stage1.batch_size": 4,
    "stage1.codebook_size": 16,
    "stage2.steps": 3,
    "stage2.batch_size": 4,
    "sample.n_samples": 16,
    "sample.n_per_class": 4,
    "sample.steps": 2,
    "rocket.n_kernels": 20,
    "stage3.steps": 3,
    "stage3.batch_size": 4,
    "evaluate.is_splits": 2,
    "evaluate.bootstrap": 2,
    "evaluate.network_steps": 2,
    "plot.n_overlay": 4,
    "plot.n_pairs": 2,
}
STEPS_OF_A_RUN = ("stage1", "stage2", "sample", "tau_search", "stage3", "evaluate", "plot")


def jobs(steps: str, datasets: tuple[str, ...] = DATASETS) -> set[str]:
    """Names of jobs: ``jobs("stage3 tables")``."""
    names = set()
    for step in steps.split():
        if step == "tables":
            names.add(step)
        for dataset in datasets if step != "tables" else ():
            names.add(f"{step}-{dataset}" + ("-seed0" if step in STEPS_OF_A_RUN else ""))
    return names


class Workspace:
    """A copy of the project, and what its engines say."""

    def __init__(self, path: Path, study: Path | None = None) -> None:
        self.path = path
        self.study = study or path
        self.env = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "GIT_AUTHOR_NAME": "test",
            "GIT_AUTHOR_EMAIL": "test@example.org",
            "GIT_COMMITTER_NAME": "test",
            "GIT_COMMITTER_EMAIL": "test@example.org",
            "OMP_NUM_THREADS": "1",
        }
        self.env.pop("PYTHONPATH", None)
        self._begun = self._beginnings()

    def call(self, *command: str, check: bool = True, cwd: Path | None = None, timeout: float = 7200) -> str:
        """Output of a command; an unwanted failure shows it."""
        done = subprocess.run(
            command,
            cwd=cwd or self.study,
            env=self.env,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            check=False,
        )
        assert not check or done.returncode == 0, (
            f"{' '.join(command)} gave {done.returncode}:\n{done.stdout[-6000:]}"
        )
        return done.stdout

    def snakemake(self, *arguments: str, **options: Any) -> str:
        directory = [] if self.study == self.path else ["--directory", str(self.study)]
        return self.call(
            sys.executable, "-m", "snakemake", "--cores", "2", *directory, *arguments, cwd=self.path, **options
        )

    def dvc(self, *arguments: str, **options: Any) -> str:
        return self.call(sys.executable, "-m", "dvc", *arguments, **options)

    def git(self, *arguments: str) -> str:
        return self.call("git", *arguments, cwd=self.path)

    def set(self, **parameters: Any) -> None:
        """Change parameters, ``stage3__steps=5`` for ``stage3.steps``, as an editor would."""
        self.set_keys({name.replace("__", "."): value for name, value in parameters.items()})

    def set_keys(self, parameters: dict[str, Any]) -> None:
        path = self.study / "params.yaml"
        changes = [f"{key}={json.dumps(value)}" for key, value in parameters.items()]
        path.write_text(as_yaml(override(load_params(path), changes)))

    def replace(self, file: str, old: str, new: str) -> None:
        """Change the text of a file where it says `old`."""
        text = (self.study / file).read_text()
        assert old in text
        (self.study / file).write_text(text.replace(old, new))

    def edit(self, file: str) -> None:
        """Change what every function of a source file does, though not what comes of it."""
        tree = ast.parse((self.path / file).read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                node.body.insert(int(ast.get_docstring(node) is not None), ast.Expr(ast.Constant(0)))
        tree.body.append(ast.Expr(ast.Constant(0)))
        (self.path / file).write_text(ast.unparse(ast.fix_missing_locations(tree)))

    def comment(self, file: str) -> None:
        """Change the comments of a source file."""
        with open(self.path / file, "a") as source:
            source.write("\n# edited\n")

    def forget(self, job: str) -> None:
        """Let neither engine know that a job, by DVC's name, was ever done; those that follow it stay done."""
        stage = Pipeline(self.study).stages[job]
        lock = read_written(self.study / "dvc.lock")
        lock["stages"].pop(job, None)
        (self.study / "dvc.lock").write_text(dump_yaml(lock))
        for record in (self.path / ".dvc" / "cache" / "runs").glob("*/*/*"):
            if record.is_file() and read_written(record)["cmd"] == stage.cmd:
                shutil.rmtree(record.parent)
        for out in stage.outs:
            (self.study / out).unlink(missing_ok=True)
        self.count_from_here()

    def stale(self) -> set[str]:
        """The steps that DVC calls changed once it has looked, those apart that read a changed file of theirs."""
        self.dvc("repro", "fingerprint")
        return {name.split("@")[0] for name in self.status()} - {"fingerprint"}

    def status(self) -> dict[str, Any]:
        """What DVC calls changed, and why; in the root, of the studies below it, too."""
        here = [] if self.study == self.path else ["dvc.yaml"]
        # a line before it may tell of the entry of a killed process that DVC has tidied away
        said = self.dvc("status", "--json", *here).splitlines()[-1]
        return {name.split(":")[-1]: reasons for name, reasons in json.loads(said).items()}

    def count_from_here(self) -> None:
        """Leave out of the next `ran` what has begun before now, however often."""
        self._begun = self._beginnings()

    def ran(self) -> set[str]:
        """The jobs that computed since the last call, as their logs tell; none may have run twice."""
        begun = self._beginnings()
        new = begun - self._begun
        self._begun = begun
        assert all(count == 1 for count in new.values()), new
        return set(new)

    def results(self) -> dict[str, bytes]:
        """All files under data and results."""
        return {
            str(path.relative_to(self.study)): path.read_bytes()
            for folder in ("data", "results")
            for path in (self.study / folder).rglob("*")
            if path.is_file()
        }

    def _beginnings(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for log in (self.study / "logs").glob("*.log"):
            found[log.stem] = len(re.findall(r" begins$", log.read_text(), re.MULTILINE))
        return found

    def planned(self) -> set[str]:
        """The jobs that Snakemake would start."""
        shown = self.snakemake("-n")
        if "Nothing to be done" in shown:
            return set()
        names = set()
        for rule, dataset, seed in re.findall(
            r"^(?:local)?rule (\w+):$.*?(?:wildcards: dataset=(\w+)(?:, seed=(\d+))?)?\n\s+resources",
            shown,
            re.M | re.S,
        ):
            if rule != "all":
                names.add("-".join([rule] + ([dataset] if dataset else []) + ([f"seed{seed}"] if seed else [])))
        return names

    def assert_idle(self) -> None:
        """Both engines have nothing to do."""
        assert self.status() == {"fingerprint": ["always changed"]}
        assert self.planned() == set()
        self.dvc("repro")
        assert self.ran() == set()


def copy_project(target: Path) -> None:
    """The project's files as they are, committed in a new repository, with DVC's settings."""
    listed = subprocess.run(
        ["git", "ls-files", "-coz", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file() and not name.startswith(("tests/", "docs/", "studies/")):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


def shared(factory: pytest.TempPathFactory, name: str, build: Callable[[Path], None]) -> Path:
    """A folder that the first of the processes that run the tests fills and all use."""
    base = factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    path, marker = base / name, base / f"{name}.built"
    with open(base / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not marker.exists():
            assert not path.exists(), "the small study could not be made; see the first failure"
            path.mkdir()
            build(path)
            marker.touch()
    return path


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with tiny parameters, nothing run, committed."""

    def build(path: Path) -> None:
        copy_project(path)
        workspace = Workspace(path)
        workspace.set_keys(TINY)
        workspace.git("init", "--quiet", "--initial-branch=main")
        workspace.git("add", ".")
        workspace.git("commit", "--quiet", "--message=A small study")

    return shared(tmp_path_factory, "project", build)


@pytest.fixture(scope="session")
def finished(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same after one full run of Snakemake, committed."""

    def build(path: Path) -> None:
        shutil.copytree(project, path, symlinks=True, dirs_exist_ok=True)
        workspace = Workspace(path)
        workspace.snakemake()
        assert workspace.ran() == jobs(f"download resplit fcn {' '.join(STEPS_OF_A_RUN)} tables")
        workspace.git("add", ".")
        workspace.git("commit", "--quiet", "--message=Results")

    return shared(tmp_path_factory, "finished", build)


@pytest.fixture
def fresh(project: Path, tmp_path: Path) -> Workspace:
    """A workspace in which nothing has been run."""
    return Workspace(Path(shutil.copytree(project, tmp_path / "work", symlinks=True)))


@pytest.fixture
def done(finished: Path, tmp_path: Path) -> Workspace:
    """A workspace in which Snakemake has run everything."""
    return Workspace(Path(shutil.copytree(finished, tmp_path / "work", symlinks=True)))


ENGINES = pytest.mark.parametrize("engine", ["snakemake", "dvc"])


def run(workspace: Workspace, engine: str) -> str:
    """A whole run of an engine."""
    return workspace.snakemake() if engine == "snakemake" else workspace.dvc("repro")


def other(engine: str) -> str:
    """The other one."""
    return "dvc" if engine == "snakemake" else "snakemake"
