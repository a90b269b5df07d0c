"""From the numbers of single runs to one summary per dataset: mean, sd and n over seeds.

A *run* is one seed through every stage from stage 1 on. Its record is what the evaluation step writes
(``metrics.json``); what a record does not hold (no labels, too small a class) is absent here too, with the
record's reason.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from scipy.stats import t as student

from nm_vqtsg.evaluation.floor import at_floor, flat_scores, floor
from nm_vqtsg.metrics.directions import change_percent, gain
from nm_vqtsg.tables.paper import Better

Run = Mapping[str, Any]

METRICS: dict[str, tuple[str, Better]] = {
    "fid": ("FID", "lower"),
    "fid_trimmed": ("FID, trimmed", "lower"),
    "is": ("IS", "higher"),
    "is_trimmed": ("IS, trimmed", "higher"),
    "is_normalized": ("IS / classes", "higher"),
    "is_gap": ("IS gap to real", "lower"),
    "cfid": ("cFID", "lower"),
    "cfid_trimmed": ("cFID, trimmed", "lower"),
    "rocket_fid": ("ROCKET-FID", "lower"),
    "rocket_kid": ("ROCKET-KID", "lower"),
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
    """Improvement by the mapper, positive is better, and whether it can be told from none.

    ``value`` follows the paper's formula on the means over runs, in percent (for a second opinion: the gain in the
    score's own unit). With two runs or more, ``sd`` is the standard deviation of the runs' own changes and
    ``low``, ``high`` are a 95 % interval of their mean, by Student's t: over two seeds it is about nine sd wide on
    either side, over three 2.5. With one run, they are the bootstrap interval of that run and ``sd`` is NaN.
    ``unresolved`` is True when zero lies between them, None when there is nothing to judge by. ``improved`` of
    ``n`` runs changed for the better.
    """

    value: float
    sd: float
    low: float
    high: float
    basis: str
    unresolved: bool | None
    improved: int = 0
    n: int = 1


@dataclass(frozen=True)
class Comparison:
    """One metric of one dataset before and after the mapper.

    `gain` is the change in the metric's own unit, positive for the better, with the verdict of `change`.
    `reference` is what real series score, or None, with the sd over draws of them where there are several; the
    other two say whether every run's samples score as real series do (see `nm_vqtsg.evaluation.floor`).
    """

    baseline: Statistic
    mapped: Statistic
    change: Change
    gain: Change
    reference: Statistic | None = None
    baseline_at_floor: bool = False
    mapped_at_floor: bool = False


@dataclass(frozen=True)
class DatasetSummary:
    """All runs of one dataset.

    Attributes
    ----------
    steps
        Training steps of stages 1-3 of every run; several entries when the runs differ.
    judge
        The feature extractor and who trained it, ``own FCN``, ``published FCN`` or ``ROCKET``.
    judge_accuracy, judge_balanced_accuracy
        On TEST; NaN where there is none, or classes are about equal.
    matched
        ``n``, ``baseline``, ``mapped``: FID (without labels: ROCKET-FID) of as many generated samples as the
        TRAIN-TEST reference has.
    taus
        The temperature of every run; None where no mapping was better.
    missing
        Metric to reason, as recorded.
    on_validation
        Those of `seeds` that were scored on VAL, a part of TRAIN, instead of TEST.
    """

    dataset: str
    seeds: tuple[int, ...]
    steps: tuple[tuple[int, ...], ...]
    judge: str
    judge_accuracy: float
    judge_balanced_accuracy: float
    taus: tuple[float | None, ...]
    sizes: Mapping[str, int]
    comparisons: Mapping[str, Comparison]
    matched: Mapping[str, Statistic] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    on_validation: tuple[int, ...] = ()


def statistic(values: Iterable[float | None]) -> Statistic | None:
    """Mean, sample sd (NaN below two values) and count of the values that are numbers; None without any."""
    finite = [float(value) for value in values if value is not None and math.isfinite(value)]
    if not finite:
        return None
    sd = statistics.stdev(finite) if len(finite) > 1 else float("nan")
    return Statistic(statistics.fmean(finite), sd, len(finite))


def summarise(runs: Iterable[Run]) -> list[DatasetSummary]:
    """Group records by dataset, in the order in which datasets first appear; seeds ascend."""
    grouped: dict[str, list[Run]] = {}
    for run in runs:
        grouped.setdefault(str(run["dataset"]), []).append(run)
    return [_summarise_dataset(name, sorted(group, key=lambda r: r["seed"])) for name, group in grouped.items()]


def _summarise_dataset(name: str, runs: Sequence[Run]) -> DatasetSummary:
    accuracy, balanced = (
        statistic(run.get(key) for run in runs) for key in ("fcn_accuracy", "fcn_balanced_accuracy")
    )
    sources = {run.get("fcn_source", "own") for run in runs}
    comparisons = {key: pair for key in METRICS if (pair := _compare(key, runs)) is not None}
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
        judge=f"{sources.pop() if len(sources) == 1 else 'mixed'} FCN" if accuracy else "ROCKET",
        judge_accuracy=accuracy.mean if accuracy else float("nan"),
        judge_balanced_accuracy=balanced.mean if balanced else float("nan"),
        taus=tuple(None if run["tau"] is None else float(run["tau"]) for run in runs if "tau" in run),
        sizes={key: value for key, value in (runs[0].get("n") or {}).items() if isinstance(value, int)},
        comparisons=comparisons,
        matched=matched,
        missing={key: reason for run in runs for key, reason in (run.get("missing") or {}).items()},
        on_validation=tuple(int(run["seed"]) for run in runs if is_on_validation(run)),
    )


def is_on_validation(run: Run) -> bool:
    """Whether a run was scored on VAL, a part of TRAIN, instead of TEST."""
    return run.get("evaluated_on") == "validation"


def validation_note(runs: Iterable[tuple[str, int]]) -> list[str]:
    """What must be said under a table that holds runs, each a dataset and a seed, which were scored on VAL."""
    seeds: dict[str, list[str]] = {}
    for dataset, seed in runs:
        seeds.setdefault(dataset, []).append(str(seed))
    if not seeds:
        return []
    named = "; ".join(f"{name} seed{'s' if len(own) > 1 else ''} {' '.join(own)}" for name, own in seeds.items())
    return [
        f"Scored on VAL, a part of TRAIN that nothing was trained on, while TEST was set aside: {named}. Read FIT "
        "for TRAIN and VAL for TEST there. Such numbers are for choosing settings: they are no results, and not "
        "comparable with the paper's."
    ]


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
    gains = [gain(key, before.mean, after.mean) for before, after, _ in pairs]
    if len(pairs) == 1:
        change = _single_run_change(key, value, pairs[0][2])
        gained = _single_run_gain(key, gains[0], pairs[0][2])
    else:
        changes = [change_percent(before.mean, after.mean, better) for before, after, _ in pairs]
        change = change_over_seeds(value, changes, ratios=True)
        gained = change_over_seeds(math.fsum(gains) / len(gains), gains, ratios=False)
    gained = replace(gained, unresolved=change.unresolved)  # one verdict: that of the ratios
    at = [all_at_floor(runs, version, key) for version in ("baseline", "mapped")]
    return Comparison(baseline, mapped, change, gained, of_real_series(runs, key), *at)


def of_real_series(runs: Sequence[Run], key: str) -> Statistic | None:
    """What real series score; the sd is over draws of them, where the records have it, else over runs."""
    value = statistic(flat_scores(run.get("reference") or {}).get(key) for run in runs)
    spread = statistic(real[1] for run in runs if (real := floor(run, key)) is not None)
    if value is None or spread is None:
        return value
    return Statistic(
        value.mean, spread.mean, max(int((run.get("reference") or {}).get("draws", 1)) for run in runs)
    )


def all_at_floor(runs: Sequence[Run], version: str, key: str) -> bool:
    """Whether this version of the samples scores as real series do in every run."""
    return all(at_floor(run, version, key) is True for run in runs)


def change_over_seeds(value: float, changes: Sequence[float], *, ratios: bool) -> Change:
    """Judge `value` by the changes of single runs (two or more), one each.

    Parameters
    ----------
    value : float
        What is reported.
    changes : sequence of float
        Of the runs; in percent where `ratios`, whose interval is then that of the mean logarithm: a halving and a
        doubling cancel.
    """
    basis, counts = f"t interval over {len(changes)} seeds", (sum(change > 0 for change in changes), len(changes))
    own = statistic(changes)
    if own is None or own.n < len(changes):
        return Change(value, float("nan"), float("nan"), float("nan"), basis, None, *counts)
    if ratios and min(changes) <= -100:
        return Change(value, own.sd, float("nan"), float("nan"), basis, None, *counts)
    scaled = statistic([math.log1p(change / 100) for change in changes] if ratios else changes)
    assert scaled is not None
    half = float(student.ppf(0.975, own.n - 1)) * scaled.sd / math.sqrt(own.n)
    low, high = scaled.mean - half, scaled.mean + half
    if ratios:
        low, high = (100 * math.expm1(min(end, 700.0)) for end in (low, high))
    return Change(value, own.sd, low, high, basis, low <= 0.0 <= high, *counts)


def _single_run_gain(key: str, value: float, run: Run) -> Change:
    """With the bootstrap interval of the run, where its record has one."""
    interval = ((run.get("intervals") or {}).get("gain") or {}).get(key) or (None, None)
    low, high = (float("nan") if end is None else float(end) for end in interval)
    return Change(value, float("nan"), low, high, "bootstrap interval of one seed", None, int(value > 0))


def _single_run_change(key: str, value: float, run: Run) -> Change:
    interval = ((run.get("intervals") or {}).get("change_percent") or {}).get(key)
    improved = int(value > 0)
    if interval is None or None in interval:
        return Change(value, float("nan"), float("nan"), float("nan"), "one seed, no interval", None, improved)
    low, high = (float(end) for end in interval)
    unresolved = low <= 0.0 <= high if math.isfinite(low + high) else None
    return Change(value, float("nan"), low, high, "bootstrap interval of one seed", unresolved, improved)
