"""Scores of one set of samples against real series."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from nm_vqtsg.datasets.series import Series
from nm_vqtsg.errors import DataError
from nm_vqtsg.evaluation.second_opinion import (
    labelled_scores,
    network_scores,
    statistic_scores,
    unlabelled_scores,
)
from nm_vqtsg.judge.model import Judge
from nm_vqtsg.metrics.cfid import class_fid
from nm_vqtsg.metrics.context_fid import ContextEncoder
from nm_vqtsg.metrics.fid import Gaussian, fid, frechet_distance
from nm_vqtsg.metrics.inception import inception_score
from nm_vqtsg.metrics.kid import kid
from nm_vqtsg.metrics.rocket import RocketFeatures
from nm_vqtsg.metrics.trimming import counted, inliers
from nm_vqtsg.params import Evaluate, Rocket

LEVEL = 0.95
AUC_STREAM = 5  # of the random numbers behind the AUC, which the report asks for again
HEADLINE = ("fid", "is", "is_gap", "cfid", "rocket_fid")
NO_CLASSES = "needs labels, and samples with the class that was asked for"


@dataclass(frozen=True)
class Samples:
    """Generated series, scaled as the real ones are.

    Attributes
    ----------
    X : (n, C, L), unconditional
    X_class, y_class : (m, C, L) and (m,) in 0..n_classes-1, with the class that was asked for, or None
    """

    X: np.ndarray
    X_class: np.ndarray | None = None
    y_class: np.ndarray | None = None


@dataclass(frozen=True)
class Features:
    """Samples, or real series, as the feature extractors see them; `fcn` and on are None without a judge.

    Attributes
    ----------
    rocket : (n, 2 * n_kernels)
    fcn, probabilities : (n, 128) and (n, n_classes)
    fcn_class : (m, 128), of `Samples.X_class` where there are any
    """

    rocket: np.ndarray
    fcn: np.ndarray | None = None
    probabilities: np.ndarray | None = None
    fcn_class: np.ndarray | None = None


class Scorer:
    """Real series, the extractors, and how to score.

    Parameters
    ----------
    real : Series
        What samples should look like.
    judge : Judge or None
        None where there are no labels, or nothing to train one on.
    rocket : Rocket
        ROCKET kernels.
    config : Evaluate
        Splits, draws, networks and seed.
    train : (k, C, L) array, optional
        Real series that the encoder of Context-FID learns from; `real` without them.

    Attributes
    ----------
    features : Features
        Of `real`.
    """

    def __init__(
        self, real: Series, judge: Judge | None, rocket: Rocket, config: Evaluate, train: np.ndarray | None = None
    ) -> None:
        self.real, self.judge, self.config = real, judge, config
        self._learnt_from = real.X if train is None else train
        self.labels = () if real.labels is None else tuple(real.labels.tolist())
        self.rocket = RocketFeatures(real.X.shape[1], real.X.shape[2], rocket.n_kernels, rocket.seed)
        self.features = self.describe(Samples(real.X))

    def rng(self, purpose: int) -> np.random.Generator:
        """A generator of its own for each purpose, so that leaving one score out changes no other."""
        return np.random.default_rng([self.config.seed, purpose])

    def describe(self, samples: Samples) -> Features:
        """Features of a set."""
        rocket = self.rocket(samples.X)
        if self.judge is None:
            return Features(rocket)
        by_class = None if samples.X_class is None else self.judge.features(samples.X_class)
        return Features(rocket, *self.judge.features_and_probabilities(samples.X), by_class)

    def score(
        self, samples: Samples, features: Features, train: np.ndarray | None = None, trained: bool = True
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """All scores of one set.

        Parameters
        ----------
        samples : Samples
        features : Features
            Of these samples.
        train : (k, C, L) array, optional
            What the generator learnt from, to see whether it has memorised it.
        trained : bool
            Also what trains for long: CAS, discriminative and predictive score.

        Returns
        -------
        scores, missing : dict
            Names to numbers, those beside FID, IS and cFID under ``second_opinion``; and names to reasons.
        """
        scores, missing = self._rocket_scores(features), dict[str, str]()
        if features.fcn is not None:
            judged, missing = self._fcn_scores(samples, features)
            scores |= judged
        scores["second_opinion"], reasons = self._second_opinion(samples, features, train, trained)
        return scores, missing | reasons

    def headline(self, samples: Samples) -> dict[str, float]:
        """Those of `HEADLINE` that can be measured."""
        features = self.describe(samples)
        scores = {"rocket_fid": frechet_distance(self._real_rocket, Gaussian(features.rocket))}
        if features.fcn is not None:
            scores |= self._fcn_scores(samples, features)[0]
        return {name: scores[name] for name in HEADLINE if name in scores}

    @property
    def _as_published(self) -> bool:
        """Whether IS and cFID are also measured as behind the paper's figures, which takes the paper's judge."""
        return self.judge is not None and self.judge.source == "published"

    @cached_property
    def _real_rocket(self) -> Gaussian:
        return Gaussian(self.features.rocket)

    @cached_property
    def _real_trimmed(self) -> Gaussian:
        assert self.features.fcn is not None  # asked for only where there is a judge
        return Gaussian(inliers(self.features.fcn))

    @cached_property
    def _context(self) -> ContextEncoder:
        seeds, steps = self.config.network_seeds, self.config.network_steps
        return ContextEncoder(self._learnt_from, seeds, steps, self.config.seed)

    @cached_property
    def _real_context(self) -> list[np.ndarray]:
        return self._context.describe(self.real.X)

    def _rocket_scores(self, features: Features) -> dict[str, Any]:
        distance = kid(self.features.rocket, features.rocket, gamma=1.0, level=LEVEL)
        return {
            "rocket_fid": frechet_distance(self._real_rocket, Gaussian(features.rocket)),
            "rocket_kid": distance.value,
            "rocket_kid_interval": [distance.low, distance.high],
        }

    def _fcn_scores(self, samples: Samples, features: Features) -> tuple[dict[str, Any], dict[str, str]]:
        real, real_y = self.features.fcn, self.real.y
        assert real is not None and features.fcn is not None and features.probabilities is not None
        distance = kid(real, features.fcn, level=LEVEL)
        missing: dict[str, str] = {}
        scores: dict[str, Any] = {
            "fid": fid(real, features.fcn),
            "fid_trimmed": frechet_distance(self._real_trimmed, Gaussian(inliers(features.fcn))),
            "kid": distance.value,
            "kid_interval": [distance.low, distance.high],
        }
        try:
            score, spread = inception_score(features.probabilities, self.config.is_splits, self.rng(0))
            scores |= {"is": score, "is_spread": spread, "is_normalized": score / len(self.labels)}
        except DataError as error:
            missing["is"] = str(error)
        if self._as_published and "is" in scores:
            part = features.probabilities[: counted(len(features.probabilities), len(real))]
            scores["is_trimmed"] = inception_score(part, min(self.config.is_splits, len(part)), self.rng(0))[0]
        try:
            scores["is_gap"] = self._inception_gap(features.probabilities)
        except DataError as error:
            missing["is_gap"] = str(error)
        if features.fcn_class is None or samples.y_class is None or real_y is None:
            return scores, missing | {"cfid": NO_CLASSES}
        by_class = class_fid(real, real_y, features.fcn_class, samples.y_class, len(self.labels))
        scores["cfid"] = by_class.mean
        scores["cfid_per_class"] = {self.labels[label]: value for label, value in by_class.per_class.items()}
        if self._as_published:
            scores["cfid_trimmed"] = class_fid(
                real, real_y, features.fcn_class, samples.y_class, len(self.labels), inliers
            ).mean
        missing |= {f"cfid of class {self.labels[label]}": reason for label, reason in by_class.left_out.items()}
        return scores, missing

    def _inception_gap(self, probabilities: np.ndarray) -> float:
        """|IS − IS of real series|, of as many of either: few series hold fewer classes, so their IS is lower."""
        assert self.features.probabilities is not None  # asked for only where there is a judge
        n = min(len(probabilities), len(self.features.probabilities))
        ours, theirs = (
            inception_score(p[self.rng(8).permutation(len(p))[:n]], self.config.is_splits)[0]
            for p in (self.features.probabilities, probabilities)
        )
        return abs(ours - theirs)

    def _second_opinion(
        self, samples: Samples, features: Features, train: np.ndarray | None, trained: bool
    ) -> tuple[dict[str, Any], dict[str, str]]:
        kind = "rocket" if features.fcn is None else "fcn"
        pair = getattr(self.features, kind), getattr(features, kind)
        rocket = self.features.rocket, features.rocket
        scores, missing = unlabelled_scores(self.real.X, samples.X, pair, rocket, self.rng(AUC_STREAM), train)
        scores |= statistic_scores(self.real.X, samples.X, self.rng(6))
        contexts = self._real_context, self._context.describe(samples.X)
        learnt, reasons = network_scores(self.real.X, samples.X, contexts, self.config, trained)
        scores, missing = scores | learnt, missing | reasons
        if not trained:
            return {"features": kind, **scores}, missing
        if self.real.y is None or samples.X_class is None or samples.y_class is None:
            return {"features": kind, **scores}, missing | {"cas": NO_CLASSES}
        real, generated = (self.real.X, self.real.y), (samples.X_class, samples.y_class)
        more, reasons = labelled_scores(real, generated, self.config.cas_fits, self.config.seed)
        return {"features": kind, **scores, **more}, missing | reasons
