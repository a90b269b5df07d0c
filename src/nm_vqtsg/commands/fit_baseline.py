"""The fit of a generator of another project, which is compared with this project's: samples, scores, a page."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nm_vqtsg.artifacts import load_npz, save_json, save_npz, save_text
from nm_vqtsg.commands.fit_work import REPORT, Work
from nm_vqtsg.datasets.raw import RawData
from nm_vqtsg.datasets.resplit import Split
from nm_vqtsg.datasets.scaling import Scaling
from nm_vqtsg.estimators.folder import METRICS
from nm_vqtsg.evaluation.any_series import NamedSeries
from nm_vqtsg.generators.baseline import Baseline
from nm_vqtsg.nn.saved import check_finite
from nm_vqtsg.training.seeds import new_rng

SAMPLES = "samples.npz"


class BaselineWork(Work):
    """Of a generator of another project. Its samples are kept, its networks are not.

    Parameters
    ----------
    baseline : Baseline
        It.
    arguments, more
        As of `Work`.
    """

    def __init__(self, baseline: Baseline[Any], *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.baseline = baseline

    def run(self) -> None:
        """See `Work.run`."""
        name, config = self.baseline.name, self.baseline.config
        path = self.folder.work / SAMPLES
        if not path.is_file():
            self.say(f"1/3 Training {name}, and drawing samples.")
            save_npz(path, **self._drawn())
        drawn = load_npz(path, required=("X", "weights"))
        self.weights = {"generator": int(drawn["weights"])}
        self.say("2/3 Measuring the samples on the series held out.")
        samples = NamedSeries(name, drawn["X"], drawn.get("y_per_class"), X_class=drawn.get("X_per_class"))
        self.measured = self.measure(
            {"baseline": samples}, {"steps": {name: getattr(config, self.baseline.budget)}}
        )
        self.say("3/3 Drawing the report.")
        self._page = self.page()

    def _drawn(self) -> dict[str, np.ndarray]:
        """Series `X`, and, where classes can be asked for, `X_per_class`; and how many weights.

        In the units of the data, and so not under the names in a study's samples, which are z-scored.
        """
        X, _ = self.series(self.split.train)
        scaling, seed, labels = Scaling.of(X, self.request.name), self.request.seed, self.split.labels
        x, y = learnt_from(self.raw, self.split, self.request.name)
        session = self.session_of(self.baseline.name)
        with self.clock:
            self.baseline.fit(x, y, seed, session)
        rng = new_rng(seed, "sample", self.baseline.name)
        arrays = {
            "X": self._unscaled(scaling, self.baseline.sample(self.n_samples, None, rng=rng, session=session))
        }
        arrays["weights"] = np.array(self.baseline.n_weights)
        if y is not None and labels is not None and self.baseline.by_class:
            classes = torch.arange(len(labels)).repeat_interleave(self.params.sample.n_per_class)
            by_class = self.baseline.sample(len(classes), classes, rng=rng, session=session)
            arrays |= {"X_per_class": self._unscaled(scaling, by_class), "y_per_class": labels[classes.numpy()]}
        return arrays

    def _unscaled(self, scaling: Scaling, x: Tensor) -> np.ndarray:
        X = scaling.undo(x.numpy()).astype(np.float32)
        check_finite(X, self.baseline.name)
        return X

    def write(self, folder: Path, wanted: dict[str, Any]) -> None:
        """Everything into one folder."""
        save_npz(folder / SAMPLES, **load_npz(self.folder.work / SAMPLES))
        save_json(folder / METRICS, self.measured.scores)
        save_text(folder / REPORT, self._page)
        self.save_record(folder, wanted)


def learnt_from(raw: RawData, split: Split, name: str) -> tuple[Tensor, Tensor | None]:
    """TRAIN as a `Baseline` takes it: z-scored series, and their classes."""
    X = raw.X[split.train]
    x = torch.from_numpy(Scaling.of(X, name).apply(X))
    return x, None if split.y is None else torch.from_numpy(split.y[split.train])
