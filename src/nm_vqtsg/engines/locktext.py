"""``dvc.lock`` rewritten where it changes, in DVC's own layout.

The file is in git, where people read what has changed. So records that stay as they are keep their lines, and new
ones look as DVC writes them: whichever engine has run, the difference shows what was made anew and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nm_vqtsg.artifacts import atomic_path
from nm_vqtsg.engines.store import MAX_LOCK_BYTES, read_lock, read_written
from nm_vqtsg.yaml12 import YamlError, read_text

_STAGES = re.compile(r"^stages:[ ]*\n((?:[ ].*\n|\n)*)", re.MULTILINE)
_HEAD = "schema: '2.0'\nstages:\n"


def update_lock(directory: Path, records: Mapping[str, Any]) -> None:
    """Put records into ``dvc.lock``, leaving all others; a file that holds them already is not touched.

    Raises
    ------
    UserError
        If the file is damaged; see `read_lock`.
    """
    path = directory / "dvc.lock"
    stages = read_lock(directory)
    text = read_text(path, MAX_LOCK_BYTES) if path.exists() else ""
    content = (read_written(path) if text else None) or {"schema": "2.0"}
    wanted = {**content, "stages": {**stages, **records}}
    if wanted == content:
        return
    with atomic_path(path) as temporary:
        temporary.write_text(_with(text or _HEAD, records), encoding="utf-8")
        if not _reads_as(temporary, wanted):  # it was not in the layout that DVC writes
            temporary.write_text(_dump(wanted), encoding="utf-8")


def _with(text: str, records: Mapping[str, Any]) -> str:
    """The text with records replaced or added; each is a block of lines below ``stages:``."""
    text = text if text.endswith("\n") else f"{text}\n"
    stages = _STAGES.search(text)
    if stages is None:
        return text
    new = {name: _dump({"stages": {name: record}}).partition("\n")[2] for name, record in records.items()}
    blocks = re.split(r"^(?=  \S)", stages[1], flags=re.MULTILINE)
    names = [block.partition(":")[0].strip(" '\"") for block in blocks]
    blocks = [new.pop(name, block) for name, block in zip(names, blocks, strict=True)]
    return "".join([text[: stages.start(1)], *blocks, *new.values(), text[stages.end(1) :]])


def _reads_as(path: Path, wanted: Mapping[str, Any]) -> bool:
    try:
        return read_written(path) == wanted
    except YamlError:
        return False


def _dump(content: Any) -> str:
    from dvc.utils.serialize import dumps_yaml

    return dumps_yaml(_unshared(content))


def _unshared(value: Any) -> Any:
    """A copy in which nothing stands twice: DVC's writer would put an alias for it, which nobody reads."""
    if isinstance(value, Mapping):
        return {key: _unshared(item) for key, item in value.items()}
    return [_unshared(item) for item in value] if isinstance(value, list) else value
