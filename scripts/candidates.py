"""Compares recipes by studies that were scored on a part of TRAIN, and says which to choose.

    python scripts/candidates.py paper=studies/a best=studies/b best=studies/b-fold1 --out docs/candidates

A candidate is one study, or several of other folds or data sets under one name. The first is the reference; the
others stand in the order in which they depart from it. The rule: a candidate's measure is the mean over runs (data
set, fold and seed) of log(score / score of the reference in the same run), averaged over the criteria. Of the
candidates at most one standard error worse than the one with the smallest measure, the first in the order given is
chosen; the standard error is that of the difference between the two in the same run, since what differs between
data sets is common to both. One that misses runs, or whose recall or classification accuracy is below the
reference's by more than chance explains, is passed over: the 95 % interval of the mean difference, by Student's t,
lies below zero. (At a dozen runs these are 2.2 standard errors, at two 12.7.) Studies that were scored on TEST are
not ranked.
"""

import argparse
import math
import operator
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from scipy.stats import t

from nm_vqtsg.artifacts import save_text
from nm_vqtsg.errors import UserError
from nm_vqtsg.evaluation.floor import flat_scores
from nm_vqtsg.params import Params
from nm_vqtsg.params.presets import flat
from nm_vqtsg.params.text import scalar
from nm_vqtsg.steps.context import open_context
from nm_vqtsg.steps.tables import load_runs
from nm_vqtsg.tables import Table, to_csv, to_markdown
from nm_vqtsg.tables.aggregate import Run, Statistic, is_on_validation, statistic
from nm_vqtsg.tables.render import EMPTY, mean_sd

SCORES = {
    "fid": "FID",
    "is_gap": "IS gap",
    "cfid": "cFID",
    "rocket_fid": "ROCKET-FID",
    "auc": "AUC",
    "recall": "recall",
    "coverage": "coverage",
    "cas": "CAS",
    "closer_to_train": "closer to TRAIN",
}
CRITERIA = ("fid", "cfid", "rocket_fid")
GUARDS = ("recall", "cas")
BESIDE = ("datasets", "seeds", "data.", "own_data")  # parameters that make no other candidate
COMMON = ("data.test_size", "data.split_seed", "fcn.", "rocket.", "evaluate.")  # without which scores differ
SMALLEST = 1e-12
LEVEL = 0.95  # of the interval that says whether a guard fell


class Key(NamedTuple):
    """A run that candidates have in common."""

    dataset: str
    fold: str
    seed: int


@dataclass
class Candidate:
    """One recipe and its runs."""

    name: str
    params: Params
    runs: dict[Key, Run] = field(default_factory=dict)

    def score(self, key: Key, version: str, score: str) -> float | None:
        """A score of one run; None where it was not measured."""
        return flat_scores(self.runs[key].get(version) or {}).get(score)

    def differences(self, other: "Candidate") -> str:
        """What its parameters change in another's."""
        theirs = dict(flat(other.params))
        return ", ".join(
            f"{key}={scalar(value)}"
            for key, value in flat(self.params)
            if value != theirs[key] and not key.startswith(BESIDE)
        )


class Measure(NamedTuple):
    """Mean over runs and its standard error (NaN of a single one)."""

    mean: float
    error: float
    n: int

    @property
    def fell(self) -> bool:
        """Whether a mean difference is below zero by more than chance explains; a single run cannot say."""
        return self.n > 1 and self.mean < -float(t.ppf(0.5 + LEVEL / 2, self.n - 1)) * self.error


def measure(values: Sequence[float]) -> Measure:
    """Of values of single runs."""
    found = statistic(values)
    return (
        Measure(math.nan, math.nan, 0)
        if found is None
        else Measure(found.mean, found.sd / math.sqrt(found.n), found.n)
    )


def read(arguments: Sequence[str]) -> list[Candidate]:
    """Candidates from ``NAME=FOLDER`` or ``FOLDER``.

    Raises
    ------
    UserError
        If a study cannot be read or has no runs, its recipe differs from that of the same name, a run is there
        twice, some studies were scored on TEST and some not, or split or judged in other ways.
    """
    candidates: dict[str, Candidate] = {}
    kinds: dict[bool, Path] = {}
    for argument in arguments:
        called, equals, folder = argument.partition("=")
        path = Path(folder if equals else argument)
        context = open_context(path, "tables")
        own = Candidate(called if equals else path.resolve().name, context.params)
        runs, _ = load_runs(context)
        if not runs:
            raise UserError(f"{path}: no run has been evaluated yet; run the study first")
        for run in runs:
            kinds.setdefault(is_on_validation(run), path)
        if len(kinds) > 1:
            raise UserError(
                f"{kinds[False]} was scored on TEST and {kinds[True]} on VAL; compare studies of one kind"
            )
        candidate = candidates.setdefault(own.name, own)
        first = dict(flat(next(iter(candidates.values())).params))
        for name, value in flat(own.params):
            if name.startswith(COMMON) and value != first[name]:
                raise UserError(
                    f"{path}: has {name} {scalar(value)} and the first study {scalar(first[name])}; their scores "
                    "cannot be compared"
                )
        if other := own.differences(candidate):
            raise UserError(f"{path}: is another recipe than the first study called '{own.name}' ({other})")
        data = context.params.data
        fold = f"{data.validation_fold} of {data.validation_folds}" if data.evaluate_on == "validation" else ""
        for run in runs:
            key = Key(str(run["dataset"]), fold, int(run["seed"]))
            if key in candidate.runs:
                raise UserError(
                    f"{path}: '{own.name}' has {key.dataset} seed {key.seed} twice; give another fold, or name"
                )
            candidate.runs[key] = run
    return list(candidates.values())


@dataclass
class Verdict:
    """How one candidate compares with the reference, over the runs that both have."""

    candidate: Candidate
    of_runs: dict[Key, float]
    guards: dict[str, Measure]
    missing: int

    @property
    def measure(self) -> Measure:
        """Over the runs."""
        return measure(list(self.of_runs.values()))

    def behind(self, other: "Verdict") -> Measure:
        """By how much its measure is above another's, in the runs that both have."""
        return measure([own - other.of_runs[key] for key, own in self.of_runs.items() if key in other.of_runs])

    @property
    def passed_over(self) -> str:
        """Why it cannot be chosen, or nothing."""
        reasons = [f"{self.missing} of {self.missing + self.measure.n} runs missing"] if self.missing else []
        reasons += [f"{SCORES[guard]} fell" for guard, change in self.guards.items() if change.fell]
        return ", ".join(reasons)


def compare(candidates: Sequence[Candidate], version: str, criteria: Sequence[str]) -> list[Verdict]:
    """Each candidate against the first, in their order.

    Raises
    ------
    UserError
        If the first has no score to compare with.
    """
    reference, verdicts = candidates[0], []
    for candidate in candidates:
        ratios = [changes(candidate, reference, version, score, log_ratio) for score in criteria]
        of_runs = {
            key: sum(values) / len(values)
            for key in reference.runs
            if (values := [each[key] for each in ratios if key in each])
        }
        guards = {
            guard: measure(list(changes(candidate, reference, version, guard, operator.sub).values()))
            for guard in GUARDS
        }
        verdicts.append(Verdict(candidate, of_runs, guards, len(reference.runs) - len(of_runs)))
    if verdicts[0].missing:
        raise UserError(
            f"{reference.name}: some of its runs have none of {', '.join(criteria)}; evaluate them again"
        )
    return verdicts


def changes(
    candidate: Candidate, reference: Candidate, version: str, score: str, change: Callable[[float, float], float]
) -> dict[Key, float]:
    """How a score differs in the runs in which both have it."""
    common = [key for key in reference.runs if key in candidate.runs]
    pairs = {key: (candidate.score(key, version, score), reference.score(key, version, score)) for key in common}
    return {
        key: change(own, theirs) for key, (own, theirs) in pairs.items() if own is not None and theirs is not None
    }


def log_ratio(own: float, theirs: float) -> float:
    """Of two distances, which rounding may bring to zero."""
    return math.log(max(own, SMALLEST) / max(theirs, SMALLEST))


def choose(verdicts: Sequence[Verdict]) -> tuple[Verdict, Verdict]:
    """The best of those that can be chosen, and the one that is, by the rule of one standard error."""
    eligible = [verdict for verdict in verdicts if not verdict.passed_over]
    best = min(eligible, key=lambda verdict: verdict.measure.mean)
    return best, next(verdict for verdict in eligible if verdict is best or _as_good(verdict.behind(best)))


def _as_good(behind: Measure) -> bool:
    return behind.mean <= (0.0 if math.isnan(behind.error) else behind.error)


def ranking(candidates: Sequence[Candidate], version: str, criteria: Sequence[str]) -> Table:
    """The candidates, best measure first, and which of them is chosen."""
    verdicts = compare(candidates, version, criteria)
    best, chosen = choose(verdicts)
    cells, records = [], []
    for rank, verdict in enumerate(sorted(verdicts, key=lambda verdict: verdict.measure.mean), 1):
        own, ratio = verdict.measure, math.exp(verdict.measure.mean)
        changes = verdict.candidate.differences(candidates[0])
        mark = "chosen" if verdict is chosen else verdict.passed_over and f"passed over: {verdict.passed_over}"
        told = (
            EMPTY
            if math.isnan(own.error)
            else f"{math.exp(own.mean - own.error):.3f} to " + (f"{math.exp(own.mean + own.error):.3f}")
        )
        behind = verdict.behind(best)
        over = f"{math.exp(behind.mean):.3f}" if behind.n else EMPTY
        if behind.n and not math.isnan(behind.error):
            over += f" ({math.exp(behind.mean - behind.error):.3f} to {math.exp(behind.mean + behind.error):.3f})"
        guards = [f"{change.mean:+.3f}" if change.n else EMPTY for change in verdict.guards.values()]
        name = verdict.candidate.name
        cells.append([str(rank), name, f"{ratio:.3f}", told, over, *guards, str(own.n), mark, changes])
        records.append(
            {"rank": rank, "candidate": name, "log_ratio": own.mean, "error": own.error}
            | {"behind_best": behind.mean, "behind_best_error": behind.error}
            | {f"{guard}_change": change.mean for guard, change in verdict.guards.items()}
            | {"runs": own.n, "verdict": mark, "changes": changes}
        )
    header = [
        "Rank",
        "Candidate",
        "Ratio",
        "± one SE",
        "Over the best",
        *(SCORES[guard] for guard in GUARDS),
        "Runs",
        "",
        "Changes",
    ]
    notes = [
        f"Ratio: geometric mean over runs of {', '.join(SCORES[score] for score in criteria)} ({version}), over "
        f"those of {candidates[0].name} in the same run; over the best: over those of {best.candidate.name}, with "
        f"one standard error on either side. {' and '.join(SCORES[guard] for guard in GUARDS)}: mean change. "
        "Chosen: of the candidates within one standard error of the best, in the same runs, the one that "
        "departs least from the reference, in the order given. Passed over: runs are missing, or one of "
        f"{' and '.join(SCORES[guard] for guard in GUARDS)} fell by more than chance explains (95 % interval by "
        "Student's t below zero).",
    ]
    numeric = [title not in ("Candidate", "", "Changes") for title in header]
    return Table("Candidates", header, numeric, cells, records, notes)


def scores(candidates: Sequence[Candidate]) -> Table:
    """Every score of every candidate on every data set, before and after the mapper, mean ± sd over its runs."""
    datasets = dict.fromkeys(key.dataset for candidate in candidates for key in candidate.runs)
    cells, records = [], []
    for dataset in datasets:
        for name, version, values in _rows(candidates, dataset):
            n = max((value.n for value in values.values() if value is not None), default=0)
            cells.append([dataset, name, version, *(mean_sd(value) for value in values.values()), str(n)])
            record: dict[str, Any] = {"dataset": dataset, "candidate": name, "version": version, "runs": n}
            for score, value in values.items():
                record |= {f"{score}_mean": value and value.mean, f"{score}_sd": value and value.sd}
            records.append(record)
    header = ["Dataset", "Candidate", "Series", *SCORES.values(), "Runs"]
    numeric = [title not in ("Dataset", "Candidate", "Series") for title in header]
    return Table(
        "Scores", header, numeric, cells, records, ["Mean ± sd over runs: seeds, and folds if there are several."]
    )


def _rows(candidates: Sequence[Candidate], dataset: str) -> Iterator[tuple[str, str, dict[str, Statistic | None]]]:
    for candidate in candidates:
        runs = [run for key, run in candidate.runs.items() if key.dataset == dataset]
        for version in ("baseline", "mapped"):
            yield candidate.name, version, _statistics(runs, version)
    first = [run for key, run in candidates[0].runs.items() if key.dataset == dataset]
    yield "real series", EMPTY, _statistics(first, "reference")


def _statistics(runs: Sequence[Run], version: str) -> dict[str, Statistic | None]:
    return {score: statistic(flat_scores(run.get(version) or {}).get(score) for run in runs) for score in SCORES}


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables, and write them where `--out` says: ``OUT.md``, ``OUT.csv`` and ``OUT_ranking.csv``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", nargs="+", metavar="[NAME=]STUDY", help="the reference first")
    parser.add_argument("--version", choices=("baseline", "mapped"), default="mapped", help="what is ranked")
    parser.add_argument("--criterion", action="append", choices=CRITERIA, help="may be given several times")
    parser.add_argument("--out", type=Path, help="files to write, without their endings")
    options = parser.parse_args(arguments)
    candidates = read(options.studies)
    on_validation = all(is_on_validation(run) for run in candidates[0].runs.values())
    tables = [scores(candidates)]
    if on_validation:
        tables.insert(0, ranking(candidates, options.version, options.criterion or CRITERIA))
    scored = "on VAL, a part of TRAIN" if on_validation else "on TEST, and not ranked: nothing is chosen by TEST"
    text = "\n".join([f"All scores {scored}.\n", *map(to_markdown, tables)])
    print(text, end="")
    if options.out is not None:
        save_text(options.out.with_suffix(".md"), text)
        save_text(options.out.with_suffix(".csv"), to_csv(tables[-1]))
        if on_validation:
            save_text(options.out.with_name(f"{options.out.name}_ranking.csv"), to_csv(tables[0]))


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
