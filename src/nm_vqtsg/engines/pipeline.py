"""The stages of a study, expanded from its ``dvc.yaml`` and ``params.yaml``.

``dvc.yaml`` (made by `nm_vqtsg.study.definition`) says what DVC runs, so Snakemake goes by it, too. This module
reads the part of DVC's language that the file uses (``foreach`` over a list, ``matrix``, ``${...}``); a
test compares every expanded stage with what DVC itself makes of the file.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from nm_vqtsg.errors import ParameterError, shortened
from nm_vqtsg.yaml12 import YamlError, read_yaml

_REFERENCE = re.compile(r"\$\{\s*([\w.]+)\s*\}")
_OUTPUT_KINDS = ("outs", "metrics", "plots")

LOOK = "fingerprint"
"""The stage that writes the file below."""
FINGERPRINT = "fingerprint.json"
"""What DVC cannot see for itself; see `nm_vqtsg.study.fingerprint`."""


@dataclass(frozen=True)
class Stage:
    """One job of the study.

    Attributes
    ----------
    name
        DVC's name, for example ``stage1@ECG5000-0``.
    step
        The part before the ``@``: the step of the command line and the name of the Snakemake rule.
    wildcards
        ``dataset`` and ``seed`` as far as the step has them.
    deps, outs
        Paths relative to the study directory, sorted as DVC records them.
    params, fingerprint
        Keys of ``params.yaml`` and of ``fingerprint.json`` on which the stage depends.
    """

    name: str
    step: str
    wildcards: tuple[tuple[str, str], ...]
    cmd: str
    deps: tuple[str, ...]
    params: tuple[str, ...]
    fingerprint: tuple[str, ...]
    outs: tuple[str, ...]


class Pipeline:
    """All stages of the study in ``directory``.

    Raises
    ------
    ParameterError
        A file is missing or damaged, or ``dvc.yaml`` refers to a parameter that ``params.yaml`` does not hold.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.definition = _mapping(directory / "dvc.yaml", strict=False)
        self.params = _mapping(directory / "params.yaml")
        _check_definition(self.definition, directory / "dvc.yaml")
        self._context: dict[str, Any] = dict(self.params)
        for extra in self.definition.get("vars", []):
            self._context.update(extra)

    @cached_property
    def stages(self) -> dict[str, Stage]:
        """Every stage by name, in the order of ``dvc.yaml``, but for the one that looks for fingerprints."""
        expanded = (
            self._stage(name, step, body, item)
            for step in self.definition["stages"]
            for name, body, item in self._expand(step)
        )
        return {stage.name: stage for stage in expanded if stage.step != LOOK}

    @cached_property
    def look(self) -> Stage | None:
        """The stage that writes ``fingerprint.json``, of which Snakemake makes no job: it looks for itself."""
        if LOOK not in self.definition["stages"]:
            return None
        ((name, body, item),) = self._expand(LOOK)
        return self._stage(name, LOOK, body, item)

    @cached_property
    def producers(self) -> dict[str, str]:
        """The name of the stage that makes each output."""
        return {out: stage.name for stage in self.stages.values() for out in stage.outs}

    @cached_property
    def _by_wildcards(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], str]:
        return {(stage.step, stage.wildcards): stage.name for stage in self.stages.values()}

    def find(self, step: str, wildcards: Mapping[str, str]) -> Stage:
        """The stage of a step for given wildcard values."""
        key = tuple(sorted((name, str(value)) for name, value in wildcards.items()))
        return self.stages[self._by_wildcards[step, key]]

    def produced(self, dep: str) -> list[str]:
        """The outputs that a dependency stands for: itself, those below it for a directory, none for code."""
        if dep in self.producers:
            return [dep]
        return self._below.get(dep, [])

    @cached_property
    def _below(self) -> dict[str, list[str]]:
        below: dict[str, list[str]] = {}
        for out in self.producers:
            for parent in Path(out).parents:
                below.setdefault(parent.as_posix(), []).append(out)
        return below

    def inputs(self, stage: Stage) -> list[str]:
        """The outputs of other stages that a stage reads."""
        return [path for dep in stage.deps for path in self.produced(dep)]

    def upstream(self, stage: Stage) -> set[str]:
        """Names of the stages whose outputs a stage reads."""
        return {self.producers[path] for path in self.inputs(stage)}

    @cached_property
    def order(self) -> list[Stage]:
        """All stages, each after those that it reads from."""
        done: dict[str, Stage] = {}
        pending = list(reversed(self.stages.values()))
        while pending:
            stage = pending[-1]
            missing = [name for name in self.upstream(stage) if name not in done]
            if stage.name in done or not missing:
                done[pending.pop().name] = stage
            else:
                pending.extend(self.stages[name] for name in missing)
        return list(done.values())

    def patterns(self, step: str) -> list[str]:
        """A step's outputs with ``{dataset}`` and ``{seed}`` for what ``dvc.yaml`` varies."""
        entry = self.definition["stages"][step]
        names = (
            {"item": "{dataset}"}
            if "foreach" in entry
            else {f"item.{key}": f"{{{key}}}" for key in entry.get("matrix", {})}
        )
        context = {**self._context, **names}
        return sorted(_fill(path, context) for path in _paths(entry.get("do", entry), _OUTPUT_KINDS))

    def _expand(self, step: str) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
        entry = self.definition["stages"][step]
        if "foreach" in entry:
            for value in self._values(entry["foreach"]):
                yield f"{step}@{value}", entry["do"], {"item": value, "wildcards": {"dataset": value}}
        elif "matrix" in entry:
            keys = list(entry["matrix"])
            for values in itertools.product(*(self._values(entry["matrix"][key]) for key in keys)):
                chosen = dict(zip(keys, values, strict=True))
                item = {f"item.{key}": value for key, value in chosen.items()}
                yield f"{step}@{'-'.join(map(str, values))}", entry, {**item, "wildcards": chosen}
        else:
            yield step, entry, {"wildcards": {}}

    def _values(self, source: Any) -> list[Any]:
        if isinstance(source, str):
            match = _REFERENCE.fullmatch(source)
            source = _look_up(match.group(1), self._context) if match else [source]
        return list(dict.fromkeys(source))

    def _stage(self, name: str, step: str, body: dict[str, Any], item: dict[str, Any]) -> Stage:
        context = {**self._context, **item}
        return Stage(
            name=name,
            step=step,
            wildcards=tuple(sorted((key, str(value)) for key, value in item["wildcards"].items())),
            cmd=_fill(body["cmd"], context),
            deps=tuple(sorted(_fill(path, context) for path in _paths(body, ("deps",)))),
            params=tuple(sorted(_fill(key, context) for key in body.get("params", []) if isinstance(key, str))),
            fingerprint=tuple(
                sorted(
                    _fill(key, context)
                    for file in body.get("params", [])
                    if isinstance(file, Mapping)
                    for key in file[FINGERPRINT]
                )
            ),
            outs=tuple(sorted(_fill(path, context) for path in _paths(body, _OUTPUT_KINDS))),
        )


def _mapping(path: Path, strict: bool = True) -> dict[str, Any]:
    """The content of a study's file."""
    try:
        content = read_yaml(path, strict=strict)
    except YamlError as error:
        if not isinstance(error.__cause__, FileNotFoundError):
            raise
        raise ParameterError(
            f"{path}: not found; `python -m nm_vqtsg study new DIR` makes a study directory"
        ) from error
    if not isinstance(content, dict):
        raise ParameterError(f"{path}: must hold keys with values; take the project's file")
    return content


def _check_definition(definition: Mapping[str, Any], path: Path) -> None:
    """Whether a dvc.yaml has the form that is read here."""
    stages, extras = definition.get("stages"), definition.get("vars", [])
    wrong = None
    if not isinstance(stages, dict):
        wrong = "stages: is no mapping"
    elif not isinstance(extras, list) or not all(isinstance(extra, dict) for extra in extras):
        wrong = "vars: is no list of mappings"
    else:
        for step, entry in stages.items():
            body = entry.get("do", entry) if isinstance(entry, dict) else None
            if not isinstance(body, dict) or not isinstance(body.get("cmd"), str):
                wrong = f"stages.{shortened(step)}.cmd: is no text"
            elif not all(isinstance(body.get(kind, []), list) for kind in ("deps", "params", *_OUTPUT_KINDS)):
                wrong = f"stages.{shortened(step)}: deps, params, outs, metrics and plots must be lists"
    if wrong is not None:
        raise ParameterError(f"{path}: {wrong}; `python -m nm_vqtsg study new DIR` makes it anew")


def _paths(body: Mapping[str, Any], kinds: tuple[str, ...]) -> Iterator[str]:
    """Paths of a stage's lists, whose entries are a path or ``{path: options}``."""
    for kind in kinds:
        for entry in body.get(kind, []):
            yield entry if isinstance(entry, str) else next(iter(entry))


def _look_up(key: str, context: Mapping[str, Any]) -> Any:
    if key in context:
        return context[key]
    value: Any = context
    for part in key.split("."):
        if not isinstance(value, Mapping) or part not in value:
            raise ParameterError(f"params.yaml: `{key}` is missing, and dvc.yaml needs it")
        value = value[part]
    return value


def _fill(text: str, context: Mapping[str, Any]) -> str:
    return _REFERENCE.sub(lambda match: str(_look_up(match.group(1), context)), text)
