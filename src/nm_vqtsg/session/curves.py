"""Loss curves as they grow, followed live with DVCLive."""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


class CurveLog:
    """Writes the rows of a curve with DVCLive while training runs.

    Only the curves: no experiment is recorded and no dvc.yaml or report is written.

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
        os.environ.setdefault("DVC_NO_ANALYTICS", "true")
        from dvclive import Live

        shutil.rmtree(self._folder, ignore_errors=True)
        self._live = Live(str(self._folder), save_dvc_exp=False, dvcyaml=None, report=None, monitor_system=False)
        for row in rows:
            self.add(row)

    def add(self, row: Mapping[str, float]) -> None:
        """Add one row."""
        self._live.step = int(row["step"])
        for name, value in row.items():
            if name != "step":
                self._live.log_metric(name, float(value))
        self._live.make_summary()

    def close(self) -> None:
        """End the curve."""
        if self._live is not None:
            self._live.end()
