"""Full disks, clocks that jump and other users, while engines run real steps.

Nothing half-written has its final name, one line says what to do, and the next run gives the same bytes.
"""

from __future__ import annotations

import itertools
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from powerless import give_away, give_up_rights, needs_root, share

from .conftest import ENGINES, Workspace, jobs, other, run
from .test_kills import ONE, stage_processes, start, wait_for
from .test_own_data import entry, prepare, write_csv

pytestmark = [pytest.mark.engines, pytest.mark.faults]
JOB, LOG = f"tau_search@{ONE[0]}-0", f"tau_search-{ONE[0]}-seed0"
LOG_IS_FULL = (
    r"--- Logging error ---.*?\nArguments: [^\n]*\n"  # Snakemake on its log, before it reads the Snakefile
)
MEND = "cannot be written to; mend its permissions, or mount it for writing, and run the same command again"


def attempt(workspace: Workspace, engine: str, *more: str, before: Callable[[], None] | None = None) -> str:
    """A run that may not succeed; what it says, after its exit status."""
    command = {"snakemake": ["snakemake", "--cores", "2"], "dvc": ["dvc", "repro"]}[engine]
    done = subprocess.run(
        [sys.executable, "-m", *command, *more],
        cwd=workspace.path,
        env=workspace.env,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=before,
        timeout=3600,
    )
    said = re.sub(LOG_IS_FULL, "", done.stdout, flags=re.DOTALL)
    assert "Traceback" not in said, said
    return f"{done.returncode}\n{said}"


def refused(workspace: Workspace, engine: str, *more: str, before: Callable[[], None] | None = None) -> str:
    """A run that must fail; what it says."""
    status, _, said = attempt(workspace, engine, *more, before=before).partition("\n")
    assert status != "0", said
    return said


def check_whole(workspace: Workspace, expected: dict[str, bytes]) -> None:
    """What has its final name is what an undisturbed run makes."""
    for name, content in workspace.results().items():
        assert os.path.basename(name).startswith(".") or content == expected[name], f"{name} is half-written"


# ---- full disks


@contextmanager
def full(folder: Path) -> Iterator[Callable[[], None]]:
    """A folder on a file system of its own that has no space left; a function that makes some."""
    aside = folder.with_name(f"{folder.name}.aside")
    folder.rename(aside)
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=80m", "none", str(folder)], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"needs the right to mount: {done.stderr.strip()}")
    try:
        shutil.copytree(aside, folder, dirs_exist_ok=True, symlinks=True)
        with (folder / ".ballast").open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass
        yield (folder / ".ballast").unlink
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@ENGINES
@pytest.mark.parametrize("place", ["results", ".dvc/cache", ".dvc/tmp", ".snakemake", "logs", ".checkpoints"])
def test_a_full_disk(done: Workspace, place: str, engine: str) -> None:
    expected = done.results()
    (done.path / ".checkpoints").mkdir(exist_ok=True)
    done.forget(JOB)
    with full(done.path / place) as make_space:
        status, _, said = attempt(done, engine).partition("\n")
        if status != "0":  # logs, locks and remembered digests may need no space
            assert "the disk is full; free some space" in said or "No space left on device" in said, said
        check_whole(done, expected)
        make_space()
        run(done, engine)
        assert done.results() == expected
    assert status != "0" or place in (".dvc/tmp", ".snakemake", "logs", ".checkpoints")


@ENGINES
@pytest.mark.parametrize("step", ["stage3", "fcn"])
def test_what_was_trained_outlives_a_full_cache(done: Workspace, step: str, engine: str) -> None:
    """Engines remove what a failed job has made, at once or in the next run; a checkpoint keeps the hours."""
    expected = done.results()
    job = f"{step}@{ONE[0]}" + ("-0" if step == "stage3" else "")
    log = done.path / "logs" / f"{next(iter(jobs(step, ONE)))}.log"
    done.forget(job)
    with full(done.path / ".dvc" / "cache") as make_space:
        assert "the disk is full; free some space" in refused(done, engine)
        check_whole(done, expected)
        make_space()
        run(done, engine)
        assert "going on from step" in log.read_text()
        assert done.results() == expected
    assert not list((done.path / ".checkpoints").glob(f"{log.stem}-*"))


# ---- clocks

JUMPS = """
import itertools, time
_true, _calls = time.time, itertools.count()
time.time = lambda: _true() + (10**9 if next(_calls) % 2 else -10**9)  # thirty years back and forth
"""


def scatter_times(folder: Path, chance: random.Random) -> None:
    """Give all files times of past and future."""
    for path in folder.rglob("*"):
        if path.is_file() and ".git" not in path.parts:
            os.utime(path, (moment := chance.choice([1e6, 1.5e9, 4e9]), moment))


@ENGINES
def test_clocks_that_jump(done: Workspace, tmp_path: Path, engine: str) -> None:
    """Files of any time are neither stale nor fresh for that, and a job that is due runs to its end."""
    expected = done.results()
    (tmp_path / "clock").mkdir()
    (tmp_path / "clock" / "sitecustomize.py").write_text(JUMPS)
    done.env["PYTHONPATH"] = str(tmp_path / "clock")
    chance = random.Random(engine)
    for _ in range(2):
        scatter_times(done.path, chance)
        run(done, engine)
        assert done.ran() == set()
        done.forget(JOB)
        scatter_times(done.path, chance)
        run(done, engine)
        assert done.ran() == {LOG}
        assert done.results() == expected
    scatter_times(done.path, chance)
    run(done, other(engine))
    assert done.ran() == set()


@ENGINES
def test_a_clock_that_is_set_back_while_an_engine_runs(done: Workspace, engine: str) -> None:
    """All that there was when a job began is from the future when it ends."""
    expected = done.results()
    done.forget(JOB)
    process = start(done, engine)
    wait_for(lambda: process.poll() is not None or stage_processes(done, "tau_search"))
    for path in itertools.chain(*((done.path / top).rglob("*") for top in ("data", "results", ".snakemake"))):
        if path.is_file():
            os.utime(path, (4e9, 4e9))
    assert process.wait(timeout=7200) == 0, (done.path / f"{engine}.out").read_text()
    assert done.ran() == {LOG} and done.results() == expected
    done.assert_idle()


@ENGINES
def test_other_data_under_the_old_time_and_size(fresh: Workspace, engine: str) -> None:
    """As `cp -p` and `rsync -t` leave them, or a clock that was set back between two edits."""
    own = fresh.path / "own.csv"
    write_csv(own, 0)
    fresh.set(datasets=["Mine", "GunPoint"], own_data={"Mine": entry("own.csv")})
    prepare(fresh, engine)
    assert fresh.ran() == jobs("download resplit", ("Mine", "GunPoint"))
    before, text = own.stat(), own.read_text()
    digit = text.rindex(".") + 1
    with own.open("r+") as file:
        file.write(text[:digit] + str((int(text[digit]) + 5) % 10) + text[digit + 1 :])
    os.utime(own, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = own.stat()
    assert (after.st_size, after.st_mtime_ns, after.st_ino) == (before.st_size, before.st_mtime_ns, before.st_ino)
    prepare(fresh, engine)
    assert fresh.ran() == jobs("download resplit", ("Mine",))


# ---- users


@needs_root
@ENGINES
@pytest.mark.parametrize("place", [".dvc/cache", ".dvc/tmp", ".snakemake", "logs", ".checkpoints", "results", "."])
def test_folders_of_somebody_else(done: Workspace, place: str, engine: str) -> None:
    """Said before anything is computed; DVC needs no folder of Snakemake's, and says some in its own words."""
    expected = done.results()
    done.forget(JOB)
    give_away([done.path / place])
    if (engine, place) == ("dvc", ".snakemake"):
        assert attempt(done, engine, before=give_up_rights).startswith("0\n")
        assert done.results() == expected
        return
    said = refused(done, engine, before=give_up_rights)
    lines = [line for line in said.splitlines() if line.lower().startswith("error: ")]
    assert any(MEND in line or "mend the permissions" in line for line in lines) or (
        engine == "dvc" and place in (".dvc/tmp", ".") and "Permission denied: '" in lines[0]
    ), said
    assert done.ran() == set()
    check_whole(done, expected)


@needs_root
def test_a_study_that_one_may_only_read(done: Workspace) -> None:
    """A run with nothing to do is fine; a dry run of Snakemake writes, so it is refused, as a run with work is."""
    run(done, "snakemake")
    give_away([done.path])
    for record in (done.path / ".snakemake" / "metadata").iterdir():
        record.chmod(0o644)  # Snakemake hides them from all but the group
    said = attempt(done, "snakemake", before=give_up_rights)
    assert said.startswith("0\n") and "Nothing to be done" in said and "Error" not in said, said
    assert MEND in refused(done, "snakemake", "-n", before=give_up_rights)
    done.set(plot__n_overlay=3)
    assert MEND in refused(done, "snakemake", before=give_up_rights)
    next((done.path / ".snakemake" / "metadata").iterdir()).chmod(0o600)
    assert "cannot be read; mend its permissions" in refused(done, "snakemake", "-n", before=give_up_rights)


@needs_root
@ENGINES
def test_two_users_of_one_group(done: Workspace, engine: str) -> None:
    """Folders are the group's (`chmod g+ws`), each user's umask is 002: either goes on with the other's work."""
    expected = done.results()
    done.forget(JOB)
    for path in (done.path, *done.path.rglob("*")):
        mode = path.stat().st_mode
        path.chmod(mode | (0o2070 if path.is_dir() else 0o060 if mode & 0o200 else 0o040))
    give_away([done.path], group=0)
    assert attempt(done, engine, before=share).startswith("0\n")
    assert done.ran() == {LOG} and done.results() == expected
    assert attempt(done, other(engine), before=share).startswith("0\n")
    assert done.ran() == set() and done.results() == expected
