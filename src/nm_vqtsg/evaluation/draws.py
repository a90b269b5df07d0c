"""Parts of TRAIN in the place of samples: how they are drawn, and what several draws say together."""

from collections.abc import Iterator, Mapping, Sequence
from math import sqrt
from statistics import fmean, stdev
from typing import Any

import numpy as np

from nm_vqtsg.datasets.series import Series
from nm_vqtsg.errors import DataError
from nm_vqtsg.evaluation.floor import flat_scores
from nm_vqtsg.evaluation.scores import Samples, Scorer
from nm_vqtsg.metrics.cfid import class_fid
from nm_vqtsg.metrics.directions import BETTER
from nm_vqtsg.metrics.fid import Gaussian, frechet_distance
from nm_vqtsg.metrics.inception import inception_score

INTERVALS = ("kid_interval", "rocket_kid_interval")  # of one draw; the sd over draws says more


class Parts:
    """Parts of TRAIN, as large as the samples.

    Where TRAIN has fewer than twice as many series as a draw, two draws would be nearly equal: then all but the
    first are drawn with replacement, and only the sd is taken from them.

    Parameters
    ----------
    train : Series
        TRAIN.
    n : int
        Series in a draw; all of TRAIN at most.
    per_class : int, optional
        And as many of each class, or all that it has.
    """

    def __init__(self, train: Series, n: int, per_class: int | None) -> None:
        self.train, self.n, self.per_class = train, n, per_class
        self.members: list[np.ndarray] = []
        if train.y is not None and per_class is not None:
            self.members = [np.flatnonzero(train.y == label) for label in range(train.n_classes)]
        sizes = [(min(per_class or 0, len(rows)), len(rows)) for rows in self.members]
        self.differ = len(train.X) >= 2 * n
        self.classes_differ = all(whole >= 2 * part for part, whole in sizes)
        # parts of a set that is not much larger vary less than as many independent series
        self._widen = 1 / sqrt(1 - n / len(train.X)) if self.differ else 1.0
        shares = [1 / (1 - part / whole) for part, whole in sizes if whole] if self.classes_differ else []
        self._widen_classes = sqrt(fmean(shares)) if shares else 1.0

    def rows(self, rng: np.random.Generator, again: bool = False) -> tuple[np.ndarray, np.ndarray | None]:
        """Rows of TRAIN, and those of each class in turn; `again`, of a draw after the first."""
        rows = _choose(np.arange(len(self.train.X)), self.n, rng, again and not self.differ)
        if self.per_class is None or not self.members:
            return rows, None
        repeat = again and not self.classes_differ
        chosen = [_choose(of_class, self.per_class, rng, repeat) for of_class in self.members]
        return rows, np.concatenate(chosen)

    def draw(self, rng: np.random.Generator, again: bool = False) -> Samples:
        """The series of `rows`."""
        rows, chosen = self.rows(rng, again)
        if chosen is None or self.train.y is None:
            return Samples(self.train.X[rows])
        return Samples(self.train.X[rows], self.train.X[chosen], self.train.y[chosen])

    def mean(self, scores: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Over the draws, or of the first where the others repeat series."""
        return {
            key: _mean([draw[key] for draw in scores if key in draw] if self.counts(key) else [value])
            for key, value in scores[0].items()
            if key not in INTERVALS
        }

    def sd(self, scores: Sequence[Mapping[str, Any]]) -> dict[str, float]:
        """Of each score over the draws of one kind, as of independent series; nothing for fewer than two."""
        flat = [flat_scores(dict(draw)) for draw in scores]
        values = {
            key: [draw[key] for draw in (flat if self.counts(key) else flat[1:]) if key in draw]
            for key in flat[0]
            if key in BETTER
        }
        return {
            key: stdev(of_draws) * (self._widen_classes if key.startswith("cfid") else self._widen)
            for key, of_draws in values.items()
            if len(of_draws) > 1
        }

    def counts(self, key: str) -> bool:
        """Whether a score's mean over the draws is an estimate; else only their sd is one."""
        return self.classes_differ if key.startswith("cfid") else self.differ


def _choose(rows: np.ndarray, n: int, rng: np.random.Generator, repeat: bool) -> np.ndarray:
    n = min(n, len(rows))
    return np.sort(rng.choice(rows, n) if repeat and n else rng.permutation(rows)[:n])


def _mean(values: list[Any]) -> Any:
    if isinstance(values[0], Mapping):
        return {key: _mean([value[key] for value in values if key in value]) for key in values[0]}
    return fmean(values) if isinstance(values[0], int | float) else values[0]


def judged(scorer: Scorer, parts: Parts, rng: np.random.Generator, draws: int) -> Iterator[dict[str, Any]]:
    """FID, IS and cFID of many draws: the judge looks at TRAIN once, so each costs a few milliseconds.

    Parameters
    ----------
    scorer : Scorer
        With a judge.
    parts : Parts
    rng : np.random.Generator
        Draws, and shuffles for IS.
    draws : int
        The first is without replacement, as that of `Parts.draw`.
    """
    assert scorer.judge is not None and scorer.features.fcn is not None
    features, probabilities = scorer.judge.features_and_probabilities(parts.train.X)
    real, y, n_classes = Gaussian(scorer.features.fcn), scorer.real.y, len(scorer.labels)
    for draw in range(draws):
        rows, chosen = parts.rows(rng, again=draw > 0)
        scores: dict[str, Any] = {"fid": frechet_distance(real, Gaussian(features[rows]))}
        try:
            scores["is"] = inception_score(probabilities[rows], scorer.config.is_splits, rng)[0]
            scores["is_normalized"] = scores["is"] / n_classes
        except DataError:  # fewer series than splits: `Scorer.score` says so
            pass
        if chosen is not None and y is not None and parts.train.y is not None:
            by_class = class_fid(scorer.features.fcn, y, features[chosen], parts.train.y[chosen], n_classes)
            if by_class.per_class:
                named = {scorer.labels[label]: value for label, value in by_class.per_class.items()}
                scores |= {"cfid": by_class.mean, "cfid_per_class": named}
        yield scores
