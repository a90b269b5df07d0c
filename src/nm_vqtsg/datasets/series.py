"""One split of a data set as the study uses it: scaled by TRAIN, classes 0..C-1, and the way back."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from nm_vqtsg.artifacts import load_npz, save_npz
from nm_vqtsg.datasets.raw import channel_names
from nm_vqtsg.datasets.scaling import Scaling
from nm_vqtsg.errors import ArtifactError, DataError


@dataclass(frozen=True)
class Series:
    """Series with their classes and scaling.

    Attributes
    ----------
    X : (n, C, L) float32, z-scored per channel
    y : (n,) int64 in 0..n_classes-1, or None where the data have no labels
    labels : (n_classes,) str, the original label of each class, or None
    scaling : of TRAIN, the way back to the original units
    validation : whether TRAIN was split once more, so that these are FIT or VAL instead of TRAIN or TEST
    channels : names of the channels; empty where they have none
    """

    X: np.ndarray
    y: np.ndarray | None
    labels: np.ndarray | None
    scaling: Scaling
    validation: bool = False
    channels: tuple[str, ...] = ()

    @property
    def n_classes(self) -> int:
        """Number of classes; 0 where the data have no labels."""
        return 0 if self.labels is None else len(self.labels)

    def facts(self) -> dict[str, str]:
        """What a report says of the series that its scores were measured on: nothing if they are TEST."""
        return {"evaluated_on": "validation"} if self.validation else {}

    def save(self, path: Path | str) -> None:
        """Write the series as .npz; `y` and `labels` are absent where the data have no labels."""
        arrays = {"X": self.X, "mean": self.scaling.mean, "std": self.scaling.std}
        if self.y is not None and self.labels is not None:
            arrays |= {"y": self.y, "labels": self.labels}
        if self.validation:
            arrays["validation"] = np.array(True)
        if self.channels:
            arrays["channels"] = np.array(self.channels, dtype=np.str_)
        save_npz(path, **arrays)

    @classmethod
    def load(cls, path: Path | str) -> "Series":
        """Read what `save` wrote.

        Raises
        ------
        ArtifactError
            If the file is missing, damaged, or its arrays do not fit together.
        """
        arrays = load_npz(path, required=("X", "mean", "std"))
        try:
            scaling = Scaling(arrays["mean"], arrays["std"])
        except DataError as error:
            raise ArtifactError(f"{path}: {error}; run the resplit step again") from error
        chosen = arrays.get("validation", np.array(False))
        if chosen.shape or chosen.dtype != np.bool_:
            raise ArtifactError(f"{path}: validation is not one truth value; run the resplit step again")
        series = cls(arrays["X"], arrays.get("y"), arrays.get("labels"), scaling, bool(chosen))
        problem = series._problem()
        if problem:
            raise ArtifactError(f"{path}: {problem}; run the resplit step again")
        return replace(series, channels=channel_names(arrays, series.X.shape[1], path, "resplit"))

    def _problem(self) -> str | None:
        X, y, labels = self.X, self.y, self.labels
        if X.ndim != 3 or X.dtype != np.float32 or 0 in X.shape:
            return f"X is {X.dtype} {X.shape}, not float32 (n, channels, length)"
        if not np.isfinite(X).all():
            return "X holds values that are not finite"
        if self.scaling.mean.shape != X.shape[1:2]:
            return f"mean and std do not fit X, which has {X.shape[1]} channel(s)"
        if (y is None) != (labels is None):
            return "only one of y and labels is there"
        if y is None or labels is None:
            return None
        if y.shape != X.shape[:1] or y.dtype != np.int64 or labels.ndim != 1 or labels.dtype.kind != "U":
            return "y or labels do not fit X"
        if y.min() < 0 or y.max() >= len(labels):
            return f"y is outside 0..{len(labels) - 1}"
        return None


def split_names(report: Mapping[str, Any]) -> tuple[str, str]:
    """Names of what a model learnt from and was measured on, by the `Series.facts` in a report."""
    return ("FIT", "VAL") if report.get("evaluated_on") == "validation" else ("TRAIN", "TEST")
