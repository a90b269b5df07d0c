"""The scores beside FID, IS and cFID in one table: where they disagree with FID, look closer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from nm_vqtsg.evaluation.floor import flat_scores
from nm_vqtsg.evaluation.legend import LEGEND
from nm_vqtsg.evaluation.table import better
from nm_vqtsg.metrics.directions import gain
from nm_vqtsg.tables.aggregate import (
    Change,
    Run,
    all_at_floor,
    change_over_seeds,
    is_on_validation,
    of_real_series,
    statistic,
    validation_note,
)
from nm_vqtsg.tables.render import EMPTY, Table, gained, marked, mean_sd

ELSEWHERE = frozenset({"fid_trimmed", "is", "is_normalized", "is_gap", "is_trimmed", "cfid", "cfid_trimmed"})
SCORES: dict[str, str] = {key: entry.name for key, entry in LEGEND.items() if key not in ELSEWHERE}
"""Rows for each data set, FID first to compare with: key in a record, name in print."""

_NOTES = (
    "Mean ± sd over seeds. TRAIN–TEST: what real series score, parts of TRAIN in the place of the samples, ± sd "
    "over draws (for scores with classifiers or networks of their own: over those). At the floor: within two of "
    "these sd, or better, in every run.",
    "Gain: by how much mapping improves the score, in its own unit; negative is a loss. It is unresolved when its "
    "95 % interval over the seeds (Student's t) holds zero, and carries a question mark when there is one seed.",
)


def second_opinion_table(runs: Iterable[Run], *, absent: Sequence[str] = ()) -> Table:
    """Every score before and after the mapper, beside what real series score.

    Parameters
    ----------
    runs
        Records of `evaluate`, one for each data set and seed.
    absent
        Runs of the study whose numbers do not exist, named under the table.
    """
    grouped: dict[str, list[Run]] = {}
    for run in runs:
        grouped.setdefault(str(run["dataset"]), []).append(run)
    header = ["Dataset", "Score", "Better", "Baseline", "Mapped", "TRAIN–TEST", "Gain", "Seeds"]
    cells, records, notes = [], [], []
    for dataset, group in grouped.items():
        for key, name in SCORES.items():
            row = _row(dataset, key, name, group)
            if row is not None:
                cells.append(row[0])
                records.append(row[1])
        reasons = {
            key: why for run in group for key, why in (run.get("missing") or {}).items() if "cfid" not in key
        }
        notes += [f"{dataset}: no {key}; {why}." for key, why in reasons.items()]
    notes += [f"No numbers: {', '.join(absent)}."] if absent else []
    notes += validation_note(
        (dataset, run["seed"]) for dataset, group in grouped.items() for run in group if is_on_validation(run)
    )
    numeric = [False, False, False, True, True, True, True, False]
    return Table("A second opinion beside FID, IS and cFID", header, numeric, cells, records, [*notes, *_NOTES])


def _row(dataset: str, key: str, name: str, group: Sequence[Run]) -> tuple[list[str], dict[str, Any]] | None:
    sides = [[flat_scores(run.get(side) or {}).get(key) for run in group] for side in ("baseline", "mapped")]
    before, after = map(statistic, sides)
    if before is None or after is None:
        return None
    pairs = [(b, a) for b, a in zip(*sides, strict=True) if b is not None and a is not None]
    gains = [gain(key, b, a) for b, a in pairs]
    mean = math.fsum(gains) / len(gains) if gains else float("nan")
    change = change_over_seeds(mean, gains, ratios=False) if len(gains) > 1 else None
    reference = of_real_series(group, key)
    floors = [all_at_floor(group, side, key) for side in ("baseline", "mapped")]
    seeds = " ".join(str(run["seed"]) for run in sorted(group, key=lambda run: run["seed"]))
    told = [marked(side, at) for side, at in zip((before, after), floors, strict=True)]
    cells = [dataset, name, better(key), *told, mean_sd(reference), _gain(mean, change)]
    record: dict[str, Any] = {"dataset": dataset, "score": key, "better": better(key)}
    for label, value in (("baseline", before), ("mapped", after), ("reference", reference)):
        record |= {f"{label}_mean": value.mean if value else None, f"{label}_sd": value.sd if value else None}
    record |= {
        "gain": mean,
        "gain_sd": change.sd if change else None,
        "gain_low": change.low if change else None,
        "gain_high": change.high if change else None,
        **{
            f"{label}_at_floor": "yes" if at else ""
            for label, at in zip(("baseline", "mapped"), floors, strict=True)
        },
        "unresolved": {True: "yes", False: "no", None: "unknown"}[change.unresolved if change else None],
        "seeds": seeds,
    }
    return [*cells, seeds], record


def _gain(value: float, change: Change | None) -> str:
    if not math.isfinite(value):
        return EMPTY
    alone = Change(value, float("nan"), float("nan"), float("nan"), "one seed", None)
    return gained(alone if change is None else change)
