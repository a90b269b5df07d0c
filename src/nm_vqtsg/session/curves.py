"""Loss curves as they grow, followed live with DVCLive."""

import logging
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)


class CurveLog:
    """Writes the rows of a curve with DVCLive while training runs.

    Only the curves: no experiment is recorded and no dvc.yaml or report is written. Training does not end because
    they cannot be written (DVC's own folders may be full, or somebody else's): it warns, and goes on without.

    Parameters
    ----------
    folder : Path
        DVCLive's folder, begun anew by `restart`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._live: Any = None

    def restart(self, rows: Sequence[Mapping[str, float]]) -> None:
        """Begin the curve with the `rows` known so far (those of a checkpoint, or none)."""
        with self._dispensable():
            os.environ.setdefault("DVC_NO_ANALYTICS", "true")
            from dvclive import Live

            shutil.rmtree(self._folder, ignore_errors=True)
            self._live = Live(
                str(self._folder), save_dvc_exp=False, dvcyaml=None, report=None, monitor_system=False
            )
        for row in rows:
            self.add(row)

    def add(self, row: Mapping[str, float]) -> None:
        """Add one row."""
        if self._live is None:
            return
        with self._dispensable():
            self._live.step = int(row["step"])
            for name, value in row.items():
                if name != "step":
                    self._live.log_metric(name, float(value))
            self._live.make_summary()

    def close(self) -> None:
        """End the curve."""
        if self._live is not None:
            with self._dispensable():
                self._live.end()

    @contextmanager
    def _dispensable(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # DVCLive's, DVC's, SQLite's, the system's
            self._live = None
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            log.warning("%s: the curve cannot be followed live (%s); training goes on", self._folder, reason)
