"""What was made from what: records in the form of ``dvc.lock``, and digests as DVC computes them.

A record is ``{"cmd", "deps", "params", "outs"}``; files stand in it as ``{"path", "hash", "md5", "size"}``.
The same form serves ``dvc.lock`` (what the workspace should hold), DVC's run cache (what any run ever made)
and the description of the workspace as it is, so that each question is a comparison of two records.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from nm_vqtsg.artifacts import atomic_path
from nm_vqtsg.engines.pipeline import FINGERPRINT, Pipeline, Stage
from nm_vqtsg.errors import ArtifactError
from nm_vqtsg.study.fingerprint import Fingerprint

Record = dict[str, Any]
MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")
IGNORED_FOLDERS = {"__pycache__"}  # as in .dvcignore


class Digests:
    """MD5 digests of files and folders, remembered by path, size, times and inode.

    One of the times is that of the last change of the file or of what is said about it, which no program can set:
    ``cp -p`` may put other content of the same size under an old time.

    Parameters
    ----------
    memory
        A file that keeps the digests between runs; without one they live as long as the object.
    """

    def __init__(self, memory: Path | None = None) -> None:
        self._memory = memory
        self._known: dict[str, list[Any]] = {}
        self._changed = False
        self._entries: dict[Path, dict[str, Any] | None] = {}
        if memory is not None:
            self._known = _remembered(memory)

    def entry(self, path: Path) -> dict[str, Any] | None:
        """Digest and size of a file or folder as ``dvc.lock`` states them; None when there is nothing.

        Each path is looked at once in the life of the object.
        """
        if path not in self._entries:
            self._entries[path] = self._folder(path) if path.is_dir() else self._file(path)
        return self._entries[path]

    def save(self) -> None:
        """Write the memory, if there is one, it has changed and it can be written; else all is read again."""
        if self._memory is not None and self._changed:
            with suppress(ArtifactError, OSError), atomic_path(self._memory) as temporary:
                temporary.write_text(json.dumps(self._known))

    def _file(self, path: Path) -> dict[str, Any] | None:
        try:
            status = os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        stamp = [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
        remembered = self._known.get(str(path))
        if remembered is None or remembered[:-1] != stamp:
            with open(path, "rb") as file:
                remembered = [*stamp, hashlib.file_digest(file, "md5").hexdigest()]
            self._known[str(path)] = remembered
            self._changed = True
        entry: dict[str, Any] = {"hash": "md5", "md5": remembered[-1], "size": status.st_size}
        if status.st_mode & 0o111:
            entry["isexec"] = True
        return entry

    def _folder(self, path: Path) -> dict[str, Any]:
        """DVC's digest of a folder: that of the sorted JSON list of its files' digests."""
        files = []
        for root, folders, names in os.walk(path):
            folders[:] = [name for name in folders if name not in IGNORED_FOLDERS]
            for name in names:
                file = Path(root, name)
                entry = self._file(file)
                if entry is not None:
                    files.append((file.relative_to(path).as_posix(), entry))
        listing = [{"md5": entry["md5"], "relpath": name} for name, entry in sorted(files)]
        digest = hashlib.md5(json.dumps(listing, sort_keys=True).encode(), usedforsecurity=False).hexdigest()
        return {
            "hash": "md5",
            "md5": f"{digest}.dir",
            "size": sum(entry["size"] for _, entry in files),
            "nfiles": len(files),
        }


def fingerprint_of(pipeline: Pipeline, digests: Digests) -> Fingerprint:
    """The study's code and own data as they are now, whatever its ``fingerprint.json`` says."""

    def content(path: Path) -> str:
        entry = digests.entry(path)
        return "" if entry is None else str(entry["md5"])

    return Fingerprint(pipeline.directory, file_digest=content)


def _remembered(memory: Path) -> dict[str, list[Any]]:
    """What `Digests` wrote into a file; whatever it did not write is forgotten."""
    try:
        content = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return {
        path: stamped
        for path, stamped in (content.items() if isinstance(content, dict) else ())
        if isinstance(stamped, list)
        and len(stamped) == 5
        and isinstance(stamped[4], str)
        and MD5.fullmatch(stamped[4])
    }


def ingredients(
    pipeline: Pipeline,
    stage: Stage,
    digests: Digests,
    fingerprint: Fingerprint,
    absent: Mapping[str, Any] | None = None,
) -> Record | None:
    """Command, inputs and parameters of a stage as they are now; None when an input or a parameter is missing.

    Parameters
    ----------
    fingerprint
        Of the study as it is now; see `fingerprint_of`.
    absent
        Entries of files that are not in the workspace but stand for themselves, see `verdicts`.
    """
    deps = _entries(pipeline.directory, stage.deps, digests, absent or {})
    params = {}
    for key in stage.params:
        value: Any = pipeline.params
        for part in key.split("."):
            if not isinstance(value, Mapping) or part not in value:
                return None
            value = value[part]
        params[key] = value
    if deps is None:
        return None
    record: Record = {"cmd": stage.cmd}
    if deps:
        record["deps"] = deps
    seen = {key: fingerprint.value(key) for key in stage.fingerprint}
    files = {"params.yaml": params, FINGERPRINT: seen}
    if params or seen:
        record["params"] = {file: values for file, values in files.items() if values}
    return record


def products(pipeline: Pipeline, stage: Stage, digests: Digests) -> list[dict[str, Any]] | None:
    """Entries of a stage's outputs; None when one is missing."""
    return _entries(pipeline.directory, stage.outs, digests, {})


def _entries(
    directory: Path, paths: Iterable[str], digests: Digests, absent: Mapping[str, Any]
) -> list[dict[str, Any]] | None:
    entries = []
    for path in paths:
        entry = digests.entry(directory / path)
        if entry is None:
            entry = absent.get(path)
        if entry is None:
            return None
        entries.append({"path": path, **entry})
    return entries


def same_ingredients(one: Record | None, other: Record | None) -> bool:
    """Whether command, parameters and the content of the inputs agree (1 and 1.0 do)."""
    return (
        one is not None
        and other is not None
        and one["cmd"] == other["cmd"]
        and one.get("params", {}) == other.get("params", {})
        and contents(one.get("deps", [])) == contents(other.get("deps", []))
    )


def contents(entries: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Path and digest of each entry."""
    return {entry["path"]: entry.get("md5", "") for entry in entries}


def stale_stages(
    pipeline: Pipeline, locked: Mapping[str, Record], digests: Digests, fingerprint: Fingerprint
) -> set[str]:
    """Names of the stages whose files are not what ``dvc.lock`` says that their ingredients give.

    A missing output counts as what the lock says it was, so that a clone with some of the files is understood:
    whoever needs the file has it restored, and nobody else cares. Stages that only follow stale ones are
    not listed.
    """
    stale: set[str] = set()
    absent: dict[str, Any] = {}
    for stage in pipeline.order:
        record = locked.get(stage.name)
        current = ingredients(pipeline, stage, digests, fingerprint, absent)
        if record is None or not same_ingredients(current, record):
            stale.add(stage.name)
            continue
        expected = {entry["path"]: entry for entry in record.get("outs", [])}
        for path in stage.outs:
            entry = digests.entry(pipeline.directory / path)
            if path not in expected or (entry is not None and entry["md5"] != expected[path]["md5"]):
                stale.add(stage.name)
            elif entry is None:
                absent[path] = {key: value for key, value in expected[path].items() if key != "path"}
    return stale
