"""What holds of the paper's claims, by rule: scripts/results.py asks, and prints the answers.

A change is resolved, as in the tables, when its 95 % interval holds no zero (Student's t over seeds, the
bootstrap of a single seed). Resolved in the claim's direction: the claim *holds*; against it: it *does not
hold*; anything else is *undecided*, also where real series score no better before and after. Averages over sets
are judged by Student's t of the sets' log ratios.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nm_vqtsg.tables.aggregate import Change, Comparison, DatasetSummary, Run, change_over_seeds, statistic
from nm_vqtsg.tables.paper import Paper, PaperTable, load_paper

HOLDS, FAILS, UNDECIDED, UNTESTED = "holds", "does not hold", "undecided", "not tested"
WORDS = {
    "lower": ("better", "worse"),
    "higher": ("higher", "lower"),
}  # IS is better only up to that of real series
AMPLITUDE = "FordA"  # whose gain the paper explains by the amplitude of the series

Summaries = Mapping[str, DatasetSummary]


@dataclass(frozen=True)
class Finding:
    """A claim, where it stands, what the runs say, and one of the four verdicts, with its reservation."""

    claim: str
    source: str
    finds: str
    verdict: str


def headline(summary: DatasetSummary, key: str) -> Comparison | None:
    """FID, IS or cFID: trimmed, as behind the paper's tables, where the judge is the published one, else plain."""
    trimmed = summary.comparisons.get(f"{key}_trimmed") if summary.judge == "published FCN" else None
    return trimmed or summary.comparisons.get(key)


def findings(summaries: Summaries, runs: Sequence[Run]) -> list[Finding]:
    """All claims, in the order in which one asks."""
    paper = load_paper()
    own = [run for run in runs if run["dataset"] == AMPLITUDE]
    return [
        *(average(key, table, summaries, paper) for key, table in paper.tables.items()),
        largest(paper.tables["fid"], summaries),
        amplitude(own),
        *(
            worse(key, table, dataset, summaries)
            for key, table in paper.tables.items()
            for dataset, row in table.rows.items()
            if row["change_percent"] < 0
        ),
    ]


def average(key: str, table: PaperTable, summaries: Summaries, paper: Paper) -> Finding:
    """Better on average over the sets?"""
    printed = statistic(row["change_percent"] for row in table.rows.values())
    assert printed is not None
    said = [note.says for note in paper.notes if "average" in note.says and note.says.split()[-1] == table.name]
    claim = f"{table.name} is {WORDS[table.better][0]} on average, by {printed.mean:.1f} %" + (
        f' ("{said[0]}")' if said else ""
    )
    source = f"Table {table.number}"
    changes = {
        dataset: pair.change
        for dataset in table.rows
        if dataset in summaries
        and (pair := headline(summaries[dataset], key)) is not None
        and math.isfinite(pair.change.value)
    }
    if len(changes) < 2:
        return Finding(claim, source, f"{len(changes)} of {len(table.rows)} sets", UNTESTED)
    values = [change.value for change in changes.values()]
    over_sets = change_over_seeds(math.fsum(values) / len(values), values, ratios=True)
    typical = 100 * math.expm1(math.fsum(math.log1p(value / 100) for value in values) / len(values))
    theirs = math.fsum(table.rows[dataset]["change_percent"] for dataset in changes) / len(changes)
    resolved = [change.value for change in changes.values() if change.unresolved is False]
    finds = (
        f"{len(changes)} of {len(table.rows)} sets: {over_sets.value:+.1f} % on average, the paper's for the "
        f"same sets {theirs:+.1f} %; geometric mean {typical:+.1f} % [{over_sets.low:+.1f}, "
        f"{over_sets.high:+.1f}]; better on {sum(value > 0 for value in resolved)}, worse on "
        f"{sum(value < 0 for value in resolved)}, unresolved on {len(changes) - len(resolved)}"
    )
    return Finding(claim, source, finds, UNDECIDED if over_sets.unresolved is not False else _verdict(typical > 0))


def largest(table: PaperTable, summaries: Summaries) -> Finding:
    """Does the set with the paper's largest gain in FID gain most here, too? The intervals must not overlap."""
    best = max(table.rows, key=lambda dataset: table.rows[dataset]["change_percent"])
    claim = f"{table.name} gains most on {best}, {table.rows[best]['change_percent']:+.1f} %"
    source = f"Table {table.number}"
    pairs = {
        dataset: pair
        for dataset in table.rows
        if dataset in summaries and (pair := headline(summaries[dataset], "fid")) is not None
    }
    if best not in pairs or len(pairs) < 2:
        return Finding(claim, source, "", UNTESTED)
    own = pairs.pop(best).change
    rival = max(pairs, key=lambda dataset: pairs[dataset].change.value)
    other = pairs[rival].change
    finds = f"{best}: {told(own)}; of {len(pairs)} others most {rival}: {told(other)}"
    verdict = HOLDS if own.low > max(other.high, 0.0) else FAILS if own.high < max(other.low, 0.0) else UNDECIDED
    return Finding(
        claim, source, finds, verdict + (", in one seed" if own.n == 1 and verdict != UNDECIDED else "")
    )


def worse(key: str, table: PaperTable, dataset: str, summaries: Summaries) -> Finding:
    """Does the mapper harm where the paper prints a loss?"""
    printed = table.rows[dataset]["change_percent"]
    claim = f"{table.name} of {dataset} gets {WORDS[table.better][1]}, {printed:+.1f} %"
    source = f"Table {table.number}"
    pair = headline(summaries[dataset], key) if dataset in summaries else None
    if pair is None:
        return Finding(claim, source, "", UNTESTED)
    finds = told(pair.change) + ("; real series score no better, before and after" if _at_floor(pair) else "")
    if key == "is" and pair.reference is not None and pair.baseline.mean > pair.reference.mean:
        finds += f"; before the mapper it was above that of real series, {pair.reference.mean:.3g}"
    return Finding(claim, source, finds, _of_change(pair, "worse"))


def amplitude(runs: Sequence[Run]) -> Finding:
    """Is the amplitude of the samples nearer to that of real series after the mapper?

    The amplitude is the mean over series of their standard deviation over time; its distance from that of real
    series is that of the logarithms. One seed is judged by two standard errors of the means.
    """
    claim = f"On {AMPLITUDE} the mapper brings the amplitude of the samples to that of real series"
    measured = [run for run in runs if run.get("amplitude")]
    if not measured:
        return Finding(claim, "Figure 2", "", UNTESTED)
    gains = [_distance(run, "baseline") - _distance(run, "mapped") for run in measured]
    ratios = [statistic(_ratio(run, version) for run in measured) for version in ("baseline", "mapped")]
    shares = [ratio.mean for ratio in ratios if ratio is not None]
    finds = "samples have {:.2f} of it before the mapper, {:.2f} after".format(*shares)
    if len(gains) == 1:
        resolved, suffix = abs(gains[0]) > 2 * _error(measured[0]), ", in one seed"
    else:
        change = change_over_seeds(math.fsum(gains) / len(gains), gains, ratios=False)
        resolved, suffix = change.unresolved is False, ""
    verdict = _verdict(math.fsum(gains) > 0) + suffix if resolved else UNDECIDED
    return Finding(claim, "Figure 2", finds + f"; {len(gains)} seed{'s' * (len(gains) > 1)}", verdict)


def _ratio(run: Run, version: str) -> float:
    return float(run["amplitude"][version]["mean"]) / float(run["amplitude"]["test"]["mean"])


def _distance(run: Run, version: str) -> float:
    return abs(math.log(_ratio(run, version)))


def _error(run: Run) -> float:
    """Standard error of the difference of both versions' log amplitudes, as if they were not paired."""
    n = int(run["n"]["generated"])
    parts = (run["amplitude"][version] for version in ("baseline", "mapped"))
    return math.sqrt(sum((float(part["sd"]) / float(part["mean"])) ** 2 for part in parts) / n)


def told(change: Change) -> str:
    """``+19.4 % [15.3, 23.8], one seed``."""
    return with_interval(change, " %") + (", one seed" if change.n == 1 else f", {change.n} seeds")


def with_interval(change: Change, unit: str = "") -> str:
    """``+19.4 [15.3, 23.8]``; the value alone where there is no interval."""
    interval = f" [{change.low:+.1f}, {change.high:+.1f}]" if math.isfinite(change.low + change.high) else ""
    return f"{change.value:+.1f}{unit}{interval}"


def _of_change(pair: Comparison, claimed: str) -> str:
    if pair.change.unresolved is not False or _at_floor(pair):
        return UNDECIDED
    verdict = _verdict((pair.change.value > 0) == (claimed == "better"))
    return verdict + (", in one seed" if pair.change.n == 1 else "")


def _at_floor(pair: Comparison) -> bool:
    return pair.baseline_at_floor and pair.mapped_at_floor


def _verdict(as_claimed: bool) -> str:
    return HOLDS if as_claimed else FAILS
