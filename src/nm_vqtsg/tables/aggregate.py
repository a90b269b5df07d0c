"""From the numbers of single runs to one summary per dataset: mean, sd and n over seeds.

A *run* is one seed through every stage from stage 1 on. Its record is what the evaluation step writes
(``metrics.json``); what a record does not hold (no labels, too small a class) is absent here too, with the
record's reason.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nm_vqtsg.tables.paper import Better, change_percent

Run = Mapping[str, Any]

METRICS: dict[str, tuple[str, Better]] = {
    "fid": ("FID", "lower"),
    "fid_trimmed": ("FID, trimmed", "lower"),
    "is": ("IS", "higher"),
    "is_normalized": ("IS / classes", "higher"),
    "cfid": ("cFID", "lower"),
    "rocket_fid": ("ROCKET-FID", "lower"),
}
"""Numbers that every table knows: key in a record, name in print, direction."""


@dataclass(frozen=True)
class Statistic:
    """Mean over ``n`` runs; ``sd`` is the sample standard deviation between runs, NaN for one run."""

    mean: float
    sd: float
    n: int


@dataclass(frozen=True)
class Change:
    """Improvement in percent, positive is better.

    ``value`` follows the paper's formula on the means over runs. With two runs or more, ``low`` and ``high``
    are ``value`` minus and plus the sd of the runs' own changes; with one run, the bootstrap interval of that
    run. ``unresolved`` is True when zero lies between them, None when there is nothing to judge by.
    """

    value: float
    low: float
    high: float
    basis: str
    unresolved: bool | None

    @property
    def half_width(self) -> float:
        return (self.high - self.low) / 2


@dataclass(frozen=True)
class Comparison:
    """One metric of one dataset before and after the mapper; `reference`: what real series score, or None."""

    baseline: Statistic
    mapped: Statistic
    change: Change
    reference: Statistic | None = None


@dataclass(frozen=True)
class DatasetSummary:
    """All runs of one dataset.

    Attributes
    ----------
    steps
        Training steps of stages 1-3 of every run; several entries when the runs differ.
    judge
        The feature extractor, with its accuracy on TEST where it has one, for example ``FCN 0.971``.
    matched
        ``n``, ``baseline``, ``mapped``: FID (without labels: ROCKET-FID) of as many generated samples as the
        TRAIN-TEST reference has.
    missing
        Metric to reason, as recorded.
    """

    dataset: str
    seeds: tuple[int, ...]
    steps: tuple[tuple[int, ...], ...]
    judge: str
    judge_accuracy: float
    taus: tuple[float, ...]
    sizes: Mapping[str, int]
    comparisons: Mapping[str, Comparison]
    matched: Mapping[str, Statistic] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)


def statistic(values: Iterable[float | None]) -> Statistic | None:
    """Mean, sample sd (NaN below two values) and count of the values that are numbers; None without any."""
    known = [float(value) for value in values if value is not None and math.isfinite(value)]
    if not known:
        return None
    sd = statistics.stdev(known) if len(known) > 1 else float("nan")
    return Statistic(statistics.fmean(known), sd, len(known))


def summarise(runs: Iterable[Run]) -> list[DatasetSummary]:
    """Group records by dataset, in the order in which datasets first appear; seeds ascend."""
    grouped: dict[str, list[Run]] = {}
    for run in runs:
        grouped.setdefault(str(run["dataset"]), []).append(run)
    return [_summarise_dataset(name, sorted(group, key=lambda r: r["seed"])) for name, group in grouped.items()]


def _summarise_dataset(name: str, runs: Sequence[Run]) -> DatasetSummary:
    accuracy = statistic(run.get("fcn_accuracy") for run in runs)
    comparisons = {key: made for key in METRICS if (made := _compare(key, runs)) is not None}
    headline = "fid" if "fid" in comparisons else "rocket_fid"
    keys = {"n": "n", "baseline": f"baseline_{headline}_at_n", "mapped": f"mapped_{headline}_at_n"}
    matched = {
        short: value
        for short, key in keys.items()
        if (value := statistic((run.get("reference") or {}).get(key) for run in runs)) is not None
    }
    return DatasetSummary(
        dataset=name,
        seeds=tuple(int(run["seed"]) for run in runs),
        steps=tuple(dict.fromkeys(_steps(run) for run in runs)),
        judge=f"FCN {accuracy.mean:.3f}" if accuracy else "ROCKET",
        judge_accuracy=accuracy.mean if accuracy else float("nan"),
        taus=tuple(float(run["tau"]) for run in runs if run.get("tau") is not None),
        sizes={key: value for key, value in (runs[0].get("n") or {}).items() if isinstance(value, int)},
        comparisons=comparisons,
        matched=matched,
        missing={key: reason for run in runs for key, reason in (run.get("missing") or {}).items()},
    )


def _steps(run: Run) -> tuple[int, ...]:
    steps = run.get("steps") or (run.get("provenance") or {}).get("steps") or {}
    return tuple(int(steps[stage]) for stage in ("stage1", "stage2", "stage3") if stage in steps)


def _compare(key: str, runs: Sequence[Run]) -> Comparison | None:
    pairs = [
        (before, after, run)
        for run in runs
        if (before := statistic([run.get("baseline", {}).get(key)])) is not None
        and (after := statistic([run.get("mapped", {}).get(key)])) is not None
    ]
    if not pairs:
        return None
    baseline = statistic(before.mean for before, _, _ in pairs)
    mapped = statistic(after.mean for _, after, _ in pairs)
    assert baseline is not None and mapped is not None  # there is a pair
    better = METRICS[key][1]
    value = change_percent(baseline.mean, mapped.mean, better)
    if len(pairs) == 1:
        change = _single_run_change(key, value, pairs[0][2])
    else:
        spread = statistic(change_percent(before.mean, after.mean, better) for before, after, _ in pairs)
        sd = spread.sd if spread is not None else float("nan")
        change = _change(value, value - sd, value + sd, f"sd over {len(pairs)} seeds")
    reference = statistic((run.get("reference") or {}).get(key) for run in runs)
    return Comparison(baseline, mapped, change, reference)


def _single_run_change(key: str, value: float, run: Run) -> Change:
    interval = ((run.get("intervals") or {}).get("change_percent") or {}).get(key)
    if interval is None or None in interval:
        return Change(value, float("nan"), float("nan"), "one seed, no interval", None)
    low, high = (float(end) for end in interval)
    return _change(value, low, high, "bootstrap interval of one seed")


def _change(value: float, low: float, high: float, basis: str) -> Change:
    if not all(math.isfinite(number) for number in (value, low, high)):
        return Change(value, float("nan"), float("nan"), basis, None)
    return Change(value, low, high, basis, low <= 0.0 <= high)
