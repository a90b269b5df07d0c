"""The tables of docs/results.md: a row for each set of the paper, empty where git holds nothing of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from results_claims import Finding, headline, with_interval
from results_provenance import Notes, read_notes

from nm_vqtsg.artifacts import digest, load_json
from nm_vqtsg.errors import UserError
from nm_vqtsg.evaluation.floor import flat_scores
from nm_vqtsg.params import Params
from nm_vqtsg.steps.context import open_context
from nm_vqtsg.steps.tables import load_runs
from nm_vqtsg.study.paths import Paths
from nm_vqtsg.tables import Table, second_opinion_table, summarise
from nm_vqtsg.tables.aggregate import Change, DatasetSummary, Run, is_on_validation, statistic
from nm_vqtsg.tables.paper import load_paper
from nm_vqtsg.tables.render import gained, marked, mean_sd

SECOND = (
    *("rocket_fid", "auc", "cas", "precision", "recall", "context_fid", "discriminative", "predictive"),
    *("sliced_wasserstein", "acf", "spectrum"),
)
MEMORY = {"closer_to_train": "closer to TRAIN", "distance_ratio": "distance ratio", "copies": "copies"}
VERSIONS = ("baseline", "mapped")


@dataclass(frozen=True)
class Evidence:
    """What git holds of a study: its runs, what they lack, and what was noted by hand."""

    folder: Path
    params: Params
    runs: Sequence[Run]
    absent: Sequence[str]
    summaries: Mapping[str, DatasetSummary]
    notes: Notes
    tokens: Mapping[str, Sequence[Mapping[str, Any]]]

    @property
    def rows(self) -> list[str]:
        """The paper's sets, and those of the study that are none of them."""
        return list(dict.fromkeys([*load_paper().tables["fid"].rows, *self.params.datasets]))

    def of(self, dataset: str) -> list[Run]:
        """Runs of one set."""
        return [run for run in self.runs if run["dataset"] == dataset]


def read(folder: Path) -> Evidence:
    """What there is of a study.

    Raises
    ------
    UserError
        If the study or its notes cannot be read, if a run was scored on VAL, which is no result, or if what tokens
        say is of another run.
    """
    context = open_context(folder, "tables")
    runs, absent = load_runs(context)
    for run in runs:
        if is_on_validation(run):
            raise UserError(
                f"{folder}: {run['dataset']} seed {run['seed']} was scored on VAL, which is for choosing settings "
                "and no result; give a study with data.evaluate_on: test"
            )
    tokens: dict[str, list[Mapping[str, Any]]] = {}
    for run in runs:
        path = memorisation_file(Paths(folder, run["dataset"], run["seed"]))
        if path.is_file():
            record = load_json(path)
            if record.get("metrics") != digest(run):
                raise UserError(f"{path}: is of another run than the metrics; run scripts/memorisation.py again")
            tokens.setdefault(run["dataset"], []).append(record)
    summaries = {summary.dataset: summary for summary in summarise(runs)}
    return Evidence(folder, context.params, runs, absent, summaries, read_notes(folder, context.params), tokens)


def memorisation_file(paths: Paths) -> Path:
    """Where scripts/memorisation.py writes: beside the metrics, whose folder holds nothing else."""
    return paths.all_metrics.with_name("memorisation") / paths.dataset / f"seed{paths.seed}.json"


def score_table(evidence: Evidence, key: str) -> Table:
    """FID, IS or cFID of each set: the paper's cell, ours, real series, the change and its verdict."""
    printed = load_paper().tables[key]
    header = ["Data set", "Paper", "Before", "After", "Real series", "Gain", "Change %", "Verdict", "Seeds"]
    cells = []
    for dataset in evidence.rows:
        row = printed.rows.get(dataset)
        paper = (
            "" if row is None else f"{row['baseline']:.2f} → {row['mapped']:.2f} ({row['change_percent']:+.1f} %)"
        )
        summary = evidence.summaries.get(dataset)
        pair = headline(summary, key) if summary is not None else None
        if summary is None or pair is None:
            cells.append([dataset, paper, *[""] * 7])
            continue
        cells.append(
            [
                dataset,
                paper,
                marked(pair.baseline, pair.baseline_at_floor),
                marked(pair.mapped, pair.mapped_at_floor),
                mean_sd(pair.reference),
                gained(replace(pair.gain, unresolved=False)),
                with_interval(pair.change),
                verdict(pair.change) if key != "is" else of_inception_score(summary, pair.change),
                " ".join(map(str, summary.seeds)),
            ]
        )
    better = f"the {printed.better}, the better" + (", up to what real series score" if key == "is" else "")
    return Table(f"{printed.name} ({better})", header, [False, False, *[True] * 5, False, False], cells)


def verdict(change: Change) -> str:
    """Better or worse, or that nobody can say."""
    if change.unresolved is None:
        return "uncertainty unknown"
    if change.unresolved:
        return "unresolved" + (f", {change.improved} of {change.n} better" if change.n > 1 else "")
    return "better" if change.value > 0 else "worse"


def of_inception_score(summary: DatasetSummary, change: Change) -> str:
    """Higher or lower, and whether nearer to IS of real series: more than that is no better."""
    text = verdict(change).replace("better", "higher").replace("worse", "lower")
    gap = summary.comparisons.get("is_gap")
    if change.unresolved is not False or gap is None:
        return text
    return text + (", nearer to real series" if gap.gain.value > 0 else ", further from real series")


def claims_table(found: Sequence[Finding]) -> Table:
    """A row for each claim."""
    cells = [[finding.claim, finding.source, finding.finds, finding.verdict] for finding in found]
    return Table("What holds of the paper's claims", ["Claim", "Source", "Here", "Verdict"], [False] * 4, cells)


def second_table(evidence: Evidence) -> Table:
    """The most telling of the other scores."""
    table = second_opinion_table(evidence.runs)
    note = f"All scores: `{evidence.folder.as_posix()}/results/tables/second_opinion.md`."
    kept = [row for row, record in zip(table.cells, table.records, strict=True) if record["score"] in SECOND]
    return replace(table, title="Beside FID, IS and cFID", cells=kept, notes=[*table.notes, note])


def per_set(
    evidence: Evidence, title: str, columns: Mapping[str, Callable[[list[Run]], str]], notes: Sequence[str] = ()
) -> Table:
    """A row for each set of the paper and the study; the cells of sets without runs are empty."""
    cells = [
        [dataset, *(cell(own) if (own := evidence.of(dataset)) else "" for cell in columns.values())]
        for dataset in evidence.rows
    ]
    return Table(title, ["Data set", *columns], [False, *[True] * len(columns)], cells, notes=notes)


def amplitude_table(evidence: Evidence) -> Table:
    """The standard deviation over time of real series and of samples."""

    def cell(version: str, over: str | None = None) -> Callable[[list[Run]], str]:
        def of_runs(runs: list[Run]) -> str:
            amplitudes = [run["amplitude"] for run in runs if run.get("amplitude")]
            return mean_sd(
                statistic(each[version]["mean"] / (each[over]["mean"] if over else 1) for each in amplitudes)
            )

        return of_runs

    columns = {"real, X": cell("test"), "before, X̂": cell("baseline"), "after, X̂_R": cell("mapped")}
    columns |= {"X̂ / X": cell("baseline", "test"), "X̂_R / X": cell("mapped", "test")}
    return per_set(evidence, "Amplitude: standard deviation of a series over time, mean over series", columns)


def memory_table(evidence: Evidence) -> Table:
    """What distances to TRAIN and TEST say."""

    def cell(version: str, key: str) -> Callable[[list[Run]], str]:
        return lambda runs: mean_sd(statistic(flat_scores(run.get(version) or {}).get(key) for run in runs))

    columns = {
        f"{name}, {when}": cell(version, key)
        for key, name in MEMORY.items()
        for version, when in zip(VERSIONS, ("before", "after"), strict=True)
    }
    note = (
        "Closer to TRAIN: share of samples whose nearest series lies in TRAIN, of as many series of TRAIN and "
        "TEST: 0.5 where nothing was memorised. Distance ratio: median distance to TRAIN over that to TEST: 1 "
        "likewise."
    )
    return per_set(evidence, "Distances to TRAIN and TEST", columns, [note])


def token_table(evidence: Evidence) -> Table:
    """What tokens say, of the runs that scripts/memorisation.py has looked at."""
    header = [
        "Data set",
        "Band",
        "in TRAIN: samples",
        "in TRAIN: TEST",
        "nats: TRAIN",
        "nats: TEST",
        "frequencies",
    ]
    cells = []
    for dataset in evidence.rows:
        records = evidence.tokens.get(dataset, [])
        for band in dict.fromkeys(name for record in records for name in record["bands"]):
            own = [record["bands"][band] for record in records if band in record["bands"]]
            keys = ("shared_samples", "shared_test", "nats_train", "nats_test", "nats_frequencies")
            values = (statistic(each.get(key) for each in own) for key in keys)
            cells.append([dataset, band, *("" if value is None else mean_sd(value) for value in values)])
        if not records:
            cells.append([dataset, *[""] * 6])
    note = (
        "In TRAIN: share of the samples, and of the series of TEST, whose tokens in that band are those of a "
        "series of TRAIN, one by one; what samples have beyond TEST speaks for copying. Nats: cross-entropy of "
        "a hidden token, given the class where there are classes, with masks as in training; frequencies: that "
        "of TEST for who knows only how often each code occurs in TRAIN. Where TEST is above that, the prior "
        "overfits."
    )
    return Table("Tokens", header, [False, False, *[True] * 5], cells, notes=[note])
