"""From costs and sizes to hours: of every job, of a data set, of the study."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from nm_vqtsg.metrics.counts import ENOUGH, sample_count
from nm_vqtsg.params import Params
from nm_vqtsg.planning.calibration import Costs, measure
from nm_vqtsg.planning.judging import CONTROLS, Judging
from nm_vqtsg.planning.sizes import DataSize

SHARED = ("data", "fcn")
CHAIN = ("stage1", "stage2", "sample", "tau_search", "stage3", "evaluate", "plot")
PLOT_STARTS = 3  # drawing the figures takes about as long as so many starts of a process
PAGE_S = 10.0  # of drawing the page, on a core of its own


@dataclass(frozen=True)
class Plan:
    """Seconds of each job of a study, on one core or one GPU.

    Attributes
    ----------
    sizes : mapping
        Of each data set.
    jobs : mapping
        Data set to step to seconds: ``data`` (download and resplit), ``fcn`` and one seed's steps.
    n_seeds : int
        Runs of each data set.
    judge_sooner : float
        By how much less the judges would take, all together, if early stopping ended each as soon as it can.
    """

    sizes: Mapping[str, DataSize]
    jobs: Mapping[str, Mapping[str, float]]
    n_seeds: int
    judge_sooner: float = 0.0

    def of_seed(self, name: str) -> float:
        """One run of a data set, from stage 1 to the figures."""
        return sum(self.jobs[name][step] for step in CHAIN)

    def of_dataset(self, name: str) -> float:
        """All jobs of a data set."""
        return sum(self.jobs[name][step] for step in SHARED) + self.n_seeds * self.of_seed(name)

    @property
    def total(self) -> float:
        """All jobs of the study."""
        return sum(self.of_dataset(name) for name in self.jobs)

    def elapsed(self, cores: int) -> float:
        """From beginning to end with `cores` jobs at a time.

        Jobs are cut to no smaller pieces than they are: no less than the longest run takes, and no less than all
        jobs take when no core is ever idle.
        """
        longest = 0.0
        for job in self.jobs.values():
            before = sum(job[step] for step in CHAIN[:-2])
            longest = max(longest, job["data"] + max(job["fcn"], before) + job["evaluate"] + job["plot"])
        return max(self.total / cores, longest)


def make_plan(
    params: Params,
    sizes: Mapping[str, DataSize],
    device: torch.device,
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> Plan:
    """Calibrate on this machine and estimate.

    Parameters
    ----------
    params : Params
        The study's.
    sizes : mapping
        Of its data sets.
    device : torch.device
        Where its networks would live.
    progress : callable
        Told what is measured next, and how many measurements are done and to do.
    """
    start = time.process_time()  # what it took to get here, mostly the loading of libraries: every job needs that
    shapes = {size.shape[:2]: size.shape for size in sizes.values()}  # classes hardly matter to a step
    costs = {}
    for done, (key, shape) in enumerate(shapes.items()):
        progress(f"series of length {shape[1]}", done, len(shapes) + 1)
        costs[key] = measure(params, *shape, device=device)
    progress("scores", len(shapes), len(shapes) + 1)
    judging = Judging.measure(params)
    jobs = {name: job_seconds(params, size, costs[size.shape[:2]], judging, start) for name, size in sizes.items()}
    sooner = sum(
        fcn_seconds(params, size, costs[size.shape[:2]]) - fcn_seconds(params, size, costs[size.shape[:2]], True)
        for size in sizes.values()
    )
    return Plan(dict(sizes), jobs, len(params.seeds), sooner)


def job_seconds(params: Params, size: DataSize, cost: Costs, judging: Judging, start: float) -> dict[str, float]:
    """Seconds of each job of a data set; `start` is that of a process."""
    n_all = size.n_train + size.n_test
    n_samples = sample_count(params.sample.n_samples, size.n_test)
    n_class = params.sample.n_per_class * size.n_classes
    searched = min(size.n_train, params.tau_search.n_train or size.n_train)
    reference = params.evaluate.reference_draws * min(n_samples, size.n_train)
    described = size.n_test + (2 + CONTROLS) * n_samples + reference
    seen = described + (2 + CONTROLS) * n_class
    by_cas = 3 * params.evaluate.cas_fits * (n_class + size.n_test) if size.n_classes else 0
    drawn = n_samples + n_class + params.sample.n_pool + params.sample.n_redrawn  # a redrawn one costs as much
    masked = cost.stage2 / params.stage2.batch_size / 3  # of a series, scored once: a third of a step is forward
    mapped = min(n_samples, params.tau_search.n_samples) * (cost.map + cost.rocket)
    mapper = params.tau_search.mapper_steps * cost.stage3 + size.n_train * cost.encode + mapped
    mappers = len(params.tau_grid) if params.tau_search.choose == "outcome" else 0
    seconds = {
        "data": start,
        "fcn": fcn_seconds(params, size, cost),
        "stage1": params.stage1.steps * cost.stage1 + n_all * (3 * cost.encode + cost.decode),
        "stage2": params.stage2.steps * cost.stage2
        + n_all * (cost.encode + (2 if size.n_classes else 1) * masked),
        "sample": drawn * cost.sample,
        "tau_search": searched * (cost.encode + len(params.tau_grid) * (cost.variant + cost.rocket))
        + (len(params.tau_grid) + 1) * judging.fid
        + min(n_samples, params.tau_search.n_samples) * cost.rocket
        + mappers * mapper,
        "stage3": params.stage3.steps * cost.stage3
        + size.n_train * cost.encode
        + min(ENOUGH, size.n_train) * cost.variant,
        "evaluate": (n_samples + n_class) * (cost.map + cost.encode + cost.decode)
        + (described + by_cas) * cost.rocket
        + seen * cost.judge
        + judging.seconds(params, size),
        "plot": (PLOT_STARTS - 1) * start + PAGE_S,
    }
    return {step: start + taken for step, taken in seconds.items()}


def fcn_seconds(params: Params, size: DataSize, cost: Costs, sooner: bool = False) -> float:
    """Of the judge's training, all epochs; with `sooner`, as many as early stopping leaves it at least.

    A judge that was trained elsewhere is only looked at, once.
    """
    if not size.n_classes:
        return 0.0
    config, looked_at = params.fcn, float(size.n_train + size.n_test)
    if config.source != "own":
        return looked_at * cost.judge
    held_out = config.validation_fraction * size.n_train
    epoch = math.ceil((size.n_train - held_out) / config.batch_size)
    epochs = min(config.epochs, 1 + config.patience) if sooner else config.epochs  # the first look may be the best
    steps = min(config.max_steps, epochs * epoch)
    looked_at += steps / epoch * held_out
    return steps * cost.fcn + looked_at * cost.judge
