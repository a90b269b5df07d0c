"""Writes docs/reruns.md: for each source file, which finished jobs of the paper's study an edit makes stale."""

import textwrap
from collections import defaultdict
from pathlib import Path

from nm_vqtsg.engines.pipeline import Pipeline
from nm_vqtsg.study.code import Sources
from nm_vqtsg.study.graph import STEPS

ROOT = Path(__file__).resolve().parents[1]
HEAD = """\
# What an edit makes stale

Made by `python scripts/stale.py`; a test fails when it is out of date. A step depends on the code that it runs:
its function `run`, what that names, and so on, each by its syntax tree
([`study/code.py`](../src/nm_vqtsg/study/code.py)). Comments, docstrings, layout, annotations, the words of errors
and log lines, and where a file lies, make nothing stale.

*Used* counts the functions, classes and values of a file that some step runs, of all that it defines; an edit of
another one reruns nothing. *Steps* are those that run something of the file. *Jobs* are those of the study in
`params.yaml` that an edit of all the file makes stale, those that follow included, if each gives other results
than before. A step that gives the same bytes as before stops it there.

Files of which no step runs anything:
"""


def page() -> str:
    """The page's text."""
    pipeline, sources = Pipeline(ROOT), Sources()
    used: dict[str, set[str]] = defaultdict(set)
    direct: dict[str, set[str]] = defaultdict(set)
    for name, step in STEPS.items():
        for definition in sources.reached(name, pipeline.params["generator"], trains=step.trains):
            if definition.name:
                used[definition.module].add(definition.name)
                direct[definition.module].add(name)
    rows = [f"| file | used | steps | jobs of {len(pipeline.stages)} |", "|---|---|---|---|"]
    idle = []
    for module in sources.modules:
        file = sources.path(module).relative_to(sources.package).as_posix()
        if not direct[module]:
            idle.append(file)
            continue
        defined = [name for name in sources.module(module).statements if name]
        steps = " ".join(step for step in STEPS if step in direct[module])
        jobs = len(_following(pipeline, direct[module]))
        rows.append(f"| `{file}` | {len(used[module])} of {len(defined)} | {steps} | {jobs} |")
    listed = textwrap.fill(", ".join(f"`{file}`" for file in idle), 115, break_on_hyphens=False)
    return f"{HEAD}{listed}.\n\n" + "\n".join(rows) + "\n"


def _following(pipeline: Pipeline, steps: set[str]) -> set[str]:
    due = {stage.name for stage in pipeline.stages.values() if stage.step in steps}
    for stage in pipeline.order:
        if due & pipeline.upstream(stage):
            due.add(stage.name)
    return due


if __name__ == "__main__":
    (ROOT / "docs" / "reruns.md").write_text(page(), encoding="utf-8")
