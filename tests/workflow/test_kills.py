"""`kill -9` before any operation on files leaves the stores of both engines whole."""

from __future__ import annotations

import shutil
from pathlib import Path

import dying
import pytest
from dvc.repo import Repo
from quick_project import run_all, study, times_run

from nm_vqtsg.engines.job import run_stage
from nm_vqtsg.engines.pipeline import Pipeline
from nm_vqtsg.engines.records import Digests
from nm_vqtsg.engines.store import Store, read_lock
from nm_vqtsg.study.fingerprint import Fingerprint


def check_run_cache(project: Path) -> None:
    """DVC takes the newest file of a folder for a record; an empty folder, or an unfinished file, misleads it."""
    for folder in (project / ".dvc" / "cache" / "runs").glob("*/*"):
        files = list(folder.iterdir())
        assert files
        for file in files:
            assert Repo(str(project)).stage_cache._load_cache(folder.name, file.name) is not None


@pytest.mark.attacks(10)
def test_kills_while_a_run_is_recorded(project: Path) -> None:
    run_all(project)
    record = study(project)._finished({}, Digests(), Fingerprint(project))["second"]
    shutil.rmtree(project / ".dvc" / "cache")
    kills = 0
    for _ in dying.deaths(lambda: Store(project).remember(record), project):
        kills += 1
        check_run_cache(project)
        for kept in (project / ".dvc" / "cache" / "files").rglob("*"):
            assert (
                kept.is_dir() or kept.name.startswith(".") or kept.read_bytes() == (project / "copy").read_bytes()
            )
    assert kills >= 10
    check_run_cache(project)
    (project / "copy").unlink()
    before = times_run(project)
    assert run_stage(project, "second") == 0
    assert times_run(project) == before


@pytest.mark.attacks(20)
def test_kills_of_a_job_that_restores(project: Path) -> None:
    run_all(project)
    study(project).commit()
    whole = {name: (project / name).read_bytes() for name in ("copy", "whole")}
    for name in whole:
        (project / name).unlink()
    before, kills = times_run(project), 0
    for _ in dying.deaths(lambda: run_stage(project, "second"), project):
        kills += 1
        for name, content in whole.items():
            assert not (project / name).exists() or (project / name).read_bytes() == content
    assert kills >= 20
    assert {name: (project / name).read_bytes() for name in whole} == whole
    assert times_run(project) == before


@pytest.mark.attacks(5)
def test_kills_while_the_lock_is_written(project: Path) -> None:
    run_all(project)
    kills = 0
    for _ in dying.deaths(lambda: study(project).commit(), project):
        kills += 1
        assert set(read_lock(project)) <= {*Pipeline(project).stages}
    assert kills >= 5
    assert set(read_lock(project)) == {*Pipeline(project).stages}


def test_a_kill_of_dvc_while_it_records_is_mended_by_snakemake(project: Path) -> None:
    """DVC itself makes the folder first and then its file; between the two it leaves what it cannot read."""
    run_all(project)
    folder = max((project / ".dvc" / "cache" / "runs").glob("*/*"), key=lambda path: path.stat().st_mtime_ns)
    for file in folder.iterdir():
        file.unlink()
    before = times_run(project)
    assert run_stage(project, "second") == 0
    assert times_run(project) == before + 1
    check_run_cache(project)
