"""tables: Tables 1-3, the summary and the flat metrics of a study, from the evaluations of its runs."""

from nm_vqtsg.artifacts import load_json, save_json, save_text
from nm_vqtsg.errors import ArtifactError
from nm_vqtsg.steps.context import StepContext
from nm_vqtsg.study.paths import Paths
from nm_vqtsg.tables import (
    controls_table,
    flat_metrics,
    paper_tables,
    second_opinion_table,
    summarise,
    summary_table,
    summary_text,
    to_csv,
    to_html,
    to_latex,
    to_markdown,
)

LABELS = {
    "table1": "tab:fid",
    "table2": "tab:is",
    "table3": "tab:cfid",
    "second_opinion": "tab:second-opinion",
    "controls": "tab:controls",
}


def run(ctx: StepContext) -> None:
    """Write the tables.

    ``{table1,table2,table3,second_opinion,controls}.{md,html,csv,tex}``, ``summary.{md,html}`` and the metrics.
    Runs without an evaluation are named under every table.

    Raises
    ------
    ArtifactError
        If no run of the study has been evaluated, or an evaluation cannot be read.
    """
    runs, absent = load_runs(ctx)
    if not runs:
        raise ArtifactError(f"{ctx.paths.study}: no run has been evaluated yet; run the step evaluate first")
    summaries = summarise(runs)
    folder = ctx.paths.tables
    tables = {f"table{number}": table for number, table in paper_tables(summaries, absent=absent).items()}
    tables["controls"] = controls_table(runs, absent=absent)
    tables["second_opinion"] = second_opinion_table(runs, absent=absent)
    for name, table in tables.items():
        save_text(folder / f"{name}.md", to_markdown(table))
        save_text(folder / f"{name}.html", to_html(table))
        save_text(folder / f"{name}.csv", to_csv(table))
        save_text(folder / f"{name}.tex", to_latex(table, LABELS[name]))
    summary = summary_table(summaries, absent=absent)
    save_text(folder / "summary.md", to_markdown(summary))
    save_text(folder / "summary.html", to_html(summary))
    save_json(ctx.paths.study_metrics, flat_metrics(summaries))
    for line in summary_text(runs, absent=absent).splitlines():
        ctx.log.info("%s", line)


def load_runs(ctx: StepContext) -> tuple[list[dict], list[str]]:
    """Evaluations of the study's runs, in the study's order, and the names of those that do not exist."""
    runs, absent = [], []
    for dataset in ctx.params.datasets:
        for seed in ctx.params.seeds:
            path = Paths(ctx.paths.study, dataset, seed).metrics
            if path.is_file():
                runs.append(load_json(path))
            else:
                absent.append(f"{dataset} seed {seed}")
    return runs, absent
