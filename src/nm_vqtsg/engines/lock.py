"""One engine at a time in a study directory, through DVC's own locks.

DVC guards files with ``.dvc/tmp/rwlock``, a JSON list of who reads and who writes which path. While Snakemake
runs it stands there as a reader of the study's outputs: ``dvc status`` goes on working, and whatever would
write them (``dvc repro``, ``dvc checkout``) is refused by DVC itself, naming the process and its command.
``dvc exp run --temp`` works in another directory with locks of its own. An entry of a dead process counts
for nothing, so nothing has to be cleaned up after ``kill -9``.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from nm_vqtsg.artifacts import atomic_path
from nm_vqtsg.errors import UserError

READER = "snakemake is running this study: wait until it has ended, or stop it"
PATIENCE_S = 20.0


class EngineBusyError(UserError):
    """Another engine is at work in this directory."""


@contextmanager
def dvc_is_still(root: Path, patience_s: float = PATIENCE_S) -> Iterator[None]:
    """Hold DVC's repository lock, so that no DVC command begins, waiting for a short one to end.

    Raises
    ------
    EngineBusyError
        The lock was not free for `patience_s` seconds.
    """
    folder = root / ".dvc" / "tmp"
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder / "lock", patience_s), _locked(folder / "rwlock.lock", patience_s):
        yield


class EngineLock:
    """Snakemake's claim on the outputs of one study.

    Parameters
    ----------
    root
        The DVC repository.
    folders
        The folders below which the study's outputs lie.
    """

    def __init__(self, root: Path, folders: list[Path]) -> None:
        self._root = root
        self._table = root / ".dvc" / "tmp" / "rwlock"
        self._paths = sorted(str(folder.resolve()) for folder in folders)
        self._me = {"pid": os.getpid(), "cmd": READER}

    def acquire(self) -> None:
        """Enter the claim.

        Raises
        ------
        EngineBusyError
            DVC, or another Snakemake, is at work on these outputs.
        """
        with dvc_is_still(self._root):
            table = self._read()
            for pid, command in self._others(table):
                if _alive(pid):
                    raise EngineBusyError(
                        f"process {pid} is at work on this study ({_readable(command)}); wait or stop it"
                    )
            for path in self._paths:
                readers = [entry for entry in table["read"].get(path, []) if _alive(entry["pid"])]
                table["read"][path] = [*readers, self._me]
            self._write(table)

    def release(self) -> None:
        """Withdraw the claim; harmless when there is none."""
        with contextlib.suppress(EngineBusyError), dvc_is_still(self._root):
            table = self._read()
            for path in self._paths:
                readers = [entry for entry in table["read"].pop(path, []) if entry != self._me]
                if readers:
                    table["read"][path] = readers
            self._write(table)

    def _others(self, table: dict[str, Any]) -> Iterator[tuple[int, str]]:
        for path, entry in table["write"].items():
            if self._overlaps(path):
                yield entry["pid"], entry["cmd"]
        for path, entries in table["read"].items():
            for entry in entries:
                if entry["cmd"] == READER and entry != self._me and self._overlaps(path):
                    yield entry["pid"], entry["cmd"]

    def _overlaps(self, path: str) -> bool:
        return any(
            path == own or path.startswith(own + os.sep) or own.startswith(path + os.sep) for own in self._paths
        )

    def _read(self) -> dict[str, Any]:
        try:
            table = json.loads(self._table.read_text())
        except (FileNotFoundError, ValueError):
            table = {}
        return {"write": table.get("write", {}), "read": table.get("read", {})}

    def _write(self, table: dict[str, Any]) -> None:
        with atomic_path(self._table) as temporary:
            temporary.write_text(json.dumps(table))


def _readable(command: str) -> str:
    """``dvc repro`` for ``/usr/bin/dvc repro`` and for ``.../dvc/__main__.py repro``."""
    program, *arguments = command.partition(":")[0].split(" ")
    path = Path(program)
    return " ".join([path.parent.name if path.name == "__main__.py" else path.name, *arguments])


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextmanager
def _locked(path: Path, patience_s: float) -> Iterator[IO[str]]:
    deadline = time.monotonic() + patience_s
    with open(path, "a+") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise EngineBusyError(
                        "DVC is at work in this project; wait until it has ended, or stop it"
                    ) from None
                time.sleep(0.1)
        yield file
