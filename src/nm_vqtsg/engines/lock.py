"""One engine at a time in a study directory.

Two Snakemakes are kept apart by a lock that the kernel holds for the process, on a file in ``.dvc/tmp``: it ends
with the process, whatever ends it, and is seen from every container of a machine, where process numbers are not.
The file names the machine, for file systems whose locks do not reach from one to another.

DVC guards files with ``.dvc/tmp/rwlock``, a JSON list of who reads and who writes which path. While Snakemake
runs it stands there as a reader of the study's outputs: ``dvc status`` goes on working, and whatever would
write them (``dvc repro``, ``dvc checkout``) is refused by DVC itself, naming the process and its command.
``dvc exp run --temp`` works in another directory with locks of its own. DVC allows an entry a process number and a
command, nothing else; so an entry counts only while the process of that number runs that command.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import platform
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import psutil

from nm_vqtsg.artifacts import atomic_path
from nm_vqtsg.errors import UserError

READER = "snakemake is running this study: wait until it has ended, or stop it"
PATIENCE_S = 20.0
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_SHOWN = 200  # characters of somebody else's command in a message


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
    """Snakemake's claim on the outputs of one study; it ends with this object at the latest.

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
        self._claims: ExitStack | None = None

    @property
    def held(self) -> bool:
        """Whether the claim is entered."""
        return self._claims is not None

    def acquire(self) -> None:
        """Enter the claim.

        Raises
        ------
        EngineBusyError
            DVC, or another Snakemake, is at work on these outputs.
        """
        with dvc_is_still(self._root), ExitStack() as claims:
            files = [claims.enter_context(_claimed(self._claim_file(path))) for path in self._paths]
            table = self._read()
            for path, entry in table["write"].items():
                if self._overlaps(path) and _at_work(entry):
                    raise EngineBusyError(
                        f"process {entry['pid']} is at work on this study ({_readable(entry['cmd'])}); "
                        "wait or stop it"
                    )
            for path in self._paths:
                table["read"][path] = [*self._others(table, path), self._me]
            self._write(table)
            for file in files:
                _sign(file)
            self._claims = claims.pop_all()

    def release(self) -> None:
        """Withdraw the claim; harmless when there is none."""
        claims, self._claims = self._claims, None
        if claims is None:
            return
        with claims, contextlib.suppress(EngineBusyError), dvc_is_still(self._root):
            table = self._read()
            for path in self._paths:
                if others := self._others(table, path):
                    table["read"][path] = others
                else:
                    table["read"].pop(path, None)
            self._write(table)

    def _others(self, table: dict[str, Any], path: str) -> list[dict[str, Any]]:
        """Those who read a path beside Snakemake: that is this one, since the claim is held, or a dead one."""
        return [entry for entry in table["read"].get(path, []) if entry["cmd"] != READER and _at_work(entry)]

    def _claim_file(self, path: str) -> Path:
        """A file in the repository, the same under whatever name a machine sees the repository."""
        name = os.path.relpath(path, self._root.resolve())
        folder = self._root / ".dvc" / "tmp" / "nm_vqtsg"
        return folder / f"snakemake-{hashlib.sha256(name.encode()).hexdigest()[:16]}"

    def _overlaps(self, path: str) -> bool:
        return any(
            path == own or path.startswith(own + os.sep) or own.startswith(path + os.sep) for own in self._paths
        )

    def _read(self) -> dict[str, Any]:
        """The table, without anything in it that is no entry; such a file is made anew."""
        try:
            content = json.loads(self._table.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError, RecursionError):
            content = None
        write, read = (
            part if isinstance(part, dict) else {}
            for part in (content.get(mode) if isinstance(content, dict) else None for mode in ("write", "read"))
        )
        return {
            "write": {path: entry for path, entry in write.items() if _is_entry(entry)},
            "read": {
                path: [entry for entry in entries if _is_entry(entry)]
                for path, entries in read.items()
                if isinstance(entries, list)
            },
        }

    def _write(self, table: dict[str, Any]) -> None:
        with atomic_path(self._table) as temporary:
            temporary.write_text(json.dumps(table))


@contextmanager
def _claimed(path: Path) -> Iterator[IO[str]]:
    """The open claim file, locked for this process; emptied at the end.

    The file holds who claims. If it still does when the lock is free, the process has died, unless it runs on
    another machine from which the lock is not seen here.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+", encoding="utf-8", errors="replace") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder(file)
            who = f"process {holder['pid']} on {holder['host']}" if holder else "another process"
            raise EngineBusyError(f"{who} is at work on this study (snakemake); wait or stop it") from None
        holder = _holder(file)
        if holder and holder["host"] != platform.node() and (holder["boot"] is None or holder["boot"] != _boot()):
            raise EngineBusyError(
                f"process {holder['pid']} on machine {holder['host']} is at work on this study (snakemake) or has "
                f"died, which cannot be seen from {platform.node()}; if it has, remove {path}"
            )
        yield file
        file.truncate(0)


def _holder(file: IO[str]) -> dict[str, Any] | None:
    """Who signed a claim file; None for an empty one, and for junk."""
    file.seek(0)
    try:
        holder = json.loads(file.read(10_000))
    except (ValueError, RecursionError):
        return None
    signed = isinstance(holder, dict) and {"host", "boot", "pid"} <= holder.keys() and type(holder["pid"]) is int
    return {**holder, "host": _shown(str(holder["host"]))} if signed else None


def _sign(file: IO[str]) -> None:
    file.truncate(0)
    file.write(json.dumps({"host": platform.node(), "boot": _boot(), "pid": os.getpid()}))
    file.flush()


def _boot() -> str | None:
    """What tells a running kernel from all others, also from the same machine's before; only Linux says it."""
    try:
        return _BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return None


def _is_entry(entry: Any) -> bool:
    """Whether it has the form that DVC gives an entry."""
    return (
        isinstance(entry, dict)
        and entry.keys() == {"pid", "cmd"}
        and type(entry["pid"]) is int
        and 0 < entry["pid"] < 2**31
        and isinstance(entry["cmd"], str)
    )


def _at_work(entry: dict[str, Any]) -> bool:
    """Whether the process of an entry still runs: its number may have gone to another one.

    An entry of DVC holds ``sys.argv``: the arguments end the command line of the process, whatever it began with.
    Of a program that is not DVC's own (Python code that calls DVC) only the number is looked at.
    """
    try:
        line = " ".join(psutil.Process(entry["pid"]).cmdline())
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
    arguments = re.search(r"(?:^|[/\\])dvc(?:[/\\]__main__\.py)? (.+)", entry["cmd"], re.DOTALL)
    return arguments is None or line.endswith(arguments[1])


def _readable(command: str) -> str:
    """``dvc repro`` for ``/usr/bin/dvc repro`` and for ``.../dvc/__main__.py repro``."""
    program, *arguments = command.partition(":")[0].split(" ")
    path = Path(program)
    return _shown(" ".join([path.parent.name if path.name == "__main__.py" else path.name, *arguments]))


def _shown(text: str) -> str:
    """A text of unknown origin as part of one line."""
    return "".join(char if char.isprintable() else "?" for char in text[:_SHOWN])


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
