"""Progress of long work, with rate, loss and time left: a bar for who looks on, plain lines in a log.

The bar is tqdm's, which knows terminals and notebooks, those without ipywidgets, too. A log gets a line for each
twentieth of the work or each minute, whichever comes first, but not more than one in ten seconds.
"""

import logging
import os
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Protocol


def format_seconds(seconds: float) -> str:
    """``h:mm:ss``."""
    whole = int(seconds + 0.5)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


class Task:
    """One loop whose progress is shown. The base class shows nothing."""

    def __init__(self, description: str, total: int, done: int = 0) -> None:
        self.description, self.total, self.done = description, total, done
        self.numbers: dict[str, float] = {}
        self.before_advance: Callable[[], None] | None = None
        self._started, self._started_at = time.monotonic(), done

    def advance(self, units: int = 1, **numbers: float) -> None:
        """Count `units` as done and remember the latest `numbers` (loss, learning rate, ...)."""
        if self.before_advance is not None:
            self.before_advance()
        self.done += units
        self.numbers.update(numbers)
        self.show()

    def show(self) -> None:
        """Called after each advance."""

    def close(self) -> None:
        """Called when the loop ends, also by an error."""

    @property
    def rate(self) -> float:
        """Units per second since the task began in this process."""
        elapsed = time.monotonic() - self._started
        return (self.done - self._started_at) / elapsed if elapsed > 0 else 0.0

    def summary(self) -> str:
        """Rate, numbers and time left in words."""
        parts = [f"{self.done}/{self.total}", f"{self.rate:.1f}/s"]
        parts += [f"{name} {value:.4g}" for name, value in self.numbers.items()]
        if self.rate > 0 and self.done < self.total:
            parts.append(f"{format_seconds((self.total - self.done) / self.rate)} left")
        return ", ".join(parts)


class Progress(Protocol):
    """Anything that can show tasks."""

    def start(self, description: str, total: int, done: int = 0) -> Task:
        """Begin to show a loop of `total` units of which `done` are finished."""
        ...


class Silent:
    """Shows nothing."""

    def start(self, description: str, total: int, done: int = 0) -> Task:
        """A task that shows nothing."""
        return Task(description, total, done)


class _LogTask(Task):
    def __init__(self, owner: "LogLines", *args: Any) -> None:
        super().__init__(*args)
        self._owner, self._last, self._last_done = owner, time.monotonic(), self.done

    def show(self) -> None:
        since, new = time.monotonic() - self._last, self.done - self._last_done
        soon = since >= self._owner.soonest and new >= PART * self.total
        ends = self.done >= self.total and new > 0  # later calls only look whether to stop
        if soon or since >= self._owner.latest or ends:
            self._last, self._last_done = time.monotonic(), self.done
            self._owner.write(f"{self.description}: {self.summary()}")


PART = 0.05
"""Of the whole work, after which there is a new line."""


class LogLines:
    """Plain lines, also one at the end.

    Parameters
    ----------
    logger : logging.Logger
        Receives the lines at level INFO. Where it would drop them, since nobody has set up logging, they go to
        standard error: long work is never silent.
    soonest, latest : float
        Seconds between two lines.
    """

    def __init__(self, logger: logging.Logger, soonest: float = 10.0, latest: float = 60.0) -> None:
        self._logger, self.soonest, self.latest = logger, soonest, latest

    def start(self, description: str, total: int, done: int = 0) -> Task:
        """A task that writes lines."""
        return _LogTask(self, description, total, done)

    def write(self, line: str) -> None:
        """Write a line where somebody may read it."""
        if self._logger.isEnabledFor(logging.INFO) and self._logger.hasHandlers():
            self._logger.info("%s", line)
        else:
            print(line, file=sys.stderr, flush=True)


class _BarTask(Task):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        with warnings.catch_warnings():  # of notebooks without ipywidgets, where a bar of text does as well
            warnings.simplefilter("ignore")
            from tqdm.auto import tqdm

        size = {}
        if sys.stderr.isatty() and not os.get_terminal_size(sys.stderr.fileno()).columns:
            size = {"ncols": 100, "nrows": 24}  # a terminal that does not know its size would get no bar
        self._bar = tqdm(total=self.total, initial=self.done, desc=self.description, file=sys.stderr, **size)

    def show(self) -> None:
        if self.numbers:
            numbers = ", ".join(f"{name} {value:.4g}" for name, value in self.numbers.items())
            self._bar.set_postfix_str(numbers, refresh=False)
        self._bar.update(self.done - self._bar.n)

    def close(self) -> None:
        self._bar.close()


class Bar:
    """A bar on the terminal (standard error) or in a notebook."""

    def start(self, description: str, total: int, done: int = 0) -> Task:
        """A task with a bar."""
        return _BarTask(description, total, done)


class _SeveralTasks(Task):
    def __init__(self, tasks: Sequence[Task], *args: Any) -> None:
        super().__init__(*args)
        self._tasks = tasks

    def advance(self, units: int = 1, **numbers: float) -> None:
        super().advance(units, **numbers)
        for task in self._tasks:
            task.advance(units, **numbers)

    def close(self) -> None:
        for task in self._tasks:
            task.close()


class Several:
    """Shows every task in several ways at once."""

    def __init__(self, *ways: Progress) -> None:
        self._ways = ways

    def start(self, description: str, total: int, done: int = 0) -> Task:
        """One task shown in all ways."""
        tasks = [way.start(description, total, done) for way in self._ways]
        return _SeveralTasks(tasks, description, total, done)


def chosen_progress(how: str, logger: logging.Logger | None = None) -> Progress:
    """Lines in the log, and a bar where a person looks on.

    Parameters
    ----------
    how : str
        ``none``, ``bar``, ``lines``, or ``auto``: a bar if standard error is a terminal or this is a notebook.
    logger : logging.Logger, optional
        Receives the lines; beside a bar only if somebody has set it up to. The project's by default.
    """
    if how == "none":
        return Silent()
    logger = logger or logging.getLogger("nm_vqtsg")
    lines = LogLines(logger)
    if how == "bar" or (how == "auto" and (sys.stderr.isatty() or in_notebook())):
        listens = logger.isEnabledFor(logging.INFO) and logger.hasHandlers()
        return Several(Bar(), lines) if listens else Bar()
    return lines


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell is not None and "IPKernelApp" in shell.config
