"""Files that vanish, no memory, two processes on one job: nothing is lost, and one line says what to do."""

from __future__ import annotations

import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nm_vqtsg import memory
from nm_vqtsg.artifacts import save_json
from nm_vqtsg.errors import machine_error

from .conftest import DATASET, LONG_S, STEPS, TRAINED, Study, same_files, wait_for

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
        ("stage1", {"stage1.batch_size": 1_000_000}),
        ("stage2", {"stage2.batch_size": 1_000_000}),
        ("stage3", {"stage3.batch_size": 1_000_000}),
    ],
)
def test_memory_that_runs_out(study: Study, whole: Study, step: str, changes: dict[str, int]) -> None:
    study.set(changes)
    study.forget(step)
    before = study.files()
    line = study.refused(step, before=limited(3))
    assert line.startswith("error: memory ran out: ")
    assert re.search(r"this process holds [\d.]+ GB and [\d.]+ GB are free for it; use a smaller batch_size", line)
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
    assert str(machine_error(error)).startswith("memory ran out")
    assert machine_error(RuntimeError("mat1 and mat2 shapes cannot be multiplied")) is None


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        ("Unable to allocate 7.45 GiB for an array with shape (100000, 10000)", "8 GB more were asked for where"),
        (
            "can't allocate memory: you tried to allocate 4000000000 bytes. Error",
            "4 GB more were asked for",
        ),
        ("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has", "2.15 GB more were asked for on the GPU;"),
    ],
    ids=["numpy", "torch", "cuda"],
)
def test_what_was_asked_for_is_said(words: str, numbers: str) -> None:
    kind = MemoryError if words.startswith("Unable") else RuntimeError
    assert f"memory ran out: {numbers}" in str(machine_error(kind(words)))


HUNGRY = """
import numpy as np, torch, sys
from nm_vqtsg import memory
from nm_vqtsg.errors import machine_error
memory.free_memory, memory._GPUS = lambda: 400_000_000, ()
memory.limit_memory()
np.ones(200_000_000, np.uint8), torch.ones(40_000_000)  # one after the other is not too much
for much in (lambda: np.ones(500_000_000, np.uint8), lambda: torch.ones(125_000_000)):
    try:
        much()
        sys.exit("was given")
    except Exception as error:
        print(machine_error(error))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_a_process_may_not_take_more_than_was_free() -> None:
    done = subprocess.run([sys.executable, "-c", HUNGRY], capture_output=True, text=True, timeout=LONG_S)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 2 and all("memory ran out: 0.5 GB more were asked for where" in line for line in lines)
    assert all(0 <= float(re.search(r"([\d.]+) GB are free for it", line)[1]) <= 0.4 for line in lines)


COMMAND = """
import resource, sys
from nm_vqtsg import cli, memory
memory._GPUS = tuple(sys.argv.pop().split())
cli.app = lambda: print(resource.getrlimit(resource.RLIMIT_DATA)[0])
cli.main()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_every_command_is_limited_but_where_there_is_a_gpu(tmp_path: Path) -> None:
    def limit(gpus: str) -> int:
        command = [sys.executable, "-c", COMMAND, gpus]
        return int(subprocess.run(command, capture_output=True, text=True, timeout=LONG_S, check=True).stdout)

    outside = resource.getrlimit(resource.RLIMIT_DATA)[0]
    (tmp_path / "gpu").touch()
    assert limit(f"{tmp_path}/no {tmp_path}/gpu") == outside
    assert 0 < limit(f"{tmp_path}/no") < 1.5 * memory.free_memory()


def test_what_a_container_has_left_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = memory.free_memory()
    assert 1e8 < whole < 1e13
    limit, used, statistics = (tmp_path / name for name in ("memory.max", "memory.current", "memory.stat"))
    monkeypatch.setattr(memory, "_GROUPS", ((str(limit), str(used), str(statistics)),))
    used.write_text("3000000\n")
    statistics.write_text("anon 2000000\ninactive_file 500000\n")  # files that are let go when memory is needed
    for text, expected in (("5000000\n", 2_500_000), ("1000000\n", 0)):
        limit.write_text(text)
        assert memory.free_memory() == expected
    limit.write_text("max\n")
    assert memory.free_memory() > 1e8


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
