"""Scores of one set of series against TEST."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from nm_vqtsg.errors import DataError
from nm_vqtsg.evaluation.judge import Judge
from nm_vqtsg.evaluation.second_opinion import labelled_scores, unlabelled_scores
from nm_vqtsg.metrics.cfid import class_fid
from nm_vqtsg.metrics.fid import Gaussian, fid, frechet_distance
from nm_vqtsg.metrics.inception import inception_score
from nm_vqtsg.metrics.kid import kid
from nm_vqtsg.metrics.rocket import RocketFeatures
from nm_vqtsg.metrics.trimming import inliers

LEVEL = 0.95
NO_CLASSES = "needs labels, and samples with the class that was asked for"


@dataclass(frozen=True)
class Real:
    """Real series: X (n, C, L) z-scored by TRAIN; y (n,) in 0..n_classes-1, or None without labels."""

    X: np.ndarray
    y: np.ndarray | None = None


@dataclass(frozen=True)
class Generated:
    """Generated series: X (n, C, L) unconditional; X_class (m, C, L), y_class (m,) with the class asked for."""

    X: np.ndarray
    X_class: np.ndarray | None = None
    y_class: np.ndarray | None = None


@dataclass(frozen=True)
class Protocol:
    """How to measure.

    Attributes
    ----------
    is_splits : int
        Parts that IS is scored in.
    bootstrap : int
        Draws behind an interval; 0 gives none.
    cas_fits : int
        Classifiers behind the classification accuracy score; 0 leaves it out.
    seed : int
        Of splits, subsets and draws.
    """

    is_splits: int = 10
    bootstrap: int = 200
    cas_fits: int = 3
    seed: int = 0


@dataclass
class Seen:
    """A set of series as the feature extractors see it."""

    rocket: np.ndarray
    fcn: np.ndarray | None = None
    probabilities: np.ndarray | None = None
    fcn_class: np.ndarray | None = None
    y: np.ndarray | None = None


@dataclass
class Scorer:
    """The extractors, TEST as they see it, and what could not be measured so far.

    Attributes
    ----------
    real, test : Real, Seen
        TEST, as series and as features.
    rocket : RocketFeatures
        For series of this shape.
    judge : Judge or None
        None without labels.
    labels : tuple of str
        Original label of each class.
    protocol : Protocol
        How to measure.
    missing : dict
        Metric to reason.
    """

    real: Real
    test: Seen
    rocket: RocketFeatures
    judge: Judge | None
    labels: tuple[str, ...]
    protocol: Protocol
    missing: dict[str, str] = field(default_factory=dict)

    @cached_property
    def test_rocket(self) -> Gaussian:
        """TEST's ROCKET features, fitted once."""
        return Gaussian(self.test.rocket)

    @cached_property
    def test_trimmed(self) -> Gaussian:
        """TEST's FCN features without outliers, fitted once."""
        assert self.test.fcn is not None  # asked for only where there is a judge
        return Gaussian(inliers(self.test.fcn))

    def rng(self, purpose: int) -> np.random.Generator:
        """A generator of its own for each purpose, so that leaving one score out changes no other."""
        return np.random.default_rng([self.protocol.seed, purpose])

    def see(self, series: Generated) -> Seen:
        """Features of a set."""
        seen = Seen(self.rocket(series.X))
        if self.judge is not None:
            seen.fcn, seen.probabilities = self.judge.features_and_probabilities(series.X)
            if series.X_class is not None and series.y_class is not None:
                seen.fcn_class, seen.y = self.judge.features(series.X_class), series.y_class
        return seen

    def second_opinion(self, series: Generated, seen: Seen, train: np.ndarray | None = None) -> dict[str, Any]:
        """Scores beside FID, IS and cFID; `train` for memorisation."""
        rocket = features = (self.test.rocket, seen.rocket)
        if self.test.fcn is not None and seen.fcn is not None:
            features = (self.test.fcn, seen.fcn)
        found: dict[str, Any] = {"features": "rocket" if features is rocket else "fcn"}
        scores, missing = unlabelled_scores(self.real.X, series.X, features, rocket, self.rng(5), train)
        if self.real.y is None or series.X_class is None or series.y_class is None:
            missing["cas"] = NO_CLASSES
        else:
            real, generated = (self.real.X, self.real.y), (series.X_class, series.y_class)
            more, reasons = labelled_scores(real, generated, self.protocol.cas_fits, self.protocol.seed)
            scores, missing = scores | more, missing | reasons
        self.missing |= missing
        return found | scores

    def scores(self, seen: Seen) -> dict[str, Any]:
        """FID, IS, cFID, KID and ROCKET-FID of one set against TEST."""
        other = kid(self.test.rocket, seen.rocket, gamma=1.0, level=LEVEL)
        found: dict[str, Any] = {
            "rocket_fid": frechet_distance(self.test_rocket, Gaussian(seen.rocket)),
            "rocket_kid": other.value,
            "rocket_kid_interval": [other.low, other.high],
        }
        if seen.fcn is None or self.test.fcn is None or seen.probabilities is None:
            return found
        found["fid"] = fid(self.test.fcn, seen.fcn)
        found["fid_trimmed"] = frechet_distance(self.test_trimmed, Gaussian(inliers(seen.fcn)))
        other = kid(self.test.fcn, seen.fcn, level=LEVEL)
        found |= {"kid": other.value, "kid_interval": [other.low, other.high]}
        try:
            score, spread = inception_score(seen.probabilities, self.protocol.is_splits, self.rng(0))
            found |= {"is": score, "is_spread": spread, "is_normalized": score / len(self.labels)}
        except DataError as error:
            self.missing["is"] = str(error)
        if seen.fcn_class is None or seen.y is None or self.test.y is None:
            self.missing["cfid"] = NO_CLASSES
            return found
        by_class = class_fid(self.test.fcn, self.test.y, seen.fcn_class, seen.y, len(self.labels))
        found["cfid"] = by_class.mean
        found["cfid_per_class"] = {self.labels[label]: value for label, value in by_class.per_class.items()}
        self.missing |= {
            f"cfid of class {self.labels[label]}": reason for label, reason in by_class.left_out.items()
        }
        return found
