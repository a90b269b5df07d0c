"""The plan as a table for people."""

from typing import TYPE_CHECKING

from nm_vqtsg.params import Params
from nm_vqtsg.planning.plan import CHAIN, SHARED, Plan

if TYPE_CHECKING:
    from rich.table import Table


def duration(seconds: float) -> str:
    """``45 s``, ``12 min`` or ``3.4 h``."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 99.5 * 60 else f"{seconds / 3600:.1f} h"


def judges_in_words(params: Params, plan: Plan) -> str:
    """How the judges are counted."""
    config = params.fcn
    if config.source != "own":
        return "The FCN is the published one, so it is not trained; its download is not counted."
    counted = f"The FCN is counted at all its epochs ({config.epochs}, or {config.max_steps} steps)"
    if plan.judge_sooner <= 0:
        return f"{counted}, since early stopping never ends them."
    return (
        f"{counted}; early stopping ends it after {config.patience + 1} at the earliest, which would take "
        f"{duration(plan.judge_sooner)} less in all."
    )


def plan_table(plan: Plan) -> "Table":
    """One row for each data set: its jobs, one run, and all runs with what they share."""
    from rich.table import Table

    table = Table(title=f"time on one core of this machine, {plan.n_seeds} run(s) of each data set")
    table.add_column("data set")
    for name in ("TRAIN + TEST", "L", *SHARED, *CHAIN, "one run", "in all"):
        table.add_column(name.replace("tau_search", "tau"), justify="right", no_wrap=True)
    for name, job in plan.jobs.items():
        size = plan.sizes[name]
        cells = [f"{size.n_train} + {size.n_test}", f"{size.length}"]
        cells += [duration(job[step]) for step in (*SHARED, *CHAIN)]
        table.add_row(name, *cells, duration(plan.of_seed(name)), duration(plan.of_dataset(name)))
    totals = [duration(sum(job[step] for job in plan.jobs.values())) for step in SHARED]
    totals += [duration(plan.n_seeds * sum(job[step] for job in plan.jobs.values())) for step in CHAIN]
    table.add_section()
    table.add_row("all runs", "", "", *totals, "", duration(plan.total))
    return table
