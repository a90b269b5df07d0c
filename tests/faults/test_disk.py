"""A full disk, a limit on the size of files, read-only results: one line says what to do, and nothing is lost.

The file systems are real ones.
"""

from __future__ import annotations

import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from nm_vqtsg.artifacts import save_json, save_model, save_npz
from nm_vqtsg.errors import ArtifactError

from .conftest import LONG_S, STEPS, TRAINED, Study, same_files, wait_for


def mounted(*arguments: str) -> None:
    """Mount something, or skip the test where that is not allowed."""
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"needs the right to mount: {done.stderr.strip()}")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted("-t", "tmpfs", "-o", "size=1m", "none", str(folder))
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path, leave: int = 0) -> Path:
    """Use up the space of a file system but for `leave` bytes."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
        file.truncate(max(0, file.tell() - leave))
    return ballast


# ---- full disk


def test_every_kind_of_file_on_a_full_disk(small_disk: Path) -> None:
    import numpy as np
    import torch

    save_json(small_disk / "old.json", {"kept": 1})
    fill(small_disk)
    noise = np.random.default_rng(0).normal(size=100_000)
    for write in (
        lambda: save_npz(small_disk / "a.npz", X=noise),
        lambda: save_model(small_disk / "a.safetensors", {"w": torch.from_numpy(noise)}, {}),
        lambda: save_json(small_disk / "old.json", noise.tolist()),
    ):
        with pytest.raises(ArtifactError, match="the disk is full; free some space and run the step again"):
            write()
    assert sorted(path.name for path in small_disk.iterdir()) == ["ballast", "old.json"]
    assert (small_disk / "old.json").read_text() == '{\n  "kept": 1\n}\n'


@pytest.mark.faults
@pytest.mark.parametrize("step", STEPS)
def test_a_step_on_a_full_disk(study: Study, whole: Study, step: str) -> None:
    """The disk fills up under results (data for the first steps); checkpoints lie elsewhere and keep the work."""
    study.forget(step)
    before = study.files()
    top = study.folder / ("data" if step in ("download", "resplit") else "results")
    shutil.move(top, study.folder / "aside")
    top.mkdir()
    mounted("-t", "tmpfs", "-o", "size=40m", "none", str(top))
    try:
        shutil.copytree(study.folder / "aside", top, dirs_exist_ok=True)
        ballast = fill(top)
        line = study.refused(step)
        assert "the disk is full; free some space" in line and str(top.name) in line
        ballast.unlink()
        same_files(study.files(), before)
        again = study.run(step)
        assert step not in TRAINED or "going on from step 300 " in again
        same_files(study.files(), whole.files())
    finally:
        subprocess.run(["umount", "--lazy", str(top)], check=True)


@pytest.mark.faults
@pytest.mark.parametrize("step", TRAINED)
def test_a_disk_that_fills_up_with_checkpoints(study: Study, whole: Study, step: str) -> None:
    study.forget(step)
    folder = study.folder / ".checkpoints"
    shutil.rmtree(folder)
    folder.mkdir()
    mounted("-t", "tmpfs", "-o", "size=100m", "none", str(folder))
    try:
        process = study.start(step, "--checkpoint-every", "0")
        wait_for(lambda: study.steps_saved(step) > 20, process)
        ballast = fill(folder)
        _, errors = process.communicate(timeout=LONG_S)
        assert process.returncode == 1
        assert "the disk is full; free some space and run the step again" in errors and "Traceback" not in errors
        assert len(study.checkpoints(step)) >= 1 and not study.temporary_files()
        ballast.unlink()
        assert "going on from step" in study.run(step)
        same_files(study.files(), whole.files())
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


# ---- a limit on the size of files


@pytest.mark.faults
@pytest.mark.parametrize("step", STEPS)
def test_files_that_may_not_be_large(study: Study, whole: Study, step: str) -> None:
    """`ulimit -f`, and file systems that know no large files."""
    study.forget(step)
    before = study.files()
    limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
    line = study.refused(step, before=limit)
    assert "files may not be that large here; raise the limit (ulimit -f)" in line
    same_files(study.files(), before)
    study.run(step)
    same_files(study.files(), whole.files())


# ---- read-only


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """A folder that nobody can write to."""
    mounted("--bind", str(folder), str(folder))
    try:
        mounted("-o", "remount,ro,bind", str(folder))
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.faults
@pytest.mark.parametrize("step", STEPS)
def test_read_only_results(study: Study, step: str) -> None:
    """The step sees that before it begins."""
    study.forget(step)
    before, log = study.files(), study.log(step)
    top = study.folder / ("data" if step in ("download", "resplit") else "results")
    with read_only(top):
        line = study.refused(step)
    assert top.name in line and "cannot be written to; mend its permissions, or mount it for writing" in line
    assert study.log(step) == log
    same_files(study.files(), before)


@pytest.mark.faults
@pytest.mark.parametrize("step", TRAINED)
def test_results_that_become_read_only_while_a_step_trains(study: Study, whole: Study, step: str) -> None:
    """A checkpoint keeps the work."""
    study.forget(step)
    before = study.files()
    process = study.start(step, "--checkpoint-every", "0")
    wait_for(lambda: study.steps_saved(step), process)
    with read_only(study.folder / "results"):
        _, errors = process.communicate(timeout=LONG_S)
    line = errors.strip().splitlines()[-1]
    assert process.returncode == 1 and line.startswith("error: results/") and "cannot be written to" in line, (
        errors
    )
    same_files(study.files(), before)
    assert "going on from step 300 " in study.run(step)
    same_files(study.files(), whole.files())


def test_a_study_that_is_read_only_altogether(begun: Study) -> None:
    with read_only(begun.folder):
        assert "cannot be written to; mend its permissions, or mount it" in begun.refused("resplit")
