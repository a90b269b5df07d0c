"""Tables 1-3 with the paper's figures beside ours, the summary, and flat numbers for ``dvc metrics``."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

from nm_vqtsg.metrics.directions import UP_TO_REAL
from nm_vqtsg.tables.aggregate import (
    METRICS,
    DatasetSummary,
    Run,
    Statistic,
    summarise,
    validation_note,
)
from nm_vqtsg.tables.paper import Paper, load_paper
from nm_vqtsg.tables.render import EMPTY, Table, gained, marked, mean_sd, number, percent, to_text

PROTOCOLS: dict[str, tuple[tuple[str, str], ...]] = {
    "fid": (("fid", "plain"), ("fid_trimmed", "trimmed")),
    "is": (("is", "plain"), ("is_trimmed", "trimmed")),
    "cfid": (("cfid", "plain"), ("cfid_trimmed", "trimmed")),
}
"""Rows per dataset of each table: metric and the name of its protocol."""

_READING = (
    "Mean ± sd over seeds. Gain: by how much mapping improves the score, in its own unit; negative is a loss. It "
    "is unresolved, it may be chance, when a 95 % interval of the change holds zero: Student's t over the seeds' "
    "log ratios (two seeds hardly ever resolve anything, three may), or the bootstrap interval [low, high] of a "
    "single seed, which knows nothing of other seeds; a gain without either carries a question mark.",
    "Change %: the same as the paper prints it, before / after - 1 (IS: after / before - 1). It grows without end "
    "near a score of 0.",
    "A row is the paper's experiment only with the paper's steps, judge and runs: read each with its own "
    "steps, seeds and judge (the FCN's accuracy on TEST).",
)
_TRIMMED = {
    "fid": "trimmed: 10 % outliers removed from both sets first, as the code behind the paper's tables does; "
    "plain: nothing removed.",
    "is": "trimmed: of no more samples than TEST has, in batches of 32, as the code behind the paper's tables "
    "does; measured where the judge is the published one.",
    "cfid": "trimmed: 10 % outliers removed within each class of both sets, as the code behind the paper's tables "
    "does; measured where the judge is the published one.",
}
_COMPARABLE = (
    "Comparable: whether the paper's figures and ours are on one scale, which takes the published judge and the "
    "protocol of the code behind them (trimmed). Of what is not comparable, only directions of changes can be set "
    "side by side."
)
_REFERENCE = (
    "TRAIN–TEST: what real series score, parts of TRAIN in the place of the samples, ± sd over draws. It is no "
    "strict lower bound: the judge was fitted on TRAIN. At the floor: within two of these sd, or better, in every "
    "run, so there is nothing left to win."
)
_GAP = (
    "Gap to real: |IS − IS of real series|, of as many samples as TEST has; classes of unequal size cap the IS of "
    "real series, and samples beyond it are no better."
)
_MATCHED = "at n: as many generated samples as the TRAIN–TEST reference has; with few series FID is mostly bias."


def paper_tables(summaries: Sequence[DatasetSummary], *, absent: Sequence[str] = ()) -> dict[int, Table]:
    """Tables 1 (FID), 2 (IS) and 3 (cFID).

    Parameters
    ----------
    summaries
        One per dataset, from `summarise`. A dataset without the metric of a table is named under it.
    absent
        Runs of the study whose numbers do not exist, named under every table.
    """
    paper = load_paper()
    return {paper.tables[key].number: _paper_table(key, summaries, paper, absent) for key in ("fid", "is", "cfid")}


def _paper_table(key: str, summaries: Sequence[DatasetSummary], paper: Paper, absent: Sequence[str]) -> Table:
    printed = paper.tables[key]
    name = printed.name
    header = ["Dataset", "Protocol", name, f"{name} mapped", "Gain", "Change %"]
    header += ["TRAIN–TEST" if key == "cfid" else "TRAIN–TEST (n)"]
    if key == "fid":
        header += [f"{name} at n", f"{name} mapped at n"]
    elif key == "is":
        header += ["gap to real", "mapped gap", "/ classes", "mapped / classes"]
    header += ["paper", "paper mapped", "paper change %", "Comparable", "Steps", "Seeds", "Judge", "τ"]
    numeric = [title not in ("Dataset", "Protocol", "Comparable", "Steps", "Judge", "Seeds") for title in header]

    cells, records, notes = [], [], []
    for summary in summaries:
        present = [(metric, protocol) for metric, protocol in PROTOCOLS[key] if metric in summary.comparisons]
        if not present:
            notes.append(f"{summary.dataset}: no {name}; {summary.missing.get(key, 'it was not measured')}.")
        for metric, protocol in present:
            cells.append(_cells(key, metric, protocol, summary, paper))
            records.append(_record(key, metric, protocol, summary, paper))
    notes += [f"No numbers: {', '.join(absent)}."] if absent else []
    on_validation = _on_validation(summaries)
    if on_validation:
        notes += [*on_validation, "The paper's numbers beside them stand in brackets."]
        for record in records:
            seeds = next(s.on_validation for s in summaries if s.dataset == record["dataset"])
            record["seeds_on_validation"] = " ".join(map(str, seeds))
    notes += [*_READING, _REFERENCE, _COMPARABLE, _TRIMMED[key]]
    if key == "fid":
        notes.append(_MATCHED)
    elif key == "is":
        notes.append(_GAP)
    better = f"the {printed.better}, the better" + (", up to what real series score" if key == "is" else "")
    steps = "/".join(map(str, paper.steps))
    runs, judge = paper.protocol["runs"], paper.protocol["judge"]
    notes.append(f"Paper: steps {steps}, mean of {runs} runs, judged by the {judge}.")
    notes += [
        f"The paper's {note.where} says: {note.says}. {note.table}."
        for note in paper.notes
        if note.table.startswith(f"Table {printed.number} ")
    ]
    return Table(f"{name} ({better})", header, numeric, cells, records, notes, printed.number)


def _on_validation(summaries: Sequence[DatasetSummary]) -> list[str]:
    return validation_note((summary.dataset, seed) for summary in summaries for seed in summary.on_validation)


def _cells(key: str, metric: str, protocol: str, summary: DatasetSummary, paper: Paper) -> list[str]:
    comparison = summary.comparisons[metric]
    row = [
        summary.dataset,
        protocol,
        marked(comparison.baseline, comparison.baseline_at_floor),
        marked(comparison.mapped, comparison.mapped_at_floor),
        gained(comparison.gain),
        percent(comparison.change),
    ]
    size = summary.matched.get("n") if key != "cfid" and comparison.reference else None
    row += [mean_sd(comparison.reference) + (f" ({size.mean:.0f})" if size else "")]
    if key == "fid":
        matched = summary.matched if metric == "fid" else {}
        row += [mean_sd(matched.get("baseline")), mean_sd(matched.get("mapped"))]
    elif key == "is":
        for shared in (summary.comparisons.get(name) for name in ("is_gap", "is_normalized")):
            row += (
                [EMPTY, EMPTY]
                if shared is None
                else [
                    marked(shared.baseline, shared.baseline_at_floor),
                    marked(shared.mapped, shared.mapped_at_floor),
                ]
            )
    printed = paper.tables[key].rows.get(summary.dataset)
    if printed:
        theirs = [f"{printed['baseline']:.2f}", f"{printed['mapped']:.2f}", f"{printed['change_percent']:+.1f}"]
        row += [f"({text})" for text in theirs] if summary.on_validation else theirs
    else:
        row += [EMPTY] * 3
    return [
        *row,
        comparable(protocol, summary) if printed else EMPTY,
        steps_text(summary, paper),
        " ".join(map(str, summary.seeds)),
        judge_text(summary),
        tau_text(summary),
    ]


def _record(key: str, metric: str, protocol: str, summary: DatasetSummary, paper: Paper) -> dict[str, Any]:
    comparison = summary.comparisons[metric]
    matched = summary.matched if metric == "fid" else {}
    printed = paper.tables[key].rows.get(summary.dataset, {})
    record: dict[str, Any] = {
        "dataset": summary.dataset,
        "metric": metric,
        "protocol": protocol,
        **_spread("baseline", comparison.baseline),
        **_spread("mapped", comparison.mapped),
        "gain": comparison.gain.value,
        "gain_sd": comparison.gain.sd,
        "gain_low": comparison.gain.low,
        "gain_high": comparison.gain.high,
        "change_percent": comparison.change.value,
        "change_sd": comparison.change.sd,
        "change_low": comparison.change.low,
        "change_high": comparison.change.high,
        "change_basis": comparison.change.basis,
        "seeds_improved": comparison.change.improved,
        "unresolved": {True: "yes", False: "no", None: "unknown"}[comparison.change.unresolved],
        "baseline_at_floor": "yes" if comparison.baseline_at_floor else "",
        "mapped_at_floor": "yes" if comparison.mapped_at_floor else "",
    }
    record |= _spread("reference", comparison.reference)
    if key == "fid":
        record["reference_size"] = summary.matched["n"].mean if "n" in summary.matched else None
        record |= {
            **_spread("baseline_at_n", matched.get("baseline")),
            **_spread("mapped_at_n", matched.get("mapped")),
        }
    elif key == "is":
        for name, label in (("is_gap", "gap"), ("is_normalized", "normalized")):
            shared = summary.comparisons.get(name)
            record |= _spread(f"baseline_{label}", shared.baseline if shared else None)
            record |= _spread(f"mapped_{label}", shared.mapped if shared else None)
    record |= {f"paper_{column}": printed.get(column) for column in paper.tables[key].decimals}
    stages = summary.steps[0] if len(summary.steps) == 1 else ()
    return record | {
        **{f"steps_stage{i + 1}": stages[i] if i < len(stages) else None for i in range(3)},
        "seeds": " ".join(map(str, summary.seeds)),
        "paper_comparable": comparable(protocol, summary) if printed else None,
        "judge": summary.judge,
        "judge_accuracy": summary.judge_accuracy,
        "judge_balanced_accuracy": summary.judge_balanced_accuracy,
        "tau": " ".join(map(_tau_name, summary.taus)),
        **{f"n_{name}": size for name, size in summary.sizes.items()},
    }


def _spread(name: str, value: Statistic | None) -> dict[str, float | int | None]:
    return {
        f"{name}_mean": value.mean if value else None,
        f"{name}_sd": value.sd if value else None,
        f"{name}_n": value.n if value else None,
    }


def steps_text(summary: DatasetSummary, paper: Paper) -> str:
    """``1000/2000/1500 (1/20)``: steps of stages 1-3 as a part of the paper's; ``mixed`` if runs differ."""
    if len(summary.steps) != 1 or not summary.steps[0]:
        return "mixed" if len(summary.steps) > 1 else EMPTY
    steps = summary.steps[0]
    text = "/".join(map(str, steps))
    parts = {Fraction(own, published) for own, published in zip(steps, paper.steps, strict=False)}
    if len(parts) != 1:
        return text
    part = parts.pop()
    return f"{text} (the paper's)" if part == 1 else f"{text} ({part})" if part.numerator == 1 else text


def comparable(protocol: str, summary: DatasetSummary) -> str:
    """Whether a row stands on the scale of the paper's figures, and if not, why."""
    if summary.judge != "published FCN":
        return f"no: {summary.judge}"
    if summary.on_validation:
        return "no: measured on VAL"
    return "yes" if protocol == "trimmed" else "no: not trimmed"


def judge_text(summary: DatasetSummary) -> str:
    """``own FCN 0.971``, or ``own FCN 0.971 (balanced 0.902)`` where classes are unequal."""
    if math.isnan(summary.judge_accuracy):
        return summary.judge
    balanced = summary.judge_balanced_accuracy
    return f"{summary.judge} {summary.judge_accuracy:.3f}" + (
        "" if math.isnan(balanced) else f" (balanced {balanced:.3f})"
    )


def tau_text(summary: DatasetSummary) -> str:
    """The temperatures that the seeds' searches chose, each once; ``none`` for no mapping."""
    chosen = sorted(set(summary.taus), key=lambda tau: (tau is not None, tau))
    return ", ".join(map(_tau_name, chosen)) or EMPTY


def _tau_name(tau: float | None) -> str:
    return "none" if tau is None else f"{tau:g}"


def summary_table(summaries: Sequence[DatasetSummary], *, absent: Sequence[str] = ()) -> Table:
    """Compact: FID, IS, cFID of every dataset, also trimmed where measured; ROCKET-FID where it has no labels."""
    paper = load_paper()
    header = ["Dataset", "Metric", "Baseline", "Mapped", "TRAIN–TEST", "Gain", "Change %"]
    cells, notes = [], []
    for summary in summaries:
        shown = ("fid", "fid_trimmed", "is", "is_trimmed", "is_gap", "cfid", "cfid_trimmed")
        judged = [key for key in shown if key in summary.comparisons]
        for key in judged or [key for key in ("rocket_fid", "rocket_kid") if key in summary.comparisons]:
            comparison = summary.comparisons[key]
            name, better = METRICS[key]
            cells.append(
                [
                    summary.dataset,
                    f"{name} {'↓' if better == 'lower' else '↑'}" + (" to real" if key in UP_TO_REAL else ""),
                    marked(comparison.baseline, comparison.baseline_at_floor),
                    marked(comparison.mapped, comparison.mapped_at_floor),
                    mean_sd(comparison.reference),
                    gained(comparison.gain),
                    percent(comparison.change),
                ]
            )
        notes.append(_describe(summary, paper))
    notes += [f"No numbers: {', '.join(absent)}."] if absent else []
    notes += _on_validation(summaries)
    notes.append(
        "Gain: by how much mapping improves a score, in the score's own unit; negative: worse; unresolved: its "
        "95 % interval holds zero, so it may be chance; ?: uncertainty unknown. Change %: the same as the paper "
        "prints it. At the floor: real series score no better."
    )
    title = "Baseline (generator alone) and mapped (with the neural mapper), beside what real series score"
    return Table(title, header, [False, False, True, True, True, True, True], cells, (), notes)


def _describe(summary: DatasetSummary, paper: Paper) -> str:
    seeds = ("seed " if len(summary.seeds) == 1 else "seeds ") + " ".join(map(str, summary.seeds))
    sizes = summary.sizes
    sized = {"generated", "test"} <= set(sizes)
    held_out = "VAL" if summary.on_validation else "TEST"
    counts = f"{sizes['generated']} generated against {sizes['test']} {held_out}" if sized else ""
    at, headline = summary.matched, "FID" if "fid" in summary.comparisons else "ROCKET-FID"
    if {"n", "baseline", "mapped"} <= set(at) and at["n"].mean != sizes.get("generated"):
        counts += (
            f" (at the reference's n = {at['n'].mean:.0f}: {headline} {number(at['baseline'].mean)}, "
            f"mapped {number(at['mapped'].mean)})"
        )
    steps, tau = steps_text(summary, paper), tau_text(summary)
    parts = [seeds, f"steps {steps}", f"judge {judge_text(summary)}", f"τ {tau}", counts]
    return f"{summary.dataset}: " + ", ".join(part for part in parts if part) + "."


def summary_text(runs: Iterable[Run], *, absent: Sequence[str] = ()) -> str:
    """The compact table in plain text, for a terminal, from the records of the runs."""
    return to_text(summary_table(summarise(runs), absent=absent))


def flat_metrics(summaries: Sequence[DatasetSummary]) -> dict[str, dict[str, float]]:
    """Numbers for ``dvc metrics``, means over seeds: ``{dataset: {fid_baseline, fid_mapped, ...}}``."""
    flat: dict[str, dict[str, float]] = {}
    for summary in summaries:
        values: dict[str, float] = {"seeds": len(summary.seeds), "judge_accuracy": summary.judge_accuracy}
        values["judge_balanced_accuracy"] = summary.judge_balanced_accuracy  # left out below where there is none
        if taus := [tau for tau in summary.taus if tau is not None]:
            values["tau"] = math.fsum(taus) / len(taus)
        if summary.on_validation:
            values["seeds_on_validation"] = len(summary.on_validation)
        for key, comparison in summary.comparisons.items():
            values[f"{key}_baseline"] = comparison.baseline.mean
            values[f"{key}_mapped"] = comparison.mapped.mean
            values[f"{key}_change_percent"] = comparison.change.value
            if comparison.reference:
                values[f"{key}_reference"] = comparison.reference.mean
        flat[summary.dataset] = {key: round(v, 6) for key, v in values.items() if math.isfinite(v)}
    return flat
