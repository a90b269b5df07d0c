"""How short may the judge's training be? Schedules beside the long one, scored on a part of TRAIN kept apart.

    NM_VQTSG_UCR=FOLDER python benchmarks/judge_schedule.py [--datasets FaceAll Wafer] [--seeds 0] [--series 2000]
    python benchmarks/judge_schedule.py --report [--page docs/speed.md]

A fifth of TRAIN is set aside, the same one for all seeds and schedules. The judge is trained on the rest, of which
it holds out a part of its own for early stopping, as in the pipeline. TEST is not seen. ``long`` is 200 epochs
with patience 20; every other schedule changes what `SCHEDULES` says.

One JSON file for each data set, seed and schedule. Those that exist are not computed again, so the command can be
stopped at any moment and repeated, also in the middle of a training, and several may run at once on different data
sets. ``--series`` takes that many series of TRAIN at most. ``--report`` computes nothing: it prints tables of what
there is, and with ``--page`` writes them between the page's two marks.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from material import UCR, archive_folder
from rich.console import Console
from sklearn.metrics import balanced_accuracy_score, log_loss
from timing import geometric_mean

from nm_vqtsg.artifacts import save_json, save_text
from nm_vqtsg.datasets.fetch import default_cache, fetch
from nm_vqtsg.datasets.resplit import resplit
from nm_vqtsg.errors import UserError
from nm_vqtsg.judge.model import Judge
from nm_vqtsg.judge.network import FCN
from nm_vqtsg.judge.train import stratified_holdout, train
from nm_vqtsg.params import Fcn
from nm_vqtsg.session import Session
from nm_vqtsg.session.device import chosen_device
from nm_vqtsg.session.progress import Progress, Task, chosen_progress
from nm_vqtsg.session.stop import Interrupted
from nm_vqtsg.training.seeds import seeded

LONG = "long"
SCHEDULES: dict[str, dict[str, Any]] = {
    LONG: {"epochs": 200, "patience": 20},
    "12 epochs": {"epochs": 12},
    "25 epochs": {"epochs": 25},
    "50 epochs": {"epochs": 50},
    "12 epochs, batch 32": {"epochs": 12, "batch_size": 32},
    "25 epochs, batch 32": {"epochs": 25, "batch_size": 32},
    "25 epochs, batch 64": {"epochs": 25, "batch_size": 64},
    "25 epochs, batch 256": {"epochs": 25, "batch_size": 256, "learning_rate": 0.002},
    "1000 steps, batch 32": {"max_steps": 1000, "batch_size": 32, "patience": 200},
    "2000 steps, batch 32": {"max_steps": 2000, "batch_size": 32, "patience": 200},
    "25 epochs, bfloat16": {"epochs": 25, "precision": "bfloat16"},
    "2000 steps, batch 32, bfloat16": {
        "max_steps": 2000,
        "batch_size": 32,
        "patience": 200,
        "precision": "bfloat16",
    },
    "12 epochs, one cycle": {"epochs": 12, "learning_rate": 0.003, "warmup_fraction": 0.3},
    "200 epochs, patience 5": {"patience": 5},
}
DATASETS = ("FaceAll", "FordA", "ElectricDevices", "Crop", "Wafer")
SET_ASIDE = 0.2  # of TRAIN
SCORES = ("accuracy", "balanced_accuracy", "loss")
BEGIN, END = "<!-- benchmarks/judge_schedule.py -->", "<!-- end -->"
HERE = Path(__file__).resolve().parent


class Job(NamedTuple):
    """One training."""

    dataset: str
    seed: int
    schedule: str

    def file(self, folder: Path) -> Path:
        """Where its record lies."""
        return folder / f"{self.dataset}-seed{self.seed}-{self.schedule.replace(', ', '-').replace(' ', '_')}.json"


def budget(job: Job, at_most: int | None) -> tuple[Fcn, float]:
    """Parameters of a training and its share of warm-up."""
    changes = {**SCHEDULES[job.schedule], "seed": job.seed}
    warmup = changes.pop("warmup_fraction", 0.0)
    config = Fcn.model_validate(changes)
    return config.model_copy(update={"epochs": min(config.epochs, at_most or config.epochs)}), warmup


def series_of(dataset: str, source: str, most: int | None) -> tuple[np.ndarray, np.ndarray, int]:
    """TRAIN as in the pipeline, or `most` of it, all classes alike: X (n, C, L), y (n,), number of classes."""
    data, _ = resplit(fetch(dataset, source, cache=default_cache()), name=dataset)
    assert data.y is not None
    if most is None or most >= len(data.y):
        return data.X, data.y, data.n_classes
    rows, _ = stratified_holdout(data.y, 1 - most / len(data.y), 0)
    return data.X[rows], data.y[rows], data.n_classes


class Noting(Progress):
    """Shows progress and notes how many steps an earlier process had done."""

    def __init__(self) -> None:
        self.shown, self.done = chosen_progress("auto"), 0

    def start(self, description: str, total: int, done: int = 0) -> Task:
        """The task that the loop advances."""
        self.done = done
        return self.shown.start(description, total, done)


def measure(job: Job, data: tuple[np.ndarray, np.ndarray, int], session: Session, at_most: int | None) -> dict:
    """Train and score; seconds are this process's, scaled up where an earlier one did a part of the steps."""
    X, y, n_classes = data
    config, warmup = budget(job, at_most)
    fitted, unseen = stratified_holdout(y, SET_ASIDE, 0)
    network = seeded(config.seed, lambda: FCN(X.shape[1], n_classes, config.dropout)).to(session.device)
    x, target = (torch.as_tensor(part[fitted], device=session.device) for part in (X, y))
    progress = session.progress = Noting()
    wall, cpu = time.perf_counter(), time.process_time()
    curve = train(network, x, target, config, session, warmup)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    steps = int(curve[-1]["step"])
    judge = Judge(config, X.shape[1], n_classes, network)
    probabilities = judge.features_and_probabilities(X[unseen])[1]
    held_out = len(stratified_holdout(y[fitted], config.validation_fraction, config.seed)[1])
    share = steps / (steps - progress.done) if steps > progress.done else float("nan")
    return {
        **job._asdict(),
        "config": config.model_dump(mode="json"),
        "warmup_fraction": warmup,
        "n": {"fit": len(fitted) - held_out, "validation": held_out, "scored": len(unseen)},
        "length": X.shape[2],
        "classes": n_classes,
        "accuracy": float((probabilities.argmax(1) == y[unseen]).mean()),
        "balanced_accuracy": float(balanced_accuracy_score(y[unseen], probabilities.argmax(1))),
        "loss": float(log_loss(y[unseen], probabilities, labels=np.arange(n_classes))),
        "epochs": len(curve),
        "best_epoch": 1 + int(np.argmin([row["validation_loss"] for row in curve])),
        "steps": steps,
        "series": steps * config.batch_size + len(curve) * held_out / 3,  # a look is forward alone
        "wall_seconds": None if np.isnan(share) else round(wall * share, 2),
        "cpu_seconds": None if np.isnan(share) else round(cpu * share, 2),
        "device": session.device.type,
    }


def finished(path: Path, job: Job, most: int | None, at_most: int | None) -> bool:
    """Whether the record is there and was made by the schedule as it is now."""
    if not path.exists():
        return False
    record = json.loads(path.read_text(encoding="utf-8"))
    config, warmup = budget(job, at_most)
    return (record["config"], record["warmup_fraction"], record["at_most"]) == (
        config.model_dump(mode="json"),
        warmup,
        most,
    )


def compute(options: argparse.Namespace) -> None:
    """Whatever is missing, one after the other."""
    torch.set_num_threads(1)
    for seed in options.seeds:
        for dataset in options.datasets:
            jobs = [Job(dataset, seed, schedule) for schedule in options.schedules]
            jobs = [
                job for job in jobs if not finished(job.file(options.folder), job, options.series, options.epochs)
            ]
            data = series_of(dataset, options.source, options.series) if jobs else None
            for job in jobs:
                assert data is not None
                path = job.file(options.folder)
                checkpoints = options.checkpoints / path.stem
                session = Session(device=chosen_device(options.device), checkpoints=checkpoints)
                with session.stop.listening():
                    record = measure(job, data, session, options.epochs)
                path.parent.mkdir(parents=True, exist_ok=True)
                save_json(path, record | {"at_most": options.series})
                shutil.rmtree(checkpoints, ignore_errors=True)
                numbers = (f"{name} {record[name]:.4f}" for name in SCORES)
                print(f"{path.name}: {', '.join(numbers)}, {record['cpu_seconds']} s", flush=True)


class Row(NamedTuple):
    """One schedule on one data set, over the seeds that both it and the long one have."""

    schedule: str
    seeds: int
    epochs: float
    scores: dict[str, np.ndarray]
    long: dict[str, np.ndarray]
    cost: float
    seconds: float

    def within(self, score: str) -> bool:
        """Whether the mean is no worse than the worst seed of the long schedule."""
        return bool(self.scores[score].mean() >= self.long[score].min())


def rows_of(records: list[dict]) -> dict[str, list[Row]]:
    """Data set to its schedules."""
    by_key = {(r["dataset"], r["schedule"], r["seed"]): r for r in records}
    found: dict[str, list[Row]] = {}
    for dataset in dict.fromkeys(r["dataset"] for r in records):
        for schedule in SCHEDULES:
            seeds = [s for d, k, s in by_key if (d, k) == (dataset, schedule) and (dataset, LONG, s) in by_key]
            if not seeds:
                continue
            own, long = ([by_key[dataset, k, s] for s in sorted(seeds)] for k in (schedule, LONG))
            timed = [r["cpu_seconds"] / q["cpu_seconds"] for r, q in zip(own, long, strict=True)
                     if r["cpu_seconds"] and q["cpu_seconds"]]  # fmt: skip
            found.setdefault(dataset, []).append(
                Row(
                    schedule,
                    len(seeds),
                    float(np.mean([r["epochs"] for r in own])),
                    {name: np.array([r[name] for r in own]) for name in SCORES},
                    {name: np.array([r[name] for r in long]) for name in SCORES},
                    geometric_mean([r["series"] / q["series"] for r, q in zip(own, long, strict=True)]),
                    geometric_mean(timed) if timed else float("nan"),
                )
            )
    return found


def with_sd(values: np.ndarray, digits: int = 4) -> str:
    """Mean ± standard deviation."""
    return f"{values.mean():.{digits}f}" + (f" ± {values.std(ddof=1):.{digits}f}" if len(values) > 1 else "")


def report(records: list[dict]) -> str:
    """Two kinds of tables in Markdown: all sets together, and each set with all schedules."""
    found = rows_of(records)
    lines = [
        "| schedule | sets | accuracy within the seeds of the long one | balanced accuracy within | "
        "mean difference in accuracy | worst | cost in series | cost in processor time |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for schedule in SCHEDULES:
        rows = [row for of_set in found.values() for row in of_set if row.schedule == schedule]
        if not rows:
            continue
        differences = [float(row.scores["accuracy"].mean() - row.long["accuracy"].mean()) for row in rows]
        within = [sum(row.within(score) for row in rows) for score in ("accuracy", "balanced_accuracy")]
        cost = geometric_mean([row.cost for row in rows])
        seconds = [row.seconds for row in rows if not np.isnan(row.seconds)]
        lines.append(
            f"| {schedule} | {len(rows)} | {within[0]} of {len(rows)} | {within[1]} of {len(rows)} | "
            f"{np.mean(differences):+.4f} | {min(differences):+.4f} | {cost:.3f} | "
            f"{f'{geometric_mean(seconds):.3f}' if seconds else ''} |"
        )
    lines += [
        "",
        "| set | schedule | seeds | epochs run | accuracy | difference | balanced accuracy | cross-entropy | "
        "cost in series | cost in processor time |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for dataset, of_set in found.items():
        for row in of_set:
            accuracy = row.scores["accuracy"]
            difference = accuracy.mean() - row.long["accuracy"].mean()
            mark = "" if row.schedule == LONG or row.within("accuracy") else " (outside)"
            seconds = "" if np.isnan(row.seconds) else f"{row.seconds:.3f}"
            lines.append(
                f"| {dataset} | {row.schedule} | {row.seeds} | {row.epochs:.0f} | {with_sd(accuracy)} | "
                f"{difference:+.4f}{mark} | {with_sd(row.scores['balanced_accuracy'])} | "
                f"{with_sd(row.scores['loss'], 3)} | {row.cost:.3f} | {seconds} |"
            )
    return "\n".join(lines)


def write(page: Path, text: str) -> None:
    """Put the tables between the marks of a page."""
    content = page.read_text(encoding="utf-8")
    before, begin, rest = content.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"{page}: holds no lines {BEGIN} and {END}; add them where the tables shall stand")
    save_text(page, f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")


def main() -> None:
    """Compute what is missing, or report what there is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", nargs="+", default=list(DATASETS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--schedules", nargs="+", choices=list(SCHEDULES), default=list(SCHEDULES))
    parser.add_argument(
        "--source", default=str(archive_folder() or "timeseriesclassification"), help="as data.source"
    )
    parser.add_argument("--series", type=int, help="at most so many of TRAIN")
    parser.add_argument("--epochs", type=int, help="at most so many, whatever the schedule says")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--folder", type=Path, default=HERE / "results" / "judge_schedule")
    parser.add_argument("--checkpoints", type=Path, default=HERE.parent / "build" / "judge_schedule")
    parser.add_argument("--report", action="store_true", help="tables of what there is")
    parser.add_argument("--page", type=Path, help="a page to write the tables into")
    options = parser.parse_args()
    try:
        if not options.report:
            compute(options)
    except UserError as error:
        raise SystemExit(f"{error} (the archive's folder: {UCR} or --source)") from error
    except Interrupted as stopped:
        raise SystemExit(stopped.exit_status) from stopped
    records = [
        json.loads(path.read_text(encoding="utf-8")) for path in sorted(options.folder.glob("*-seed*.json"))
    ]
    text = report([record for record in records if record["schedule"] in SCHEDULES])
    Console(soft_wrap=True).print(text, markup=False, highlight=False)
    if options.page:
        write(options.page, text)


if __name__ == "__main__":
    main()
