"""DVC's own stores, read and written without starting DVC: the lock, the cache and the run cache.

DVC allows one process at a time and takes seconds to start; Snakemake runs many short jobs at once. All
that is written here is content-addressed or atomic, and is what ``dvc commit`` would write, which tests show
by handing the result to DVC.
"""

from __future__ import annotations

import configparser
import errno
import hashlib
import json
import logging
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from nm_vqtsg.artifacts import atomic_path
from nm_vqtsg.engines.records import MD5, Record, contents, same_ingredients
from nm_vqtsg.errors import ArtifactError, UserError, shortened
from nm_vqtsg.files import check_writable
from nm_vqtsg.yaml12 import YamlError, dump_yaml, read_yaml

logger = logging.getLogger(__name__)


MAX_LOCK_BYTES = 200_000_000
_READ_ONLY = 0o444  # DVC takes a read-only file in its cache for checked


def find_root(directory: Path) -> Path:
    """The nearest folder upwards that holds ``.dvc``.

    Raises
    ------
    UserError
        There is none.
    """
    for folder in (directory, *directory.parents):
        if (folder / ".dvc").is_dir():
            return folder
    raise UserError(
        f"{directory}: not inside a DVC repository; name a folder below a clone of nm-vqtsg, whose "
        "pipeline a study runs (for a file of your own, fit needs neither)"
    )


def read_lock(directory: Path) -> dict[str, Record]:
    """The records of ``dvc.lock``; empty when there is none.

    Raises
    ------
    UserError
        If the file is damaged, which one line says, with the remedy.
    """
    path = directory / "dvc.lock"
    if not path.exists():
        return {}
    try:
        content = read_written(path)
        return _records({} if content is None else content, str(path))
    except YamlError as error:
        raise UserError(
            f"{error}; take the file back from git (git checkout dvc.lock), or delete it: the next run restores "
            "what it finds in the cache"
        ) from error


def read_written(path: Path) -> Any:
    """A file that an engine wrote."""
    return read_yaml(path, strict=False, limit=MAX_LOCK_BYTES)


def _record(path: Path) -> Record | None:
    """A record of the run cache; None when it is damaged, as to DVC."""
    try:
        record = read_written(path)
    except YamlError:
        return None
    return record if _wrong(record) is None else None


def _records(content: Any, name: str) -> dict[str, Record]:
    """The stages of a lock, each of which holds what is read from it."""
    stages = (
        content.get("stages", {} if content.keys() <= {"schema"} else None) if isinstance(content, dict) else None
    )
    if not isinstance(stages, dict):
        raise YamlError(f"{name}: holds no mapping `stages`")
    for stage, record in stages.items():
        if (wrong := _wrong(record)) is not None:
            raise YamlError(f"{name}: stages.{shortened(stage)}{wrong}")
    return stages


def _wrong(record: Any) -> str | None:
    """What keeps a value from being a stage's record."""
    if not isinstance(record, dict):
        return ": is no mapping of cmd, deps, params and outs"
    if not isinstance(record.get("cmd"), str):
        return ".cmd: is no text"
    for kind in ("deps", "outs"):
        entries = record.get(kind, [])
        if not isinstance(entries, list):
            return f".{kind}: is no list"
        for number, entry in enumerate(entries):
            if not isinstance(entry, dict):
                return f".{kind}.{number}: is no mapping of path and md5"
            for key in ("path", "md5"):
                if not isinstance(entry.get(key), str):
                    return f".{kind}.{number}.{key}: is no text"
    if not isinstance(record.get("params", {}), dict):
        return ".params: is no mapping"
    return None


class Store:
    """The cache of the DVC repository around a study directory.

    ``runs/<key>/<value>`` in it is DVC's run cache: the record of each run, found by its ingredients.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.root = find_root(directory)
        self._config = configparser.ConfigParser(interpolation=None)
        global_config = Path(os.environ.get("XDG_CONFIG_HOME", Path.home() / ".config"), "dvc", "config")
        for path in (global_config, self.root / ".dvc" / "config", self.root / ".dvc" / "config.local"):
            try:
                self._config.read(path, encoding="utf-8")
            except (configparser.Error, UnicodeDecodeError) as error:
                raise UserError(f"{path}: not a configuration of DVC; mend it, or restore it with git") from error
        configured = self._config.get("cache", "dir", fallback="cache").strip("'\"")
        self.cache = (self.root / ".dvc" / configured).resolve()

    def _object(self, digest: str) -> Path:
        return self.cache / "files" / "md5" / digest[:2] / digest[2:]

    def check_writable(self) -> None:
        """Look whether what a run makes can be kept, before hours go into it.

        Raises
        ------
        ArtifactError
            If a folder of the cache takes no new files: it is somebody else's, or read-only.
        """
        for folder in (self.cache, self.cache / "files" / "md5", self.cache / "runs"):
            check_writable(folder / "new")

    def remember(self, record: Record) -> None:
        """Put the outputs that a record describes into the cache, and the record into the run cache.

        An object that is there already is kept only if it is what its name says.

        Raises
        ------
        ArtifactError
            An output is not what the record says; nothing is recorded.
        """
        for entry in record["outs"]:
            target = self._object(entry["md5"])
            if _is(entry, target):
                continue
            with atomic_path(target) as temporary:
                shutil.copyfile(self.directory / entry["path"], temporary)
                if not _is(entry, temporary):
                    raise ArtifactError(f"{entry['path']}: has changed since it was made; run its step again")
            target.chmod(_READ_ONLY)
        if _record(self._runs(record) / _digest(record)) != record:
            self._enter(record)

    def _enter(self, record: Record) -> None:
        """Put a record into its folder of the run cache.

        DVC takes the newest file in such a folder for a record, and an empty folder breaks it. So a new folder
        comes into being with its record in it, and no unfinished file is ever there, whatever moment a kill hits.
        """
        folder, name = self._runs(record), _digest(record)
        workshop = self.cache / f".nm_vqtsg-{uuid.uuid4().hex}"
        try:
            with atomic_path(workshop / name) as temporary:
                temporary.write_text(dump_yaml(record), encoding="utf-8")
            folder.parent.mkdir(parents=True, exist_ok=True)
            try:
                workshop.rename(folder)  # also takes the place of an empty folder
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
                (workshop / name).replace(folder / name)
        finally:
            shutil.rmtree(workshop, ignore_errors=True)

    def recall(self, ingredients: Record, outs: Iterable[str]) -> list[Record]:
        """The records of earlier runs with the same ingredients and outputs, the newest first.

        A file that holds no record counts for nothing.
        """
        paths = list(outs)
        folder = self._runs({**ingredients, "outs": [{"path": path} for path in paths]})
        files = (
            sorted(folder.glob("*"), key=lambda file: file.stat().st_mtime, reverse=True)
            if folder.is_dir()
            else []
        )
        records = [_record(file) for file in files if not file.name.startswith(".")]
        return [
            record
            for record in records
            if record is not None
            and same_ingredients(record, ingredients)
            and set(contents(record.get("outs", []))) == set(paths)
        ]

    def check_out(self, record: Record) -> bool:
        """Copy a record's outputs from the cache into the workspace, except those that are there already.

        Returns whether all of them are there now. None is copied if one cannot be had: it is not in the cache, or
        not what its name says.
        """
        missing = [entry for entry in record.get("outs", []) if not _is(entry, self.directory / entry["path"])]
        if not all([self._holds(entry) for entry in missing]):
            return False
        for entry in missing:
            path = self.directory / entry["path"]
            with atomic_path(path) as temporary:
                shutil.copyfile(self._object(entry["md5"]), temporary)
            if entry.get("isexec"):
                path.chmod(path.stat().st_mode | 0o111)
        return True

    def _holds(self, entry: Mapping[str, Any]) -> bool:
        """Whether an output is in the cache, undamaged.

        A damaged object is left where it is, but no longer marked as checked: DVC looks for itself then, throws it
        away and can fetch it anew.
        """
        path = self._object(entry["md5"])
        if MD5.fullmatch(entry["md5"]) is None or not path.is_file():
            return False
        if _is(entry, path):
            return True
        logger.warning("%s: damaged, so %s is not restored from it", path, entry["path"])
        with suppress(OSError):  # a cache that somebody else owns
            path.chmod(0o644)
        return False

    def fetch(self, stage: str) -> None:
        """Ask DVC to fetch a stage's outputs from the default remote, if there is one."""
        if self._config.has_option("core", "remote"):
            subprocess.run(
                [sys.executable, "-m", "dvc", "fetch", "--quiet", stage], cwd=self.directory, check=False
            )

    def _runs(self, record: Record) -> Path:
        key = _digest({**record, "outs": [entry["path"] for entry in record["outs"]]})
        return self.cache / "runs" / key[:2] / key


def made_by_a_run(store: Store, current: Record) -> bool:
    """Whether some run with these ingredients made exactly these outputs."""
    outs = contents(current["outs"])
    return any(contents(record["outs"]) == outs for record in store.recall(current, outs))


def _is(entry: Mapping[str, Any], path: Path) -> bool:
    """Whether a file is, byte for byte, what an entry says."""
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            return entry.get("size", size) == size and hashlib.file_digest(file, "md5").hexdigest() == entry["md5"]
    except OSError:
        return False


def _digest(record: Mapping[str, Any]) -> str:
    """DVC's name for a record in the run cache."""

    def bare(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: bare(item) for key, item in value.items() if key not in ("size", "nfiles")}
        return [bare(item) for item in value] if isinstance(value, list) else value

    return hashlib.sha256(json.dumps(bare(record), sort_keys=True).encode()).hexdigest()
