"""What real series score: parts of TRAIN in the place of the samples, drawn several times."""

from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

import numpy as np

from nm_vqtsg.datasets.series import Series
from nm_vqtsg.evaluation.floor import flat_scores
from nm_vqtsg.evaluation.scores import Features, Samples, Scorer
from nm_vqtsg.metrics.directions import BETTER
from nm_vqtsg.metrics.fid import fid
from nm_vqtsg.session import Task

INTERVALS = ("kid_interval", "rocket_kid_interval")  # of one draw; the sd over draws says more


def reference(
    scorer: Scorer, train: Series, versions: Mapping[str, Features], sizes: Mapping[str, int], task: Task
) -> dict[str, Any]:
    """Scores of real series, and of the samples at the same size.

    Not a lower bound: the judge was fitted to TRAIN, and with few series FID is mostly bias.

    Parameters
    ----------
    scorer : Scorer
        With TEST.
    train : Series
        TRAIN.
    versions : mapping of name to Features
        Of the samples.
    sizes : mapping
        ``generated``, and ``per_class`` where there are classes.
    task : Task
        Advanced with each of `Evaluate.reference_draws`.

    Returns
    -------
    dict
        ``n`` series in each of ``draws`` draws, scores as of `Scorer.score`, and their ``sd`` over draws, flat.
        Where TRAIN has twice as many series as a draw, scores are means over the draws. Where it has fewer, draws
        would be nearly equal: scores are of one draw, and the sd is of draws with replacement, whose own scores
        are no estimate, since repeated series raise FID. What trains classifiers or networks is scored once.
    """
    n, draws = min(sizes["generated"], len(train.X)), scorer.config.reference_draws
    plan = _Plan(train, n, sizes.get("per_class"))
    rng = scorer.rng(1)
    stand_in = plan.draw(rng)
    scores = [
        scorer.score(stand_in, scorer.describe(stand_in))[0]
    ]  # reasons: a small class is no fault of samples
    task.advance()
    subset = np.sort(rng.permutation(sizes["generated"])[:n])
    rng = scorer.rng(7)
    for _ in range(draws - 1):
        stand_in = plan.draw(rng, again=True)
        scores.append(scorer.score(stand_in, scorer.describe(stand_in), trained=False)[0])
        task.advance()
    result = {"n": n, "draws": draws, **plan.mean(scores), "sd": plan.sd(scores)}
    for name, features in versions.items():
        key, real, generated = "fid", scorer.features.fcn, features.fcn
        if real is None or generated is None:
            key, real, generated = "rocket_fid", scorer.features.rocket, features.rocket
        result[f"{name}_{key}_at_n"] = fid(real, generated[subset])
    return result


class _Plan:
    """How parts of TRAIN are drawn, and what several draws say together."""

    def __init__(self, train: Series, n: int, per_class: int | None) -> None:
        self.train, self.n, self.per_class = train, n, per_class
        self.members: list[np.ndarray] = []
        if train.y is not None and per_class is not None:
            self.members = [np.flatnonzero(train.y == label) for label in range(train.n_classes)]
        self._differ = len(train.X) >= 2 * n
        self._classes_differ = all(len(rows) >= 2 * min(per_class or 0, len(rows)) for rows in self.members)

    def draw(self, rng: np.random.Generator, again: bool = False) -> Samples:
        """A part of TRAIN; `again`, with replacement where another draw would hold mostly the same series."""
        rows = self._choose(np.arange(len(self.train.X)), self.n, rng, again and not self._differ)
        if self.train.y is None or self.per_class is None:
            return Samples(self.train.X[rows])
        repeat = again and not self._classes_differ
        chosen = np.concatenate([self._choose(of_class, self.per_class, rng, repeat) for of_class in self.members])
        return Samples(self.train.X[rows], self.train.X[chosen], self.train.y[chosen])

    @staticmethod
    def _choose(rows: np.ndarray, n: int, rng: np.random.Generator, repeat: bool) -> np.ndarray:
        n = min(n, len(rows))
        return np.sort(rng.choice(rows, n) if repeat and n else rng.permutation(rows)[:n])

    def mean(self, scores: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Over the draws, or of the first where the others repeat series."""
        return {
            key: _mean([draw[key] for draw in scores if key in draw] if self._counts(key) else [value])
            for key, value in scores[0].items()
            if key not in INTERVALS
        }

    def sd(self, scores: Sequence[dict[str, Any]]) -> dict[str, float]:
        """Of each score over the draws of one kind; nothing for fewer than two."""
        flat = [flat_scores(draw) for draw in scores]
        values = {
            key: [draw[key] for draw in (flat if self._counts(key) else flat[1:]) if key in draw]
            for key in flat[0]
            if key in BETTER
        }
        return {key: stdev(of_draws) for key, of_draws in values.items() if len(of_draws) > 1}

    def _counts(self, key: str) -> bool:
        return self._classes_differ if key.startswith("cfid") else self._differ


def _mean(values: list[Any]) -> Any:
    if isinstance(values[0], dict):
        return {key: _mean([value[key] for value in values if key in value]) for key in values[0]}
    return fmean(values) if isinstance(values[0], int | float) else values[0]
