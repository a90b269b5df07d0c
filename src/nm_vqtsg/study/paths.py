"""Where the files of a study lie. No other module knows."""

import shutil
from dataclasses import dataclass
from pathlib import Path

KEEP_VARIABLE = "NM_VQTSG_KEEP_CHECKPOINTS"
"""Who runs a step with this in its environment removes the checkpoints of the finished step."""


@dataclass(frozen=True)
class Paths:
    """The files of one job of a study.

    Parameters
    ----------
    study : Path
        Folder with the study's params.yaml.
    dataset : str
        Name of the data set; empty for steps over all of them.
    seed : int, str or None
        Seed of the run, or a pattern for it; None for steps that all runs share.
    """

    study: Path
    dataset: str = ""
    seed: int | str | None = None

    @property
    def params(self) -> Path:
        """The study's parameters."""
        return self.study / "params.yaml"

    @property
    def downloads(self) -> Path:
        """Archives as they came from the network, shared by all data sets of the study."""
        return self.study / "data" / "downloads"

    def _data(self, name: str) -> Path:
        return self.study / "data" / self.dataset / name

    def _shared(self, name: str) -> Path:
        return self.study / "results" / self.dataset / name

    def _run(self, name: str) -> Path:
        return self.study / "results" / self.dataset / f"seed{self.seed}" / name

    @property
    def raw(self) -> Path:
        """The series as fetched."""
        return self._data("raw.npz")

    @property
    def train(self) -> Path:
        """TRAIN after the re-split."""
        return self._data("train.npz")

    @property
    def test(self) -> Path:
        """TEST after the re-split."""
        return self._data("test.npz")

    @property
    def fcn(self) -> Path:
        """Weights of the judge."""
        return self._shared("fcn.safetensors")

    @property
    def fcn_report(self) -> Path:
        """Accuracy of the judge."""
        return self._shared("fcn.json")

    @property
    def fcn_curve(self) -> Path:
        """Loss curve of the judge."""
        return self._shared("fcn_curve.tsv")

    def weights(self, stage: int) -> Path:
        """Weights of stage 1, 2 or 3."""
        return self._run(f"stage{stage}.safetensors")

    def report(self, stage: int) -> Path:
        """Numbers about stage 1, 2 or 3."""
        return self._run(f"stage{stage}.json")

    def curve(self, stage: int) -> Path:
        """Loss curve of stage 1, 2 or 3."""
        return self._run(f"stage{stage}_curve.tsv")

    @property
    def samples(self) -> Path:
        """Generated series."""
        return self._run("samples.npz")

    @property
    def pool(self) -> Path:
        """Generated series for the mapper to learn on; where it needs none, always the same file without any."""
        return self._run("pool.npz")

    @property
    def tau(self) -> Path:
        """The chosen temperature, alone, so that stage 3 depends on nothing else of the search."""
        return self._run("tau.json")

    @property
    def tau_curve(self) -> Path:
        """The whole search."""
        return self._run("tau_curve.json")

    @property
    def mapped(self) -> Path:
        """Generated series after the mapper."""
        return self._run("mapped.npz")

    @property
    def metrics(self) -> Path:
        """The evaluation of one run."""
        return self.all_metrics / self.dataset / f"seed{self.seed}.json"

    @property
    def all_metrics(self) -> Path:
        """Folder of the evaluations of all runs, and of nothing else: the tables depend on it."""
        return self.study / "results" / "metrics"

    @property
    def fingerprint(self) -> Path:
        """Digests of what DVC cannot see for itself."""
        return self.study / "fingerprint.json"

    def figure(self, name: str) -> Path:
        """A figure of one run."""
        return self._run("figures") / name

    @property
    def page(self) -> Path:
        """The page about one run: scores, pictures, and what to look at first."""
        return self._run("report.html")

    @property
    def tables(self) -> Path:
        """Folder of the study's tables."""
        return self.study / "results" / "tables"

    @property
    def study_metrics(self) -> Path:
        """The metrics of all data sets, for ``dvc metrics``."""
        return self.study / "results" / "metrics.json"

    def fill(self, pattern: Path) -> Path:
        """A file of this job from a pattern with ``{dataset}`` and ``{seed}``."""
        return self.study / pattern.as_posix().format(dataset=self.dataset, seed=self.seed)

    def job(self, step: str) -> str:
        """A name of a job that is unique in the study, such as ``stage1-FordA-seed0``."""
        parts = [step, self.dataset, "" if self.seed is None else f"seed{self.seed}"]
        return "-".join(part for part in parts if part)

    def log(self, step: str) -> Path:
        """Plain log lines of a job."""
        return self.study / "logs" / f"{self.job(step)}.log"

    def live(self, step: str) -> Path:
        """Loss curve of a running job, written by DVCLive."""
        return self.study / "logs" / "curves" / self.job(step)

    @property
    def checkpoints(self) -> Path:
        """Checkpoints inside stages; outside everything that the engines delete or track."""
        return self.study / ".checkpoints"

    def remove_checkpoints(self, step: str) -> None:
        """Remove all checkpoints of a job, whatever they were made from."""
        job = self.job(step)
        for folder in self.checkpoints.glob(f"{job}-*"):
            if folder.name.rpartition("-")[0] == job:
                shutil.rmtree(folder, ignore_errors=True)
