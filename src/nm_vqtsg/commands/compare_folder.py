"""Where a comparison is kept: a folder for each generator, the tables, and what was chosen when it began."""

import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nm_vqtsg.artifacts import load_json, save_json
from nm_vqtsg.commands.fit_folder import FitFolder, differences
from nm_vqtsg.errors import ArtifactError, UserError
from nm_vqtsg.files import check_target, check_writable

STATE = "compare.json"
JUDGE = ".judge"


class ComparisonFolder:
    """The folder of a comparison.

    Parameters
    ----------
    path : Path
        New, empty, or that of a comparison.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._state: dict[str, Any] = {"request": {}, "shared": None, "chosen": {}, "training_seconds": {}}

    def check(self) -> None:
        """Refuse a place that holds something else, or that nothing can be written to, before any work.

        Raises
        ------
        UserError
            If it is one.
        """
        check_target(self.path / STATE)
        if self.path.is_dir() and any(self.path.iterdir()) and not (self.path / STATE).is_file():
            raise UserError(f"{self.path}: is not empty and holds no comparison; name a new folder")
        check_writable(self.path / STATE)

    def open(self, request: Mapping[str, Any], restart: bool = False) -> bool:
        """Begin, or go on with this very request; True if it goes on.

        Raises
        ------
        UserError
            If a comparison of other data or parameters lies there, unless `restart`, which drops it.
        """
        file = self.path / STATE
        if file.is_file():
            state = load_json(file)
            if not isinstance(state, dict) or not self._state.keys() <= state.keys():
                raise ArtifactError(f"{file}: is damaged; delete the folder, or name another one")
            if state["request"] == request:
                self._state = state
                return True
            if not restart:
                raise UserError(
                    f"{self.path}: holds a comparison of other data or parameters "
                    f"({differences(state['request'], request)}); name a new folder, or --restart to drop that one"
                )
            for name in filter(str.isidentifier, state["chosen"]):  # the file may come from anybody
                for folder in (self.path / name, self.of(name).work):
                    shutil.rmtree(folder, ignore_errors=True)
            shutil.rmtree(self.path / JUDGE, ignore_errors=True)
        self._state["request"] = dict(request)
        self._save()
        return False

    def _save(self) -> None:
        save_json(self.path / STATE, self._state)

    def of(self, name: str) -> FitFolder:
        """The folder of one generator."""
        return _OneOfSeveral(self.path / name, self.path / JUDGE)

    @property
    def shared(self) -> list[str] | None:
        """The changes of parameters that a budget chose for judge and scores, which are the same for all."""
        changes: list[str] | None = self._state["shared"]
        return changes

    def share(self, changes: list[str], training: float) -> None:
        """Keep what a budget chose for all, and the seconds of a processor that it leaves to each generator."""
        self._state |= {"shared": changes, "training": training}
        self._save()

    @property
    def training(self) -> float:
        """The seconds of a processor that a budget leaves to each generator."""
        return float(self._state.get("training", 0.0))

    def chosen(self, name: str) -> list[str] | None:
        """The changes of settings with which a generator is trained; None if it has not begun yet."""
        changes: list[str] | None = self._state["chosen"].get(name)
        return changes

    def choose(self, name: str, changes: list[str]) -> None:
        """Keep these changes."""
        self._state["chosen"][name] = changes
        self._save()

    def clock(self, name: str) -> "TrainingClock":
        """Counts the time that a generator trains."""
        return TrainingClock(self, name)

    def minutes(self, name: str) -> float:
        """That a generator has trained; what a killed process had done is not in there."""
        return float(self._state["training_seconds"].get(name, 0.0)) / 60

    def add_seconds(self, name: str, seconds: float) -> None:
        """Of training."""
        before = float(self._state["training_seconds"].get(name, 0.0))
        self._state["training_seconds"][name] = before + seconds
        self._save()

    def tidy(self) -> None:
        """Remove what only a comparison that goes on needs."""
        shutil.rmtree(self.path / JUDGE, ignore_errors=True)


class TrainingClock:
    """Entered while a generator trains."""

    def __init__(self, folder: ComparisonFolder, name: str) -> None:
        self._folder, self._name, self._began = folder, name, 0.0

    def __enter__(self) -> None:
        self._began = time.monotonic()

    def __exit__(self, *error: object) -> None:
        self._folder.add_seconds(self._name, time.monotonic() - self._began)


class _OneOfSeveral(FitFolder):
    """A fit whose judge is the same as that of others: it goes on from their checkpoints, which are finished."""

    def __init__(self, out: Path, judge: Path) -> None:
        super().__init__(out)
        self._judge = judge

    def checkpoints(self, part: str) -> Path:
        """Folder for the checkpoints of one training."""
        return self._judge if part == "fcn" else super().checkpoints(part)
