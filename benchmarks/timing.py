"""Processor time of two ways, taken in turns in one process.

Only ratios taken inside one process mean anything on a machine that others use, or whose cores change their
speed: so a step of one way is followed by a step of the other, and each pair gives a ratio. Processor time of the
process, not wall time: what others do on the machine counts for little.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nm_vqtsg.session import Task


@dataclass(frozen=True)
class Comparison:
    """Seconds of processor time of this project's way and of the other one, pair by pair.

    Attributes
    ----------
    ours, other : tuple of float
        Equally many; `other` is empty where there is nothing to compare with.
    """

    ours: tuple[float, ...]
    other: tuple[float, ...] = ()

    def ratio(self) -> float:
        """Median over the pairs of other / ours: how many times less work ours is; NaN without pairs."""
        return float(np.median(self._ratios())) if self.other else float("nan")

    def _ratios(self) -> np.ndarray:
        return np.array(self.other) / np.array(self.ours)

    def scaled(self, ours: float, other: float) -> "Comparison":
        """For work of which a part was done."""
        return Comparison(tuple(s * ours for s in self.ours), tuple(s * other for s in self.other))

    def summary(self) -> dict[str, Any]:
        """Medians and quartiles of both and of the ratio."""
        found: dict[str, Any] = {"pairs": len(self.ours), "ours_s": quartiles(self.ours)}
        if self.other:
            found |= {"other_s": quartiles(self.other), "ratio": quartiles(self._ratios())}
        return found


def quartiles(values: Sequence[float] | np.ndarray) -> dict[str, float]:
    """Median and quartiles."""
    low, middle, high = np.quantile(np.asarray(values), [0.25, 0.5, 0.75])
    return {"median": float(middle), "q25": float(low), "q75": float(high)}


def geometric_mean(values: Sequence[float]) -> float:
    """Of positive numbers."""
    return float(np.exp(np.mean(np.log(values))))


def seconds(work: Callable[[], object]) -> float:
    """Processor seconds of the process during `work`."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def in_turns(rounds: int, ours: Callable[[], object], other: Callable[[], object] | None) -> Comparison:
    """Both ways in turns, `rounds` times, after one round that does not count."""
    ours()
    if other is not None:
        other()
    pairs = [(seconds(ours), seconds(other) if other else 0.0) for _ in range(rounds)]
    return Comparison(tuple(a for a, _ in pairs), tuple(b for _, b in pairs) if other else ())


class BetweenSteps:
    """A `Progress` that is told when a step of the library's own training loop is done."""

    def start(self, description: str, total: int, done: int = 0) -> Task:
        """The task that the loop advances."""
        return _Step(self, description, total, done)

    def after_step(self, done: int) -> None:
        """Called with the steps that are done."""
        raise NotImplementedError


class _Step(Task):
    def __init__(self, watch: BetweenSteps, *args: Any) -> None:
        super().__init__(*args)
        self._watch, self._seen = watch, 0

    def show(self) -> None:
        self._seen += 1
        self._watch.after_step(self._seen)


class Interleaved:
    """A `Progress` that times the steps of the library's own training loop, and does another way's step between.

    So what is measured is the loop that the pipeline runs, with all its bookkeeping.

    Parameters
    ----------
    other : callable, optional
        One step of the other way.
    warm_up : int
        First steps that do not count.
    """

    def __init__(self, other: Callable[[], object] | None = None, warm_up: int = 3) -> None:
        self.other, self.warm_up = other, warm_up
        self.laps: list[float] = []
        self.other_laps: list[float] = []

    def start(self, description: str, total: int, done: int = 0) -> Task:
        """The task that the loop advances."""
        return _Lap(self, description, total, done)

    def comparison(self) -> Comparison:
        """What was timed."""
        return Comparison(tuple(self.laps[self.warm_up :]), tuple(self.other_laps[self.warm_up :]))


class _Lap(Task):
    def __init__(self, watch: Interleaved, *args: Any) -> None:
        super().__init__(*args)
        self._watch, self._begin = watch, time.process_time()

    def show(self) -> None:
        now = time.process_time()
        self._watch.laps.append(now - self._begin)
        if self._watch.other is not None:
            self._watch.other_laps.append(seconds(self._watch.other))
        self._begin = time.process_time()
