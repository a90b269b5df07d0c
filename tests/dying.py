"""Processes that `kill -9` hits before one of their operations on files, whichever one wants."""

from __future__ import annotations

import atexit
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

EVENTS = ("open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "tempfile.mkstemp")

# for sitecustomize.py, which Python runs first
AT_START = """
import os, dying
dying.die_before(int(os.environ["DIE_BEFORE"]), os.environ["DIE_BELOW"], os.environ.get("DIE_COUNT"))
"""


def die_before(number: int, folder: str, count: str | None = None) -> None:
    """Let this process die before an operation on files below a folder, counted from 1.

    Without a name of a file for it, nobody learns how many operations there were.
    """
    seen = 0

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        if event not in EVENTS or not isinstance(arguments[0], str | Path):
            return
        if os.path.abspath(arguments[0]).startswith(folder + os.sep):
            seen += 1
            if seen == number:
                os.kill(os.getpid(), signal.SIGKILL)

    if count is not None:
        atexit.register(lambda: Path(count).write_text(str(seen)))
    sys.addaudithook(watch)


def deaths(work: Callable[[], object], folder: Path) -> Iterator[int]:
    """Do some work in processes of their own that die, each at the next operation, until one gets to the end."""
    for number in range(1, 1000):
        process = os.fork()
        if process == 0:
            try:
                die_before(number, str(folder))
                work()
                os._exit(0)
            finally:
                os._exit(1)
        _, status = os.waitpid(process, 0)
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0
            return
        yield number
    raise AssertionError("it does not end")
