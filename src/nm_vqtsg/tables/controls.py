"""Is the mapper more than jitter? Its scores beside those of controls that learn nothing of what it learns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import fsum
from typing import Any

from nm_vqtsg.evaluation.floor import flat_scores
from nm_vqtsg.evaluation.table import better
from nm_vqtsg.metrics.directions import gain
from nm_vqtsg.tables.aggregate import (
    METRICS,
    Run,
    Statistic,
    change_over_seeds,
    is_on_validation,
    statistic,
    validation_note,
)
from nm_vqtsg.tables.render import Table, mean_sd, unresolved

CONTROLS = {
    "noise": "noise",
    "smoothed": "smoothed",
    "quantile_map": "quantile map",
    "reconstruction": "reconstruction",
}
"""Key in a record, name in print."""
SCORES = ("fid", "is_gap", "cfid", "rocket_fid")
NO_MAPPING = "no mapping"
NO_BETTER = "no better than"

_NOTES = (
    "Mean ± sd over seeds. Controls: samples with white noise of the amplitude of the mapper's change; with a "
    "moving average whose change has the mapper's L1; with the principal components' quantiles of TRAIN; encoded, "
    "quantised and decoded once more by the tokeniser.",
    "Verdict: the mapper against the best of these and of no mapping, by the mean over seeds. Where it is better, "
    "but Student's t interval over the seeds holds zero, that is unresolved; a question mark stands for a single "
    "seed.",
)


def controls_table(runs: Iterable[Run], *, absent: Sequence[str] = ()) -> Table:
    """Scores of the mapper and of controls, and whether it beats them.

    Parameters
    ----------
    runs
        Records of `evaluate`, one for each data set and seed; those without controls are left out and named.
    absent
        Runs of the study whose numbers do not exist, named under the table.
    """
    grouped: dict[str, list[Run]] = {}
    notes = []
    for run in runs:
        if run.get("controls"):
            grouped.setdefault(str(run["dataset"]), []).append(run)
        else:
            notes.append(f"{run['dataset']} seed {run['seed']}: evaluated without controls.")
    cells, records = [], []
    for dataset, group in grouped.items():
        for key in SCORES:
            sides = _sides(group, key)
            if "mapped" in sides and "baseline" in sides:
                row, record = _row(dataset, key, sides, group)
                cells.append(row)
                records.append(record)
    notes += [f"No numbers: {', '.join(absent)}."] if absent else []
    notes += validation_note(
        (dataset, run["seed"]) for dataset, group in grouped.items() for run in group if is_on_validation(run)
    )
    header = ["Dataset", "Score", "Better", "Baseline", "Mapped", *CONTROLS.values(), "Verdict", "Seeds"]
    numeric = [title not in ("Dataset", "Score", "Better", "Verdict", "Seeds") for title in header]
    title = "Is the mapper more than jitter? Beside simple controls"
    return Table(title, header, numeric, cells, records, [*notes, *_NOTES])


def _sides(group: Sequence[Run], key: str) -> dict[str, list[float]]:
    """The score of each version and control, where all runs have it."""
    values: dict[str, list[float]] = {}
    for name in ("baseline", "mapped", *CONTROLS):
        of_runs = [flat_scores(_scores(run, name)).get(key) for run in group]
        numbers = [value for value in of_runs if value is not None]
        if len(numbers) == len(group):
            values[name] = numbers
    return values


def _scores(run: Run, name: str) -> dict[str, Any]:
    scores: dict[str, Any] = (run["controls"] if name in CONTROLS else run).get(name) or {}
    return scores


def _row(
    dataset: str, key: str, sides: Mapping[str, list[float]], group: Sequence[Run]
) -> tuple[list[str], dict[str, Any]]:
    means: dict[str, Statistic | None] = {name: statistic(values) for name, values in sides.items()}
    rivals = {name: values for name, values in sides.items() if name != "mapped"}
    best = max(rivals, key=lambda name: fsum(gain(key, 0.0, value) for value in rivals[name]))
    gains = [gain(key, rival, mapped) for rival, mapped in zip(sides[best], sides["mapped"], strict=True)]
    mean = fsum(gains) / len(gains)
    change = change_over_seeds(mean, gains, ratios=False) if len(gains) > 1 else None
    name = NO_MAPPING if best == "baseline" else CONTROLS[best]
    if mean <= 0:
        verdict = f"{NO_BETTER} {name}"
    else:
        verdict = f"better than {name}" + (" ?" if change is None else unresolved(change))
    seeds = " ".join(str(run["seed"]) for run in group)
    told = [mean_sd(means.get(side)) for side in ("baseline", "mapped", *CONTROLS)]
    record: dict[str, Any] = {"dataset": dataset, "score": key, "better": better(key)}
    for side in ("baseline", "mapped", *CONTROLS):
        value = means.get(side)
        record |= {f"{side}_mean": value.mean if value else None, f"{side}_sd": value.sd if value else None}
    record |= {
        "best_control": NO_MAPPING if best == "baseline" else best,
        "gain_over_it": mean,
        "verdict": verdict,
    }
    return [dataset, METRICS[key][0], better(key), *told, verdict, seeds], record | {"seeds": seeds}
