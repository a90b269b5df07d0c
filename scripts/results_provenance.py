"""Where the numbers of a study come from, as scripts/results.py tells it: parameters, sizes, code, machines."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nm_vqtsg.engines.store import read_lock
from nm_vqtsg.errors import UserError, shown
from nm_vqtsg.params import Params
from nm_vqtsg.params.presets import PRESETS, flat
from nm_vqtsg.params.text import scalar
from nm_vqtsg.study.graph import STEPS
from nm_vqtsg.tables import Table
from nm_vqtsg.tables.aggregate import DatasetSummary, Run
from nm_vqtsg.tables.build import judge_text, tau_text
from nm_vqtsg.tables.paper import load_paper
from nm_vqtsg.yaml12 import YamlError, read_yaml

BESIDE = ("datasets", "seeds", "data.source", "own_data", "plot.")  # parameters that make no other experiment
SHORT = 8  # digits of a digest that are shown


@dataclass(frozen=True)
class Notes:
    """What stands in a study's ``notes.yaml``: set to reason, and run (``FordA seed 0``) to machine."""

    absent: Mapping[str, str] = field(default_factory=dict)
    machines: Mapping[str, str] = field(default_factory=dict)


def read_notes(folder: Path, params: Params) -> Notes:
    """The notes of a study; none where there is no such file.

    Raises
    ------
    UserError
        If it cannot be read, or names what it should not: a set that the study has, a run that it has not.
    """
    path = folder / "notes.yaml"
    if not path.is_file():
        return Notes()
    try:
        content = read_yaml(path)
    except YamlError as error:
        raise UserError(str(error)) from error
    content = {} if content is None else content
    allowed = {
        "absent": set(load_paper().tables["fid"].rows) - set(params.datasets),
        "machines": {f"{dataset} seed {seed}" for dataset in params.datasets for seed in params.seeds},
    }
    if not isinstance(content, dict) or set(content) - set(allowed):
        raise UserError(f"{path}: may hold {' and '.join(allowed)}, no other key")
    for key, names in allowed.items():
        entries = content.setdefault(key, {})
        if not isinstance(entries, dict) or not all(isinstance(text, str) for text in entries.values()):
            raise UserError(f"{path}: {key} must map names to texts")
        for name in entries:
            if name not in names:
                raise UserError(
                    f"{path}: {key} has {shown(name)}; it may have {', '.join(sorted(names)) or 'none'}"
                )
    return Notes(**content)


def parameter_lines(params: Params) -> list[str]:
    """Sets, seeds, and in what the parameters depart from the preset ``paper``."""
    published = dict(flat(PRESETS["paper"]))
    changes = [
        f"`{key}={scalar(value)}`"
        for key, value in flat(params)
        if value != published[key] and not key.startswith(BESIDE)
    ]
    return [
        f"Data sets: {', '.join(params.datasets)}. Seeds: {', '.join(map(str, params.seeds))}.",
        "Parameters: those of the preset `paper`" + (f", but {', '.join(changes)}." if changes else "."),
    ]


def code_lines(folder: Path) -> list[str]:
    """Digests of the code behind each step, as `dvc.lock` records them; several where runs differ."""
    by_step: dict[str, dict[str, int]] = {}
    for name, record in read_lock(folder).items():
        step = name.partition("@")[0]
        params = record.get("params") if isinstance(record, Mapping) else None
        values = params.get("fingerprint.json", {}) if isinstance(params, Mapping) else {}
        if f"code.{step}" in values:
            counts = by_step.setdefault(step, {})
            digest = str(values[f"code.{step}"])[:SHORT]
            counts[digest] = counts.get(digest, 0) + 1
    if not by_step:
        return ["Code: no `dvc.lock` records it."]
    told = (
        f"{step} "
        + " and ".join(
            f"`{code}`" + (f" ({n} jobs)" if len(by_step[step]) > 1 else "") for code, n in by_step[step].items()
        )
        for step in STEPS
        if step in by_step
    )
    return [f"Code of each step, as `dvc.lock` records it: {', '.join(told)}."]


def computed_table(summaries: Mapping[str, DatasetSummary], runs: Sequence[Run], notes: Notes) -> Table:
    """Of each set: sizes, steps, judge, temperature, version and digest of the parameters, machine."""
    header = ["Data set", "TRAIN", "TEST", "Samples", "Of each class", "Steps", "Judge", "τ", "Seeds", "Version"]
    header += ["Parameters", "Machine"]
    cells = []
    for dataset, summary in summaries.items():
        own = [run for run in runs if run["dataset"] == dataset]
        sizes = [str(summary.sizes.get(key, "")) for key in ("train", "test", "generated", "per_class")]
        steps = "; ".join("/".join(map(str, steps)) for steps in summary.steps)
        facts = [run.get("provenance") or {} for run in own]
        machines = (notes.machines.get(f"{dataset} seed {run['seed']}", "not recorded") for run in own)
        cells.append(
            [
                dataset,
                *sizes,
                steps,
                judge_text(summary),
                tau_text(summary),
                " ".join(map(str, summary.seeds)),
                _each(fact.get("version") for fact in facts),
                _each(str(fact.get("params", ""))[:SHORT] for fact in facts),
                _each(machines),
            ]
        )
    notes_below = [
        "Version: of nm-vqtsg; parameters: digest of all that a run depends on; both as the metrics record them. "
        "Machine: as `notes.yaml` says; the metrics do not record it."
    ]
    numeric = [title in ("TRAIN", "TEST", "Samples", "Of each class") for title in header]
    return Table("Runs", header, numeric, cells, notes=notes_below)


def _each(values: Iterable[Any]) -> str:
    return ", ".join(str(value) for value in dict.fromkeys(values) if value)
