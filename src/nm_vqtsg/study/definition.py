"""``dvc.yaml`` as text, from the table of the steps."""

from collections.abc import Iterator
from pathlib import Path

from nm_vqtsg.study.graph import STEPS, Step
from nm_vqtsg.study.paths import Paths

_HEAD = """\
# The study's stages for DVC and Snakemake. Made by `python -m nm_vqtsg study new DIR` from
# src/nm_vqtsg/study/graph.py: edit that, and make it anew.
#
# What a step depends on besides these files and parameters stands in fingerprint.json: digests of the code that it
# runs and of the user's own data. DVC cannot see them, so the first stage looks at every `dvc repro`.
#
# DVC puts names from params.yaml into the commands as they are, and does not look at them. So each command first
# checks params.yaml, and ends there if a name is none: no part of the line behind it is run.
vars:
  - src: {src}
  - guard: python -m nm_vqtsg params --quiet --check params.yaml

stages:
  fingerprint:  # digests of the code and of the user's own data
    cmd: {start} fingerprint
    always_changed: true
    outs:
      - {fingerprint}:
          cache: false
"""
_START = "export PYTHONPATH=${src} && ${guard} || exit 1; exec python -m nm_vqtsg"
_CURVE_AXES = ("x: step", "y: loss")


def definition(src: str) -> str:
    """The text of ``dvc.yaml`` for a study.

    Parameters
    ----------
    src : str
        The folder that holds the package, as seen from the study.
    """
    head = _HEAD.replace("{src}", src).replace("{start}", _START).replace("{fingerprint}", str(_FINGERPRINT))
    return head + "".join(f"\n{_stage(step)}" for step in STEPS.values())


_FINGERPRINT = Paths(Path()).fingerprint


def _stage(step: Step) -> str:
    lines = [f"  {step.name}:  # {step.summary}"]
    if step.scope == "dataset":
        lines += ["    foreach: ${datasets}", "    do:"]
    elif step.scope == "seed":
        lines += ["    matrix:", "      dataset: ${datasets}", "      seed: ${seeds}"]
    indent = "      " if step.scope == "dataset" else "    "
    lines += [indent + line for line in _body(step)]
    return "\n".join(lines) + "\n"


def _body(step: Step) -> Iterator[str]:
    dataset, seed = ("${item}", "") if step.scope == "dataset" else ("${item.dataset}", "${item.seed}")
    options = "" if step.scope == "study" else f" --dataset {dataset}"
    options += f" --seed {seed}" if step.scope == "seed" else ""

    def filled(path: Path) -> str:
        return path.as_posix().replace("{dataset}", dataset).replace("{seed}", seed)

    yield f"cmd: {_START} {step.name}{options}"
    if step.reads:
        yield "deps:"
        yield from (f"  - {filled(path)}" for path in step.reads)
    yield "params:"
    yield from (f"  - {key}" for key in step.params)
    yield f"  - {_FINGERPRINT}:"
    yield f"      - code.{step.name}"
    if step.own_data:
        yield f"      - data.{dataset}"
    yield "outs:"
    for path in step.writes:
        in_git = path in step.in_git
        yield f"  - {filled(path)}{':' if in_git else ''}"
        if in_git:
            yield "      cache: false"
    if step.curve is not None:
        yield "plots:"
        yield f"  - {filled(step.curve)}:"
        yield from (f"      {axis}" for axis in _CURVE_AXES)
    if step.metrics is not None:
        yield "metrics:"
        yield f"  - {filled(step.metrics)}:"
        yield "      cache: false"
