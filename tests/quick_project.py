"""A pipeline of three quick stages, for tests of what lies between the engines."""

from __future__ import annotations

from pathlib import Path

from dvc.repo import Repo

from nm_vqtsg.engines.job import run_stage
from nm_vqtsg.engines.pipeline import Pipeline
from nm_vqtsg.engines.snake import Study

DEFINITION = """
stages:
  first:
    foreach: ${names}
    do:
      cmd: mkdir -p out && cat source ${item}.txt > out/${item} && date >> ran
      deps: [source, '${item}.txt']
      params: [first]
      outs: ['out/${item}']
  second:
    cmd: cat out/a out/b > whole && cp whole copy && date >> ran
    deps: [out/a, out/b, code]
    params: [second.depth]
    outs:
      - copy
    metrics:
      - whole: {cache: false}
"""


def make(path: Path) -> None:
    """Fill a folder with it."""
    Repo.init(str(path), no_scm=True)
    (path / "dvc.yaml").write_text(DEFINITION)
    (path / "params.yaml").write_text("names: [a, b]\nfirst: {rate: 5e-3}\nsecond: {depth: 1}\n")
    (path / ".dvcignore").write_text("__pycache__\n")
    for name in ("a.txt", "b.txt", "source", "code/one.py", "code/deep/two.py", "code/__pycache__/one.pyc"):
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(f"this is {name}\n")


def run_all(project: Path) -> None:
    """Run every stage as Snakemake's jobs do."""
    for name in Pipeline(project).stages:
        assert run_stage(project, name) == 0


def times_run(project: Path) -> int:
    """How many commands have been run so far."""
    return len((project / "ran").read_text().splitlines())


def study(project: Path) -> Study:
    """The study as a new run of Snakemake sees it."""
    return Study(project, ancient=str)
