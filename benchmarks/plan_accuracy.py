"""What the planner says a study takes, beside what its jobs took where Snakemake ran them on this machine.

    python benchmarks/plan_accuracy.py STUDY [STUDY ...] [--out benchmarks/results/plan.json]
    python benchmarks/plan_accuracy.py --report [--page docs/speed.md]

Of every data set of which a run has been evaluated, the processor time that Snakemake noted of each job
(``logs/benchmarks`` of the study) is held against the planner's seconds for one core: processor time, since what
else the machine does spoils it little. A judge may end early, which nobody knows beforehand: beside the planner's
seconds for all its epochs stand those for the epochs that it took. The planner measures the machine anew, for two
minutes a study. ``--report`` computes nothing: it prints the table of what there is, and with ``--page`` writes it
between the page's two marks.
"""

from __future__ import annotations

import argparse
import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nm_vqtsg.artifacts import load_json, save_json, save_text
from nm_vqtsg.params import Params, load_params
from nm_vqtsg.planning.plan import CHAIN, make_plan
from nm_vqtsg.planning.sizes import DataSize, data_size
from nm_vqtsg.study.paths import Paths
from nm_vqtsg.tables import Table, to_markdown

HERE = Path(__file__).resolve().parent
OUT = HERE / "results" / "plan.json"
BEGIN, END = "<!-- benchmarks/plan_accuracy.py -->", "<!-- end of plan_accuracy.py -->"
JUDGE, JUDGE_SOONER = "fcn", "fcn, epochs taken"
STEPS = (JUDGE, *CHAIN)


def taken(paths: Paths, step: str) -> dict[str, float] | None:
    """Processor and wall seconds that Snakemake noted of a job; None where it noted none."""
    path = paths.study / "logs" / "benchmarks" / f"{paths.job(step)}.tsv"
    if not path.is_file():
        return None
    with path.open(encoding="utf-8") as file:
        row = next(csv.DictReader(file, delimiter="\t"), {})
    try:
        return {"cpu_s": float(row["cpu_time"]), "wall_s": float(row["s"])}
    except (KeyError, ValueError):  # a job that was over before Snakemake looked
        return None


def finished(study: Path, params: Params) -> dict[str, dict[str, list[dict[str, float]]]]:
    """What the jobs of each data set took, by step, over the seeds that went from beginning to end."""
    found: dict[str, dict[str, list[dict[str, float]]]] = {}
    for dataset in params.datasets:
        runs = [Paths(study, dataset, seed) for seed in params.seeds]
        runs = [paths for paths in runs if paths.metrics.is_file()]
        by_step = {step: [taken(paths, step) for paths in runs] for step in CHAIN}
        by_step = {JUDGE: [taken(Paths(study, dataset, None), JUDGE)], **by_step}
        known = {step: [each for each in jobs if each is not None] for step, jobs in by_step.items()}
        if runs:
            found[dataset] = {step: jobs for step, jobs in known.items() if jobs}
    return found


def compare(study: Path) -> dict[str, Any]:
    """The numbers of one study."""
    params = load_params(study / "params.yaml")
    measured = finished(study, params)
    sizes: dict[str, DataSize] = {}
    for dataset in measured:
        paths = Paths(study, dataset, None)
        sizes[dataset] = data_size(params, dataset, study, (paths.train, paths.test))
    if not sizes:
        return {}
    plan = make_plan(params, sizes, torch.device("cpu"), lambda what, *_: print(f"{study.name}: measuring {what}"))
    rows: dict[str, Any] = {}
    for dataset, jobs in measured.items():
        rows[dataset] = {
            step: {"predicted_s": plan.jobs[dataset][step], "measured": jobs[step]}
            for step in STEPS
            if step in jobs
        }
        report = Paths(study, dataset, None).fcn_report
        if JUDGE in jobs and report.is_file():
            share = load_json(report)["epochs"] / params.fcn.epochs
            rows[dataset][JUDGE_SOONER] = {
                "predicted_s": share * plan.jobs[dataset][JUDGE],
                "measured": jobs[JUDGE],
            }
    return {
        "steps": [getattr(params, stage).steps for stage in ("stage1", "stage2", "stage3")],
        "sizes": {name: vars(size) for name, size in sizes.items()},
        "jobs": rows,
    }


def table(record: dict[str, Any]) -> Table:
    """A row for each step, a column for each data set of each study; at the end one run in all."""
    found = {
        f"{dataset} ({study})": {step: (job["predicted_s"], _measured(job)) for step, job in jobs.items()}
        for study, of_study in record["studies"].items()
        for dataset, jobs in of_study["jobs"].items()
    }
    cells = [
        [step, *(_cell(*pairs[step]) if step in pairs else "" for pairs in found.values())]
        for step in (JUDGE, JUDGE_SOONER, *CHAIN)
    ]
    runs = [np.sum([pairs[step] for step in CHAIN if step in pairs], axis=0) for pairs in found.values()]
    cells.append(["one run", *(_cell(*run) for run in runs)])
    note = (
        "Seconds of processor time, predicted → measured (mean over seeds), and measured / predicted. "
        "One run: the steps of one seed that Snakemake noted."
    )
    numeric = [False, *[True] * len(found)]
    return Table("The plan beside the truth", ["Step", *found], numeric, cells, notes=[note])


def _measured(job: dict[str, Any]) -> float:
    return float(np.mean([each["cpu_s"] for each in job["measured"]]))


def _cell(predicted: float, measured: float) -> str:
    ratio = measured / predicted if predicted else math.nan
    return f"{predicted:.0f} → {measured:.0f}, {ratio:.2f}"


def report(record: dict[str, Any], page: Path | None) -> None:
    """Print the table, and write it into the page."""
    found = to_markdown(table(record))
    print(found)
    if page is not None:
        text = page.read_text(encoding="utf-8")
        before, rest = text.split(BEGIN)
        _, after = rest.split(END)
        save_text(page, f"{before}{BEGIN}\n\n{found}\n{END}{after}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare the studies given, and keep what was found of others."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", type=Path, nargs="*")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--page", type=Path)
    options = parser.parse_args(arguments)
    record = (
        load_json(options.out) if options.out.is_file() else {"threads": torch.get_num_threads(), "studies": {}}
    )
    if options.report:
        report(record, options.page)
        return
    torch.set_num_threads(1)
    for study in options.studies:
        found = compare(study)
        if not found:
            parser.error(f"{study}: no data set has been evaluated here; run the study first")
        record["studies"][study.name] = found
        save_json(options.out, record | {"threads": 1})
    report(record, None)


if __name__ == "__main__":
    main()
