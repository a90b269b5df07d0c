"""What a page is about, and the comparisons that its sentences and its pictures share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

import numpy as np

from nm_vqtsg.datasets.series import Series
from nm_vqtsg.errors import DataError
from nm_vqtsg.evaluation.any_series import Measured
from nm_vqtsg.evaluation.scores import AUC_STREAM, Samples
from nm_vqtsg.figures import Z_SCORE
from nm_vqtsg.judge.model import Judge
from nm_vqtsg.metrics.classifiers import Verdicts, real_or_generated
from nm_vqtsg.metrics.rocket import RocketFeatures
from nm_vqtsg.metrics.statistics import FLOOR_DB, acf_distance, mean_power, spectrum_distance
from nm_vqtsg.params import Evaluate, Params, Rocket

NAMES = {"baseline": "generated"}
"""What a version of the samples is called on the page, where that is not its own name."""
PROBABILITIES = np.linspace(0.005, 0.995, 199)


@dataclass(frozen=True)
class Contrast:
    """A channel of one version of the samples beside the same channel of the real series.

    Attributes
    ----------
    amplitude : float
        Mean standard deviation over time of a sample, over that of a real series.
    level : float
        Mean of all values less that of the real ones, in standard deviations of the real ones.
    quantiles : float
        Mean distance of the quantiles of all values, in the same unit.
    acf, spectrum : float
        As the scores of these names, of this channel.
    fine_db : float
        Power in the upper half of the frequencies over that of the real series, in decibels.
    """

    amplitude: float
    level: float
    quantiles: float
    acf: float
    spectrum: float
    fine_db: float


@dataclass(frozen=True)
class Subject:
    """Series, and what was measured of them.

    Attributes
    ----------
    title : str
        Of the page.
    scores : mapping
        What `evaluate_samples` gave for these series; of a study, the run's whole record.
    real : Series
        What the samples should look like.
    versions : mapping of name to Samples
        As they were measured, in the same order.
    train : Series, optional
        What the generator learnt from.
    judge : Judge, optional
        The one behind the scores.
    rocket, evaluate : Rocket, Evaluate
        These sections of the parameters, as the scores were made with.
    unit : str, optional
        Of the values.
    sources : mapping of str to str
        Where series come from: ``real``, ``train`` and names of versions, to words.
    notes : sequence of str
        What was done to the real series before anything else, in sentences.
    """

    title: str
    scores: Mapping[str, Any]
    real: Series
    versions: Mapping[str, Samples]
    train: Series | None = None
    judge: Judge | None = None
    rocket: Rocket = field(default_factory=Rocket)
    evaluate: Evaluate = field(default_factory=Evaluate)
    unit: str | None = None
    sources: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()

    @classmethod
    def of(
        cls,
        title: str,
        measured: Measured,
        params: Params,
        sources: Mapping[str, str] | None = None,
        notes: Sequence[str] = (),
    ) -> Self:
        """What `measure_any` gave with `params`."""
        return cls(
            title=title,
            scores=measured.scores,
            real=measured.real,
            versions=measured.versions,
            train=measured.train,
            judge=measured.judge,
            rocket=params.rocket,
            evaluate=params.evaluate,
            unit=Z_SCORE,
            sources=sources or {},
            notes=notes,
        )

    @property
    def last(self) -> str:
        """The version that the sentences are about: the mapped one, where there is one."""
        return list(self.versions)[-1]

    @property
    def n_channels(self) -> int:
        """C."""
        return int(self.real.X.shape[1])

    def channel_name(self, channel: int) -> str:
        """``channel 2``, or its name in quotes where it has one."""
        names = self.real.channels
        return f"channel {names[channel]!r}" if names else f"channel {channel + 1}"

    @property
    def sets(self) -> dict[str, np.ndarray]:
        """``real`` and every version, to series (·, C, L)."""
        return {"real": self.real.X, **{name: samples.X for name, samples in self.versions.items()}}

    @cached_property
    def contrasts(self) -> dict[str, list[Contrast]]:
        """Of each version, for each channel."""
        return {
            name: [_contrast(self.real.X[:, [c]], samples.X[:, [c]]) for c in range(self.n_channels)]
            for name, samples in self.versions.items()
        }

    def channels(self, most: int) -> list[int]:
        """At most so many channels, those whose values differ most in the last version, in their order."""
        gaps = [contrast.quantiles for contrast in self.contrasts[self.last]]
        return sorted(sorted(range(self.n_channels), key=lambda channel: -gaps[channel])[:most])

    @cached_property
    def rocket_features(self) -> dict[str, np.ndarray]:
        """ROCKET features of every set, those of the scores."""
        _, channels, length = self.real.X.shape
        extractor = RocketFeatures(channels, length, self.rocket.n_kernels, self.rocket.seed)
        return {name: extractor(X) for name, X in self.sets.items()}

    @cached_property
    def verdicts(self) -> dict[str, Verdicts]:
        """What the classifier behind the AUC makes of each version; empty where there are too few series."""
        real, verdicts = self.rocket_features["real"], {}
        for name in self.versions:
            rng = np.random.default_rng([self.evaluate.seed, AUC_STREAM])
            try:
                verdicts[name] = real_or_generated(real, self.rocket_features[name], rng)
            except DataError:
                return {}
        return verdicts


def called(name: str) -> str:
    """What a set is called on the page."""
    return NAMES.get(name, name)


def _contrast(real: np.ndarray, samples: np.ndarray) -> Contrast:
    real, samples = real.astype(np.float64), samples.astype(np.float64)
    spread = float(real.std()) or 1.0
    ours, theirs = mean_power(samples)[0], mean_power(real)[0]
    floor = theirs.max() * 10 ** (-FLOOR_DB / 10) or 1.0
    upper = slice(len(theirs) // 2, None)
    fine = max(float(ours[upper].sum()), floor) / max(float(theirs[upper].sum()), floor)
    amplitude = float(real.std(-1).mean())
    return Contrast(
        amplitude=float(samples.std(-1).mean()) / amplitude if amplitude > 0 else float("nan"),
        level=float(samples.mean() - real.mean()) / spread,
        quantiles=float(np.abs(np.quantile(real, PROBABILITIES) - np.quantile(samples, PROBABILITIES)).mean())
        / spread,
        acf=acf_distance(real, samples),
        spectrum=spectrum_distance(real, samples),
        fine_db=10 * float(np.log10(fine)),
    )
