"""Progress of long work: a bar with rate, loss and time left on a terminal, plain lines in a log."""

import logging
import sys
import time
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
    def __init__(self, logger: logging.Logger, every: float, *args: Any) -> None:
        super().__init__(*args)
        self._logger, self._every, self._last = logger, every, time.monotonic()

    def show(self) -> None:
        now = time.monotonic()
        if now - self._last >= self._every or self.done >= self.total:
            self._last = now
            self._logger.info("%s: %s", self.description, self.summary())


class LogLines:
    """Plain lines through `logging`, one every few seconds and one at the end.

    Parameters
    ----------
    logger : logging.Logger
        Receives the lines at level INFO.
    every : float
        Seconds between two lines.
    """

    def __init__(self, logger: logging.Logger, every: float = 10.0) -> None:
        self._logger, self._every = logger, every

    def start(self, description: str, total: int, done: int = 0) -> Task:
        """A task that writes lines."""
        return _LogTask(self._logger, self._every, description, total, done)


class _BarTask(Task):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TextColumn("{task.fields[numbers]}"),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=Console(stderr=True),
        )
        self._id = self._bar.add_task(self.description, total=self.total, completed=self.done, numbers="")
        self._bar.start()

    def show(self) -> None:
        numbers = [f"{self.rate:.1f}/s", *(f"{name} {value:.4g}" for name, value in self.numbers.items())]
        self._bar.update(self._id, completed=self.done, numbers=" ".join(numbers))

    def close(self) -> None:
        self._bar.stop()


class Bar:
    """A bar on the terminal (standard error) with rate, loss and time left."""

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


def chosen_progress(how: str, logger: logging.Logger) -> Progress:
    """Lines in the log, and a bar too where a person looks on.

    Parameters
    ----------
    how : str
        ``bar``, ``lines``, or ``auto``: a bar if standard error is a terminal.
    logger : logging.Logger
        Receives the lines.
    """
    lines = LogLines(logger)
    if how == "bar" or (how == "auto" and sys.stderr.isatty()):
        return Several(Bar(), lines)
    return lines
