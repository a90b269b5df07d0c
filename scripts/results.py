"""Makes docs/results.md from what studies have measured.

    python scripts/results.py studies/paper --out docs/results.md
    python scripts/results.py studies/paper studies/best --out docs/results.md

The first study is the paper's experiment, the second (optional) has another recipe for the same sets. Nothing is
computed but means, intervals and verdicts, and nothing is read but what git holds: ``params.yaml``,
``notes.yaml`` (written by hand: why sets are absent, on which machines runs were made), ``dvc.lock``,
``results/metrics`` and, where scripts/memorisation.py has been run, ``results/memorisation``. What has not been
run is an empty cell. The figure is written beside the page, as a PNG.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from results_claims import findings, headline
from results_figure import fid_figure
from results_provenance import code_lines, computed_table, parameter_lines
from results_tables import (
    Evidence,
    amplitude_table,
    claims_table,
    memory_table,
    read,
    score_table,
    second_table,
    token_table,
)

from nm_vqtsg.artifacts import atomic_path, save_text
from nm_vqtsg.errors import UserError
from nm_vqtsg.figures import png_bytes
from nm_vqtsg.tables import Table, controls_table, to_markdown
from nm_vqtsg.tables.build import comparable
from nm_vqtsg.tables.paper import load_paper


def page(evidence: Evidence, best: Evidence | None, figure: str) -> str:
    """The whole page."""
    parts = [
        "# Results: the paper's experiment, run again\n",
        f"Made by `python scripts/results.py {evidence.folder.as_posix()}"
        + (f" {best.folder.as_posix()}" if best else "")
        + f"` from what git holds of {'these studies' if best else 'this study'}; a test fails when it is out of "
        "date. [The evaluation](evaluation.md) explains every score. What has not been run is an empty cell.\n",
        state(evidence),
    ]
    if evidence.runs or (best is not None and best.runs):
        parts.append(
            f"![FID of each set before and after the mapper, beside real series and the paper]({figure})\n\n*FID"
            " before (hollow) and after the mapper (filled): ours, mean and sd over seeds, and the paper's. "
            "Dotted lines: what real series score; grey: two sd of it on either side. Where our judge is not "
            "the paper's, compare directions, not places.*\n"
        )
    parts += ["## FID, IS, cFID\n", *(to_markdown(score_table(evidence, key)) for key in load_paper().tables)]
    parts.append("\n".join(f"* {line}" for line in reading(evidence)) + "\n")
    parts += ["## The paper's claims\n", to_markdown(claims_table(findings(evidence.summaries, evidence.runs)))]
    parts.append("\n".join(f"* {line}" for line in judging()) + "\n")
    if best is not None:
        parts += [
            "## Another recipe\n",
            state(best),
            *(to_markdown(score_table(best, key)) for key in load_paper().tables),
        ]
    parts += ["## Other measures\n", body(second_table(evidence)), "## Is the mapper more than jitter?\n"]
    parts += [body(controls_table(evidence.runs)), "## Memorisation\n", to_markdown(memory_table(evidence))]
    parts += [to_markdown(token_table(evidence)), NOT_RECORDED]
    parts += ["## Amplitude\n", to_markdown(amplitude_table(evidence)), "## How this was computed\n"]
    parts += [computed(evidence) for evidence in (evidence, best) if evidence is not None]
    return "\n".join(parts)


NOT_RECORDED = (
    "How these cross-entropies go *during* training is not recorded: the paper's settings hold nothing out, and"
    " `stage2_curve.tsv` has the loss on TRAIN alone. A study with `stage2.validation_fraction` above 0 writes "
    "that of held-out series there, too.\n"
)


def state(evidence: Evidence) -> str:
    """How much of the study there is, and whether it is the paper's experiment."""
    runs, due = len(evidence.runs), len(evidence.runs) + len(evidence.absent)
    folder = f"`{evidence.folder.as_posix()}`"
    if not runs:
        return f"**Nothing has been computed yet** of the {due} runs of {folder}.\n"
    text = f"{folder}: {runs} of {due} runs have been computed."
    if evidence.absent:
        text += f" Not yet: {', '.join(evidence.absent)}."
    steps, paper = (
        {steps for summary in evidence.summaries.values() for steps in summary.steps},
        load_paper().steps,
    )
    if steps != {paper}:
        own, theirs = (" and ".join("/".join(map(str, each)) for each in sorted(of)) for of in (steps, {paper}))
        text += f" **This is not the paper's experiment**: its steps are {own}, the paper's {theirs}."
    return text + "\n"


def reading(evidence: Evidence) -> list[str]:
    """How to read the first tables, and why rows are empty."""
    lines = [
        "Before: the generator alone; after: its samples through the mapper. Mean ± sd over seeds. Gain: in the"
        " score's own unit, ± sd over seeds, or the interval of one seed. Change: as the paper prints it, of "
        "the means; in brackets a 95 % interval, over seeds (Student's t of the log ratios), or the bootstrap "
        "of a single seed, which knows nothing of other seeds. Unresolved: the interval holds zero.",
        "Real series: parts of TRAIN in the place of the samples, ± sd over draws. At the floor: within two sd of "
        "that, or better, in every run, at equal numbers; there the set decides nothing.",
    ]
    if any(comparable("trimmed", summary) != "yes" for summary in evidence.summaries.values()):
        lines.append(
            "The judge is not the paper's, so its scores and ours are on different scales: compare directions of "
            "changes, not values ([why](evaluation.md#the-papers-judge))."
        )
    reasons: dict[str, list[str]] = {}
    for dataset in evidence.rows:
        if dataset not in evidence.params.datasets:
            reasons.setdefault(evidence.notes.absent.get(dataset, ""), []).append(dataset)
    lines += [
        f"Not in this study: {', '.join(names)}" + (f"; {why}." if why else ".") for why, names in reasons.items()
    ]
    lines += [
        f"{summary.dataset}: no {load_paper().tables[key].name}; {summary.missing[key]}."
        for summary in evidence.summaries.values()
        for key in load_paper().tables
        if headline(summary, key) is None and key in summary.missing
    ]
    return lines


def judging() -> list[str]:
    """The rules behind the verdicts, and where the paper disagrees with itself."""
    return [
        "Holds: the change is resolved, in the claim's direction. Does not hold: resolved, against it. "
        "Undecided: not resolved, or real series score no better before and after. Averages: Student's t of the"
        " sets' log ratios. Most: intervals that do not overlap. Amplitude: the distance of the logarithms, "
        "over seeds, or by two standard errors. The rules stand in `scripts/results_claims.py`.",
        *(f"The paper's {note.where} says: {note.says}. {note.table}." for note in load_paper().notes),
    ]


def body(table: Table) -> str:
    """A table, or that it has no rows."""
    return to_markdown(table) if table.cells else "Nothing has been computed yet.\n"


def computed(evidence: Evidence) -> str:
    """Parameters, sizes, judges, versions and code of the runs."""
    lines = [*parameter_lines(evidence.params), *code_lines(evidence.folder)]
    parts = [f"`{evidence.folder.as_posix()}`:\n", "\n".join(f"* {line}" for line in lines) + "\n"]
    if evidence.runs:
        parts.append(to_markdown(computed_table(evidence.summaries, evidence.runs, evidence.notes)))
    return "\n".join(parts)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the page and, where there are results, its figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path, help="the paper's experiment")
    parser.add_argument("best", type=Path, nargs="?", help="the same sets with another recipe")
    parser.add_argument("--out", type=Path, required=True, help="the page to write")
    options = parser.parse_args(arguments)
    evidence, best = read(options.study), None if options.best is None else read(options.best)
    picture = options.out.with_suffix(".png")
    save_text(options.out, page(evidence, best, picture.name))
    if evidence.runs or (best is not None and best.runs):
        with atomic_path(picture) as temporary:
            temporary.write_bytes(png_bytes(fid_figure(evidence.summaries, best.summaries if best else {})))


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
