"""One engine at a time in a study, and nothing that a dead one leaves stands in the way."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from dvc.lock import LockError
from dvc.repo import Repo
from dvc.rwlock import rwlock

from nm_vqtsg.engines.lock import READER, EngineBusyError, EngineLock

SNAKEMAKE = """
import sys
from pathlib import Path
from nm_vqtsg.engines.lock import EngineLock
root = Path(sys.argv[1])
lock = EngineLock(root, [root / "out"])
lock.acquire()
print("held", flush=True)
sys.stdin.read()
"""
DVC = """
import sys
from dvc.repo import Repo
from dvc.rwlock import rwlock
root, program = sys.argv[1:3]
with (
    Repo(root) as repo,
    rwlock(root + "/.dvc/tmp", repo.fs, " ".join([program, *sys.argv[3:]]), [], [root + "/out/a"], False),
):
    print("held", flush=True)
    sys.stdin.read()
"""


def holding(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the study until it is killed."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def holder(project: Path) -> Iterator[subprocess.Popen[str]]:
    yield from holding([sys.executable, "-c", SNAKEMAKE, str(project)])


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.read()  # whoever else had it open has ended, too


def acquired(project: Path) -> None:
    """Snakemake can begin, and end."""
    lock = EngineLock(project, [project / "out"])
    lock.acquire()
    lock.release()
    lock.release()


def refusal(project: Path) -> str:
    """What Snakemake says instead, in one line."""
    with pytest.raises(EngineBusyError) as refused:
        EngineLock(project, [project / "out"]).acquire()
    text = str(refused.value)
    assert text.isprintable()
    return text


def dvc_writes(project: Path, command: str = "dvc repro") -> None:
    with (
        Repo(str(project)) as repo,
        rwlock(str(project / ".dvc" / "tmp"), repo.fs, command, [], [str(project / "out" / "a")], False),
    ):
        pass


def claim(project: Path) -> Path:
    (path,) = (project / ".dvc" / "tmp" / "nm_vqtsg").glob("snakemake-*")
    return path


def test_a_second_snakemake_is_refused_in_one_line(project: Path, holder: subprocess.Popen[str]) -> None:
    text = refusal(project)
    assert f"process {holder.pid} on " in text and "snakemake" in text
    another = EngineLock(project, [project / "studies" / "mine" / "out"])
    another.acquire()
    another.release()
    assert refusal(project) == text


def test_a_refused_snakemake_takes_nothing_away(project: Path, holder: subprocess.Popen[str]) -> None:
    lock = EngineLock(project, [project / "out"])
    with pytest.raises(EngineBusyError):
        lock.acquire()
    lock.release()
    assert f"process {holder.pid} on " in refusal(project)
    with pytest.raises(LockError):
        dvc_writes(project)


def test_dvc_may_look_but_not_write_meanwhile(project: Path, holder: subprocess.Popen[str]) -> None:
    with (
        Repo(str(project)) as repo,
        rwlock(str(project / ".dvc/tmp"), repo.fs, "dvc status", [str(project / "out" / "a")], [], False),
    ):
        pass
    with pytest.raises(LockError, match="snakemake is running this study"):
        dvc_writes(project)


def test_a_killed_snakemake_counts_for_nothing(project: Path, holder: subprocess.Popen[str]) -> None:
    end(holder)
    acquired(project)
    dvc_writes(project)


def test_a_killed_snakemake_whose_number_another_process_has(project: Path, holder: subprocess.Popen[str]) -> None:
    """DVC, which knows numbers alone, is held up until the next run of Snakemake."""
    end(holder)
    with subprocess.Popen(["sleep", "600"]) as other:
        table = project / ".dvc" / "tmp" / "rwlock"
        table.write_text(table.read_text().replace(f'"pid": {holder.pid}', f'"pid": {other.pid}'))
        claim(project).write_text(claim(project).read_text().replace(str(holder.pid), str(other.pid)))
        with pytest.raises(LockError, match=str(other.pid)):
            dvc_writes(project)
        acquired(project)
        dvc_writes(project)
        other.kill()


@pytest.mark.parametrize("program", ["/usr/bin/dvc", "/lib/dvc/__main__.py"])
def test_snakemake_is_refused_while_dvc_writes(project: Path, program: str) -> None:
    for process in holding([sys.executable, "-c", DVC, str(project), program, "repro", "-f"]):
        assert refusal(project).startswith(f"process {process.pid} is at work on this study (dvc repro -f)")
        end(process)
        acquired(project)


def test_a_killed_dvc_whose_number_another_process_has(project: Path) -> None:
    table = project / ".dvc" / "tmp" / "rwlock"
    table.parent.mkdir(exist_ok=True)
    with subprocess.Popen(["sleep", "600"]) as other:
        entry = {"pid": other.pid, "cmd": "/usr/bin/dvc repro"}
        table.write_text(json.dumps({"write": {str(project / "out" / "a"): entry}}))
        acquired(project)
        table.write_text(json.dumps({"write": {str(project / "out" / "a"): {**entry, "cmd": "mine.py\n\x1b[2J"}}}))
        assert f"process {other.pid} is at work on this study (mine.py" in refusal(project)
        other.kill()


def test_a_snakemake_of_another_machine(project: Path, holder: subprocess.Popen[str]) -> None:
    """On a file system whose locks do not reach that far; of one that has died nothing can be known."""
    end(holder)
    path = claim(project)
    path.write_text(json.dumps({"host": "node7", "boot": "another", "pid": 4242}))
    text = refusal(project)
    assert "process 4242 on machine node7" in text and text.endswith(f"remove {path}")
    path.unlink()
    acquired(project)


def test_a_snakemake_of_this_machine_before_it_was_started_anew(
    project: Path, holder: subprocess.Popen[str]
) -> None:
    end(holder)
    left = json.loads(claim(project).read_text())
    claim(project).write_text(json.dumps({**left, "boot": "another"}))
    acquired(project)


def test_a_snakemake_in_another_container(project: Path) -> None:
    """Process numbers and the machine's name are others there; the lock is the same."""
    unshare = ["unshare", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if shutil.which("unshare") is None or subprocess.run([*unshare, "true"], check=False).returncode:
        pytest.skip("no namespaces here")
    within = 'hostname elsewhere && exec "$@"'
    for process in holding([*unshare, "sh", "-c", within, "sh", sys.executable, "-c", SNAKEMAKE, str(project)]):
        assert refusal(project).startswith("process 1 on elsewhere is at work on this study (snakemake)")
        end(process)
        acquired(project)


JUNK = [
    b"[]",
    b"\x80\xff\x00",
    b"[" * 100_000,
    b'{"write": [], "read": 3}',
    b'{"read": {"/x": [{"pid": "1", "cmd": "x"}, 7, null]}, "write": {"/x": {"cmd": 1}}}',
    b'{"write": {"/x": {"pid": 1e400, "cmd": ""}, "/y": {"pid": true, "cmd": ""}, "/z": []}}',
]


@pytest.mark.parametrize("junk", JUNK)
def test_junk_instead_of_locks_is_made_anew(project: Path, junk: bytes) -> None:
    acquired(project)
    table = project / ".dvc" / "tmp" / "rwlock"
    table.write_bytes(junk.replace(b"/x", str(project / "out").encode()))
    claim(project).write_bytes(junk)
    lock = EngineLock(project, [project / "out"])
    lock.acquire()
    assert json.loads(table.read_text())["read"][str(project / "out")][-1]["cmd"] == READER
    with pytest.raises(LockError, match="snakemake is running"):
        dvc_writes(project)
    lock.release()
    dvc_writes(project)
