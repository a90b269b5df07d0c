"""Where a fit works and where its model appears: whole or not at all, and never over something else.

While it runs, everything lies in ``.NAME.fit`` beside the folder NAME that is asked for: checkpoints of every
training, what a budget chose, and the key of the data and the parameters. At the end a finished folder is renamed.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nm_vqtsg.artifacts import load_json, save_json
from nm_vqtsg.errors import ArtifactError, UserError
from nm_vqtsg.files import check_target, check_writable

RECORD = "fit.json"
REQUEST, BUDGET, LOCK, FINISHED = "request.json", "budget.json", "lock", "model"


class FitFolder:
    """The folders of a fit.

    Parameters
    ----------
    out : Path
        Where the model is to appear.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self.work = out.absolute().parent / f".{out.absolute().name}.fit"

    def check(self) -> None:
        """Refuse a place where no model can appear, before any work.

        Raises
        ------
        UserError
            If something else is there, or nothing can be written.
        """
        check_target(self.out / RECORD)
        if self.out.is_dir() and any(self.out.iterdir()) and not (self.out / RECORD).is_file():
            raise UserError(f"{self.out}: is not empty and holds no fitted model; name a new folder")
        check_writable(self.work / REQUEST)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes out of the same folder; a fit that trained nothing leaves nothing behind.

        Raises
        ------
        UserError
            If one does.
        """
        self.work.mkdir(parents=True, exist_ok=True)
        with (self.work / LOCK).open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise UserError(
                    f"{self.out}: another process is fitting it; wait for that, or name another folder"
                ) from error
            try:
                yield
            finally:
                if not any(path.suffix in (".safetensors", ".npz") for path in self.work.rglob("*")):
                    shutil.rmtree(self.work, ignore_errors=True)

    def is_finished(self, request: Mapping[str, Any]) -> bool:
        """Whether the model of this very request is there.

        Raises
        ------
        UserError
            If the model of another one is.
        """
        if not os.path.lexists(self.out / RECORD):
            return False
        other = _request_in(load_json(self.out / RECORD), self.out / RECORD)
        if other == request:
            return True
        raise UserError(
            f"{self.out}: holds a model of other data or parameters ({differences(other, request)}); name a new "
            "folder, or delete this one"
        )

    def open(self, request: Mapping[str, Any], restart: bool = False) -> bool:
        """Begin, or go on where this very request was left; True if it goes on.

        Raises
        ------
        UserError
            If an unfinished fit of another request lies there, unless `restart`.
        """
        path = self.work / REQUEST
        if path.is_file() and not restart:
            other = _request_in(load_json(path), path)
            if other == request:
                return True
            raise UserError(
                f"{self.work}: holds an unfinished fit of other data or parameters "
                f"({differences(other, request)}); give the same command as before to go on with that, --restart "
                "to begin anew, or another --out"
            )
        for leftover in self.work.iterdir():
            if leftover.name != LOCK:
                shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        save_json(path, {"request": dict(request)})
        return False

    def checkpoints(self, part: str) -> Path:
        """Folder for the checkpoints of one training."""
        return self.work / part

    def budget(self) -> list[str] | None:
        """The changes to parameters that a budget chose when this fit began; None if it has not yet.

        Raises
        ------
        ArtifactError
            If they cannot be read.
        """
        path = self.work / BUDGET
        return [str(change) for change in load_json(path)] if path.is_file() else None

    def save_budget(self, changes: tuple[str, ...]) -> None:
        """Keep what a budget chose, so that the fit goes on with it."""
        save_json(self.work / BUDGET, list(changes))

    def staging(self) -> Path:
        """An empty folder for the finished model."""
        folder = self.work / FINISHED
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def publish(self) -> None:
        """Let the finished model appear, and remove all else."""
        try:
            (self.work / FINISHED).rename(self.out)
        except OSError as error:
            raise ArtifactError(
                f"{self.out}: the model cannot be moved there ({error.strerror}); see {self.work / FINISHED}"
            ) from error
        shutil.rmtree(self.work)


def _request_in(content: Any, path: Path) -> dict[str, Any]:
    request = content.get("request") if isinstance(content, dict) else None
    if not isinstance(request, dict):
        raise ArtifactError(f"{path}: does not say what was fitted; delete the folder, or name another one")
    return request


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """What two requests differ in, by name."""
    names = [name for name in {**one, **other} if one.get(name) != other.get(name)]
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
