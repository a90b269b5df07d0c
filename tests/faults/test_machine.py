"""Full disk, read-only results, files that vanish, no memory, jumping clocks, two processes on one job.

Nothing is lost or half-written, and one line says what to do. The file systems are real ones.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nm_vqtsg.artifacts import save_json, save_model, save_npz
from nm_vqtsg.errors import ArtifactError, machine_error

from .conftest import DATASET, LONG_S, STEPS, TRAINED, Study, same_files, wait_for


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


# ---- read-only


@pytest.mark.faults
@pytest.mark.parametrize("step", STEPS)
def test_read_only_results(study: Study, whole: Study, step: str) -> None:
    study.forget(step)
    before = study.files()
    top = study.folder / ("data" if step in ("download", "resplit") else "results")
    mounted("--bind", str(top), str(top))
    mounted("-o", "remount,ro,bind", str(top))
    try:
        line = study.refused(step)
    finally:
        subprocess.run(["umount", "--lazy", str(top)], check=True)
    assert top.name in line and ("cannot be written to" in line or "read-only" in line)
    same_files(study.files(), before)
    again = study.run(step)
    assert step not in TRAINED or "going on from step 300 " in again
    same_files(study.files(), whole.files())


def test_a_study_that_is_read_only_altogether(begun: Study) -> None:
    mounted("--bind", str(begun.folder), str(begun.folder))
    mounted("-o", "remount,ro,bind", str(begun.folder))
    try:
        assert "the file system is read-only; mount it for writing" in begun.refused("resplit")
    finally:
        subprocess.run(["umount", "--lazy", str(begun.folder)], check=True)


# ---- files that vanish


def gone(path: Path) -> Path:
    """Where a file is hidden."""
    return path.with_name(f"{path.name}.gone")


@pytest.mark.faults
@pytest.mark.parametrize("step", [step for step in STEPS if step not in ("download", "tables")])
def test_inputs_that_vanish_during_a_run(study: Study, whole: Study, step: str) -> None:
    """Either the step had read them and ends well, or it names the file; nothing is half-written."""
    from nm_vqtsg.engines.pipeline import Pipeline

    inputs = [study.folder / dep for dep in Pipeline(study.folder).stages[study.name(step)].deps]
    inputs = [path for path in inputs if path.is_file()]
    assert inputs
    for wait_s in (0, 0.5):
        study.forget(step)
        process = study.start(step)
        already = study.log(step).count("begins")
        wait_for(lambda already=already: study.log(step).count("begins") > already, process)
        try:
            process.wait(wait_s)
        except subprocess.TimeoutExpired:
            for path in inputs:
                path.rename(gone(path))
        _, errors = process.communicate(timeout=LONG_S)
        assert process.returncode in (0, 1) and "Traceback" not in errors, errors
        if process.returncode:
            assert "no such file; run the step that makes it" in errors.splitlines()[-1]
            assert not any(path.exists() for path in study.outputs(step))
        for path in inputs:
            if not path.exists():
                gone(path).rename(path)
        study.run(step)
        same_files(study.files(), whole.files())


@pytest.mark.faults
@pytest.mark.parametrize("step", TRAINED)
def test_checkpoints_that_vanish_during_a_run(study: Study, whole: Study, step: str) -> None:
    study.forget(step)
    process = study.start(step, "--checkpoint-every", "0")
    wait_for(lambda: study.steps_saved(step) > 20, process)
    shutil.rmtree(study.folder / ".checkpoints", ignore_errors=True)
    _, errors = process.communicate(timeout=LONG_S)
    assert process.returncode == 0, errors
    same_files(study.files(), whole.files())


# ---- no memory


def limited(gibibytes: float):
    """A function for a child process that may use so much address space."""

    def limit() -> None:
        size = int(gibibytes * 2**30)
        resource.setrlimit(resource.RLIMIT_AS, (size, size))

    return limit


@pytest.mark.faults
@pytest.mark.parametrize(
    ("step", "changes"),
    [
        ("fcn", {"fcn.batch_size": 200_000}),
        ("stage1", {"stage1.batch_size": 2_000_000}),
        ("stage2", {"stage2.batch_size": 2_000_000}),
        ("stage3", {"stage3.batch_size": 2_000_000}),
    ],
)
def test_memory_that_runs_out(study: Study, whole: Study, step: str, changes: dict[str, int]) -> None:
    study.set(changes)
    study.forget(step)
    before = study.files()
    process = subprocess.run(
        study.command(step),
        cwd=study.folder,
        env=study.environment(),
        capture_output=True,
        text=True,
        preexec_fn=limited(3),
    )
    line = process.stderr.strip().splitlines()[-1]
    assert process.returncode == 1 and "Traceback" not in process.stderr, process.stderr
    assert line.startswith("error: memory ran out; use a smaller batch_size or fewer samples")
    same_files(study.files(), before)
    study.set({})
    study.run(step)
    same_files(study.files(), whole.files())


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 80 bytes"),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("std::bad_alloc"),
    ],
    ids=["python", "torch", "cuda", "c++"],
)
def test_every_lack_of_memory_is_known(error: Exception) -> None:
    assert "memory ran out" in str(machine_error(error))
    assert machine_error(RuntimeError("mat1 and mat2 shapes cannot be multiplied")) is None


# ---- clocks

JUMPS = """
import itertools, time
_true, _calls = time.time, itertools.count()
time.time = lambda: _true() + (10**9 if next(_calls) % 2 else -10**9)  # thirty years back and forth
"""


@pytest.mark.faults
@pytest.mark.parametrize("step", STEPS)
def test_clocks_that_jump(study: Study, whole: Study, tmp_path: Path, step: str) -> None:
    (tmp_path / "sitecustomize.py").write_text(JUMPS)
    for path in study.folder.rglob("*"):  # files from the future and the past
        if path.is_file():
            os.utime(path, (4e9, 4e9) if len(path.name) % 2 else (1e6, 1e6))
    study.forget(step)
    source = study.environment()["PYTHONPATH"]
    process = study.start(step, PYTHONPATH=f"{tmp_path}{os.pathsep}{source}")
    if step in TRAINED:
        wait_for(lambda: "begins" in study.log(step).splitlines()[-1], process)
        process.send_signal(signal.SIGTERM)
    process.communicate(timeout=LONG_S)
    study.run(step, PYTHONPATH=f"{tmp_path}{os.pathsep}{source}")
    same_files(study.files(), whole.files())


def test_only_clocks_that_cannot_jump_are_read() -> None:
    """Wall-clock time may stand in log lines, which `logging` writes; nothing is decided by it.

    When a file was changed (`st_ctime`) is a stamp in the memory of digests: it is compared for equality alone.
    """
    source = Path(__file__).resolve().parents[2] / "src"
    for path in source.rglob("*.py"):
        text = path.read_text()
        stamps = () if path.name == "records.py" else ("st_ctime",)
        for call in ("time.time(", "datetime.now", "utcnow", "date.today", *stamps):
            assert call not in text, f"{path.name}: {call}"


# ---- two processes on one job


def test_a_second_process_on_the_same_job_waits_and_says_so(begun: Study) -> None:
    expected = begun.files()
    begun.set({"stage1.steps": 100_000})
    first = begun.start("stage1")
    try:
        wait_for(lambda: begun.log("stage1").count("begins") == 2, first)
        second = begun.start("stage1")
        assert second.stderr is not None
        said = second.stderr.readline()
        assert f"stage1-{DATASET}-seed0: already running in another process; waiting until that has ended" in said
        assert begun.log("stage1").count("begins") == 2
    finally:
        first.kill()
        first.communicate()
    wait_for(lambda: begun.log("stage1").count("begins") == 3, second)
    second.kill()
    second.communicate()
    same_files(begun.files(), expected)


@pytest.mark.faults
@pytest.mark.parametrize("step", STEPS)
def test_two_processes_at_the_same_time(study: Study, whole: Study, step: str) -> None:
    """The second waits if the first is at work, and does it again: the same bytes, and nothing half-written."""
    study.forget(step)
    pair = [study.start(step) for _ in range(2)]
    errors = [process.communicate(timeout=LONG_S)[1] for process in pair]
    assert [process.returncode for process in pair] == [0, 0], errors
    assert study.log(step).count("is done") == 3
    same_files(study.files(), whole.files())
    assert not study.temporary_files()


def test_the_temporary_file_of_a_living_process_is_not_taken_away(tmp_path: Path) -> None:
    code = "import sys, time\nfrom nm_vqtsg.artifacts import atomic_path\n" + (
        "with atomic_path(sys.argv[1]) as path:\n    print('ready', flush=True)\n    sys.stdin.readline()\n"
        "    path.write_text('late')"
    )
    target = tmp_path / "file.json"
    command = [sys.executable, "-c", code, str(target)]
    writer = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    dead = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    for process in (writer, dead):
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    dead.kill()
    dead.wait()
    assert len(list(tmp_path.glob(".file.json.*.partial"))) == 2
    save_json(target, 1)
    assert len(list(tmp_path.glob(".file.json.*.partial"))) == 1, (
        "that of the killed process is to go, and no other"
    )
    writer.communicate("\n")
    assert writer.returncode == 0 and target.read_text() == "late"
    assert [path.name for path in tmp_path.iterdir()] == ["file.json"]
