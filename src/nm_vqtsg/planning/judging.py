"""What the evaluation takes besides the features of the series: measured small, and scaled up by how it grows."""

from dataclasses import dataclass

import numpy as np
import torch

from nm_vqtsg.judge.network import FEATURES
from nm_vqtsg.metrics.classifiers import ALPHAS, KERNELS, real_or_generated
from nm_vqtsg.metrics.context_fid import ContextEncoder
from nm_vqtsg.metrics.counts import ENOUGH, sample_count
from nm_vqtsg.metrics.fid import Gaussian, frechet_distance
from nm_vqtsg.metrics.kid import kid
from nm_vqtsg.metrics.neighbours import manifold_scores, memorisation
from nm_vqtsg.metrics.recurrent import discriminative_score, predictive_score
from nm_vqtsg.metrics.trimming import inliers
from nm_vqtsg.metrics.uncertainty import class_fid_draws, fid_draws, inception_draws
from nm_vqtsg.params import Params
from nm_vqtsg.planning.calibration import Stopwatch
from nm_vqtsg.planning.sizes import DataSize

SMALL = 256
LENGTH = 128
NETWORK_STEPS = 3
CONTROLS = 4
"""Sets of samples that have the headline scores alone."""


@dataclass(frozen=True)
class Judging:
    """Seconds, whatever the data set.

    Attributes
    ----------
    fid : float
        ROCKET-FID of `ENOUGH` series against as many.
    kid_wide, kid_narrow, neighbours : float
        KID on ROCKET's and on the FCN's features, and precision and recall, per pair of series.
    memorisation : float
        Per pair of series and value.
    outliers : float
        Removal of outliers, per series.
    told_apart : float
        Real or generated?
    ridge : float
        A fit of CAS's classifier to `SMALL` series.
    encoder, description, recurrent : float
        A step of Context-FID's encoder, its description of a series of length `LENGTH`, and a step of
        discriminative and predictive score together.
    """

    fid: float
    kid_wide: float
    kid_narrow: float
    neighbours: float
    memorisation: float
    outliers: float
    told_apart: float
    ridge: float
    encoder: float
    description: float
    recurrent: float

    @classmethod
    def measure(cls, params: Params) -> "Judging":
        """Takes some ten seconds."""
        from sklearn.linear_model import RidgeClassifierCV

        watch, rng = Stopwatch(torch.device("cpu")), np.random.default_rng(0)
        wide = _rows(rng, ENOUGH, 2 * params.rocket.n_kernels)
        other = _rows(rng, ENOUGH, 2 * params.rocket.n_kernels)
        narrow = rng.standard_normal((SMALL, FEATURES))
        series = rng.standard_normal((SMALL, 1, LENGTH))
        pairs = SMALL**2
        learnt = rng.standard_normal((SMALL, 2 * KERNELS)), np.arange(SMALL) % 2
        return cls(
            fid=watch.time(lambda: frechet_distance(Gaussian(wide), Gaussian(other))),
            kid_wide=watch.time(lambda: kid(wide[:SMALL], other[:SMALL]), 2) / pairs,
            kid_narrow=watch.time(lambda: kid(narrow, narrow + 1), 2) / pairs,
            neighbours=watch.time(lambda: manifold_scores(narrow, narrow + 1), 2) / pairs,
            memorisation=watch.time(lambda: memorisation(series, series, series, rng), 2) / (2 * pairs * LENGTH),
            outliers=watch.time(lambda: inliers(narrow), 2) / SMALL,
            told_apart=watch.time(lambda: real_or_generated(wide, other, rng)),
            ridge=watch.time(lambda: RidgeClassifierCV(ALPHAS).fit(*learnt), 2),
            **_networks(watch, series),
        )

    def seconds(self, params: Params, size: DataSize) -> float:
        """Of one evaluation, besides features: two versions of the samples and the draws of TRAIN against TEST."""
        n, m = size.n_test, sample_count(params.sample.n_samples, size.n_test)
        n_class = params.sample.n_per_class * size.n_classes
        values = size.channels * size.length
        pairs = n * m
        config = params.evaluate
        sets = 2 + config.reference_draws
        one = self.fid * (1 + m / ENOUGH) / 2 + (self.kid_wide + self.neighbours) * pairs + self.told_apart
        total = sets * one + CONTROLS * self.fid * (1 + m / ENOUGH) / 2
        described = self.description * (n + sets * m) * size.length / LENGTH
        steps = config.network_steps * (self.encoder * min(size.length / LENGTH, 1) + 3 * self.recurrent)
        total += config.network_seeds * (described + steps)
        total += 2 * self.memorisation * values * m * (size.n_train + min(n, size.n_train))
        if size.n_classes:
            total += (sets + CONTROLS) * (self.kid_narrow * pairs + self.outliers * m)
            if params.fcn.source != "own":  # the protocol of the published judge trims within classes, too
                total += (sets + CONTROLS) * self.outliers * (n + n_class)
            ridge = self.ridge * (n_class / SMALL) ** 2
            total += 3 * config.cas_fits * ridge + self._bootstrap(params, size, n, m)
        return total

    @staticmethod
    def _bootstrap(params: Params, size: DataSize, n: int, m: int) -> float:
        """One draw of each kind at full size, times the draws."""
        rng, watch = np.random.default_rng(0), Stopwatch(torch.device("cpu"))
        k, per_class = size.n_classes, params.sample.n_per_class
        real, fake = rng.standard_normal((n, FEATURES)), rng.standard_normal((m, FEATURES))
        by_class, y = rng.standard_normal((per_class * k, FEATURES)), np.arange(per_class * k) % k
        odds = rng.dirichlet(np.ones(k), m)
        sources = (
            fid_draws(real, [fake, fake], 2, rng),
            class_fid_draws(real, np.arange(n) % k, [by_class, by_class], y, k, 2, rng),
            inception_draws([odds, odds], min(params.evaluate.is_splits, m), 2, rng),
        )
        return params.evaluate.bootstrap * sum(watch.time(lambda s=s: next(s, None)) for s in sources)  # type: ignore[misc]


def _networks(watch: Stopwatch, series: np.ndarray) -> dict[str, float]:
    """Of `NETWORK_STEPS` steps each; what comes before and after them is small in comparison."""
    halves = series[: SMALL // 2], series[SMALL // 2 :]
    encoder = ContextEncoder(series, 1, 1)
    describing = watch.time(lambda: encoder.describe(series), 2) / SMALL
    encoding = watch.time(lambda: ContextEncoder(series, 1, NETWORK_STEPS), 2) / NETWORK_STEPS
    told = watch.time(lambda: discriminative_score(*halves, 1, NETWORK_STEPS), 2)
    predicted = watch.time(lambda: predictive_score(*halves, 1, NETWORK_STEPS), 2)
    return {"encoder": encoding, "description": describing, "recurrent": (told + predicted) / NETWORK_STEPS}


def _rows(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    rows = rng.standard_normal((n, d)) / np.arange(1, d + 1) ** 0.7 + 1
    unit: np.ndarray = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit
