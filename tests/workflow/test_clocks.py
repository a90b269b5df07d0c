"""A clock that was set back: files have times from the future, and nothing is made again or given up for that."""

from __future__ import annotations

import os
from pathlib import Path

from quick_project import run_all, study, times_run

from nm_vqtsg.engines.job import run_stage
from nm_vqtsg.engines.snake import CHANGED

FUTURE, PAST = 4_000_000_000, 1_000_000


def test_a_job_brings_its_inputs_back_from_the_future(project: Path) -> None:
    """Snakemake would remove what a job has made if an input were newer."""
    run_all(project)
    (project / CHANGED).parent.mkdir(exist_ok=True)
    (project / CHANGED).touch()
    for name, moment in (("out/a", FUTURE), ("out/b", PAST), (str(CHANGED), FUTURE)):
        os.utime(project / name, (moment, moment))
    for again in (False, True):  # restored, and computed
        if again:
            (project / "params.yaml").write_text(
                (project / "params.yaml").read_text().replace("depth: 1", "depth: 2")
            )
            os.utime(project / "out" / "a", (FUTURE, FUTURE))
        (project / "copy").unlink()
        assert run_stage(project, "second") == 0
        oldest_output = min((project / name).stat().st_mtime for name in ("copy", "whole"))
        assert PAST < (project / "out" / "a").stat().st_mtime < FUTURE
        assert (project / "out" / "b").stat().st_mtime == PAST
        assert (project / CHANGED).stat().st_mtime < oldest_output + 3600
    assert times_run(project) == 4


def test_times_make_nothing_stale(project: Path) -> None:
    run_all(project)
    study(project).commit()
    for number, path in enumerate(sorted(project.rglob("*"))):
        os.utime(path, (moment := (FUTURE, PAST, 1_500_000_000)[number % 3], moment))
    assert study(project).due == set()
    assert study(project).commit() == 0


def test_other_content_with_the_old_time_and_size_is_seen(project: Path) -> None:
    """As `cp -p` and `rsync -t` leave it, or a clock that was set back between two edits."""
    run_all(project)
    study(project).commit()
    source = project / "source"
    before = source.stat()
    with source.open("r+") as file:
        file.write("THIS")
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = source.stat()
    assert (after.st_size, after.st_mtime_ns, after.st_ino) == (before.st_size, before.st_mtime_ns, before.st_ino)
    assert study(project).due == {"first@a", "first@b", "second"}
