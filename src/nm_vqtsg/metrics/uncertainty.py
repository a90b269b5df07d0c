"""How far a number would move with other series of the same distribution: bootstrap draws and intervals.

A bootstrap draw repeats series, so its FID is larger by about the bias of the sample itself. Intervals are
therefore the quantiles of the draws shifted onto the estimate: they show its spread, not its bias.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from nm_vqtsg.metrics.cfid import rows_by_class
from nm_vqtsg.metrics.directions import change_percent
from nm_vqtsg.metrics.fid import Gaussian, frechet_distance
from nm_vqtsg.metrics.inception import inception_score


class Interval(NamedTuple):
    """Both ends; NaN where there is no uncertainty to be had."""

    low: float
    high: float


def centred_interval(value: float, draws: np.ndarray, level: float = 0.95, smallest: float = -np.inf) -> Interval:
    """Quantiles of the draws, shifted so that their mean is `value`."""
    if len(draws) < 2:
        return Interval(float("nan"), float("nan"))
    tail = (1 - level) / 2
    low, high = np.quantile(draws - draws.mean(), [tail, 1 - tail]) + value
    return Interval(max(float(low), smallest), max(float(high), smallest))


def change_interval(
    values: tuple[float, float], draws: np.ndarray, better: str | float, level: float = 0.95
) -> Interval:
    """Interval of the change in percent between two scores of the same draws.

    Holds every ratio ρ for which ``above − ρ·below`` is within its own bootstrap spread of 0 (Fieller's way, which
    stays sound when a score is close to zero). So it contains 0 exactly when the difference of the two scores is
    smaller than its spread. Ratios beyond 1000 either way are not told apart.

    Parameters
    ----------
    values : (baseline, mapped)
        The estimates.
    draws : (n_draws, 2) array
        Both scores of each draw: what they share in luck cancels.
    better : str
        ``lower`` or ``higher``.
    """
    if len(draws) < 2 or not np.isfinite(change_percent(*values, better)) or min(values) <= 0:
        return Interval(float("nan"), float("nan"))
    centred = draws - draws.mean(0)
    (above, below), first = (values, 0) if better == "lower" else (values[::-1], 1)
    tail = (1 - level) / 2

    def possible(log_ratio: float) -> bool:
        ratio = np.exp(log_ratio)
        low, high = np.quantile(centred[:, first] - ratio * centred[:, 1 - first], [tail, 1 - tail])
        return bool(low <= ratio * below - above <= high)

    ends = []
    for limit in (-np.log(1000), np.log(1000)):
        inside, outside = float(np.log(above / below)), float(limit)
        if possible(outside):
            inside = outside
        for _ in range(40):
            middle = (inside + outside) / 2
            inside, outside = (middle, outside) if possible(middle) else (inside, middle)
        ends.append(float(100 * np.expm1(inside)))
    return Interval(*ends)


def _resampled(rng: np.random.Generator, rows: np.ndarray) -> np.ndarray:
    """Rows drawn with replacement; at least two different ones, where there are two."""
    while True:
        drawn = rng.choice(rows, len(rows))
        if len(rows) < 2 or (drawn != drawn[0]).any():
            return drawn


def fid_draws(
    real: np.ndarray, generated: Sequence[np.ndarray], n_draws: int, rng: np.random.Generator
) -> Iterator[list[float]]:
    """FID of each generated set against `real`, draw by draw.

    The sets hold the same series in several versions (before and after the mapper), in the same order, and are
    drawn together.
    """
    rows_real, rows = np.arange(len(real)), np.arange(len(generated[0]))
    for _ in range(n_draws):
        fixed = Gaussian(real[_resampled(rng, rows_real)])
        chosen = _resampled(rng, rows)
        yield [frechet_distance(fixed, Gaussian(features[chosen])) for features in generated]


def class_fid_draws(
    real: np.ndarray,
    y_real: np.ndarray,
    generated: Sequence[np.ndarray],
    y_generated: np.ndarray,
    n_classes: int,
    n_draws: int,
    rng: np.random.Generator,
) -> Iterator[dict[int, list[float]]]:
    """FID within each class of each generated set, draw by draw; series are drawn within their class."""
    rows, _ = rows_by_class(y_real, y_generated, n_classes)
    for _ in range(n_draws if rows else 0):
        draw = {}
        for label, (members_real, members) in rows.items():
            fixed = Gaussian(real[_resampled(rng, members_real)])
            chosen = _resampled(rng, members)
            draw[label] = [frechet_distance(fixed, Gaussian(features[chosen])) for features in generated]
        yield draw


def inception_draws(
    probabilities: Sequence[np.ndarray], splits: int, n_draws: int, rng: np.random.Generator
) -> Iterator[list[float]]:
    """IS of each generated set, draw by draw; the sets are drawn together."""
    rows = np.arange(len(probabilities[0]))
    for _ in range(n_draws):
        chosen = _resampled(rng, rows)
        yield [inception_score(p[chosen], splits)[0] for p in probabilities]
